"""Progress: the forecast, the calendar of the year, mastery, recall and its target,
calibration; each with a sentence, a table and CSV.
"""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common.number_format import percent
from apps.common.text import spreadsheet_cell
from apps.progress import days, presenters, selectors, svg_charts
from apps.progress.planning import QUESTION_MINUTES
from apps.progress.selectors import question_list
from apps.progress.selectors.forecasts import DAYS_AHEAD, MIN_REVIEWS, MORE_MINUTES, Forecast
from apps.progress.views.reader import signed_in

YEAR = timedelta(days=365)
PERIODS = (4, 13, 52)  # weeks that the calendar and recall can be shown for
WEEKS_AHEAD = 4  # of the calendar
MAX_LISTED = 200  # suspended cards: no other page lists them
Rows = list[list[Any]]


@require_safe
@login_required
def progress(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    today, plan = days.today(user.time_zone), selectors.plans.plan_of(user)
    period = _period(request)
    year = selectors.statistics.daily_stats(user, YEAR)
    rows = [row for row in year if row.day > today - timedelta(weeks=period)]
    minutes_by_day = {row.day: row.seconds / 60 for row in year}
    due_by_day = selectors.cards.due_by_day(user, 7 * WEEKS_AHEAD)
    weeks = selectors.statistics.recall_by_week(rows)
    recalled = [(week.day, week.fraction or 0.0) for week in weeks]
    topics = selectors.statistics.mastery(user, plan)
    weakest = selectors.statistics.weakest(topics)
    forecast = selectors.forecasts.forecast(user, plan, topics, year)
    bins = selectors.statistics.calibration_bins(user)
    context = {
        "reviews": sum(row.reviews for row in year),
        "missing": selectors.forecasts.missing_reviews(year),
        "enough": MIN_REVIEWS,
        "forecast": forecast,
        **(_forecast(forecast) if forecast else {}),
        "month": selectors.statistics.effort(year, today),
        "days": rows,
        "calendar": svg_charts.calendar(
            minutes_by_day, due_by_day, today, (period, WEEKS_AHEAD), plan.interview
        ),
        "studied": presenters.progress.studied_sentence(
            len(rows), sum(row.seconds for row in rows), period
        ),
        "periods": _periods(period),
        "has_bins": any(bins.values()),
        "weeks": [(week, percent(week.fraction)) for week in weeks],
        "recall": svg_charts.recall(recalled, plan.retention / 100) if recalled else "",
        "recall_sentence": presenters.progress.recall_sentence(weeks, plan.retention),
        "topics": presenters.progress.topic_rows([row for row in topics if row.questions]),
        "empty_topics": [row for row in topics if not row.questions],
        "weakest": weakest,
        "standing": presenters.progress.standing_sentence(topics, weakest) if weakest else "",
        "interview_day": presenters.progress.interview_day(plan, today),
        "calibration": [
            presenters.progress.calibration_section(name, title, bins[name])
            for name, title in (("questions", _("Questions")), ("labs", _("Labs")))
        ],
        "own_count": question_list.own_questions(user).count(),
        "suspended": selectors.questions.suspended(user)[:MAX_LISTED],
    }
    return render(request, "progress/progress.html", context)


def _forecast(forecast: Forecast) -> dict[str, Any]:
    return {
        "forecast_sentence": presenters.progress.forecast_sentence(forecast),
        "forecast_figure": presenters.progress.forecast_figure(forecast),
        "forecast_rows": presenters.progress.forecast_rows(forecast),
        "forecast_day": presenters.amounts.short_date(forecast.day),
        "days_ahead": DAYS_AHEAD,
        "question_minutes": QUESTION_MINUTES,
        "more_minutes": forecast.minutes + MORE_MINUTES,
    }


def _period(request: HttpRequest) -> int:
    """Return the weeks of the query string; a year, where it names no period on offer."""
    value = request.GET.get("weeks", "")
    return int(value) if value in map(str, PERIODS) else PERIODS[-1]


def _periods(shown: int) -> list[dict[str, Any]]:
    """Return the periods on offer; the keys `[` and `]` go to the neighbours of the present one."""
    at = PERIODS.index(shown)
    names = {4: _("4 weeks"), 13: _("3 months"), 52: _("a year")}
    keys = {at - 1: ("[", _("A shorter period")), at + 1: ("]", _("A longer period"))}
    rows = []
    for n, weeks in enumerate(PERIODS):
        key, key_label = keys.get(n, ("", ""))
        row = {"weeks": weeks, "name": names[weeks], "key": key, "key_label": key_label}
        rows.append(row | {"is_shown": n == at})
    return rows


# ---------------------------------------------------------------- the numbers as CSV


@require_safe
@login_required
def progress_csv(request: HttpRequest, figure: str) -> HttpResponse:
    tables = {
        "forecast": _forecast_table,
        "calendar": _calendar_table,
        "recall": _recall_table,
        "mastery": _mastery_table,
        "calibration": _calibration_table,
    }
    if figure not in tables:
        raise Http404("No such figure.")
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="gradus-{figure}.csv"'
    rows = tables[figure](signed_in(request))
    csv.writer(response).writerows(map(spreadsheet_cell, row) for row in rows)
    return response


def _forecast_table(user: User) -> Rows:
    plan = selectors.plans.plan_of(user)
    topics = selectors.statistics.mastery(user, plan)
    year = selectors.statistics.daily_stats(user, YEAR)
    forecast = selectors.forecasts.forecast(user, plan, topics, year)
    head = ["day", "topic", "questions", "recalled", "low", "high", "recalled_with_more_minutes"]
    if forecast is None:
        return [head]
    rows = [("all", forecast.expected, forecast.with_more)]
    rows += [(topic.slug, topic.expected, topic.with_more) for topic in forecast.topics]
    return [head] + [
        [
            forecast.day,
            slug,
            expected.questions,
            *(round(value, 4) for value in (expected.fraction, *expected.band, with_more.fraction)),
        ]
        for slug, expected, with_more in rows
    ]


def _calendar_table(user: User) -> Rows:
    head = ["day", "minutes", "reviews", "recalls", "recalled"]
    return [head] + [
        [row.day, round(row.seconds / 60, 1), row.reviews, row.recalls, row.recalled]
        for row in selectors.statistics.daily_stats(user, YEAR)
    ]


def _recall_table(user: User) -> Rows:
    weeks = selectors.statistics.recall_by_week(selectors.statistics.daily_stats(user, YEAR))
    head = ["week_of", "recalled", "recalls"]
    return [head] + [[week.day, week.recalled, week.recalls] for week in weeks]


def _mastery_table(user: User) -> Rows:
    topics = selectors.statistics.mastery(user, selectors.plans.plan_of(user))
    head = ["topic", "questions", "met", "recall_of_met", "coverage", "coverage_at_interview"]
    return [head] + [
        [
            topic.slug,
            topic.questions,
            topic.cards,
            *(
                "" if value is None else round(value, 4)
                for value in (topic.recall, topic.coverage, topic.at_interview)
            ),
        ]
        for topic in topics
    ]


def _calibration_table(user: User) -> Rows:
    bins = selectors.statistics.calibration_bins(user)
    head = ["of", "confidence", "right", "answers"]
    return [head] + [
        [name, row.confidence, row.right, row.of] for name, rows in bins.items() for row in rows
    ]
