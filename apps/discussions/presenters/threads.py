"""Threads in lists, and at the head of their page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from apps.discussions import selectors
from apps.discussions.models import Language, State, Thread
from apps.discussions.presenters.subjects import PresentedSubject, present_subject
from apps.discussions.subjects import subject_of
from apps.experiments.selectors import Reader

LANGUAGE_TAGS = {Language.ENGLISH: "en", Language.CHINESE: "zh-Hans"}


@dataclass(frozen=True)
class ThreadRow:
    """A thread in a list. No word of its posts."""

    thread: Thread
    about: PresentedSubject
    language_tag: str


def language_tag(language: str) -> str:
    """Return the language of a thread or a post as a tag for HTML."""
    return LANGUAGE_TAGS.get(Language(language), "en")


def thread_rows(threads: Iterable[Thread]) -> list[ThreadRow]:
    return [
        ThreadRow(thread, present_subject(subject_of(thread)), language_tag(thread.language))
        for thread in threads
    ]


def shows() -> list[tuple[str, str]]:
    """Return the values and words of the filter for what is shown."""
    return [
        ("unanswered", pgettext("threads", "unanswered")),
        ("mine", pgettext("threads", "mine")),
        ("following", pgettext("threads", "following")),
    ]


def orders() -> list[tuple[str, str]]:
    """Return the values and words of the orders besides the default."""
    return [
        ("newest", pgettext("order of threads", "newest first")),
        ("best", pgettext("order of threads", "most votes")),
        ("unanswered", pgettext("order of threads", "unanswered first")),
    ]


def state_words(thread: Thread) -> tuple[str, bool]:
    """Return the state of a thread in words, and whether it is a good one."""
    if thread.state != State.PUBLISHED:
        return str(State(thread.state).label), False
    if thread.is_answered:
        return pgettext("thread", "answered"), True
    if thread.is_locked:
        return pgettext("thread", "locked"), False
    if not thread.replies:
        return pgettext("thread", "unanswered"), False
    return pgettext("thread", "open"), False


def following_words(followers: int, is_following: bool, is_muted: bool) -> str:
    """Return who follows a thread."""
    if is_muted:
        return _("muted")
    if not is_following:
        return ngettext("%(n)s person", "%(n)s people", followers) % {"n": followers}
    others = followers - 1
    if not others:
        return _("you")
    return ngettext("you and %(n)s other", "you and %(n)s others", others) % {"n": others}


def follow_context(thread: Thread) -> dict[str, Any]:
    """Return what the buttons to follow a thread show (`selectors.thread_for`)."""
    followers, own_mute = getattr(thread, "followers", 0), getattr(thread, "own_mute", None)
    is_following, is_muted = own_mute is False, own_mute is True
    return {
        "thread": thread,
        "is_following": is_following,
        "is_muted": is_muted,
        "following": following_words(followers, is_following, is_muted),
    }


def thread_context(thread: Thread, reader: Reader, *, is_folded: bool) -> dict[str, Any]:
    """Return what stands at the head of a thread's page."""
    state, is_good = state_words(thread)
    about = present_subject(subject_of(thread))
    accepted = thread.accepted
    if accepted is not None and accepted.state != State.PUBLISHED:
        accepted = None  # an edit of it awaits approval
    return {
        "about": about,
        "state": state,
        "is_good": is_good,
        "is_folded": is_folded,
        "language_tag": language_tag(thread.language),
        "accepted": accepted,
        "is_open": thread.state == State.PUBLISHED and not thread.is_locked,
        "may_accept": may_accept(thread, reader),
        **follow_context(thread),
    }


def may_accept(thread: Thread, reader: Reader) -> bool:
    """Return whether a reader says which post is the answer."""
    if reader.user.pk is None:
        return False
    return thread.author_id == reader.user.pk or selectors.may_moderate(reader.user)


@dataclass(frozen=True)
class Person:
    """Somebody who wrote in a thread, in the list beside it."""

    handle: str
    is_reader: bool
    url: str  # of their first post
    posts: int


def people(
    thread: Thread, reader: Reader, participants: Iterable[selectors.Participant], query: str
) -> list[Person]:
    """Return who wrote in a thread, by their first posts.

    Args:
        query: of the links to posts: `?show=1`, or empty.
    """
    return [
        Person(
            handle=one.handle,
            is_reader=one.pk == reader.user.pk,
            url=f"{thread.get_absolute_url()}/posts/{one.first_number}{query}",
            posts=one.posts,
        )
        for one in participants
    ]
