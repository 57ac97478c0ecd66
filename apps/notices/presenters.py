"""What notices read like, on the page and in mails. None of it quotes a post."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.common.text import in_language
from apps.notices.models import Kind, Notice
from apps.notices.selectors import MAX_COUNTED

# by what a moderator did, and with what
MODERATED: Mapping[tuple[str, str], Promise | str] = {
    ("hide", "post"): gettext_lazy("A moderator hid a post of yours"),
    ("hide", "thread"): gettext_lazy("A moderator hid a thread of yours"),
    ("restore", "post"): gettext_lazy("A moderator restored a post of yours"),
    ("restore", "thread"): gettext_lazy("A moderator restored a thread of yours"),
    ("approve", "post"): gettext_lazy("Your post was approved: everybody can read it now"),
    ("approve", "thread"): gettext_lazy("Your thread was approved: everybody can read it now"),
    ("reject", "post"): gettext_lazy("Your post was not approved"),
    ("reject", "thread"): gettext_lazy("Your thread was not approved"),
    ("lock", "thread"): gettext_lazy("A moderator locked a thread of yours"),
    ("unlock", "thread"): gettext_lazy("A moderator unlocked a thread of yours"),
    ("move", "thread"): gettext_lazy("A moderator moved a thread of yours"),
    ("unmute", "person"): gettext_lazy("You may write in threads again"),
    ("upheld", "appeal"): gettext_lazy("Your appeal was read: what the moderator did stands"),
    ("reversed", "appeal"): gettext_lazy(
        "Your appeal was granted: what the moderator did is undone"
    ),
}
# by what was reported, and what became of it
REPORTED: Mapping[tuple[str, str], Promise | str] = {
    ("question", "fixed"): gettext_lazy("A mistake that you reported was fixed"),
    ("question", "declined"): gettext_lazy("A report of yours was read, and nothing was changed"),
    ("post", "hide"): gettext_lazy("A post that you flagged was hidden"),
    ("post", "dismiss"): gettext_lazy("A post that you flagged was read by a moderator, and stays"),
}


@dataclass(frozen=True)
class Row:
    """A notice as it is shown."""

    notice: Notice
    sentence: str
    title: str
    reason: str  # a moderator's; empty: none

    @property
    def is_unread(self) -> bool:
        return self.notice.read_at is None


def row(notice: Notice) -> Row:
    reason = notice.details.get("reason", "")
    return Row(notice, sentence(notice, notice.count), title(notice), str(reason))


def title(notice: Notice) -> str:
    """Return the title of what a notice leads to, in the reader's language if it has both."""
    return in_language(notice.details, "title") or notice.title


def sentence(notice: Notice, count: int) -> str:
    """Return what happened, without the title.

    Args:
        count: how often, of late.
    """
    who = notice.actor.handle if notice.actor else _("somebody whose account is gone")
    match notice.kind:
        case Kind.REPLY | Kind.FOLLOWED | Kind.MENTION:
            return _of_posts(Kind(notice.kind), count) % {"who": who, "n": count}
        case Kind.ACCEPTED:
            return _("%(who)s accepted your answer") % {"who": who}
        case Kind.MODERATION:
            return _moderated(notice.details)
        case Kind.REPORT:
            key = (str(notice.details.get("of")), str(notice.details.get("outcome")))
            return str(REPORTED.get(key, _("A moderator has dealt with what you reported")))
        case Kind.WEBHOOK:
            if notice.details.get("reason") == "secret":
                return _("A webhook of yours was disabled: its secret can no longer be read")
            return _("A webhook of yours was disabled: for three days nothing could be delivered")
    return _("A run of yours has finished, and its verdict waits")


def _of_posts(kind: Kind, count: int) -> str:
    """Return the sentence about posts, with places for `who` and `n`."""
    if kind == Kind.REPLY:
        if count == 1:
            return _("%(who)s replied in your thread")
        return ngettext(
            "%(n)s reply in your thread, by %(who)s",
            "%(n)s replies in your thread, the last by %(who)s",
            count,
        )
    if kind == Kind.MENTION:
        if count == 1:
            return _("%(who)s mentions you")
        return ngettext(
            "%(n)s post mentions you, by %(who)s",
            "%(n)s posts mention you, the last by %(who)s",
            count,
        )
    if count == 1:
        return _("%(who)s wrote in a thread that you follow")
    return ngettext(
        "%(n)s post in a thread that you follow, by %(who)s",
        "%(n)s posts in a thread that you follow, the last by %(who)s",
        count,
    )


def _moderated(details: Mapping[str, Any]) -> str:
    action, of = str(details.get("action")), str(details.get("of"))
    if action == "mute" and "until" in details:
        until = localtime(datetime.fromisoformat(str(details["until"])))
        words = _("A moderator muted you: until %(until)s you can read threads, but not write")
        return words % {"until": date_format(until, "Y-m-d H:i")}
    return str(MODERATED.get((action, of), _("A moderator did something with a post of yours")))


def by_day(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Return rows in groups, each with its day in words."""
    groups: dict[date, list[Row]] = {}
    for one in rows:
        groups.setdefault(localdate(one.notice.updated_at), []).append(one)
    return [(_day(day), of_day) for day, of_day in groups.items()]


def _day(day: date) -> str:
    today = localdate()
    if day == today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    return date_format(day, "DATE_FORMAT")


def shown_count(count: int) -> str:
    """Return how many notices are unread, as it stands beside the sign."""
    return f"{MAX_COUNTED - 1}+" if count >= MAX_COUNTED else str(count)


def count_in_words(count: int) -> str:
    """Return what a screen reader says of the sign."""
    if not count:
        return _("Notices")
    words = ngettext("Notices: %(n)s unread", "Notices: %(n)s unread", count)
    return words % {"n": shown_count(count)}
