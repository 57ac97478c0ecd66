"""What moderators do with what others wrote. Every action has a reason that its author reads, is a
row of a log that is only added to, answers the flags of its post that wait, is recorded in the
audit log, and is told (`announcements.moderated`). Nothing that people wrote is destroyed.

Who moderates is read anew, locked first; a person who is muted is locked with them, in the order of
their keys, since what they post asks for their mutes under that lock; then the thread, the post.

Nobody acts on the posts of who may do more than they (`accounts.privileges`). What is their own
moderators leave to another one, where there is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.privileges import manageable_people
from apps.accounts.services import lock_user
from apps.audit import kinds
from apps.audit.services import record
from apps.common.clock import Clock
from apps.common.clock import now as site_now
from apps.common.text import clean, displayable, is_blank, normalize_newlines
from apps.discussions import announcements, post_markdown
from apps.discussions.errors import (
    AlreadyModerated,
    BeyondModerator,
    NotAModerator,
    PrivateRun,
    ReasonMissing,
    ThreadGone,
)
from apps.discussions.limits import MAX_MUTE_DAYS, MAX_REASON_LENGTH
from apps.discussions.models import ModerationAction, Mute, Post, State, Thread
from apps.discussions.selectors.moderation import other_moderators
from apps.discussions.services import visibility
from apps.discussions.services.locks import lock_post, lock_thread
from apps.discussions.subjects import Subject, subject_of
from apps.experiments.models import Run

Kind = ModerationAction.Kind
AUDITED: Mapping[Kind, kinds.Kind] = {
    Kind.HIDE: kinds.Kind.POST_HIDDEN,
    Kind.RESTORE: kinds.Kind.POST_RESTORED,
    Kind.APPROVE: kinds.Kind.POST_APPROVED,
    Kind.REJECT: kinds.Kind.POST_REJECTED,
    Kind.LOCK: kinds.Kind.THREAD_LOCKED,
    Kind.UNLOCK: kinds.Kind.THREAD_UNLOCKED,
    Kind.MOVE: kinds.Kind.THREAD_MOVED,
    Kind.MUTE: kinds.Kind.PERSON_MUTED,
    Kind.UNMUTE: kinds.Kind.PERSON_UNMUTED,
    Kind.DISMISS: kinds.Kind.FLAGS_DISMISSED,
}
SAME_MUTE = timedelta(minutes=5)  # ends of two that are one press, sent twice


# ---------------------------------------------------------------- posts


@transaction.atomic
def hide(*, moderator: User, post: Post, reason: str) -> ModerationAction:
    """Take a published post from its readers, and with the first one its thread. Its place stays,
    and its text, which its author still reads. Idempotent.

    Raises:
        NotAModerator, BeyondModerator: `moderator` may not.
        ReasonMissing: `reason` is empty.
        AlreadyModerated: somebody else was quicker.
        ThreadGone: its author has deleted it.
    """
    return _take_away(Kind.HIDE, State.PUBLISHED, moderator, post, reason)


@transaction.atomic
def reject(*, moderator: User, post: Post, reason: str) -> ModerationAction:
    """Hide a post that awaits approval. Errors are those of `hide`."""
    return _take_away(Kind.REJECT, State.PENDING, moderator, post, reason)


@transaction.atomic
def restore(*, moderator: User, post: Post, reason: str) -> ModerationAction:
    """Publish a hidden post again, as it was: in its counters, for searches, accepted if nothing
    else was accepted meanwhile. Errors are those of `hide`.
    """
    return _publish(Kind.RESTORE, State.HIDDEN, moderator, post, reason)


@transaction.atomic
def approve(*, moderator: User, post: Post, reason: str) -> ModerationAction:
    """Publish a post that awaits approval. Errors are those of `hide`."""
    return _publish(Kind.APPROVE, State.PENDING, moderator, post, reason)


@transaction.atomic
def dismiss(*, moderator: User, post: Post, reason: str) -> ModerationAction:
    """Leave a post as it is, and answer those who flagged it. Its author is told nothing. Errors
    are those of `hide`.
    """
    by, thread, post = _begin(moderator, post)
    if not post.flags.filter(action=None).exists():
        return _repeated(Kind.DISMISS, by, post)
    return _act(Kind.DISMISS, by, reason, thread=thread, post=post)


def _take_away(
    kind: Kind, before: State, moderator: User, post: Post, reason: str
) -> ModerationAction:
    by, thread, post = _begin(moderator, post)
    if post.state != before:
        return _repeated(kind, by, post)
    details = visibility.acceptance(thread, post)
    if details:
        visibility.withdraw_acceptance(thread)
    visibility.take_away(thread, post, State.HIDDEN)
    person = post.author
    return _act(kind, by, reason, thread=thread, post=post, person=person, details=details)


def _publish(
    kind: Kind, before: State, moderator: User, post: Post, reason: str
) -> ModerationAction:
    by, thread, post = _begin(moderator, post)
    if post.state != before:
        return _repeated(kind, by, post)
    return publish(kind, by, thread, post, reason)


def publish(
    kind: Kind, by: User, thread: Thread, post: Post, reason: str, *, is_told: bool = True
) -> ModerationAction:
    """Publish a locked post of a locked thread, for a moderator who may. Whoever waits for it is
    told, unless they were when it was first published.

    Args:
        is_told: whether its author is told by this action; an appeal tells them itself.
    """
    is_first_time = visibility.show(thread, post)
    _accept_again(thread, post)
    action = _act(kind, by, reason, thread=thread, post=post, person=post.author, is_told=is_told)
    if is_first_time:
        mentions = post_markdown.render_post(post.text).mentions
        thread, post = Thread.objects.get(pk=thread.pk), Post.objects.get(pk=post.pk)
        announcements.post_published(thread=thread, post=post, mentions=mentions)
    return action


def _accept_again(thread: Thread, post: Post) -> None:
    """Accept a post that was accepted when it was last hidden, if nothing else is by now."""
    hidden = post.actions.filter(kind__in=[Kind.HIDE, Kind.REJECT]).first()
    accepted_at = parse_datetime(str(hidden.details.get("accepted_at", ""))) if hidden else None
    if hidden is None or accepted_at is None:
        return
    accepted_by = User.objects.filter(pk=hidden.details.get("accepted_by")).first()
    Thread.objects.filter(pk=thread.pk, accepted=None).update(
        accepted=post, accepted_by=accepted_by, accepted_at=accepted_at
    )


# ---------------------------------------------------------------- threads


@transaction.atomic
def lock(
    *, moderator: User, thread: Thread, reason: str, post: Post | None = None
) -> ModerationAction:
    """Keep a thread as it is: it can be read, but nobody replies or edits. Idempotent.

    Args:
        post: for whose sake; the flags on it that wait are answered.
    Raises:
        NotAModerator, BeyondModerator: `moderator` may not.
        ReasonMissing: `reason` is empty.
        AlreadyModerated: somebody else was quicker.
        ThreadGone: its author has deleted it.
    """
    by, thread, post = _begin_thread(moderator, thread, post)
    check_may_act_on(by, thread.author, is_own_allowed=True)
    if thread.is_locked:
        return _repeated(Kind.LOCK, by, thread)
    Thread.objects.filter(pk=thread.pk).update(locked_at=Clock())
    return _act(Kind.LOCK, by, reason, thread=thread, post=post, person=thread.author)


@transaction.atomic
def unlock(*, moderator: User, thread: Thread, reason: str) -> ModerationAction:
    """Let people write in a thread again. Errors are those of `lock`."""
    by, thread, _post = _begin_thread(moderator, thread, None)
    last = thread.actions.filter(kind=Kind.LOCK).first()
    is_by_them = last is not None and last.moderator_id == by.pk
    check_may_act_on(by, thread.author, is_own_allowed=is_by_them)
    if not thread.is_locked:
        return _repeated(Kind.UNLOCK, by, thread)
    return reopen(by, thread, reason)


def reopen(by: User, thread: Thread, reason: str, *, is_told: bool = True) -> ModerationAction:
    """Unlock a locked row of a locked thread, for a moderator who may."""
    Thread.objects.filter(pk=thread.pk).update(locked_at=None)
    person = thread.author
    return _act(Kind.UNLOCK, by, reason, thread=thread, person=person, is_told=is_told)


@transaction.atomic
def move(
    *, moderator: User, thread: Thread, subject: Subject, reason: str, post: Post | None = None
) -> ModerationAction:
    """Have a thread be about something else. Idempotent. Arguments and errors are those of
    `lock`.

    Raises:
        PrivateRun: it is a run that not everybody can see.
    """
    lock_moderator(moderator)
    if subject.run is not None:
        _check_shared(subject.run)
    by, thread, post = _begin_thread(moderator, thread, post)
    check_may_act_on(by, thread.author, is_own_allowed=True)
    if str(subject_of(thread)) == str(subject):
        return _repeated(Kind.MOVE, by, thread)
    return relocate(by, thread, subject, reason, post=post)


def _check_shared(run: Run) -> None:
    """Lock a run, and check that everybody can see it. Runs are locked before threads."""
    shared = Run.objects.filter(pk=run.pk, shared=True)
    if not shared.select_for_update(of=("self",), no_key=True).exists():
        raise PrivateRun


def relocate(
    by: User,
    thread: Thread,
    subject: Subject,
    reason: str,
    *,
    post: Post | None = None,
    is_told: bool = True,
) -> ModerationAction:
    """Move a locked thread, for a moderator who may."""
    details = {"from": str(subject_of(thread)), "to": str(subject)}
    Thread.objects.filter(pk=thread.pk).update(**subject.columns)
    return _act(
        Kind.MOVE,
        by,
        reason,
        thread=thread,
        post=post,
        person=thread.author,
        details=details,
        is_told=is_told,
    )


# ---------------------------------------------------------------- people


@transaction.atomic
def mute(
    *, moderator: User, person: User, until: datetime, reason: str, post: Post | None = None
) -> ModerationAction:
    """Take from a person, for a time, that they may write in threads: they read, vote and appeal.
    The same press sent twice is one mute; a longer one extends it.

    Args:
        until: at most MAX_MUTE_DAYS from now.
        post: for whose sake; the flags on it that wait are answered.
    Raises:
        AccountGone: the person was deleted meanwhile.
        NotAModerator, BeyondModerator: `moderator` may not, or it is themselves.
        ReasonMissing: `reason` is empty.
        ThreadGone: the post was deleted.
    """
    by = lock_people(moderator, person)
    if person.pk == by.pk:
        raise BeyondModerator(_("Nobody mutes themselves."))
    check_may_act_on(by, person)
    until = min(until, site_now() + timedelta(days=MAX_MUTE_DAYS))
    thread = lock_thread(post.thread_id) if post else None
    post = lock_post(post.pk) if post else None
    same = Mute.objects.filter(
        person=person,
        action__moderator=by,
        ends_at__range=(until - SAME_MUTE, until + SAME_MUTE),
        started_at__gt=Clock() - SAME_MUTE,
    )
    if mute := same.select_related("action").first():
        return mute.action
    action = _store(
        Kind.MUTE,
        by,
        reason,
        thread=thread,
        post=post,
        person=person,
        details={"until": until.isoformat()},
    )
    Mute.objects.create(person=person, action=action, ends_at=until)
    return _told(action)


@transaction.atomic
def unmute(*, moderator: User, person: User, reason: str) -> ModerationAction:
    """Lift all mutes of a person. Idempotent. Errors are those of `mute`."""
    by = lock_people(moderator, person)
    check_may_act_on(by, person)
    if not Mute.objects.filter(person=person, ends_at__gt=Clock()).exists():
        return _repeated(Kind.UNMUTE, by, person)
    return lift_mutes(by, person, reason)


def lift_mutes(by: User, person: User, reason: str, *, is_told: bool = True) -> ModerationAction:
    """Lift all mutes of a locked person, for a moderator who may."""
    Mute.objects.filter(person=person, ends_at__gt=Clock()).update(ends_at=Clock())
    return _act(Kind.UNMUTE, by, reason, person=person, is_told=is_told)


# ---------------------------------------------------------------- who may, and what is stored


def lock_moderator(moderator: User) -> User:
    """Lock who moderates, and return them as the database has them by now.

    Raises:
        AccountGone: they were deleted meanwhile.
        NotAModerator: they may not.
    """
    lock_user(moderator)
    by = User.objects.get(pk=moderator.pk)
    if not by.has_perm("discussions.moderate"):  # False for who is not active, too
        raise NotAModerator
    return by


def lock_people(moderator: User, person: User) -> User:
    """Lock a moderator and whom they act on, in the order of their keys: two moderators who act on
    each other do not wait in a circle.
    """
    for one in sorted({moderator.pk: moderator, person.pk: person}.values(), key=lambda p: p.pk):
        lock_user(one)
    return lock_moderator(moderator)


def _begin(moderator: User, post: Post) -> tuple[User, Thread, Post]:
    """Lock what an action on a post needs.

    Raises:
        NotAModerator, BeyondModerator, ThreadGone: as `hide` says.
    """
    by = lock_moderator(moderator)
    thread = lock_thread(post.thread_id)
    post = lock_post(post.pk)
    check_may_act_on(by, post.author)
    return by, thread, post


def _begin_thread(
    moderator: User, thread: Thread, post: Post | None
) -> tuple[User, Thread, Post | None]:
    by = lock_moderator(moderator)
    thread = lock_thread(thread.pk)
    if thread.state == State.DELETED:
        raise ThreadGone
    return by, thread, lock_post(post.pk) if post else None


def check_may_act_on(by: User, person: User | None, *, is_own_allowed: bool = False) -> None:
    """Check that a moderator may act on what a person wrote; None: nobody's any more.

    Args:
        is_own_allowed: whether they may on what is their own. Otherwise another moderator must,
            if there is one.
    """
    if person is None:
        return
    if person.pk == by.pk:
        if not is_own_allowed and other_moderators(by).exists():
            raise BeyondModerator(_("This is your own: another moderator decides it."))
    elif not manageable_people(by).filter(pk=person.pk).exists():
        raise BeyondModerator(_("Its author may do more than you: somebody else must decide it."))


def _repeated(kind: Kind, by: User, of: Post | Thread | User) -> ModerationAction:
    """Return the last action on something if it is this very one, sent twice.

    Raises:
        AlreadyModerated: somebody else was quicker.
    """
    if isinstance(of, User):
        actions = ModerationAction.objects.filter(person=of, kind__in=[Kind.MUTE, Kind.UNMUTE])
    else:
        actions = of.actions.all()
    last = actions.order_by("-pk").first()
    if last is not None and last.kind == kind and last.moderator_id == by.pk:
        return last
    if last is None:
        raise AlreadyModerated(_("There is nothing left to decide here. Nothing was changed."))
    raise AlreadyModerated(
        _("This was decided meanwhile (%(what)s). Nothing was changed; reload the page.")
        % {"what": last.get_kind_display()}
    )


def stored_reason(reason: str) -> str:
    """Return a reason as it is stored.

    Raises:
        ReasonMissing: there is none.
    """
    text = displayable(normalize_newlines(clean(reason))).strip()[:MAX_REASON_LENGTH]
    if is_blank(text):
        raise ReasonMissing
    return text


def _act(kind: Kind, by: User, reason: str, **more: Any) -> ModerationAction:
    is_told = more.pop("is_told", True)
    action = _store(kind, by, reason, **more)
    return _told(action) if is_told else action


def _store(
    kind: Kind,
    by: User,
    reason: str,
    *,
    thread: Thread | None = None,
    post: Post | None = None,
    person: User | None = None,
    details: Mapping[str, Any] | None = None,
) -> ModerationAction:
    """Add an action to the log and the audit log, and answer the flags on its post."""
    action = ModerationAction.objects.create(
        kind=kind,
        moderator=by,
        thread=thread,
        post=post,
        person=person,
        reason=stored_reason(reason),
        details=dict(details or {}),
    )
    if post is not None:
        post.flags.filter(action=None).update(action=action)
    told = {name: of for name, of in action.details.items() if name in ("from", "to", "until")}
    subject = str(post or (thread.pk if thread else ""))
    record(AUDITED[kind], person=person, subject=subject, details=told)
    return action


def _told(action: ModerationAction) -> ModerationAction:
    announcements.moderated(action=action)
    return action
