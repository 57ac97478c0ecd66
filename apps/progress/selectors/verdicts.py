"""Verdicts: those that their owner has not read, and those that a question quotes, of the recorded
runs and of the reader's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.experiments import presenters
from apps.experiments.models import Run, Verdict
from apps.experiments.presenters import PresentedVerdict
from apps.experiments.selectors import Reader, readable_runs
from apps.progress.models import UnreadVerdict
from apps.questions.models import Revision


def unread_verdicts(user: User) -> QuerySet[UnreadVerdict]:
    """Return the verdicts that the learner has not opened, the oldest first."""
    rows = UnreadVerdict.objects.filter(user=user).select_related("run__version__words_row")
    words = "run__version__words_row"
    return rows.defer(f"{words}__words", f"{words}__source", "run__detail")


def is_unread(run: Run, user: User) -> bool:
    """Return whether a run of the learner's own has a verdict that they have not opened."""
    return UnreadVerdict.objects.filter(run=run, user=user).exists()


@dataclass(frozen=True)
class VerdictQuote:
    """A verdict on a claim of a question."""

    run: Run
    claim: str
    statement: str
    verdict: PresentedVerdict | None  # None: folded, its reader may not see it yet
    is_own: bool
    is_belief: bool  # people often say that the claim holds
    # an own run with the same result as the recorded one before it, or folded as that one is
    is_repeated: bool = False

    @property
    def interval(self) -> str:
        """The interval in words; empty where both of its ends read like the effect itself."""
        verdict = self.verdict
        if verdict is None:
            return ""
        point = _("%(low)s to %(high)s") % {"low": verdict.effect, "high": verdict.effect}
        return "" if verdict.interval == point else verdict.interval


def quotes_of(reader: Reader, revision: Revision) -> list[VerdictQuote]:
    """Return the verdicts on the claims of a question, to be shown with its reference answer."""
    beliefs = revision.facts.get("often_said_but", ())
    return verdict_quotes(reader, revision.claims, beliefs)


def verdict_quotes(
    reader: Reader, claims: Sequence[str], beliefs: Sequence[str] = ()
) -> list[VerdictQuote]:
    """Return for each claim the verdict of the project's recorded run, then the one of the reader's
    own newest run, folded where they may not see it (two queries).

    Args:
        beliefs: of the claims, those that people often say hold.
    """
    if not claims:
        return []
    is_recorded = Q(run__in=Run.objects.recorded().of_current_code())
    owner = reader.user.pk
    verdicts = (
        Verdict.objects.filter(is_recorded | Q(run__owner_id=owner), claim__in=claims)
        .filter(run__state=Run.State.SUCCEEDED)
        .select_related("run__version__lab", "run__version__words_row")
        .defer("run__version__words_row__source", "run__detail")
        .order_by("run__ended_at")
    )
    newest = {(row.claim, row.run.owner_id == owner): row for row in verdicts}
    readable = readable_runs(reader, {row.run_id: row.run for row in newest.values()}.values())
    quotes = list[VerdictQuote]()
    for claim in claims:
        for is_own in (False, True):
            if (claim, is_own) not in newest:
                continue
            row = newest[claim, is_own]
            words, is_shown = row.run.version.words, row.run_id in readable
            quote = VerdictQuote(
                run=row.run,
                claim=claim,
                statement=presenters.statement(words, claim),
                verdict=presenters.present_verdict(words, row) if is_shown else None,
                is_own=is_own,
                is_belief=claim in beliefs,
            )
            is_repeated = is_own and bool(quotes) and _result(quotes[-1]) == _result(quote)
            quotes.append(replace(quote, is_repeated=is_repeated))
    return quotes


def _result(quote: VerdictQuote) -> tuple[str, ...]:
    """Return what two quotes have in common whose second says nothing new."""
    verdict = quote.verdict
    return (quote.claim, verdict.outcome, verdict.sentence) if verdict else (quote.claim,)
