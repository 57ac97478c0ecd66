"""Progress: the calendar of the year, mastery, recall against the aim, calibration; each with a
sentence, a table and CSV.
"""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.progress import calibration, formatting, selectors, statistics, svg_charts
from apps.progress.calibration import Bin

YEAR = timedelta(days=365)
PERIODS = (4, 13, 52)  # weeks that the calendar and recall are shown for
AHEAD = 4  # weeks
MIN_REVIEWS_FOR_FORECAST = 50  # reviews before anything is forecast
LISTED = 200  # bookmarks, and suspended cards: there is no other way to them
Rows = list[list[Any]]


@require_safe
@login_required
def progress(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    today, plan = selectors.today(user), selectors.plan_of(user)
    period = _period(request)
    year = statistics.by_day(user, YEAR)
    rows = [row for row in year if row.day > today - timedelta(weeks=period)]
    falling = statistics.falling_due(user, 7 * AHEAD)
    weeks = statistics.weeks(rows)
    topics = statistics.mastery(user)
    sure = statistics.sureness(user)
    reviews = sum(row.reviews for row in year)
    context = {
        "reviews": reviews,
        "missing": max(0, MIN_REVIEWS_FOR_FORECAST - reviews),
        "enough": MIN_REVIEWS_FOR_FORECAST,
        "month": statistics.sum_of(year, today),
        "days": rows,
        "calendar": svg_charts.calendar(
            {row.day: row.seconds / 60 for row in year},
            falling,
            today,
            (period, AHEAD),
            plan.interview,
        ),
        "minutes": formatting.minutes(sum(row.seconds for row in rows)),
        "studied": len(rows),
        "period": period,
        "periods": _periods(period),
        "is_sure": any(sure.values()),
        "weeks": [(week, formatting.percent(week.fraction)) for week in weeks],
        "recall": svg_charts.recall(
            [(week.day, week.fraction or 0.0) for week in weeks], plan.retention / 100
        )
        if weeks
        else "",
        "recall_sentence": _recall_sentence(weeks, plan.retention),
        "aim": plan.retention,
        "topics": [
            (topic, svg_charts.stair(topic.recall, topic.slug), formatting.percent(topic.recall))
            for topic in topics
        ],
        "weakest": topics[0] if topics else None,
        "sureness": [
            _sure(name, title, sure[name])
            for name, title in (("questions", _("Questions")), ("labs", _("Labs")))
        ],
        "bookmarks": selectors.bookmarks(user)[:LISTED],
        "suspended": selectors.suspended(user)[:LISTED],
    }
    return render(request, "progress/progress.html", context)


def _period(request: HttpRequest) -> int:
    """Return how many weeks are asked for; a year, where the address says nothing that we offer."""
    asked = request.GET.get("weeks", "")
    return int(asked) if asked in map(str, PERIODS) else PERIODS[-1]


def _periods(shown: int) -> list[dict[str, Any]]:
    """Return the periods on offer; `[` and `]` go to the one before and the one after."""
    at = PERIODS.index(shown)
    names = {4: _("4 weeks"), 13: _("3 months"), 52: _("a year")}
    keys = {at - 1: "[", at + 1: "]"}
    return [
        {"weeks": weeks, "name": names[weeks], "is_shown": n == at, "key": keys.get(n, "")}
        for n, weeks in enumerate(PERIODS)
    ]


def _recall_sentence(weeks: list[statistics.Week], aim: int) -> str:
    recent = weeks[-4:]
    recalls = sum(week.recalls for week in recent)
    if not recalls:
        return _("No reviews yet that are at least a day apart.")
    fraction = 100 * sum(week.recalled for week in recent) / recalls
    said_ = {"share": f"{fraction:.0f}", "n": recalls, "aim": aim}
    if fraction < aim - 3:
        return (
            _(
                "In recent weeks you recalled %(share)s %% of %(n)s cards, below your target "
                "of %(aim)s %%."
            )
            % said_
        )
    if fraction > aim + 3:
        return (
            _(
                "In recent weeks you recalled %(share)s %% of %(n)s cards, above your target "
                "of %(aim)s %%."
            )
            % said_
        )
    return (
        _(
            "In recent weeks you recalled %(share)s %% of %(n)s cards, close to your "
            "target of %(aim)s %%."
        )
        % said_
    )


def _sure(name: str, title: str, found: list[Bin]) -> dict[str, Any]:
    score = calibration.score(found)
    return {
        "name": name,
        "title": title,
        "bins": [(each, formatting.percent(each.fraction)) for each in found],
        "figure": svg_charts.calibration(found, title) if found else "",
        "sentence": _lean_sentence(name, found),
        "score": f"{score:.2f}" if score is not None else "",
    }


def _few(name: str, of: int) -> str:
    """Return what is said while too few were given with a confidence: predictions of labs, answers
    to questions.
    """
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


def _lean_sentence(name: str, found: list[Bin]) -> str:
    of, lean = sum(each.of for each in found), calibration.lean(found)
    if lean is None:
        return _few(name, of)
    if abs(lean) < 0.05:
        return _("You are well calibrated: your confidence matches how often you are right.")
    points = f"{abs(100 * lean):.0f}"
    if lean > 0:
        return _("You are overconfident by %(points)s points.") % {"points": points}
    return _("You are underconfident by %(points)s points.") % {"points": points}


# ---------------------------------------------------------------- the numbers as CSV


@require_safe
@login_required
def table(request: HttpRequest, figure: str) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    make = {"calendar": _days, "recall": _weeks, "mastery": _topics, "calibration": _bins}.get(
        figure
    )
    if make is None:
        raise Http404("No such figure.")
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="gradus-{figure}.csv"'
    csv.writer(response).writerows(make(user))
    return response


def _days(user: User) -> Rows:
    rows = statistics.by_day(user, YEAR)
    head = ["day", "minutes", "reviews", "recalls", "recalled"]
    return [
        head,
        *(
            [row.day, round(row.seconds / 60, 1), row.reviews, row.recalls, row.recalled]
            for row in rows
        ),
    ]


def _weeks(user: User) -> Rows:
    weeks = statistics.weeks(statistics.by_day(user, YEAR))
    return [
        ["week_of", "recalled", "recalls"],
        *([week.day, week.recalled, week.recalls] for week in weeks),
    ]


def _topics(user: User) -> Rows:
    found = statistics.mastery(user)
    return [
        ["topic", "cards", "recall"],
        *([topic.slug, topic.cards, round(topic.recall, 4)] for topic in found),
    ]


def _bins(user: User) -> Rows:
    found = statistics.sureness(user)
    return [
        ["of", "confidence", "right", "answers"],
        *([n, each.confidence, each.right, each.of] for n in found for each in found[n]),
    ]
