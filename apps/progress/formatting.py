"""How a learner's numbers read: lengths of time, shares, counts. No queries."""

from __future__ import annotations

from datetime import date, datetime

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

DAY, MONTH = 86_400.0, 30.44
STEPS = {
    1: pgettext_lazy("so many steps", "one"),
    2: pgettext_lazy("so many steps", "two"),
    3: pgettext_lazy("so many steps", "three"),
    4: pgettext_lazy("so many steps", "four"),
    5: pgettext_lazy("so many steps", "five"),
}


def gap(seconds: float) -> str:
    """Return how long until a card comes again, as a button says it."""
    days = seconds / DAY
    if seconds < 3600:
        return _("%(n)s min") % {"n": max(1, round(seconds / 60))}
    if days < 0.9:
        return _("%(n)s h") % {"n": round(seconds / 3600)}
    if days < 60:
        return ngettext("%(n)s day", "%(n)s days", round(days)) % {"n": round(days)}
    if days < 365:
        return ngettext("%(n)s month", "%(n)s months", round(days / MONTH)) % {
            "n": round(days / MONTH)
        }
    return _("%(n)s years") % {"n": f"{days / 365.25:.1f}"}


def minutes(seconds: float) -> int:
    """Return whole minutes, one at least where anything was done."""
    return max(1, round(seconds / 60)) if seconds > 0 else 0


def percent(fraction: float | None) -> str:
    return "–" if fraction is None else f"{100 * fraction:.0f} %"


def steps(n: int) -> str:
    """Return a number of steps as a word, where there is one."""
    return str(STEPS.get(n, n))


def day(value: date | datetime) -> str:
    """Return a day without its year, as the reader's language writes it."""
    return formats.date_format(value, "MONTH_DAY_FORMAT")


def date_of(value: date) -> str:
    """Return a day with its name."""
    return _("%(weekday)s %(day)s") % {
        "weekday": formats.date_format(value, "l"),
        "day": day(value),
    }
