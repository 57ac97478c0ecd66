"""What happens at once: moderators, authors and readers on connections of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Sum

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.common.clock import now
from apps.common.errors import Refused
from apps.discussions import limits, services
from apps.discussions.models import (
    Flag,
    Follow,
    ModerationAction,
    Mute,
    Post,
    State,
    Thread,
    ThreadWords,
    Vote,
)
from apps.discussions.services import appeals, moderation
from apps.discussions.subjects import Subject
from apps.notices.models import Notice
from apps.questions.models import Question
from tests.connections import at_once
from tests.discussions.conftest import make_person, reply, start

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "It attacks a person."


@pytest.fixture
def eve(ada: User) -> User:
    """Another moderator."""
    eve = make_person("eve")
    eve.groups.add(Group.objects.get(name="moderator"))
    return eve


@pytest.fixture
def post(thread: Thread, ola: User) -> Post:
    return reply(ola, thread)


def together(*actions: Callable[[], object]) -> list[object]:
    """Call functions concurrently; none may raise anything but Refused. Returns what each of them
    returned, or the refusal.
    """
    left = list(actions)
    results = at_once(lambda: left.pop()(), times=len(actions))
    for result in results:
        assert not isinstance(result, Exception) or isinstance(result, Refused), repr(result)
    return results


def refusals(results: Iterable[object]) -> list[str]:
    return sorted(result.code for result in results if isinstance(result, Refused))


def assert_counted(thread: Thread) -> None:
    """Check that counters, acceptance and searches follow from the posts."""
    thread.refresh_from_db()
    published = thread.posts.published()
    assert thread.replies == published.filter(number__gt=1).count()
    assert thread.accepted is None or thread.accepted.state == State.PUBLISHED
    for post in thread.posts.all():
        assert (post.search is not None) == (post.state == State.PUBLISHED)
        assert post.score == (post.votes.aggregate(sum=Sum("value"))["sum"] or 0)
    words = ThreadWords.objects.get(thread=thread).search
    services.thread_words.gather([thread.pk])
    assert ThreadWords.objects.get(thread=thread).search == words
    numbers = [post.number for post in thread.posts.all()]
    assert numbers == list(range(1, thread.last_number + 1))
    assert (thread.posts.get(number=1).state == State.HIDDEN) == (thread.state == State.HIDDEN)


def test_a_post_that_is_hidden_while_its_author_edits_is_hidden_with_either_text(
    thread: Thread, post: Post, ola: User, ada: User
) -> None:
    def edit(text: str, edits: int) -> Post:
        return services.posts.edit_post(author=ola, post=post, text=text, edits=edits)

    for edits in range(4):
        text = f"Text {edits}"
        together(
            lambda: moderation.hide(moderator=ada, post=post, reason=WHY),
            partial(edit, text, edits),
        )
        post.refresh_from_db()
        assert (post.state, post.text, post.search) == (State.HIDDEN, text, None)
        assert post.revisions.count() == post.edits == edits + 1
        assert_counted(thread)
        moderation.restore(moderator=ada, post=post, reason=WHY)


def test_a_thread_that_is_hidden_while_somebody_replies_takes_the_reply_before_or_not_at_all(
    thread: Thread, sam: User, ola: User, ada: User
) -> None:
    first = thread.posts.get(number=1)
    for _round in range(4):
        before = thread.posts.count()
        results = together(
            lambda: moderation.hide(moderator=ada, post=first, reason=WHY),
            lambda: reply(sam, thread),
            lambda: reply(ola, thread),
        )
        refused = refusals(results)
        assert refused == ["thread-gone"] * len(refused)
        assert thread.posts.count() == before + 2 - len(refused)
        assert_counted(thread)
        moderation.restore(moderator=ada, post=first, reason=WHY)
        assert_counted(thread)


def test_a_thread_that_is_locked_while_somebody_replies_has_no_reply_after_the_lock(
    thread: Thread, sam: User, ola: User, ada: User
) -> None:
    for _round in range(4):
        before = thread.posts.count()
        results = together(
            lambda: moderation.lock(moderator=ada, thread=thread, reason=WHY),
            lambda: reply(sam, thread),
            lambda: reply(ola, thread),
        )
        refused = refusals(results)
        assert refused == ["thread-locked"] * len(refused)
        assert thread.posts.count() == before + 2 - len(refused)
        assert_counted(thread)
        moderation.unlock(moderator=ada, thread=thread, reason=WHY)


def test_of_two_moderators_at_once_one_acts(
    thread: Thread, post: Post, sam: User, ada: User, eve: User
) -> None:
    flag = services.flags.flag(flagger=sam, post=post, reason="rude")
    results = together(
        lambda: moderation.hide(moderator=ada, post=post, reason=WHY),
        lambda: moderation.hide(moderator=eve, post=post, reason=WHY),
        lambda: moderation.dismiss(moderator=eve, post=post, reason=WHY),
    )
    flag.refresh_from_db()
    assert flag.action is not None
    assert ModerationAction.objects.filter(kind="hide").count() == 1
    assert "already-moderated" in refusals(results)
    assert_counted(thread)


def test_moderators_who_mute_each_other_do_not_wait_in_a_circle(ada: User, eve: User) -> None:
    until = now() + timedelta(days=1)
    for _round in range(3):
        results = together(
            lambda: moderation.mute(moderator=ada, person=eve, until=until, reason=WHY),
            lambda: moderation.mute(moderator=eve, person=ada, until=until, reason=WHY),
        )
        assert refusals(results) == []
    assert Mute.objects.count() == 2


def test_nobody_posts_after_they_were_muted(thread: Thread, ola: User, ada: User) -> None:
    until = now() + timedelta(days=1)
    results = together(
        lambda: moderation.mute(moderator=ada, person=ola, until=until, reason=WHY),
        *[lambda: reply(ola, thread)] * 3,
    )
    mute = Mute.objects.get()
    assert not Post.objects.filter(author=ola, created_at__gt=mute.action.at).exists()
    assert Post.objects.filter(author=ola).count() == 3 - len(refusals(results))


def test_a_post_that_is_deleted_while_a_moderator_restores_it_is_gone(
    thread: Thread, post: Post, ola: User, ada: User
) -> None:
    moderation.hide(moderator=ada, post=post, reason=WHY)
    together(
        lambda: moderation.restore(moderator=ada, post=post, reason=WHY),
        lambda: services.posts.delete_post(author=ola, post=post),
    )
    post.refresh_from_db()
    assert (post.state, post.text, post.html, post.search) == (State.DELETED, "", "", None)
    assert_counted(thread)


def test_a_flag_and_the_action_that_answers_it_at_once_leave_no_flag_on_a_hidden_post(
    post: Post, sam: User, ada: User
) -> None:
    results = together(
        lambda: services.flags.flag(flagger=sam, post=post, reason="rude"),
        lambda: moderation.hide(moderator=ada, post=post, reason=WHY),
    )
    assert not Flag.objects.filter(action=None).exists()
    assert Flag.objects.count() == 1 - len(refusals(results))


def test_an_appeal_is_decided_by_one_of_two(post: Post, ola: User, ada: User, eve: User) -> None:
    boss = User.objects.create_superuser("boss@example.org", "boss")
    action = moderation.hide(moderator=ada, post=post, reason=WHY)
    appeal = appeals.appeal(person=ola, action=action, text="No.")
    results = together(
        lambda: appeals.decide(moderator=eve, appeal=appeal, is_reversed=True, answer="Yes."),
        lambda: appeals.decide(moderator=boss, appeal=appeal, is_reversed=False, answer="No."),
    )
    appeal.refresh_from_db()
    post.refresh_from_db()
    assert refusals(results) == ["already-moderated"]
    assert (appeal.outcome, post.state) in [("reversed", "published"), ("upheld", "hidden")]


def test_of_two_acceptances_at_once_one_stands_and_it_is_told_by_whom(
    thread: Thread, post: Post, mei: User, sam: User, ada: User
) -> None:
    other = reply(sam, thread)
    for _round in range(4):
        together(
            lambda: services.threads.accept(user=mei, post=post, accepted=True),
            lambda: services.threads.accept(user=ada, post=other, accepted=True),
        )
        thread.refresh_from_db()
        assert (thread.accepted, thread.accepted_by) in [(post, mei), (other, ada)]
        assert thread.accepted_at is not None


def test_a_post_that_is_accepted_while_it_is_hidden_is_accepted_by_nobody(
    thread: Thread, post: Post, mei: User, ada: User
) -> None:
    for _round in range(4):
        together(
            lambda: services.threads.accept(user=mei, post=post, accepted=True),
            lambda: moderation.hide(moderator=ada, post=post, reason=WHY),
        )
        assert_counted(thread)
        thread.refresh_from_db()
        assert thread.accepted is None
        moderation.restore(moderator=ada, post=post, reason=WHY)
        services.threads.accept(user=mei, post=post, accepted=False)


def test_votes_at_once_are_one_of_each_person(
    thread: Thread, post: Post, mei: User, sam: User
) -> None:
    at_once(lambda: services.votes.vote(user=sam, post=post, value=1))
    together(
        lambda: services.votes.vote(user=sam, post=post, value=-1),
        lambda: services.votes.vote(user=sam, post=post, value=1),
        lambda: services.votes.vote(user=mei, post=post, value=1),
    )
    assert Vote.objects.count() == 2
    assert_counted(thread)


def test_accounts_that_go_while_others_vote_leave_right_scores(
    thread: Thread, post: Post, mei: User, sam: User
) -> None:
    other, pat = start(mei), make_person("pat")
    first = other.posts.get(number=1)
    for voter in (sam, pat):
        services.votes.vote(user=voter, post=post, value=1)
        services.votes.vote(user=voter, post=first, value=1)
    together(
        lambda: accounts.delete_user(user=sam),
        lambda: accounts.delete_user(user=pat),
        lambda: services.votes.vote(user=mei, post=post, value=1),
    )
    assert_counted(thread)
    assert_counted(other)
    assert Vote.objects.get().user == mei


def test_a_new_account_that_posts_on_many_connections_has_its_day_once(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_NEW_THREADS", 1)
    results = at_once(lambda: start(mei))
    assert refusals(results) == ["too-many-posts"] * 5
    assert Thread.objects.count() == 1


@pytest.mark.parametrize("act", ["hide", "dismiss", "mute"])
def test_an_account_that_goes_while_a_moderator_acts_leaves_a_whole_log(
    thread: Thread, post: Post, ola: User, sam: User, ada: User, act: str
) -> None:
    services.flags.flag(flagger=sam, post=post, reason="rude")
    actions = {
        "hide": lambda: moderation.hide(moderator=ada, post=post, reason=WHY),
        "dismiss": lambda: moderation.dismiss(moderator=ada, post=post, reason=WHY),
        "mute": lambda: moderation.mute(
            moderator=ada, person=ola, until=now() + timedelta(days=1), reason=WHY, post=post
        ),
    }
    results = together(actions[act], lambda: accounts.delete_user(user=ola))
    assert set(refusals(results)) <= {"account-gone"}
    assert not User.objects.filter(pk=ola.pk).exists()
    assert not ModerationAction.objects.filter(person=ola.pk).exists()
    post.refresh_from_db()
    assert post.author is None
    assert_counted(thread)


def test_an_account_that_goes_while_it_posts_leaves_its_posts_without_a_name(
    thread: Thread, ola: User
) -> None:
    results = together(lambda: accounts.delete_user(user=ola), *[lambda: reply(ola, thread)] * 3)
    assert set(refusals(results)) <= {"account-gone"}
    assert thread.posts.filter(number__gt=1, author=None).count() == 3 - len(refusals(results))
    assert_counted(thread)


def test_replies_and_the_deletion_of_the_first_post_at_once_keep_the_replies(
    mei: User, ola: User, sam: User
) -> None:
    for _round in range(4):
        thread = start(mei)
        first = thread.posts.get(number=1)
        results = together(
            lambda first=first: services.posts.delete_post(author=mei, post=first),
            lambda thread=thread: reply(ola, thread),
            lambda thread=thread: reply(sam, thread),
        )
        thread.refresh_from_db()
        assert set(refusals(results)) <= {"thread-gone"}
        assert thread.replies == 2 - len(refusals(results))
        assert (thread.state == State.DELETED) == (thread.replies == 0)
        assert_counted(thread)


def test_a_thread_that_is_moved_while_somebody_replies_keeps_the_reply(
    thread: Thread, question: Question, ola: User, ada: User
) -> None:
    subject = Subject(Thread.About.QUESTION, question=question)
    results = together(
        lambda: moderation.move(moderator=ada, thread=thread, subject=subject, reason=WHY),
        lambda: reply(ola, thread),
    )
    assert refusals(results) == []
    assert_counted(thread)
    assert (thread.question, thread.replies) == (question, 1)


def test_a_post_is_approved_once_and_told_once(
    thread: Thread, mei: User, ola: User, ada: User, eve: User, settings: Any
) -> None:
    settings.POSTS_NEED_APPROVAL = True
    post = reply(ola, thread)
    results = together(
        lambda: moderation.approve(moderator=ada, post=post, reason=WHY),
        lambda: moderation.approve(moderator=eve, post=post, reason=WHY),
    )
    assert refusals(results) == ["already-moderated"]
    assert_counted(thread)
    assert Notice.objects.get(person=mei).count == 1


def test_a_post_that_is_edited_while_it_is_approved_is_found_by_what_it_says(
    thread: Thread, ola: User, ada: User, settings: Any
) -> None:
    settings.POSTS_NEED_APPROVAL = True
    post = reply(ola, thread)
    results = together(
        lambda: moderation.approve(moderator=ada, post=post, reason=WHY),
        lambda: services.posts.edit_post(author=ola, post=post, text="Buy it.", edits=0),
    )
    assert refusals(results) == []
    assert_counted(thread)


def test_one_person_s_flags_at_once_are_one(post: Post, sam: User) -> None:
    results = at_once(lambda: services.flags.flag(flagger=sam, post=post, reason="rude"))
    assert all(isinstance(result, Flag) for result in results), results
    assert Flag.objects.count() == 1


def test_appeals_at_once_are_one(post: Post, ola: User, ada: User) -> None:
    action = moderation.hide(moderator=ada, post=post, reason=WHY)
    results = together(
        lambda: appeals.appeal(person=ola, action=action, text="It is right."),
        lambda: appeals.appeal(person=ola, action=action, text="It is not rude."),
    )
    assert refusals(results) == ["already-appealed"]


def test_following_muting_and_replying_at_once_leave_one_row(thread: Thread, ola: User) -> None:
    results = together(
        lambda: services.follows.mute(user=ola, thread=thread),
        lambda: services.follows.follow(user=ola, thread=thread),
        lambda: reply(ola, thread),
    )
    assert refusals(results) == []
    assert Follow.objects.filter(thread=thread, user=ola).count() == 1
