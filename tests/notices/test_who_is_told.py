"""Who is told what happens in a thread, to reports and to runs; and who is not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.discussions import announcements, selectors, services
from apps.discussions.limits import MAX_MENTIONS
from apps.discussions.models import Appeal, Flag, Follow, ModerationAction, Post, State, Thread
from apps.discussions.subjects import Subject
from apps.experiments.models import Run
from apps.experiments.services import set_run_visibility
from apps.notices.models import Delivery, Kind, Notice, Preference
from apps.notices.presenters import row
from apps.notices.services import change_deliveries
from apps.progress.models import UnreadVerdict
from apps.progress.services.verdicts import mark_verdict_read, tell_of_unread_verdicts
from apps.questions.models import Question, Report
from apps.questions.services import report_mistake
from tests.common.editing import edit
from tests.common.reauthenticating import enter_password
from tests.discussions.conftest import make_person, reply, start
from tests.experiments.conftest import step_clock
from tests.experiments.pages_cast import loaded, measured, queued

pytestmark = pytest.mark.django_db


def told() -> set[tuple[str, str]]:
    """Return who was told, and of what kind."""
    return set(Notice.objects.values_list("person__handle", "kind"))


def published(thread: Thread, author: User, *handles: str) -> Post:
    """Publish a post that mentions people, whatever the text is rendered to."""
    post = reply(author, thread)
    Notice.objects.all().delete()
    announcements.post_published(thread=thread, post=post, mentions=handles)
    return post


def follow(thread: Thread, *people: User) -> None:
    for person in people:
        services.follows.follow(user=person, thread=thread)


# ---------------------------------------------------------------- a new post


def test_a_reply_tells_who_asked_who_follows_and_whom_it_mentions(
    thread: Thread, mei: User, ola: User, sam: User, ada: User
) -> None:
    follow(thread, sam)
    post = published(thread, ola, "ADA", "nobody")
    assert told() == {("mei", "reply"), ("sam", "followed"), ("ada", "mention")}
    notice = Notice.objects.get(person=mei)
    assert (notice.title, notice.actor) == (thread.title, ola)
    assert notice.path == post.get_absolute_url()


def test_each_is_told_once_and_a_mention_comes_first(
    thread: Thread, mei: User, ola: User, sam: User
) -> None:
    follow(thread, sam)
    published(thread, ola, "mei", "sam", "Sam")
    assert told() == {("mei", "mention"), ("sam", "mention")}


def test_the_author_of_a_post_is_told_nothing_of_it(thread: Thread, mei: User) -> None:
    published(thread, mei, "mei")
    assert told() == set()


def test_the_first_post_of_a_thread_tells_whom_it_mentions(mei: User, sam: User) -> None:
    thread = start(mei)
    announcements.post_published(thread=thread, post=thread.posts.get(number=1), mentions=["sam"])
    assert told() == {("sam", "mention")}


def test_who_has_muted_a_thread_hears_nothing_of_it(
    thread: Thread, mei: User, ola: User, sam: User
) -> None:
    for person in (mei, sam):
        services.follows.mute(user=person, thread=thread)
    post = published(thread, ola, "sam", "mei")
    assert told() == set()
    services.follows.mute(user=ola, thread=thread)
    services.threads.accept(user=mei, post=post, accepted=True)
    assert told() == set()


def test_who_follows_their_own_thread_no_more_hears_of_no_reply(
    thread: Thread, mei: User, ola: User
) -> None:
    services.follows.unfollow(user=mei, thread=thread)
    published(thread, ola)
    assert told() == set()


def test_only_who_can_sign_in_is_mentioned_and_no_more_than_ten(
    thread: Thread, mei: User, ola: User, sam: User
) -> None:
    User.objects.filter(pk=sam.pk).update(is_active=False)
    people = [make_person(f"person{n}").handle for n in range(MAX_MENTIONS + 5)]
    published(thread, ola, "sam", "gradus", *people)
    mentioned = {handle for handle, kind in told() if kind == "mention"}
    assert mentioned == set(people[: MAX_MENTIONS - 2])


def test_a_post_that_waits_tells_nobody(thread: Thread, mei: User, ola: User) -> None:
    announcements.post_waits(thread=thread, post=Post(thread=thread, number=2, author=ola))
    assert told() == set()


@pytest.mark.usefixtures("woken_queues")
def test_who_may_not_see_a_thread_is_not_told_of_it(
    mei: User, ola: User, sam: User, ada: User
) -> None:
    run = queued(mei, loaded())
    set_run_visibility(run=run, shared=True)
    thread = start(ola, Subject(Thread.About.RUN, run=run))
    follow(thread, sam, ada, mei)
    set_run_visibility(run=run, shared=False)
    thread = Thread.objects.get(pk=thread.pk)
    post = reply(ola, thread)
    announcements.post_published(thread=thread, post=post, mentions=["sam"])
    assert told() == {("mei", "followed"), ("ada", "followed")}


@pytest.mark.usefixtures("woken_queues")
@pytest.mark.parametrize("state", State.values)
@pytest.mark.parametrize("shared", [None, True, False])
def test_who_may_see_a_thread_agrees_with_what_each_reader_sees(
    state: str, shared: bool | None, mei: User, ola: User, sam: User, ada: User
) -> None:
    run = None
    if shared is not None:
        run = queued(ola, loaded())
        set_run_visibility(run=run, shared=shared)
    about = Thread.About.RUN if run else Thread.About.GENERAL
    thread = start(mei, Subject(about, run=run))
    Thread.objects.filter(pk=thread.pk).update(state=state)
    thread.refresh_from_db()
    root = User.objects.create_user("root@example.org", "root1", is_superuser=True)
    people = [mei, ola, sam, ada, root]
    sees = {p.pk for p in people if thread in selectors.visible_threads(p)}
    assert selectors.who_may_see(thread, [p.pk for p in people]) == sees
    assert (thread in selectors.visible_threads(AnonymousUser())) == (sam.pk in sees)


def test_a_notice_quotes_nothing_of_the_post(thread: Thread, mei: User, ola: User) -> None:
    reply(ola, thread, "The secret is that the learning rate kills it.")
    notice = Notice.objects.get(person=mei)
    everything = " ".join(str(value) for value in vars(notice).values())
    assert "secret" not in everything and "learning rate" not in everything


def test_two_thousand_followers_are_told_in_as_many_statements_as_one(
    thread: Thread, ola: User, sam: User
) -> None:
    follow(thread, sam, ola)
    with CaptureQueriesContext(connection) as few:
        reply(ola, thread)
    people = User.objects.bulk_create(
        User(email=f"p{n}@example.org", canonical_email=f"p{n}@example.org", handle=f"p{n}")
        for n in range(2_000)
    )
    Follow.objects.bulk_create(Follow(thread=thread, user=person) for person in people)
    with CaptureQueriesContext(connection) as many:
        reply(ola, thread)
    assert len(many) <= len(few)
    assert Notice.objects.filter(kind=Kind.FOLLOWED).count() == 2_001


def test_who_never_wants_to_hear_of_a_kind_has_no_notice(
    thread: Thread, mei: User, ola: User
) -> None:
    change_deliveries(person=mei, deliveries={Kind.REPLY: Delivery.NEVER})
    reply(ola, thread)
    assert told() == set()
    assert Preference.objects.count() == 1


# ---------------------------------------------------------------- acceptance, what is gone


def test_an_accepted_answer_tells_its_author(thread: Thread, mei: User, ola: User) -> None:
    post = reply(ola, thread)
    services.threads.accept(user=mei, post=post, accepted=True)
    services.threads.accept(user=mei, post=post, accepted=True)
    notice = Notice.objects.get(person=ola)
    assert (notice.kind, notice.count, row(notice).sentence) == (
        "accepted",
        1,
        "mei accepted your answer",
    )


def test_who_accepts_their_own_answer_is_not_told(thread: Thread, mei: User) -> None:
    services.threads.accept(user=mei, post=reply(mei, thread), accepted=True)
    assert told() == set()


def test_what_was_deleted_before_anybody_read_of_it_is_no_notice_any_more(
    thread: Thread, mei: User, ola: User, sam: User
) -> None:
    follow(thread, sam)
    first = reply(ola, thread)
    second = reply(ola, thread)
    services.posts.delete_post(author=ola, post=first)
    assert Notice.objects.filter(count=2).count() == 2, "they tell of the second, too"
    Notice.objects.all().delete()
    third = reply(ola, thread)
    services.posts.delete_post(author=ola, post=third)
    services.posts.delete_post(author=ola, post=second)
    assert told() == set()


def test_with_a_thread_the_notices_of_it_go(mei: User, sam: User) -> None:
    thread = start(mei)
    announcements.post_published(thread=thread, post=thread.posts.get(number=1), mentions=["sam"])
    services.posts.delete_post(author=mei, post=thread.posts.get(number=1))
    assert told() == set()


# ---------------------------------------------------------------- moderation


def act(thread: Thread, kind: str, post: Post | None = None, **more: Any) -> ModerationAction:
    values = {"kind": kind, "thread": thread, "post": post, "reason": "It is off the rails."}
    return ModerationAction.objects.create(**values | more)


def test_moderation_tells_the_author_why_and_not_by_whom(
    thread: Thread, mei: User, ola: User, ada: User
) -> None:
    post = reply(ola, thread)
    Notice.objects.all().delete()
    action = act(thread, "hide", post, moderator=ada, person=ola)
    announcements.moderated(action=action)
    notice = Notice.objects.get()
    shown = row(notice)
    assert (notice.person, notice.kind, notice.actor) == (ola, "moderation", None)
    assert (shown.sentence, shown.reason) == ("A moderator hid a post of yours", action.reason)
    assert notice.path == f"/appeals/{action.pk}"


def test_two_actions_are_two_notices_each_with_its_reason(
    thread: Thread, mei: User, ada: User
) -> None:
    for kind, reason in (("lock", "Enough."), ("unlock", "Well then.")):
        announcements.moderated(action=act(thread, kind, moderator=ada, person=mei, reason=reason))
    notices = Notice.objects.order_by("pk")
    assert [row(notice).reason for notice in notices] == ["Enough.", "Well then."]


@pytest.mark.parametrize("kind", ModerationAction.Kind.values)
@pytest.mark.parametrize("number", [1, 2])
def test_each_action_has_a_sentence(
    kind: str, number: int, thread: Thread, mei: User, ola: User, ada: User
) -> None:
    reply(ola, thread)
    Notice.objects.all().delete()
    details = {"until": "2026-12-24T20:00:00+00:00"} if kind == "mute" else {}
    post = thread.posts.get(number=number)
    action = act(thread, kind, post, moderator=ada, person=ola, details=details)
    announcements.moderated(action=action)
    sentences = [row(notice).sentence for notice in Notice.objects.all()]
    assert len(sentences) == (kind != "dismiss")
    assert not any("did something" in sentence for sentence in sentences)


def test_who_moderates_their_own_is_not_told(thread: Thread, ada: User) -> None:
    announcements.moderated(action=act(thread, "lock", moderator=ada, person=ada))
    assert told() == set()


def test_what_a_moderator_hid_before_anybody_read_of_it_is_no_notice_any_more(
    thread: Thread, mei: User, ola: User, sam: User, ada: User
) -> None:
    follow(thread, sam)
    reply(ola, thread)
    Thread.objects.filter(pk=thread.pk).update(state=State.HIDDEN)
    action = act(thread, "hide", thread.posts.get(number=1), moderator=ada, person=mei)
    announcements.moderated(action=action)
    assert told() == {("mei", "reply"), ("mei", "moderation")}


def test_who_flagged_a_post_hears_what_became_of_it_and_nothing_else(
    thread: Thread, mei: User, ola: User, sam: User, ada: User
) -> None:
    post = reply(ola, thread)
    Notice.objects.all().delete()
    action = act(thread, "dismiss", post, moderator=ada, person=ola, reason="It is fine.")
    for flagger in (sam, ada):
        Flag.objects.create(post=post, flagger=flagger, reason="rude", action=action)
    announcements.moderated(action=action)
    notice = Notice.objects.get()
    assert (notice.person, notice.kind, notice.path) == (sam, "report", post.get_absolute_url())
    assert row(notice).sentence == "A post that you flagged was read by a moderator, and stays"
    assert "fine" not in str(vars(notice))


@pytest.mark.parametrize(
    ("outcome", "words"), [("upheld", "what the moderator did stands"), ("reversed", "is undone")]
)
def test_an_appeal_is_answered(
    outcome: str, words: str, thread: Thread, mei: User, ada: User
) -> None:
    action = act(thread, "lock", moderator=ada, person=mei)
    appeal = Appeal.objects.create(
        action=action,
        person=mei,
        text="But why?",
        outcome=outcome,
        answer="Read it again.",
        decided_by=ada,
        decided_at=thread.created_at,
    )
    announcements.appeal_decided(appeal=appeal)
    shown = row(Notice.objects.get())
    assert words in shown.sentence and shown.reason == "Read it again."


# ---------------------------------------------------------------- reports and runs


@pytest.fixture
def report(question: Question, sam: User) -> Report:
    assert question.current is not None
    return report_mistake(
        reporter=sam,
        revision=question.current,
        about="fact",
        text="It is not so.",
        language="en",
        key="k",
    )


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("fixed", "A mistake that you reported was fixed"),
        ("declined", "A report of yours was read, and nothing was changed"),
    ],
)
def test_a_report_that_is_decided_tells_who_wrote_it(
    state: str, sentence: str, report: Report, sam: User
) -> None:
    boss = Client()
    enter_password(
        boss, User.objects.create_superuser("boss@example.org", "boss", "a long password")
    )
    url = f"/admin/questions/report/{report.pk}/change/"
    edit(boss, url, note="A private note.")
    assert told() == set(), "nothing is decided yet"
    edit(boss, url, state=state)
    notice = Notice.objects.get()
    assert (notice.person, row(notice).sentence) == (sam, sentence)
    assert notice.path == report.question.get_absolute_url()
    assert "private" not in str(vars(notice)) and "not so" not in str(vars(notice))


@pytest.fixture
def finished(mei: User, woken_queues: list[str]) -> Run:
    return measured(queued(mei, loaded()))


def test_who_was_elsewhere_is_told_of_a_verdict_after_a_while_and_once(
    finished: Run, mei: User
) -> None:
    assert tell_of_unread_verdicts() == 0
    step_clock(11 * 60)
    assert tell_of_unread_verdicts() == 1
    assert tell_of_unread_verdicts() == 0
    notice = Notice.objects.get()
    assert (notice.person, notice.kind, notice.path) == (mei, "verdict", f"/runs/{finished.pk}")
    assert row(notice).title == finished.version.title
    assert "holds" not in str(vars(notice)), "the verdict itself stays folded"
    mark_verdict_read(run=finished)
    notice.refresh_from_db()
    assert notice.read_at is not None


def test_who_has_read_a_verdict_or_is_back_only_days_later_is_not_told(
    finished: Run, mei: User
) -> None:
    step_clock(2 * 24 * 3600)
    assert tell_of_unread_verdicts() == 0
    step_clock(11 * 60)
    mark_verdict_read(run=finished)
    assert tell_of_unread_verdicts() == 0
    assert told() == set() and not UnreadVerdict.objects.exists()


def test_groups_of_ones_own_may_moderate_too(mei: User, ola: User, ada: User) -> None:
    thread = start(mei)
    Thread.objects.filter(pk=thread.pk).update(state=State.HIDDEN)
    thread.refresh_from_db()
    ola.groups.add(Group.objects.get(name="operator"))
    assert selectors.who_may_see(thread, [ola.pk, ada.pk, mei.pk]) == {ada.pk, mei.pk}
