"""One reply to what a moderator did, decided by another one, and all is as it was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.common.clock import now
from apps.discussions import announcements, services
from apps.discussions.errors import (
    AlreadyAppealed,
    AlreadyModerated,
    BeyondModerator,
    CannotAppeal,
    NotAModerator,
    ReasonMissing,
    ThreadGone,
)
from apps.discussions.models import Appeal, ModerationAction, Mute, Post, State, Thread
from apps.discussions.services import appeals, moderation
from apps.discussions.subjects import Subject
from apps.questions.models import Question
from tests.discussions.conftest import make_person, reply
from tests.discussions.pages import html_of

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
def hidden(post: Post, ada: User) -> ModerationAction:
    return moderation.hide(moderator=ada, post=post, reason=WHY)


@pytest.fixture
def appeal(hidden: ModerationAction, ola: User) -> Appeal:
    return appeals.appeal(person=ola, action=hidden, text="It quotes a paper.")


def test_an_appeal_that_is_sent_twice_is_one_and_there_is_no_second(
    hidden: ModerationAction, appeal: Appeal, ola: User
) -> None:
    assert appeals.appeal(person=ola, action=hidden, text=" It quotes a paper.\r\n") == appeal
    with pytest.raises(AlreadyAppealed):
        appeals.appeal(person=ola, action=hidden, text="And another thing.")
    assert Appeal.objects.get().text == "It quotes a paper."


def test_only_whom_it_concerns_appeals_and_says_something(
    hidden: ModerationAction, ola: User, sam: User
) -> None:
    with pytest.raises(CannotAppeal):
        appeals.appeal(person=sam, action=hidden, text="Let it stand.")
    with pytest.raises(ReasonMissing):
        appeals.appeal(person=ola, action=hidden, text="  ")


def test_there_is_nothing_to_appeal_against_what_is_over(
    hidden: ModerationAction, post: Post, ola: User, ada: User
) -> None:
    moderation.restore(moderator=ada, post=post, reason="A mistake.")
    with pytest.raises(CannotAppeal, match="over"):
        appeals.appeal(person=ola, action=hidden, text="It quotes a paper.")
    again = moderation.hide(moderator=ada, post=post, reason=WHY)
    with pytest.raises(CannotAppeal):  # that one is over, although the post is hidden
        appeals.appeal(person=ola, action=hidden, text="It quotes a paper.")
    assert appeals.appeal(person=ola, action=again, text="It quotes a paper.").action == again


def test_a_reversed_decision_leaves_all_as_it_was(
    appeal: Appeal, thread: Thread, post: Post, eve: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        announcements, "appeal_decided", lambda *, appeal: told.append(appeal.outcome)
    )
    decided = appeals.decide(
        moderator=eve, appeal=appeal, is_reversed=True, answer="You are right."
    )
    assert (decided.outcome, decided.answer, decided.decided_by) == (
        "reversed",
        "You are right.",
        eve,
    )
    post.refresh_from_db()
    thread.refresh_from_db()
    assert (post.state, thread.replies, told) == (State.PUBLISHED, 1, ["reversed"])
    kinds = list(ModerationAction.objects.order_by("pk").values_list("kind", "moderator"))
    assert [kind for kind, _moderator in kinds] == ["hide", "restore"] and kinds[1][1] == eve.pk
    assert AuditEvent.objects.filter(kind="appeal-decided", subject=str(post)).exists()


def test_an_upheld_decision_changes_nothing(appeal: Appeal, post: Post, eve: User) -> None:
    appeals.decide(moderator=eve, appeal=appeal, is_reversed=False, answer="It stands.")
    post.refresh_from_db()
    appeal.refresh_from_db()
    assert (post.state, appeal.outcome) == (State.HIDDEN, "upheld")
    assert ModerationAction.objects.count() == 1


def test_another_moderator_than_the_one_who_acted_decides(
    appeal: Appeal, post: Post, ada: User, eve: User
) -> None:
    with pytest.raises(BeyondModerator, match="another moderator"):
        appeals.decide(moderator=ada, appeal=appeal, is_reversed=False, answer="No.")
    User.objects.filter(pk=eve.pk).update(is_active=False)  # then there is no other
    appeals.decide(moderator=ada, appeal=appeal, is_reversed=True, answer="On second thought.")
    post.refresh_from_db()
    assert post.state == State.PUBLISHED


def test_a_moderator_never_decides_their_own_appeal(thread: Thread, ada: User, eve: User) -> None:
    post = reply(ada, thread)
    action = moderation.hide(moderator=eve, post=post, reason=WHY)
    appeal = appeals.appeal(person=ada, action=action, text="It is mine.")
    with pytest.raises(BeyondModerator, match="own appeal"):
        appeals.decide(moderator=ada, appeal=appeal, is_reversed=True, answer="Yes.")
    with pytest.raises(BeyondModerator):
        moderation.restore(moderator=ada, post=post, reason="Mine.")
    # eve acted, and the only other moderator is who appeals: so she decides
    appeals.decide(moderator=eve, appeal=appeal, is_reversed=True, answer="Yes.")


def test_who_does_not_moderate_decides_nothing(appeal: Appeal, sam: User) -> None:
    with pytest.raises(NotAModerator):
        appeals.decide(moderator=sam, appeal=appeal, is_reversed=True, answer="Yes.")


def test_an_appeal_is_decided_once(appeal: Appeal, post: Post, ada: User, eve: User) -> None:
    first = appeals.decide(moderator=eve, appeal=appeal, is_reversed=False, answer="No.")
    again = appeals.decide(moderator=eve, appeal=appeal, is_reversed=False, answer="No, no.")
    assert again.answer == first.answer == "No."
    with pytest.raises(AlreadyModerated):
        appeals.decide(moderator=eve, appeal=appeal, is_reversed=True, answer="Yes.")
    post.refresh_from_db()
    assert post.state == State.HIDDEN


def test_an_appeal_about_a_deleted_post_can_only_be_upheld(
    appeal: Appeal, post: Post, ola: User, eve: User
) -> None:
    services.posts.delete_post(author=ola, post=post)
    post.refresh_from_db()
    decided = appeals.decide(moderator=eve, appeal=appeal, is_reversed=False, answer="No.")
    assert (decided.outcome, post.state, post.text) == ("upheld", State.DELETED, "")


def test_locks_moves_and_mutes_are_reversed_too(
    thread: Thread, question: Question, mei: User, ada: User, eve: User
) -> None:
    subject = Subject(Thread.About.QUESTION, question=question)
    until = now() + timedelta(days=7)
    for action in (
        moderation.lock(moderator=ada, thread=thread, reason=WHY),
        moderation.move(moderator=ada, thread=thread, subject=subject, reason=WHY),
        moderation.mute(moderator=ada, person=mei, until=until, reason=WHY),
    ):
        appeal = appeals.appeal(person=mei, action=action, text="Please not.")
        appeals.decide(moderator=eve, appeal=appeal, is_reversed=True, answer="Right.")
    thread.refresh_from_db()
    assert (thread.is_locked, thread.about, thread.question) == (False, "general", None)
    assert not Mute.objects.filter(ends_at__gt=now()).exists()
    assert reply(mei, thread).number == 2


def test_a_move_back_to_what_is_gone_is_refused(
    question: Question, mei: User, ada: User, eve: User
) -> None:
    from tests.discussions.conftest import start

    thread = start(mei, Subject(Thread.About.QUESTION, question=question))
    general = Subject(Thread.About.GENERAL)
    action = moderation.move(moderator=ada, thread=thread, subject=general, reason=WHY)
    appeal = appeals.appeal(person=mei, action=action, text="Please not.")
    Question.objects.update(withdrawn=True)
    with pytest.raises(ThreadGone):
        appeals.decide(moderator=eve, appeal=appeal, is_reversed=True, answer="Right.")
    appeal.refresh_from_db()
    assert appeal.outcome == "open"


def test_the_page_of_an_appeal_shows_nothing_that_somebody_else_wrote(
    thread: Thread, post: Post, mei: User, ada: User
) -> None:
    action = moderation.lock(moderator=ada, thread=thread, post=post, reason=WHY)
    moderation.hide(moderator=ada, post=post, reason=WHY)
    html = html_of(f"/appeals/{action.pk}", mei)
    assert "Your thread was locked." in html
    assert "Kaiming" not in html and "Your post" not in html
