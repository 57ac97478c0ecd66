"""Brakes on new accounts, on floods and on repeated texts; the switch that has all posts wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from apps.accounts.models import User
from apps.discussions import limits, post_markdown, selectors, services
from apps.discussions.errors import DuplicatePost, TooManyPosts
from apps.discussions.models import Post, State, Thread
from apps.discussions.post_markdown import RenderedPost
from apps.discussions.services import brakes as the_brakes
from tests.discussions.conftest import make_person, reply, start

pytestmark = pytest.mark.usefixtures("brakes")
LONG = "A sentence that is long enough to be compared with what was written before."
LINK = "Look at https://elsewhere.example/ and buy."


@pytest.fixture(autouse=True)
def links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every word with :// be a link off this site, whatever the renderer takes for one."""

    def rendered(text: str) -> RenderedPost:
        return RenderedPost(f"<p>{text}</p>", links=[w for w in text.split() if "://" in w])

    monkeypatch.setattr(post_markdown, "render_post", rendered)


def made_earlier(person: User, hours: float = limits.NEW_HOURS + 1) -> None:
    """Have all that a person posted be older."""
    earlier = F("created_at") - timedelta(hours=hours)
    published = F("published_at") - timedelta(hours=hours)
    Post.objects.filter(author=person).update(created_at=earlier, published_at=published)


def established(handle: str) -> User:
    person = make_person(handle)
    start(person)
    made_earlier(person)
    return person


def state_of(person: User, text: str, thread: Thread | None = None) -> State:
    return the_brakes.state_of_new(
        author=person, text=text, rendered=post_markdown.render_post(text), thread=thread
    )


# ---------------------------------------------------------------- how much


def test_a_new_account_begins_one_thread_a_day(mei: User) -> None:
    start(mei)
    with pytest.raises(TooManyPosts, match="1 thread a day") as refused:
        start(mei)
    assert 86_000 < (refused.value.seconds or 0) <= 86_400
    assert mei.threads.count() == 1


def test_a_new_account_writes_five_posts_a_day_its_thread_among_them(mei: User, ola: User) -> None:
    thread = start(mei)
    for _n in range(limits.MAX_NEW_POSTS - 1):
        reply(mei, thread)
    with pytest.raises(TooManyPosts, match="5 posts a day"):
        reply(mei, thread)
    assert Post.objects.filter(author=mei).count() == limits.MAX_NEW_POSTS
    reply(ola, thread)  # another one may


def test_deleting_a_post_makes_no_room_for_another(mei: User, thread: Thread) -> None:
    services.posts.delete_post(author=mei, post=thread.posts.get(number=1))
    with pytest.raises(TooManyPosts):
        start(mei)


def test_a_form_that_is_sent_twice_is_not_braked(mei: User) -> None:
    assert start(mei, key="k") == start(mei, key="k")


def test_a_vote_up_ends_the_brakes(mei: User, ola: User, sam: User, thread: Thread) -> None:
    post = thread.posts.get(number=1)
    services.votes.vote(user=ola, post=post, value=1)
    assert not the_brakes.is_new(mei)
    start(mei)
    services.votes.vote(user=sam, post=post, value=-1)  # as many down as up
    assert the_brakes.is_new(mei)


def test_a_day_after_the_first_post_the_brakes_end(mei: User, thread: Thread) -> None:
    made_earlier(mei, limits.NEW_HOURS - 0.1)
    assert the_brakes.is_new(mei)
    made_earlier(mei, 0.2)
    assert not the_brakes.is_new(mei)


@pytest.mark.parametrize("state", [State.HIDDEN, State.PENDING, State.DELETED])
def test_nobody_waits_the_brakes_out_with_what_nobody_may_see(
    mei: User, ola: User, thread: Thread, state: State
) -> None:
    services.votes.vote(user=ola, post=thread.posts.get(number=1), value=1)
    made_earlier(mei)
    Post.objects.filter(author=mei).update(state=state, text="", html="", search=None)
    assert the_brakes.is_new(mei)


def test_many_posts_in_a_minute_are_refused_to_everybody_but_moderators_and_staff(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_POSTS_A_MINUTE", 2)
    old = established("old")
    staff = make_person("staff")
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    staff.refresh_from_db()
    thread = start(old)
    reply(old, thread)
    with pytest.raises(TooManyPosts, match="2 times within a minute") as refused:
        reply(old, thread)
    assert 1 <= (refused.value.seconds or 0) <= 60
    for exempt in (ada, staff):
        for _n in range(7):
            reply(exempt, thread, LONG)
        assert start(exempt) and start(exempt)


# ---------------------------------------------------------------- links


def test_links_of_a_new_account_wait_and_are_announced_to_nobody(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: list[Any] = []
    monkeypatch.setattr(
        "apps.discussions.announcements.post_published", lambda **more: announced.append(more)
    )
    thread = start(mei, text=LINK)
    post = thread.posts.get(number=1)
    assert (thread.state, post.state, post.search, post.published_at) == (
        State.PENDING,
        State.PENDING,
        None,
        None,
    )
    assert not selectors.threads(make_person("other")).exists() and announced == []
    assert list(selectors.threads(mei)) == [thread]


def test_links_of_others_are_published(ada: User, thread: Thread) -> None:
    old = established("old")
    assert reply(old, thread, LINK).state == State.PUBLISHED
    assert reply(ada, thread, LINK).state == State.PUBLISHED


def test_an_edit_that_adds_links_to_a_post_of_a_new_account_has_it_wait(
    mei: User, ola: User, thread: Thread
) -> None:
    post = reply(ola, thread)
    edited = services.posts.edit_post(author=ola, post=post, text=LINK, edits=0)
    thread.refresh_from_db()
    assert (edited.state, edited.search, edited.text) == (State.PENDING, None, LINK)
    assert thread.replies == 0
    first = thread.posts.get(number=1)
    services.posts.edit_post(author=mei, post=first, text=LINK, edits=0)
    thread.refresh_from_db()
    assert thread.state == State.PENDING


def test_an_approved_link_stays_when_other_words_are_edited(
    ola: User, ada: User, thread: Thread
) -> None:
    post = reply(ola, thread, LINK)
    services.moderation.approve(moderator=ada, post=post, reason="It is fine.")
    edited = services.posts.edit_post(author=ola, post=post, text=f"{LINK} Really.", edits=0)
    assert edited.state == State.PUBLISHED


def test_an_edit_of_a_hidden_post_leaves_it_hidden(ola: User, ada: User, thread: Thread) -> None:
    post = reply(ola, thread)
    services.moderation.hide(moderator=ada, post=post, reason="It is rude.")
    for edits, text in enumerate(("Better words.", LINK)):
        edited = services.posts.edit_post(author=ola, post=post, text=text, edits=edits)
        assert (edited.state, edited.search) == (State.HIDDEN, None)


# ---------------------------------------------------------------- the same text


@pytest.mark.parametrize(
    "again", [LONG, LONG.upper(), LONG.replace(" ", "\n  "), LONG.replace("is", "i\u200bs")]
)
def test_the_same_text_again_is_refused_with_where_it_is(
    mei: User, thread: Thread, again: str
) -> None:
    first = reply(mei, thread, LONG)
    with pytest.raises(DuplicatePost) as refused:
        reply(mei, thread, again)
    assert refused.value.extra["page"] == f"/threads/{thread.pk}/posts/{first.number}"
    other = reply(mei, thread, "Something short.")
    with pytest.raises(DuplicatePost):
        services.posts.edit_post(author=mei, post=other, text=again, edits=0)


def test_short_words_and_old_texts_are_repeated(mei: User) -> None:
    old = established("old")
    thread = start(old)
    reply(old, thread, "Thanks!")
    reply(old, thread, "Thanks!")
    reply(old, thread, LONG)
    Post.objects.filter(text=LONG).update(
        created_at=F("created_at") - timedelta(days=limits.DUPLICATE_DAYS, hours=1)
    )
    reply(old, thread, LONG)


def test_chinese_texts_are_told_apart(mei: User, thread: Thread) -> None:
    text = "去掉预热以后，损失在三点二停了九百步，优化器到底在做什么？" * 2
    reply(mei, thread, text)
    reply(mei, thread, text.replace("九百", "八百"))
    with pytest.raises(DuplicatePost):
        reply(mei, thread, text)


def test_a_text_that_several_new_accounts_post_waits_from_the_third_on(thread: Thread) -> None:
    states = [reply(make_person(f"new{n}"), thread, LONG).state for n in range(4)]
    assert states == [State.PUBLISHED, State.PUBLISHED, State.PENDING, State.PENDING]
    assert reply(established("old"), thread, LONG).state == State.PUBLISHED


def test_the_same_text_is_found_by_an_index(mei: User, thread: Thread) -> None:
    same = the_brakes._posts_with(LONG, except_for=None)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = same.explain()
    assert "posts_by_fingerprint" in plan


# ---------------------------------------------------------------- the switch


def test_the_switch_has_the_posts_and_edits_of_everybody_else_wait(
    ada: User, thread: Thread, settings: Any
) -> None:
    old = established("old")
    post = reply(old, thread)
    settings.POSTS_NEED_APPROVAL = True
    assert reply(old, thread).state == State.PENDING
    assert reply(ada, thread).state == State.PUBLISHED
    edited = services.posts.edit_post(author=old, post=post, text="Other words", edits=0)
    assert edited.state == State.PENDING


def test_staff_who_do_not_moderate_wait_too_while_the_switch_is_on(
    thread: Thread, settings: Any
) -> None:
    settings.POSTS_NEED_APPROVAL = True
    staff = User.objects.create_user("staff@example.org", "staff", is_staff=True)
    assert state_of(staff, "Anything", thread) == State.PENDING


def test_a_text_with_what_nobody_sees_in_it_is_the_same_text(mei: User, thread: Thread) -> None:
    person = established("pat")
    reply(person, thread, LONG)
    with pytest.raises(DuplicatePost):
        reply(person, thread, LONG.replace(" ", " \u202e\u2066", 3))
