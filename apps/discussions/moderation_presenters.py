"""How the queue, and what moderators did, are worded and laid out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.common.text import join_list
from apps.discussions import embeds
from apps.discussions.models import Appeal, ModerationAction, Post, State, Thread
from apps.discussions.moderation_forms import MUTE_DAYS
from apps.discussions.selectors import moderation as selectors
from apps.discussions.selectors.moderation import APPEALED, FLAGGED, PENDING, WaitingFlag
from apps.discussions.subjects import subject_of
from apps.experiments.selectors import Reader

MAX_SHOWN_FLAGS = 5  # of a post


def post_html(post: Post, reader: Reader, back: str = "") -> SafeString:
    """Return a post's HTML as `reader` sees it in its thread, which is loaded with it.

    Args:
        back: the page that it stands on.
    """
    return embeds.filled([post], reader, back=back)[post.pk]


@dataclass
class Item:
    """One card of the queue, or the page of one post."""

    kind: str  # flagged, pending, appealed; of a page also what the post's state is
    at: Any
    post: Post | None
    thread: Thread | None
    person: Any = None  # whom it concerns, with their history; None: the account is gone
    flags: list[WaitingFlag] = field(default_factory=list)
    appeal: Appeal | None = None
    may_act: bool = True  # the reader, on this person's posts
    html: SafeString = field(default_factory=SafeString)  # of the post, as the reader sees it

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.appeal.pk if self.appeal else self.post.pk if self.post else 0}"

    @property
    def is_deleted(self) -> bool:
        return self.post is not None and self.post.state == State.DELETED

    @property
    def shown_flags(self) -> list[WaitingFlag]:
        return self.flags[:MAX_SHOWN_FLAGS]

    @property
    def more_flags(self) -> int:
        return max(0, len(self.flags) - MAX_SHOWN_FLAGS)

    @property
    def heading(self) -> str:
        """What waits here."""
        match self.kind:
            case "flagged":
                count = len(self.flags)
                return ngettext("Flagged once", "Flagged %(n)s times", count) % {"n": count}
            case "pending":
                return _("Awaits approval")
            case "appealed":
                return _("Appeal")
        return self.post.get_state_display() if self.post else ""

    @property
    def about(self) -> str:
        return str(subject_of(self.thread)) if self.thread else ""

    @property
    def likely(self) -> str:
        """The prepared reason that is chosen at first: what most flags say."""
        counted = Counter(flag.reason for flag in self.flags)
        return counted.most_common(1)[0][0] if counted else "other"

    @property
    def age(self) -> str:
        """Since when the person has an account."""
        return self.person.date_joined.strftime("%Y-%m-%d") if self.person else ""

    @property
    def history(self) -> str:
        """What the person wrote here before, in a phrase."""
        if not self.person:
            return ""
        posts, hidden = self.person.posts_written, self.person.posts_hidden
        if posts >= selectors.MAX_COUNTED:
            written = _("%(n)s posts or more") % {"n": posts}
        else:
            written = ngettext("%(n)s post", "%(n)s posts", posts) % {"n": posts}
        return join_list((written, _("%(n)s hidden") % {"n": hidden}))


def queue_items(rows: Iterable[Mapping[str, Any]], reader: Reader, back: str) -> list[Item]:
    """Return the cards of a page of the queue, as many queries for many as for few.

    Args:
        back: the page of the queue.
    """
    rows = list(rows)
    keys = {kind: [row["row"] for row in rows if row["kind"] == kind] for kind in selectors.WAITING}
    moderator = _moderator(reader)
    appeals = selectors.open_appeals(keys[APPEALED], moderator)
    by_author = {*keys[FLAGGED], *keys[PENDING]}  # an appeal is by whom it concerns
    pks = by_author | _posts_of(appeals.values())
    posts = selectors.posts_to_decide(pks, moderator if by_author else None)
    threads = _threads_without_post(appeals.values())
    items = []
    for row in rows:
        appeal = appeals.get(row["row"]) if row["kind"] == APPEALED else None
        key = (appeal.action.post_id if appeal else row["row"]) or 0
        post = posts.get(key)
        if post is None and appeal is None:
            continue  # it was decided meanwhile
        thread = post.thread if post else threads.get(appeal.pk) if appeal else None
        flags = selectors.waiting_flags(post) if post else []
        items.append(Item(row["kind"], row["at"], post, thread, flags=flags, appeal=appeal))
    return _completed(items, reader, back)


def post_item(post: Post, reader: Reader, back: str) -> Item:
    """Return the card of one post of `posts_to_decide`, whatever its state, for the page `back`."""
    flags = selectors.waiting_flags(post)
    kind = FLAGGED if flags and post.state == State.PUBLISHED else str(post.state)
    item = Item(kind, post.created_at, post, post.thread, flags=flags)
    return _completed([item], reader, back)[0]


def _completed(items: list[Item], reader: Reader, back: str) -> list[Item]:
    """Add to cards whom they concern, and posts as they are read (`embeds`)."""
    posts = {item.post.pk: item.post for item in items if item.post}
    htmls = embeds.filled(posts.values(), reader, back=back)
    for item in items:
        item.html = htmls[item.post.pk] if item.post else item.html
        row = item.appeal or item.post
        item.person = selectors.person_of(row) if row else None
        item.may_act = item.person is None or item.person.is_manageable
    return items


def _moderator(reader: Reader) -> User:
    assert isinstance(reader.user, User)
    return reader.user


def _posts_of(appeals: Iterable[Appeal]) -> set[int]:
    return {appeal.action.post_id for appeal in appeals if appeal.action.post_id is not None}


def _threads_without_post(appeals: Iterable[Appeal]) -> dict[int, Thread]:
    """Return by appeal the threads of those against what was done with a thread."""
    return {
        appeal.pk: appeal.action.thread
        for appeal in appeals
        if appeal.action.post_id is None and appeal.action.thread is not None
    }


def mute_choices() -> list[tuple[int, str]]:
    return [(n, ngettext("%(n)s day", "%(n)s days", n) % {"n": n}) for n in MUTE_DAYS]


def what_was_done(action: ModerationAction) -> str:
    """Return an action as whom it concerns reads it: a sentence."""
    match action.kind:
        case "hide":
            return _("Your post was hidden.")
        case "restore":
            return _("Your post is there again.")
        case "approve":
            return _("Your post was approved.")
        case "reject":
            return _("Your post was not approved.")
        case "lock":
            return _("Your thread was locked.")
        case "unlock":
            return _("Your thread was unlocked.")
        case "move":
            return _("Your thread was moved.")
        case "mute":
            return _("You cannot write in threads for a time.")
        case "unmute":
            return _("You can write in threads again.")
    return str(action.get_kind_display())
