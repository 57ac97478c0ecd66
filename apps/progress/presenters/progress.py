"""Sentences on what was studied, on recall and on calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.number_format import percent
from apps.common.text import join_sentences
from apps.progress import calibration, svg_charts
from apps.progress.calibration import Bin
from apps.progress.models import Plan
from apps.progress.presenters.amounts import minutes, short_date
from apps.progress.selectors.forecasts import MORE_MINUTES, Forecast
from apps.progress.selectors.statistics import Mastery, WeekOfRecall
from apps.progress.svg_charts import Forecasted

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
    recalled = sum(week.recalled for week in recent) / recalls
    if 100 * recalled < target - CLOSE_TO_TARGET:
        sentence = _(
            "In recent weeks you recalled %(share)s of %(n)s cards, below your target of %(aim)s."
        )
    elif 100 * recalled > target + CLOSE_TO_TARGET:
        sentence = _(
            "In recent weeks you recalled %(share)s of %(n)s cards, above your target of %(aim)s."
        )
    else:
        sentence = _(
            "In recent weeks you recalled %(share)s of %(n)s cards, close to your "
            "target of %(aim)s."
        )
    return sentence % {"share": percent(recalled), "n": recalls, "aim": percent(target / 100)}


def standing_sentence(topics: Sequence[Mastery], weakest: Mastery) -> str:
    """Return how much of all topics would be recalled today, how many questions are new, and which
    topic is the weakest of several.
    """
    questions = sum(topic.questions for topic in topics)
    recalled = sum(topic.coverage * topic.questions for topic in topics)
    today = ngettext(
        "You would recall %(share)s of %(n)s question today.",
        "You would recall %(share)s of %(n)s questions today.",
        questions,
    ) % {"share": percent(recalled / questions), "n": questions}
    new = questions - sum(topic.cards for topic in topics)
    unseen = ngettext("%(n)s of them is new to you.", "%(n)s of them are new to you.", new) % {
        "n": new
    }
    is_one_of_several = any(topic.cards for topic in topics if topic is not weakest)
    return join_sentences(today, unseen if new else "", _weakest(weakest, is_one_of_several))


def _weakest(topic: Mastery, is_one_of_several: bool) -> str:
    if not is_one_of_several:
        return ""
    words = {"topic": topic.title, "share": percent(topic.coverage)}
    return _("Your weakest topic is %(topic)s, at %(share)s.") % words


def interview_day(plan: Plan, today: date) -> str:
    """Return the day of an interview that is ahead; else nothing."""
    return short_date(plan.interview) if plan.interview and plan.interview > today else ""


HARDLY = 0.005  # a change that is not worth a number


def forecast_sentence(forecast: Forecast) -> str:
    """Return how much would be recalled on the day, and what ten more minutes a day change."""
    low, high = forecast.expected.band
    words = {
        "day": short_date(forecast.day),
        "minutes": forecast.minutes,
        "share": percent(forecast.expected.fraction),
        "n": forecast.expected.questions,
        "low": percent(low),
        "high": percent(high),
    }
    expected = ngettext(
        "On %(day)s, after %(minutes)s minutes a day, you would recall %(share)s of %(n)s question "
        "(%(low)s to %(high)s).",
        "On %(day)s, after %(minutes)s minutes a day, you would recall %(share)s of %(n)s "
        "questions (%(low)s to %(high)s).",
        forecast.expected.questions,
    )
    return join_sentences(expected % words, _what_more_minutes_change(forecast))


def _what_more_minutes_change(forecast: Forecast) -> str:
    words: dict[str, Any] = {"minutes": MORE_MINUTES}
    if forecast.with_more.fraction - forecast.expected.fraction < HARDLY:
        return _("%(minutes)s more minutes a day would hardly change that.") % words
    gaining = max(forecast.topics, key=lambda topic: topic.with_more.mean - topic.expected.mean)
    words |= {"share": percent(forecast.with_more.fraction), "topic": gaining.title}
    return (
        _("With %(minutes)s more minutes a day it would be %(share)s; %(topic)s gains most.")
        % words
    )


def forecast_rows(forecast: Forecast) -> list[dict[str, str | int]]:
    """Return the forecast as a table: all questions, then the topics."""
    rows = [(_("All topics"), forecast.expected, forecast.with_more)]
    rows += [(topic.title, topic.expected, topic.with_more) for topic in forecast.topics]
    return [
        {
            "title": title,
            "questions": expected.questions,
            "share": percent(expected.fraction),
            "low": percent(expected.band[0]),
            "high": percent(expected.band[1]),
            "with_more": percent(with_more.fraction),
        }
        for title, expected, with_more in rows
    ]


def forecast_figure(forecast: Forecast) -> SafeString:
    bars = [Forecasted(_("All topics"), forecast.expected, forecast.with_more)]
    bars += [Forecasted(row.title, row.expected, row.with_more) for row in forecast.topics]
    return svg_charts.forecast(bars, forecast_sentence(forecast))


def calibration_section(name: str, title: str, bins: Sequence[Bin]) -> dict[str, Any]:
    """Return what the page says of calibration, of `questions` or of `labs`."""
    score = calibration.brier_score(bins)
    return {
        "name": name,
        "title": title,
        "right_word": _("Predictions right") if name == "labs" else _("Answers right"),
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
            "%(n)s prediction so far; from %(enough)s on this says how well you are calibrated.",
            "%(n)s predictions so far; from %(enough)s on this says how well you are calibrated.",
            of,
        )
    else:
        none = _("You haven't given an answer with a confidence yet.")
        some = ngettext(
            "%(n)s answer so far; from %(enough)s on this says how well you are calibrated.",
            "%(n)s answers so far; from %(enough)s on this says how well you are calibrated.",
            of,
        )
    return some % {"n": of, "enough": calibration.MIN_ANSWERS} if of else none


@dataclass(frozen=True)
class TopicRow:
    """A topic in the table of where one stands."""

    topic: Mastery
    met: str  # "5 of 10 questions, 100 % of them"
    stair: SafeString
    today: str
    at_interview: str  # empty where no interview is ahead

    @property
    def is_unmet(self) -> bool:
        return not self.topic.cards


def topic_rows(topics: Sequence[Mastery]) -> list[TopicRow]:
    """Return topics, each with its bar and its numbers; without a card it has neither."""
    return [
        TopicRow(
            topic=topic,
            met=questions_met(topic),
            stair=svg_charts.stair(topic.coverage, topic.slug, topic.at_interview),
            today=percent(topic.coverage) if topic.cards else "",
            at_interview=percent(topic.at_interview) if topic.cards else "",
        )
        for topic in topics
    ]


def questions_met(topic: Mastery) -> str:
    """Return how many questions of a topic were met, and what part of those would be recalled."""
    if not topic.questions:
        return _("no questions yet")
    words = {"met": topic.cards, "n": topic.questions, "share": percent(topic.recall)}
    if not topic.cards:
        return (
            ngettext("%(met)s of %(n)s question", "%(met)s of %(n)s questions", topic.questions)
            % words
        )
    sentence = ngettext(
        "%(met)s of %(n)s question, %(share)s of it",
        "%(met)s of %(n)s questions, %(share)s of them",
        topic.questions,
    )
    return sentence % words
