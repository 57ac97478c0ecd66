"""A flag is one person's word that waits for moderators."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.discussions import limits, services
from apps.discussions.errors import OwnPost, ThreadGone, TooManyFlags
from apps.discussions.models import Flag, Post, State, Thread
from tests.discussions.conftest import reply


@pytest.fixture
def post(thread: Thread, ola: User) -> Post:
    return reply(ola, thread)


def test_a_flag_waits_with_reason_and_words(post: Post, sam: User) -> None:
    flag = services.flags.flag(flagger=sam, post=post, reason="spam", text=" Buys \r\nlinks ")
    assert (flag.reason, flag.text, flag.action) == ("spam", "Buys \nlinks", None)


def test_a_second_flag_while_the_first_waits_replaces_its_words(post: Post, sam: User) -> None:
    first = services.flags.flag(flagger=sam, post=post, reason="spam")
    second = services.flags.flag(flagger=sam, post=post, reason="rude", text="Insults Mei.")
    assert first.pk == second.pk
    assert list(Flag.objects.values_list("reason", "text")) == [("rude", "Insults Mei.")]


def test_a_post_is_flagged_again_once_the_first_flag_was_answered(
    post: Post, sam: User, ada: User
) -> None:
    first = services.flags.flag(flagger=sam, post=post, reason="spam")
    services.moderation.dismiss(moderator=ada, post=post, reason="It is fine.")
    assert services.flags.flag(flagger=sam, post=post, reason="spam").pk != first.pk


def test_nobody_flags_their_own_post(post: Post, ola: User) -> None:
    with pytest.raises(OwnPost):
        services.flags.flag(flagger=ola, post=post, reason="spam")


@pytest.mark.parametrize("state", [State.HIDDEN, State.PENDING, State.DELETED])
def test_what_cannot_be_read_is_not_flagged(post: Post, sam: User, state: State) -> None:
    Post.objects.filter(pk=post.pk).update(state=state, text="", html="", search=None)
    with pytest.raises(ThreadGone):
        services.flags.flag(flagger=sam, post=post, reason="spam")
    assert not Flag.objects.exists()


def test_one_person_has_so_many_flags_waiting(
    post: Post, thread: Thread, sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.discussions.services.flags.MAX_WAITING_FLAGS", 1)
    services.flags.flag(flagger=sam, post=post, reason="spam")
    services.flags.flag(flagger=sam, post=post, reason="rude")  # the same one
    with pytest.raises(TooManyFlags, match="1 of your flags"):
        services.flags.flag(flagger=sam, post=thread.posts.get(number=1), reason="spam")
    assert limits.MAX_WAITING_FLAGS >= 20


def test_flags_of_posts_that_their_authors_deleted_wait_no_more(
    post: Post, thread: Thread, ola: User, sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.discussions.services.flags.MAX_WAITING_FLAGS", 1)
    services.flags.flag(flagger=sam, post=post, reason="spam")
    services.posts.delete_post(author=ola, post=post)
    services.flags.flag(flagger=sam, post=thread.posts.get(number=1), reason="spam")
