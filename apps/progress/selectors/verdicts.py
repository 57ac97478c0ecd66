"""Verdicts: those that their owner has not read, and those that a question quotes, of the recorded
runs and of the reader's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.experiments import presenters
from apps.experiments.models import Run, Verdict
from apps.experiments.presenters import PresentedVerdict
from apps.progress.models import UnreadVerdict


def unread_verdicts(user: User) -> QuerySet[UnreadVerdict]:
    """Return the verdicts that the learner has not opened, the oldest first."""
    rows = UnreadVerdict.objects.filter(user=user).select_related("run__version__words_row")
    return rows.defer("run__version__words_row__source")


def is_unread(run: Run, user: User) -> bool:
    """Return whether a run of the learner's own has a verdict that they have not opened."""
    return UnreadVerdict.objects.filter(run=run, user=user).exists()


@dataclass(frozen=True)
class VerdictQuote:
    """A verdict on a claim of a question."""

    run: Run
    verdict: PresentedVerdict
    is_own: bool
    is_belief: bool  # people often say that the claim holds
    is_repeated: bool = False  # an own run with the same result as the recorded one before it

    @property
    def interval(self) -> str:
        """The interval in words; empty where both of its ends read like the effect itself."""
        verdict = self.verdict
        point = _("%(low)s to %(high)s") % {"low": verdict.effect, "high": verdict.effect}
        return "" if verdict.interval == point else verdict.interval


def verdict_quotes(
    user: User | None, claims: Sequence[str], beliefs: Sequence[str] = ()
) -> list[VerdictQuote]:
    """Return for each claim the verdict of the project's recorded run, then the one of the reader's
    own newest run (one query).

    Args:
        beliefs: of the claims, those that people often say hold.
    """
    if not claims:
        return []
    is_recorded = Q(run__in=Run.objects.recorded().of_current_code())
    reader = user.pk if user else None
    verdicts = (
        Verdict.objects.filter(is_recorded | Q(run__owner_id=reader), claim__in=claims)
        .filter(run__state=Run.State.SUCCEEDED)
        .select_related("run__version__words_row")
        .defer("run__version__words_row__source", "run__detail")
        .order_by("run__ended_at")
    )
    newest = {(row.claim, row.run.owner_id == reader): row for row in verdicts}
    quotes = list[VerdictQuote]()
    for claim in claims:
        for is_own in (False, True):
            if (claim, is_own) not in newest:
                continue
            row = newest[claim, is_own]
            verdict = presenters.present_verdict(row.run.version.words, row)
            last = quotes[-1].verdict if quotes else None
            is_repeated = is_own and last is not None and _result(last) == _result(verdict)
            quotes.append(VerdictQuote(row.run, verdict, is_own, claim in beliefs, is_repeated))
    return quotes


def _result(verdict: PresentedVerdict) -> tuple[str, str, str]:
    return verdict.claim, verdict.outcome, verdict.sentence
