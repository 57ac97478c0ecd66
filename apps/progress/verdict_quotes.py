"""Verdicts of the ledger and of the learner's own runs, as a question quotes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.experiments import presenters
from apps.experiments.models import Lab, Run, Verdict
from apps.experiments.presenters import PresentedVerdict


@dataclass(frozen=True)
class Quoted:
    """A verdict on a claim of a question."""

    run: Run
    finding: PresentedVerdict
    is_own: bool
    is_belief: bool  # people often say that the claim holds
    is_again: bool = False  # a run of one's own that says what the recorded one said

    @property
    def interval(self) -> str:
        """The interval in words; nothing where both of its ends read like the effect itself."""
        found = self.finding
        point = _("%(low)s to %(high)s") % {"low": found.effect, "high": found.effect}
        return "" if found.interval == point else found.interval


def quoted(user: User | None, claims: Sequence[str], beliefs: Sequence[str] = ()) -> list[Quoted]:
    """Return for each claim what the project's recorded run says, and what the reader's own newest
    run says (one query).
    """
    if not claims:
        return []
    recorded = Q(run__in=Run.objects.recorded().of_current_code())
    reader = user.pk if user else None
    found = (
        Verdict.objects.filter(
            recorded | Q(run__owner_id=reader), claim__in=claims, run__state=Run.State.SUCCEEDED
        )
        .select_related("run__version__words_row")
        .defer("run__version__source", "run__detail")
        .order_by("run__ended_at")
    )
    newest = {(verdict.claim, verdict.run.owner_id == reader): verdict for verdict in found}
    rows = [
        (claim, own, newest[claim, own])
        for claim in claims
        for own in (False, True)
        if (claim, own) in newest
    ]
    quotes = list[Quoted]()
    for claim, own, verdict in rows:
        finding = presenters.present_verdict(verdict.run.version.words, verdict)
        is_again = own and bool(quotes) and _says(quotes[-1].finding) == _says(finding)
        quotes.append(Quoted(verdict.run, finding, own, claim in beliefs, is_again))
    return quotes


def _says(finding: PresentedVerdict) -> tuple[str, str, str]:
    return finding.claim, finding.outcome, finding.sentence


def labs(slugs: Sequence[str]) -> list[Lab]:
    """Return the labs of a question that exist, in its order."""
    found = {
        lab.pk: lab
        for lab in Lab.objects.offered()
        .filter(slug__in=slugs)
        .select_related("current__words_row")
        .defer("current__source")
    }
    return [found[slug] for slug in slugs if slug in found]


def lab_to_run(user: User, since: datetime) -> list[Lab]:
    """Return a lab that the learner has not run yet, in the catalogue's order, else the one they
    ran longest ago.

    Args:
        since: a lab that they ran after it is not offered again.
    """
    own = (
        Run.objects.filter(owner=user, version__lab=OuterRef("pk"))
        .order_by("-queued_at")
        .values("queued_at")[:1]
    )
    found = (
        Lab.objects.offered()
        .annotate(last=Subquery(own))
        .filter(Q(last__isnull=True) | Q(last__lt=since))
    )
    found = found.order_by(F("last").asc(nulls_first=True), "position", "slug")
    return list(found.select_related("current__words_row").defer("current__source")[:1])
