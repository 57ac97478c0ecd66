"""Appeals: one reply by whom an action concerns, decided by another moderator than the one who
acted, where there is another.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.audit.kinds import Kind as Audited
from apps.audit.services import record
from apps.common.clock import Clock
from apps.discussions import announcements
from apps.discussions.errors import (
    AlreadyAppealed,
    AlreadyModerated,
    BeyondModerator,
    CannotAppeal,
    ThreadGone,
)
from apps.discussions.models import Appeal, ModerationAction
from apps.discussions.selectors.moderation import is_in_force, other_moderators
from apps.discussions.services import moderation
from apps.discussions.services.locks import lock_post, lock_thread
from apps.discussions.subjects import find_subject

Kind = ModerationAction.Kind
Outcome = Appeal.Outcome


@transaction.atomic
def appeal(*, person: User, action: ModerationAction, text: str) -> Appeal:
    """Reply to an action. Idempotent for the same text.

    Raises:
        AccountGone: the person was deleted meanwhile.
        AlreadyAppealed: they replied before, with another text.
        CannotAppeal: it concerns somebody else, or is not in force any more.
        ReasonMissing: `text` is empty.
    """
    lock_user(person)
    text = moderation.stored_reason(text)
    action = ModerationAction.objects.get(pk=action.pk)
    if action.person_id != person.pk:
        raise CannotAppeal(_("Only the person whom it concerns can reply to this."))
    if earlier := Appeal.objects.filter(action=action).first():
        if earlier.text != text:
            raise AlreadyAppealed
        return earlier
    if not is_in_force(action):
        raise CannotAppeal(_("This is over already: there is nothing to appeal against."))
    return Appeal.objects.create(action=action, person=person, text=text)


@transaction.atomic
def decide(*, moderator: User, appeal: Appeal, is_reversed: bool, answer: str) -> Appeal:
    """Decide an appeal; reversing it undoes the action. Idempotent.

    Raises:
        NotAModerator, BeyondModerator: `moderator` may not decide this one.
        AlreadyModerated: somebody else was quicker.
        ReasonMissing: `answer` is empty.
        ThreadGone: the post was deleted; the action can only be upheld.
    """
    action = appeal.action
    by = _lock_people(moderator, action)
    answer = moderation.stored_reason(answer)
    thread = lock_thread(action.thread_id) if action.thread_id else None
    appeal = Appeal.objects.select_for_update(of=("self",)).get(pk=appeal.pk)
    outcome = Outcome.REVERSED if is_reversed else Outcome.UPHELD
    _check_may_decide(by, appeal, action)
    if appeal.outcome != Outcome.OPEN:
        if (appeal.outcome, appeal.decided_by_id) == (outcome, by.pk):
            return appeal
        raise AlreadyModerated(_("This appeal was decided meanwhile. Nothing was changed."))
    if is_reversed and is_in_force(action):
        match action.kind:
            case Kind.HIDE | Kind.REJECT if thread and action.post_id:
                post = lock_post(action.post_id)
                moderation.publish(Kind.RESTORE, by, thread, post, answer, is_told=False)
            case Kind.LOCK if thread:
                moderation.reopen(by, thread, answer, is_told=False)
            case Kind.MOVE if thread:
                subject = find_subject(str(action.details["from"]), by)
                if subject is None:
                    raise ThreadGone
                moderation.relocate(by, thread, subject, answer, is_told=False)
            case Kind.MUTE if action.person:
                moderation.lift_mutes(by, action.person, answer, is_told=False)
    Appeal.objects.filter(pk=appeal.pk).update(
        outcome=outcome, answer=answer, decided_by=by, decided_at=Clock()
    )
    appeal = Appeal.objects.select_related("action", "person").get(pk=appeal.pk)
    subject_name = str(action.post or action.thread_id or "")
    record(
        Audited.APPEAL_DECIDED,
        person=appeal.person,
        subject=subject_name,
        details={"state": outcome.value},
    )
    announcements.appeal_decided(appeal=appeal)
    return appeal


def _lock_people(moderator: User, action: ModerationAction) -> User:
    """Lock who decides, with whom a mute concerns, whose posts ask for it."""
    if action.kind == Kind.MUTE and action.person:
        return moderation.lock_people(moderator, action.person)
    return moderation.lock_moderator(moderator)


def _check_may_decide(by: User, appeal: Appeal, action: ModerationAction) -> None:
    """Raises BeyondModerator: it is their own appeal, of who may do more than they, or against what
    they did themselves, and another moderator could decide it.
    """
    if appeal.person_id == by.pk:
        raise BeyondModerator(_("This is your own appeal: somebody else decides it."))
    moderation.check_may_act_on(by, appeal.person)
    others = other_moderators(by).exclude(pk=appeal.person_id or 0)
    if action.moderator_id == by.pk and others.exists():
        raise BeyondModerator(_("You acted yourself: another moderator decides the appeal."))
