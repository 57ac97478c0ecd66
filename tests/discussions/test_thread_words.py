"""What a search finds a thread by follows its title and its published posts."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.search import SearchVector
from django.db.models import Value

from apps.accounts.models import User
from apps.discussions import selectors, services
from apps.discussions.models import Post, Thread
from apps.discussions.services import thread_words
from tests.discussions.conftest import reply


def finds(words: str) -> bool:
    return selectors.threads(AnonymousUser(), words=words).exists()


def test_words_are_looked_for_in_the_title_and_in_all_posts_together(
    thread: Thread, ola: User, sam: User
) -> None:
    reply(ola, thread, "A quokka.")
    reply(sam, thread, "Batch norm, 批归一化。")
    assert finds("stall quokka norms 归一化") and finds("why does quokka")
    assert not finds("quokka wombat") and not finds("why does")


def test_what_an_edit_takes_out_is_not_found_unless_another_post_has_it(
    thread: Thread, ola: User, sam: User
) -> None:
    post = reply(ola, thread, "A quokka and a wombat.")
    reply(sam, thread, "No wombat.")
    services.posts.edit_post(author=ola, post=post, text="A kestrel.", edits=0)
    assert finds("kestrel") and finds("wombat") and not finds("quokka")
    services.posts.delete_post(author=ola, post=post)
    assert not finds("kestrel") and finds("wombat")


@pytest.mark.parametrize("gathered_again", [False, True])
def test_a_thread_with_more_words_than_one_vector_takes_is_found_by_the_first(
    thread: Thread, ola: User, sam: User, monkeypatch: pytest.MonkeyPatch, gathered_again: bool
) -> None:
    monkeypatch.setattr(thread_words, "MAX_BYTES", 2_000)
    reply(ola, thread, "A quokka.")
    reply(ola, thread, " ".join(f"word{number}" for number in range(400)))
    reply(sam, thread, "A wombat.")
    if gathered_again:
        thread_words.gather([thread.pk])
    assert finds("stall quokka") and not finds("word399")


def test_what_one_vector_cannot_hold_is_no_error(thread: Thread, ola: User) -> None:
    """PostgreSQL refuses a vector of more than 1 MiB: 60 posts of long words would make one."""
    for turn in range(60):
        words = " ".join(f"{'漢' * 40}{turn:02}{word:03}" for word in range(180))
        post = reply(ola, thread, f"Turn {turn}")
        Post.objects.filter(pk=post.pk).update(search=SearchVector(Value(words), config="simple"))
        thread_words.add(post)
    assert finds("stall") and finds("turn")
    thread_words.gather([thread.pk])
    assert finds("stall")
