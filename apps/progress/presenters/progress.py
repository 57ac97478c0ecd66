"""Sentences on what was studied, on recall and on calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.progress import calibration, svg_charts
from apps.progress.calibration import Bin
from apps.progress.presenters.amounts import minutes, percent
from apps.progress.selectors.statistics import Mastery, WeekOfRecall

RECENT_WEEKS = 4  # that the sentence on recall sums up
CLOSE_TO_TARGET = 3  # percentage points
WELL_CALIBRATED = 0.05  # overconfidence below which it is not reported


def studied_sentence(studied: int, seconds: float, weeks: int) -> str:
    """Return on how many days of a period the learner studied, and how long."""
    words = {"n": studied, "m": minutes(seconds), "w": weeks}
    if not studied:
        return _("No reviews in the last %(w)s weeks.") % words
    sentence = ngettext(
        "You studied on %(n)s day of the last %(w)s weeks, %(m)s min in total.",
        "You studied on %(n)s days of the last %(w)s weeks, %(m)s min in total.",
        studied,
    )
    return sentence % words


def recall_sentence(weeks: Sequence[WeekOfRecall], target: int) -> str:
    recent = weeks[-RECENT_WEEKS:]
    recalls = sum(week.recalls for week in recent)
    if not recalls:
        return _("No reviews yet that are at least a day apart.")
    recalled = 100 * sum(week.recalled for week in recent) / recalls
    if recalled < target - CLOSE_TO_TARGET:
        sentence = _(
            "In recent weeks you recalled %(share)s %% of %(n)s cards, below your target "
            "of %(aim)s %%."
        )
    elif recalled > target + CLOSE_TO_TARGET:
        sentence = _(
            "In recent weeks you recalled %(share)s %% of %(n)s cards, above your target "
            "of %(aim)s %%."
        )
    else:
        sentence = _(
            "In recent weeks you recalled %(share)s %% of %(n)s cards, close to your "
            "target of %(aim)s %%."
        )
    return sentence % {"share": f"{recalled:.0f}", "n": recalls, "aim": target}


def calibration_section(name: str, title: str, bins: Sequence[Bin]) -> dict[str, Any]:
    """Return what the page says of calibration, of `questions` or of `labs`."""
    score = calibration.brier_score(bins)
    return {
        "name": name,
        "title": title,
        "bins": [(row, percent(row.fraction)) for row in bins],
        "figure": svg_charts.calibration(bins, title) if bins else "",
        "sentence": _calibration_sentence(name, bins),
        "score": f"{score:.2f}" if score is not None else "",
    }


def _calibration_sentence(name: str, bins: Sequence[Bin]) -> str:
    overconfidence = calibration.overconfidence(bins)
    if overconfidence is None:
        return _too_few_answers(name, sum(row.of for row in bins))
    if abs(overconfidence) < WELL_CALIBRATED:
        return _("You are well calibrated: your confidence matches how often you are right.")
    points = f"{abs(100 * overconfidence):.0f}"
    if overconfidence > 0:
        return _("You are overconfident by %(points)s points.") % {"points": points}
    return _("You are underconfident by %(points)s points.") % {"points": points}


def _too_few_answers(name: str, of: int) -> str:
    """Return how many answers with a confidence are still missing for a calibration."""
    if name == "labs":
        none = _("You haven't predicted any run yet.")
        some = ngettext(
            "%(n)s prediction so far; your calibration appears here from %(enough)s on.",
            "%(n)s predictions so far; your calibration appears here from %(enough)s on.",
            of,
        )
    else:
        none = _("You haven't given an answer with a confidence yet.")
        some = ngettext(
            "%(n)s answer so far; your calibration appears here from %(enough)s on.",
            "%(n)s answers so far; your calibration appears here from %(enough)s on.",
            of,
        )
    return some % {"n": of, "enough": calibration.MIN_ANSWERS} if of else none


def topic_rows(topics: Sequence[Mastery]) -> list[tuple[Mastery, SafeString, str]]:
    """Return topics, each with its bar and its recall."""
    return [
        (topic, svg_charts.stair(topic.recall, topic.slug), percent(topic.recall))
        for topic in topics
    ]
