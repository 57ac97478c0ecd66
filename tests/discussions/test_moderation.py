"""What moderators do, and what it leaves: state, counters, searches, acceptance, flags, logs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.common.clock import now
from apps.discussions import announcements, selectors, services
from apps.discussions.errors import (
    AlreadyModerated,
    BeyondModerator,
    Muted,
    NotAModerator,
    PrivateRun,
    ReasonMissing,
    ThreadGone,
    ThreadLocked,
)
from apps.discussions.models import Flag, ModerationAction, Mute, Post, State, Thread
from apps.discussions.services import moderation, thread_words
from apps.discussions.subjects import Subject
from apps.experiments.models import Run
from apps.questions.models import Question
from tests.discussions.conftest import make_person, reply, start
from tests.experiments.pages_cast import SURE, loaded, queued

VISITOR = AnonymousUser()
WHY = "It attacks a person."


@pytest.fixture
def eve(ada: User) -> User:
    """Another moderator."""
    eve = make_person("eve")
    eve.groups.add(Group.objects.get(name="moderator"))
    return eve


@pytest.fixture
def post(thread: Thread, ola: User) -> Post:
    return reply(ola, thread, "Kaiming says so.")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of actions that were announced, and posts that were."""
    told: list[str] = []
    monkeypatch.setattr(announcements, "moderated", lambda *, action: told.append(action.kind))
    monkeypatch.setattr(
        announcements, "post_published", lambda *, post, **more: told.append(f"post {post.number}")
    )
    return told


def found(words: str) -> bool:
    return selectors.threads(VISITOR, words=words).exists()


def pending(post: Post) -> Post:
    """Have a post wait, as if it had been held when it was written."""
    Post.objects.filter(pk=post.pk).update(state=State.PENDING, search=None, published_at=None)
    if post.number == 1:
        Thread.objects.filter(pk=post.thread_id).update(state=State.PENDING, search=None)
    services.posts.count_posts(post.thread)
    thread_words.gather([post.thread_id])
    return post


def test_a_hidden_post_is_neither_found_nor_counted_and_comes_back_as_it_was(
    thread: Thread, post: Post, mei: User, ada: User
) -> None:
    services.threads.accept(user=mei, post=post, accepted=True)
    thread.refresh_from_db()
    before = (thread.replies, thread.last_post_at, thread.accepted, thread.accepted_by)
    accepted_at = thread.accepted_at
    action = moderation.hide(moderator=ada, post=post, reason=WHY)
    post.refresh_from_db()
    thread.refresh_from_db()
    assert (post.state, post.search, post.text) == ("hidden", None, "Kaiming says so.")
    assert (thread.replies, thread.accepted, thread.accepted_at) == (0, None, None)
    assert (action.person, action.reason, action.moderator) == (post.author, WHY, ada)
    assert not found("Kaiming")

    moderation.restore(moderator=ada, post=post, reason="A mistake.")
    post.refresh_from_db()
    thread.refresh_from_db()
    assert post.state == State.PUBLISHED and found("Kaiming")
    assert (thread.replies, thread.last_post_at, thread.accepted, thread.accepted_by) == before
    assert thread.accepted_at == accepted_at


def test_a_restored_post_is_not_accepted_where_another_is_by_now(
    thread: Thread, post: Post, mei: User, sam: User, ada: User
) -> None:
    services.threads.accept(user=mei, post=post, accepted=True)
    moderation.hide(moderator=ada, post=post, reason=WHY)
    other = reply(sam, thread, "Another answer")
    services.threads.accept(user=mei, post=other, accepted=True)
    moderation.restore(moderator=ada, post=post, reason="A mistake.")
    thread.refresh_from_db()
    assert thread.accepted == other


def test_hiding_the_first_post_hides_the_thread_and_restoring_it_shows_both(
    thread: Thread, post: Post, ada: User, ola: User
) -> None:
    first = thread.posts.get(number=1)
    moderation.hide(moderator=ada, post=first, reason=WHY)
    thread.refresh_from_db()
    assert (thread.state, thread.search) == (State.HIDDEN, None)
    assert not selectors.threads(VISITOR).exists() and not found("stall")
    with pytest.raises(ThreadGone):
        reply(ola, thread)
    moderation.restore(moderator=ada, post=first, reason="A mistake.")
    assert list(selectors.threads(VISITOR)) == [thread] and found("stall") and found("Kaiming")


def test_an_approved_post_is_announced_once(post: Post, ada: User, told: list[str]) -> None:
    moderation.approve(moderator=ada, post=pending(post), reason="It is fine.")
    assert told == ["approve", "post 2"]
    moderation.hide(moderator=ada, post=post, reason=WHY)
    moderation.restore(moderator=ada, post=post, reason="A mistake.")
    assert told == ["approve", "post 2", "hide", "restore"]


def test_approving_the_first_post_publishes_the_thread(
    thread: Thread, ada: User, told: list[str]
) -> None:
    first = pending(thread.posts.get(number=1))
    assert not selectors.threads(VISITOR).exists()
    moderation.approve(moderator=ada, post=first, reason="It is fine.")
    assert list(selectors.threads(VISITOR)) == [thread] and found("stalls")
    assert told == ["approve", "post 1"]


def test_what_was_not_approved_is_hidden_and_can_be_restored(
    post: Post, ada: User, told: list[str]
) -> None:
    moderation.reject(moderator=ada, post=pending(post), reason=WHY)
    post.refresh_from_db()
    assert post.state == State.HIDDEN
    moderation.restore(moderator=ada, post=post, reason="A mistake.")
    assert told == ["reject", "restore", "post 2"]  # nobody had heard of it before


def test_a_locked_thread_takes_no_replies_until_it_is_unlocked(
    thread: Thread, post: Post, ola: User, ada: User
) -> None:
    moderation.lock(moderator=ada, thread=thread, reason=WHY)
    with pytest.raises(ThreadLocked):
        reply(ola, thread)
    with pytest.raises(ThreadLocked):
        services.posts.edit_post(author=ola, post=post, text="Another", edits=0)
    moderation.unlock(moderator=ada, thread=thread, reason="Calm again.")
    assert reply(ola, thread).number == 3


def test_a_moved_thread_is_about_something_else(
    thread: Thread, question: Question, ada: User
) -> None:
    subject = Subject(Thread.About.QUESTION, question=question)
    action = moderation.move(moderator=ada, thread=thread, subject=subject, reason=WHY)
    thread.refresh_from_db()
    assert (thread.about, thread.question) == ("question", question)
    assert action.details == {"from": "general", "to": "question:why-relu"}
    moderation.move(
        moderator=ada, thread=thread, subject=Subject(Thread.About.GENERAL), reason="Back."
    )
    thread.refresh_from_db()
    assert (thread.about, thread.question) == ("general", None)


def test_a_thread_is_not_moved_to_a_run_that_nobody_else_sees(
    thread: Thread, ada: User, woken_queues: list[str]
) -> None:
    run = queued(ada, loaded(), prediction=SURE)
    about = Subject(Thread.About.RUN, run=run)
    with pytest.raises(PrivateRun):
        moderation.move(moderator=ada, thread=thread, subject=about, reason=WHY)
    assert Thread.objects.get().about == "general" and not ModerationAction.objects.exists()
    Run.objects.update(shared=True)
    moderation.move(moderator=ada, thread=thread, subject=about, reason=WHY)
    assert Thread.objects.get().run == run


def test_a_muted_person_reads_but_does_not_write_until_then(
    thread: Thread, post: Post, ola: User, mei: User, ada: User
) -> None:
    until = now() + timedelta(days=7)
    action = moderation.mute(moderator=ada, person=ola, until=until, reason=WHY, post=post)
    with pytest.raises(Muted, match=WHY) as refused:
        reply(ola, thread)
    assert 6 * 86_400 < (refused.value.seconds or 0) <= 7 * 86_400
    assert f"{until:%Y-%m-%d}" in refused.value.message
    assert refused.value.extra["page"] == f"/appeals/{action.pk}"
    with pytest.raises(Muted):
        start(ola)
    with pytest.raises(Muted):
        services.posts.edit_post(author=ola, post=post, text="Another", edits=0)
    services.votes.vote(user=ola, post=thread.posts.get(number=1), value=1)
    services.posts.delete_post(author=ola, post=post)  # what is theirs they may take back
    moderation.unmute(moderator=ada, person=ola, reason="Sorry.")
    assert reply(ola, thread).number == 3


def test_a_mute_that_is_sent_twice_is_one_and_a_longer_one_extends_it(ola: User, ada: User) -> None:
    until = now() + timedelta(days=1)
    first = moderation.mute(moderator=ada, person=ola, until=until, reason=WHY)
    assert moderation.mute(moderator=ada, person=ola, until=until, reason=WHY) == first
    moderation.mute(moderator=ada, person=ola, until=until + timedelta(days=6), reason=WHY)
    assert Mute.objects.count() == 2
    moderation.unmute(moderator=ada, person=ola, reason="Sorry.")
    assert not Mute.objects.filter(ends_at__gt=now()).exists()


def test_a_mute_has_an_end_within_a_year(ola: User, ada: User) -> None:
    until = now() + timedelta(days=9_999)
    moderation.mute(moderator=ada, person=ola, until=until, reason=WHY)
    assert Mute.objects.get().ends_at < now() + timedelta(days=366)


ON_POSTS = (moderation.hide, moderation.dismiss)


@pytest.mark.parametrize("act", ON_POSTS, ids=lambda act: act.__name__)
def test_an_action_answers_the_flags_that_wait(
    act: Callable[..., ModerationAction], thread: Thread, post: Post, sam: User, ada: User
) -> None:
    flag = services.flags.flag(flagger=sam, post=post, reason="rude")
    other = services.flags.flag(flagger=sam, post=thread.posts.get(number=1), reason="spam")
    action = act(moderator=ada, post=post, reason=WHY)
    flag.refresh_from_db()
    other.refresh_from_db()
    assert (flag.action, other.action) == (action, None)


def test_locking_moving_or_muting_for_the_sake_of_a_post_answers_its_flags(
    thread: Thread, post: Post, question: Question, sam: User, ola: User, ada: User
) -> None:
    subject = Subject(Thread.About.QUESTION, question=question)
    until = now() + timedelta(days=1)
    for act in (
        lambda: moderation.lock(moderator=ada, thread=thread, post=post, reason=WHY),
        lambda: moderation.move(
            moderator=ada, thread=thread, subject=subject, post=post, reason=WHY
        ),
        lambda: moderation.mute(moderator=ada, person=ola, until=until, post=post, reason=WHY),
    ):
        flag = services.flags.flag(flagger=sam, post=post, reason="rude")
        action = act()
        flag.refresh_from_db()
        assert flag.action == action


def test_the_author_is_told_nothing_of_flags_that_were_dismissed(
    post: Post, sam: User, ada: User
) -> None:
    services.flags.flag(flagger=sam, post=post, reason="rude")
    assert moderation.dismiss(moderator=ada, post=post, reason=WHY).person is None


def test_the_same_press_sent_twice_is_one_action(thread: Thread, post: Post, ada: User) -> None:
    first = moderation.hide(moderator=ada, post=post, reason=WHY)
    assert moderation.hide(moderator=ada, post=post, reason=WHY) == first
    locked = moderation.lock(moderator=ada, thread=thread, reason=WHY)
    assert moderation.lock(moderator=ada, thread=thread, reason=WHY) == locked
    assert ModerationAction.objects.count() == 2


def test_the_second_of_two_moderators_is_told_what_the_first_did(
    post: Post, ada: User, eve: User
) -> None:
    moderation.hide(moderator=ada, post=post, reason=WHY)
    with pytest.raises(AlreadyModerated, match="hidden"):
        moderation.hide(moderator=eve, post=post, reason=WHY)
    with pytest.raises(AlreadyModerated):
        moderation.dismiss(moderator=eve, post=post, reason=WHY)
    with pytest.raises(AlreadyModerated):
        moderation.approve(moderator=eve, post=post, reason=WHY)


@pytest.mark.parametrize(
    ("state", "act"),
    [
        (State.PUBLISHED, moderation.restore),
        (State.PUBLISHED, moderation.approve),
        (State.PUBLISHED, moderation.reject),
        (State.PUBLISHED, moderation.dismiss),
        (State.PENDING, moderation.hide),
        (State.PENDING, moderation.restore),
    ],
)
def test_what_does_not_fit_the_state_changes_nothing(
    state: State, act: Callable[..., Any], post: Post, ada: User
) -> None:
    Post.objects.filter(pk=post.pk).update(state=state)
    with pytest.raises(AlreadyModerated):
        act(moderator=ada, post=post, reason=WHY)
    assert not ModerationAction.objects.exists()


def test_a_deleted_post_is_gone_for_moderators_too(post: Post, ola: User, ada: User) -> None:
    services.posts.delete_post(author=ola, post=post)
    for act in (moderation.hide, moderation.restore, moderation.dismiss):
        with pytest.raises(ThreadGone):
            act(moderator=ada, post=post, reason=WHY)


def test_every_action_needs_the_permission_and_a_reason(
    thread: Thread, post: Post, sam: User, ola: User, ada: User
) -> None:
    until = now() + timedelta(days=1)
    actions: list[Callable[..., Any]] = [
        lambda **more: moderation.hide(post=post, **more),
        lambda **more: moderation.lock(thread=thread, **more),
        lambda **more: moderation.mute(person=ola, until=until, **more),
        lambda **more: moderation.move(
            thread=thread, subject=Subject(Thread.About.CLAIM, claim="a.b"), **more
        ),
    ]
    for act in actions:
        with pytest.raises(NotAModerator):
            act(moderator=sam, reason=WHY)
        with pytest.raises(ReasonMissing):
            act(moderator=ada, reason=" \n\x00 ")
    post.refresh_from_db()
    thread.refresh_from_db()
    assert (post.state, thread.is_locked, thread.about) == (State.PUBLISHED, False, "general")
    assert not ModerationAction.objects.exists() and not Mute.objects.exists()


def test_whoever_is_a_moderator_no_more_changes_nothing(post: Post, ada: User) -> None:
    assert ada.has_perm("discussions.moderate")  # and has it in memory
    User.objects.get(pk=ada.pk).groups.clear()
    with pytest.raises(NotAModerator):
        moderation.hide(moderator=ada, post=post, reason=WHY)


def test_moderators_do_not_act_on_who_may_do_more_than_they(
    thread: Thread, ada: User, eve: User
) -> None:
    boss = User.objects.create_superuser("boss@example.org", "boss")
    helper = User.objects.create_user("helper@example.org", "helper", is_staff=True)
    until = now() + timedelta(days=1)
    for above in (boss, helper):
        post = reply(above, thread)
        with pytest.raises(BeyondModerator):
            moderation.hide(moderator=ada, post=post, reason=WHY)
        with pytest.raises(BeyondModerator):
            moderation.mute(moderator=ada, person=above, until=until, reason=WHY)
        with pytest.raises(BeyondModerator):
            moderation.lock(moderator=ada, thread=start(above), reason=WHY)
    of_eve = reply(eve, thread)  # who may do the same
    moderation.hide(moderator=ada, post=of_eve, reason=WHY)
    moderation.restore(moderator=boss, post=of_eve, reason=WHY)


def test_a_moderator_leaves_what_is_their_own_to_another_where_there_is_one(
    thread: Thread, ada: User, sam: User
) -> None:
    post = reply(ada, thread)
    services.flags.flag(flagger=sam, post=post, reason="rude")
    eve = make_person("eve")
    eve.groups.add(Group.objects.get(name="moderator"))
    with pytest.raises(BeyondModerator, match="another moderator"):
        moderation.dismiss(moderator=ada, post=post, reason=WHY)
    with pytest.raises(BeyondModerator):
        moderation.mute(moderator=ada, person=ada, until=now() + timedelta(1), reason=WHY)
    User.objects.filter(pk=eve.pk).update(is_active=False)
    moderation.dismiss(moderator=ada, post=post, reason=WHY)


def test_a_moderator_locks_their_own_thread_but_does_not_undo_anothers_lock(
    ada: User, eve: User
) -> None:
    thread = start(ada)
    moderation.lock(moderator=ada, thread=thread, reason="Said all.")
    moderation.unlock(moderator=ada, thread=thread, reason="Not all.")
    moderation.lock(moderator=eve, thread=thread, reason=WHY)
    with pytest.raises(BeyondModerator):
        moderation.unlock(moderator=ada, thread=thread, reason="Mine.")


def test_every_action_goes_to_the_audit_log_and_is_told(
    thread: Thread, post: Post, ola: User, ada: User, told: list[str]
) -> None:
    moderation.hide(moderator=ada, post=post, reason=WHY)
    moderation.restore(moderator=ada, post=post, reason=WHY)
    moderation.lock(moderator=ada, thread=thread, reason=WHY)
    moderation.unlock(moderator=ada, thread=thread, reason=WHY)
    moderation.mute(moderator=ada, person=ola, until=now() + timedelta(days=1), reason=WHY)
    moderation.unmute(moderator=ada, person=ola, reason=WHY)
    assert told == ["hide", "restore", "lock", "unlock", "mute", "unmute"]
    kinds = [
        *("post-hidden", "post-restored", "thread-locked", "thread-unlocked"),
        *("person-muted", "person-unmuted"),
    ]
    events = AuditEvent.objects.filter(kind__in=kinds).order_by("pk")
    assert list(events.values_list("kind", flat=True)) == kinds
    assert [event.subject for event in events][:3] == [str(post), str(post), str(thread.pk)]


# ---------------------------------------------------------------- an account goes


def test_a_deleted_account_leaves_posts_and_waiting_flags_without_a_name(
    thread: Thread, post: Post, mei: User, ola: User, sam: User
) -> None:
    services.flags.flag(flagger=ola, post=thread.posts.get(number=1), reason="spam")
    accounts.delete_user(user=ola)
    post.refresh_from_db()
    assert (post.author, post.state, post.text) == (None, "published", "Kaiming says so.")
    assert [(flag.flagger, flag.action) for flag in Flag.objects.all()] == [(None, None)]


def test_the_votes_of_a_deleted_account_go_and_scores_are_counted_again(
    thread: Thread, post: Post, mei: User, ola: User, sam: User
) -> None:
    first = thread.posts.get(number=1)
    other = start(mei)
    services.votes.vote(user=ola, post=first, value=1)
    services.votes.vote(user=sam, post=first, value=1)
    services.votes.vote(user=sam, post=post, value=-1)
    services.votes.vote(user=sam, post=other.posts.get(number=1), value=1)
    accounts.delete_user(user=sam)
    scores = dict(Post.objects.values_list("pk", "score"))
    assert scores == {first.pk: 1, post.pk: 0, other.posts.get(number=1).pk: 0}
    assert dict(Thread.objects.values_list("pk", "score")) == {thread.pk: 1, other.pk: 0}


def test_what_moderators_did_stays_without_the_name(post: Post, ola: User, ada: User) -> None:
    moderation.mute(moderator=ada, person=ola, until=now() + timedelta(1), reason=WHY, post=post)
    moderation.hide(moderator=ada, post=post, reason=WHY)
    accounts.delete_user(user=ola)
    assert [action.person for action in ModerationAction.objects.all()] == [None, None]
    moderation.restore(moderator=ada, post=post, reason="Nobody's by now.")
    post.refresh_from_db()
    assert post.state == State.PUBLISHED


def test_reasons_are_stored_without_what_would_change_other_text(
    post: Post, ada: User, sam: User
) -> None:
    words = "It is \u202erude" + "\u0301" * 300 + "\u200b."
    flag = services.flags.flag(flagger=sam, post=post, reason="other", text=words)
    action = moderation.hide(moderator=ada, post=post, reason=words)
    assert flag.text == action.reason == "It is rude\u0301\u0301\u0301\u0301."
    for empty in ("\u200b", "\u202e \u2060"):
        with pytest.raises(ReasonMissing):
            moderation.stored_reason(empty)
