"""Reads of the ledger: claims, the recorded runs that decide them, and what learners' runs say."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from apps.accounts.models import PROJECT_HANDLE
from apps.experiments.models import Claim, Outcome, Run, Verdict
from apps.experiments.selectors.access import Reader, readable_versions
from apps.experiments.selectors.runs import COPY_KEY_PREFIX

HIDDEN, NOT_RECORDED = "hidden", "none"  # states of a claim besides the outcomes


def ledger(
    reader: Reader, *, topic: str = "", lab: str = "", verdict: str = "", words: str = ""
) -> QuerySet[Claim]:
    """Return the claims that match the filters, in the ledger's order, each with its lab. A filter
    with an unknown value matches none.

    Args:
        verdict: as `reader` sees it: an outcome, `HIDDEN` or `NOT_RECORDED`.
    """
    claims = Claim.objects.offered().in_ledger_order()
    claims = claims.select_related("version__lab", "version__words_row")
    claims = claims.defer("version__words_row__words", "version__words_row__source")
    if topic:
        claims = claims.filter(version__lab__topic=topic)
    if lab:
        claims = claims.filter(version__lab=lab)
    if verdict:
        claims = claims.filter(_is_seen_as(verdict, reader))
    return claims.search(words) if words else claims


def _is_seen_as(verdict: str, reader: Reader) -> Q:
    """Return the condition that a claim's verdict is this to `reader`. Of a hidden one it tells
    nothing but that it is hidden.
    """
    recorded = _newest_recorded_runs()
    is_readable = Q(version__in=readable_versions(reader))
    is_recorded = Q(version__in=recorded.values("version"))
    if verdict == HIDDEN:
        return is_recorded & ~is_readable
    of_claim = Verdict.objects.filter(
        run__in=recorded.values("pk"), run__version=OuterRef("version"), claim=OuterRef("name")
    )
    if verdict == NOT_RECORDED:
        return ~is_recorded | (is_readable & ~Q(Exists(of_claim)))
    if verdict not in Outcome.values:
        return Q(pk__in=[])
    return is_readable & Q(Exists(of_claim.filter(outcome=verdict)))


def existing_claims(claims: Collection[str]) -> set[str]:
    """Return which of some claims the ledger shows: those of labs that are offered (one query)."""
    existing = Claim.objects.offered().filter(name__in=claims)
    return set(existing.values_list("name", flat=True))


def _newest_recorded_runs() -> QuerySet[Run]:
    """Return the project's newest recorded run of each lab's current code."""
    runs = Run.objects.recorded().of_current_code()
    return runs.order_by("version", "-ended_at").distinct("version")


def standard_runs(labs: Collection[str] | None = None) -> dict[str, Run]:
    """Return the project's newest recorded run of each lab's current code, by the lab's slug, with
    its verdicts (two queries).

    Args:
        labs: their slugs; by default all that there are.
    """
    runs = (
        Run.objects.filter(pk__in=_newest_recorded_runs().values("pk"))
        .select_related("version__lab")
        .defer("detail")
        .prefetch_related("verdicts")
        .order_by("ended_at")
    )
    if labs is not None:
        runs = runs.filter(version__lab__in=labs)
    return {run.version.lab_id: run for run in runs}


def is_anything_recorded() -> bool:
    """Return whether the project has recorded a run of any lab's current code."""
    return Run.objects.recorded().of_current_code().exists()


def evidence_counts(claims: Collection[str]) -> dict[str, dict[str, int]]:
    """Return for each of `claims` how many of the learners' runs at default settings came to which
    outcome. The project's own runs and copies of them are not counted.
    """
    rows = (
        Verdict.objects.filter(run__at_defaults=True, claim__in=claims)
        .exclude(run__owner__handle=PROJECT_HANDLE)
        .exclude(run__key__startswith=COPY_KEY_PREFIX)
        .order_by()
        .values_list("claim", "outcome")
        .annotate(runs=Count("pk"))
    )
    counts: dict[str, dict[str, int]] = {}
    for claim, outcome, runs in rows:
        counts.setdefault(claim, {})[outcome] = runs
    return counts
