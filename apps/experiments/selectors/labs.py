"""Reads of labs, their recorded standard runs, and what learners' runs say of their claims."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Avg, Case, Count, F, Q, QuerySet, When
from django.http import Http404

from apps.accounts.models import PROJECT_HANDLE, User
from apps.experiments.models import Lab, Run, Verdict
from apps.experiments.selectors.access import Reader, shows_verdict
from apps.experiments.selectors.runs import COPY_KEY_PREFIX

FIRST_LAB = "dead-relu"  # the lab of the home page, and of a learner's first day


def lab_for(slug: str) -> Lab:
    """Return a lab that is offered.

    Raises:
        Http404: it is unknown or withdrawn.
    """
    lab = Lab.objects.offered().select_related("current__words_row").filter(slug=slug).first()
    if lab is None:
        raise Http404("No such lab.")
    return lab


def catalogue(user: User | AnonymousUser) -> QuerySet[Lab]:
    """Return the labs, each with `runs_done` (by anybody) and `mean_score` (the mean Brier score of
    the reader's predictions that count; less is better).
    """
    done = Q(versions__runs__state=Run.State.SUCCEEDED)
    mine = Q(versions__runs__owner_id=user.pk, versions__runs__prediction__not_counted="")
    return (
        Lab.objects.offered()
        .filter(current__isnull=False)
        .select_related("current__words_row")
        .defer("current__words_row__source")
        .annotate(
            runs_done=Count("versions__runs", filter=done, distinct=True),
            mean_score=Avg("versions__runs__prediction__score", filter=mine),
        )
    )


def existing_claims(claims: Collection[str]) -> set[str]:
    """Return which of some claims the ledger shows: those of labs that are offered (one query)."""
    by_lab = {claim.partition(".")[0] for claim in claims}
    words = Lab.objects.offered().filter(slug__in=by_lab, current__isnull=False)
    tables = words.values_list("current__words_row__words__claims", flat=True)
    existing = {claim for table in tables for claim in table or {}}
    return existing & set(claims)


@dataclass(frozen=True)
class OwnRuns:
    """What a learner has done in a lab."""

    count: int
    mean_score: float | None  # Brier score of their predictions that count; less is better


def own_runs(user: User | AnonymousUser, lab: Lab) -> OwnRuns:
    """Return how many runs of a lab `user` has queued, and how well they predicted them."""
    mine = Run.objects.filter(owner_id=user.pk, version__lab=lab)
    score = Avg("prediction__score", filter=Q(prediction__not_counted=""))
    return OwnRuns(**mine.aggregate(count=Count("pk"), mean_score=score))


def seen_default_run(user: User | AnonymousUser, lab: Lab) -> Run | None:
    """Return `user`'s own newest finished run of a lab at default settings, if they have seen its
    verdict: showing it again reveals nothing new.
    """
    if not user.pk:
        return None
    mine = Run.objects.filter(owner_id=user.pk, version__lab=lab, at_defaults=True)
    run = mine.filter(state=Run.State.SUCCEEDED).order_by("-ended_at").first()
    return run if run and shows_verdict(Reader(user), run) else None


def standard_run(slug: str) -> Run | None:
    """Return the project's recorded run of a lab: of its current code if there is one, else the
    newest.
    """
    of_old_code = Case(When(version=F("version__lab__current"), then=0), default=1)
    return (
        Run.objects.recorded().filter(version__lab=slug).order_by(of_old_code, "-ended_at").first()
    )


def standard_runs() -> dict[str, Run]:
    """Return the project's newest recorded run of each lab's current code, by the lab's slug."""
    runs = (
        Run.objects.recorded()
        .of_current_code()
        .select_related("version__lab", "version__words_row")
        .defer("version__words_row__source")
        .prefetch_related("verdicts")
        .order_by("ended_at")
    )
    return {run.version.lab_id: run for run in runs}


def evidence_counts() -> dict[str, dict[str, int]]:
    """Return for each claim how many of the learners' runs at default settings came to which
    outcome. The project's own runs and copies of them are not counted.
    """
    rows = (
        Verdict.objects.filter(run__at_defaults=True)
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
