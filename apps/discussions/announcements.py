"""Who is told what happens in a thread: by notices, by webhooks, and live on the pages that show
it. Called in the transaction in which it happens. However many people are told, it takes few
statements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import JSONField, TextField
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast
from django.urls import reverse

from apps.accounts.models import AsciiLower, User
from apps.discussions import selectors, thread_events
from apps.discussions.limits import MAX_MENTIONS
from apps.discussions.models import Appeal, Flag, Follow, ModerationAction, Post, Thread
from apps.notices.models import Kind
from apps.notices.services import notify, withdraw
from apps.webhooks.models import Delivery, Event
from apps.webhooks.services import emit, link, retell

Done = ModerationAction.Kind


def subject_of(thread: Thread) -> str:
    """Return by what notices about a thread are counted, and marked as read on its page."""
    return f"thread:{thread.pk}"


def post_published(*, thread: Thread, post: Post, mentions: Iterable[str]) -> None:
    """A post can be read: the thread's author, its followers and whom it mentions are told, each
    once. Not its own author, nor who muted the thread, nor who may not see it.
    """
    thread_events.post_added(post)
    mentioned = _people_called(mentions)
    follows = dict(Follow.objects.filter(thread=thread).values_list("user", "is_muted"))
    following = {pk for pk, is_muted in follows.items() if not is_muted}
    muted = follows.keys() - following
    told = selectors.who_may_see(thread, (mentioned | following) - muted - {post.author_id})
    replied = {pk for pk in following if pk == thread.author_id and post.number > 1}
    emit(people=replied & told, event=Event.POST_REPLIED, data=lambda: _reply(thread, post))
    groups: dict[Kind, set[int]] = {
        Kind.MENTION: mentioned & told,
        Kind.REPLY: (replied & told) - mentioned,
        Kind.FOLLOWED: (following & told) - replied - mentioned,
    }
    for kind, people in groups.items():
        if people:
            notify(
                people=people,
                kind=kind,
                subject=subject_of(thread),
                title=thread.title,
                path=post.get_absolute_url(),
                actor=post.author,
            )


def _reply(thread: Thread, post: Post) -> dict[str, Any]:
    """Return what webhooks are told of a reply: as in a notice, never a word of it."""
    return {
        "thread_id": str(thread.pk),
        "title": thread.title,
        "post_id": str(post.pk),
        "number": post.number,
        "author": post.author.handle if post.author else None,
        "url": link(post.get_absolute_url()),
    }


def author_gone(*, author: User) -> None:
    """The account of an author is being deleted: what webhooks were told of their replies stays
    without their name, as the replies do.
    """
    data = KeyTransform("data", Cast("body", JSONField()))
    told = Delivery.objects.filter(event=Event.POST_REPLIED).alias(
        post=KeyTextTransform("post_id", data)
    )
    posts = Post.objects.filter(author=author).values(pk_text=Cast("pk", TextField()))
    retell(deliveries=told.filter(post__in=posts), author=None)


def _people_called(handles: Iterable[str]) -> set[int]:
    """Return the primary keys of the first people with one of these handles who can sign in."""
    names = list(dict.fromkeys(handle.lower() for handle in handles))[:MAX_MENTIONS]
    if not names:
        return set()
    people = User.objects.annotate(called=AsciiLower("handle")).filter(is_active=True)
    return set(people.filter(called__in=names).values_list("pk", flat=True))


def post_waits(*, thread: Thread, post: Post) -> None:
    """A post awaits approval. Nobody is told: its author sees it, moderators have their queue."""


def post_accepted(*, thread: Thread, post: Post, by: User) -> None:
    """A post was accepted as the answer of its thread: its author is told."""
    follows = Follow.objects.filter(thread=thread, user=post.author_id, is_muted=True)
    if post.author_id is None or follows.exists():
        return
    notify(
        people=selectors.who_may_see(thread, {post.author_id}),
        kind=Kind.ACCEPTED,
        subject=subject_of(thread),
        title=thread.title,
        path=post.get_absolute_url(),
        actor=by,
    )


def acceptance_gone(*, thread: Thread) -> None:
    """A thread has no accepted answer any more, or another one: whoever has not read yet that
    theirs was accepted is not told.
    """
    withdraw(subject=subject_of(thread), kind=Kind.ACCEPTED)


def post_gone(*, thread: Thread, post: Post) -> None:
    """A post can no longer be read: notices of it alone go, if they are unread."""
    withdraw(subject=subject_of(thread), path=post.get_absolute_url())


def thread_gone(*, thread: Thread) -> None:
    """A thread can no longer be read by others than its author: their unread notices go."""
    withdraw(subject=subject_of(thread), keep=[pk for pk in [thread.author_id] if pk is not None])


# ---------------------------------------------------------------- moderation


def moderated(*, action: ModerationAction) -> None:
    """A moderator has acted: whom it concerns is told, with the reason, and whoever flagged the
    post what became of it. Who acted is not told.
    """
    thread, post = action.thread, action.post
    is_there = _is_published(thread)
    if thread and action.kind in (Done.HIDE, Done.REJECT):
        if post is not None:
            post_gone(thread=thread, post=post)
        if not is_there:
            thread_gone(thread=thread)
    if action.kind != Done.DISMISS and action.person_id not in (None, action.moderator_id):
        details = {"action": action.kind, "of": _what(action), "reason": action.reason}
        if "until" in action.details:
            details["until"] = action.details["until"]
        _tell_concerned(action, details)
    if thread and post:
        _answer_flags(action, thread, post, is_there=is_there)


def _is_published(thread: Thread | None) -> bool:
    """Return whether a thread can be read by everybody after what was done."""
    return thread is not None and Thread.objects.published().filter(pk=thread.pk).exists()


def _what(action: ModerationAction) -> str:
    """Return what a moderator acted on: `thread`, `post` or `person`."""
    if action.kind in (Done.MUTE, Done.UNMUTE):
        return "person"
    if action.kind in (Done.LOCK, Done.UNLOCK, Done.MOVE):
        return "thread"  # whichever post of it was flagged
    is_reply = action.post is not None and action.post.number > 1
    return "post" if is_reply else "thread"


def _tell_concerned(action: ModerationAction, details: dict[str, Any], subject: str = "") -> None:
    """Tell whom a moderator's action concerns; the page on which they may appeal says it again."""
    assert action.person_id is not None
    notify(
        people=[action.person_id],
        kind=Kind.MODERATION,
        subject=subject or f"action:{action.pk}",
        title=action.thread.title if action.thread else "",
        path=reverse("discussions:appeal", args=[action.pk]),
        details=details,
    )


def _answer_flags(action: ModerationAction, thread: Thread, post: Post, *, is_there: bool) -> None:
    flaggers = Flag.objects.filter(action=action, flagger__isnull=False)
    people = set(flaggers.values_list("flagger", flat=True)) - {action.moderator_id}
    if not people:
        return
    notify(
        people=people,
        kind=Kind.REPORT,
        subject=f"flags:{post.pk}",
        title=thread.title,
        path=post.get_absolute_url() if is_there else reverse("discussions:threads"),
        details={"of": "post", "outcome": action.kind},
    )


def appeal_decided(*, appeal: Appeal) -> None:
    """An appeal was decided: whoever made it is told, with the answer."""
    if appeal.person_id is None or appeal.person_id == appeal.decided_by_id:
        return
    details = {"action": appeal.outcome, "of": "appeal", "reason": appeal.answer}
    _tell_concerned(appeal.action, details, subject=f"appeal:{appeal.pk}")
