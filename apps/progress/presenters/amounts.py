"""Lengths of time, fractions and dates as a person would write them."""

from __future__ import annotations

from datetime import date, datetime

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

SECONDS_A_DAY, DAYS_A_MONTH, DAYS_A_YEAR = 86_400.0, 30.44, 365.25
NUMBER_WORDS = {
    1: pgettext_lazy("so many steps", "one"),
    2: pgettext_lazy("so many steps", "two"),
    3: pgettext_lazy("so many steps", "three"),
    4: pgettext_lazy("so many steps", "four"),
    5: pgettext_lazy("so many steps", "five"),
}


def interval(seconds: float) -> str:
    """Return how long until a card comes again, as a button says it."""
    days_until = seconds / SECONDS_A_DAY
    if seconds < 3600:
        return _("%(n)s min") % {"n": max(1, round(seconds / 60))}
    if days_until < 0.9:
        return _("%(n)s h") % {"n": round(seconds / 3600)}
    if days_until < 60:
        return ngettext("%(n)s day", "%(n)s days", round(days_until)) % {"n": round(days_until)}
    if days_until < 365:
        months = round(days_until / DAYS_A_MONTH)
        return ngettext("%(n)s month", "%(n)s months", months) % {"n": months}
    return _("%(n)s years") % {"n": f"{days_until / DAYS_A_YEAR:.1f}"}


def minutes(seconds: float) -> int:
    """Return whole minutes, at least one for anything above zero."""
    return max(1, round(seconds / 60)) if seconds > 0 else 0


def number_word(n: int) -> str:
    """Return a number of steps as a word, where there is one."""
    return str(NUMBER_WORDS.get(n, n))


def short_date(value: date | datetime) -> str:
    """Return a date without its year."""
    return formats.date_format(value, "MONTH_DAY_FORMAT")


def weekday_date(value: date) -> str:
    weekday = formats.date_format(value, "l")
    return _("%(weekday)s %(day)s") % {"weekday": weekday, "day": short_date(value)}
