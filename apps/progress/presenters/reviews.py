"""What stands before and after a review."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from apps.accounts.models import User
from apps.common.text import join_sentences
from apps.progress import days
from apps.progress.models import Card
from apps.progress.presenters.amounts import minutes, short_date


def due_headline(count: int, *, is_bound: bool) -> str:
    """Return how many cards are due; `is_bound`: counting stopped there."""
    if not count:
        return _("Nothing is due")
    if is_bound:
        return _("More than %(count)s cards are due") % {"count": count}
    return ngettext("%(n)s card is due", "%(n)s cards are due", count) % {"n": count}


def due_by_tomorrow(count: int) -> str:
    if not count:
        return _("Nothing is due tomorrow either.")
    cards = ngettext("%(n)s card is due by tomorrow.", "%(n)s cards are due by tomorrow.", count)
    return cards % {"n": count}


def session_length(cards: int, seconds_a_card: float) -> str:
    """Return how long a review will be."""
    length = ngettext("%(n)s card, about %(m)s min", "%(n)s cards, about %(m)s min", cards)
    return length % {"n": cards, "m": minutes(seconds_a_card * cards)}


def session_summary(seconds: float, next_due: date | None) -> str:
    """Return how long a review took, and when the next cards are due."""
    took = minutes(seconds)
    took_sentence = ngettext("%(n)s minute.", "%(n)s minutes.", took) % {"n": took}
    if next_due is None:
        return took_sentence
    due = _("The next cards are due on %(day)s.") % {"day": short_date(next_due)}
    return join_sentences(took_sentence, due)


def when_due(card: Card | None, user: User) -> str:
    """Return when a card comes up next, in a word or as a date."""
    if card is None or (card.is_new and not card.suspended):
        return pgettext("of a card", "new")
    if card.suspended:
        return _("not in reviews")
    day, today = days.day_of(card.due, user.time_zone), days.today(user.time_zone)
    return _("due") if day <= today else short_date(day)
