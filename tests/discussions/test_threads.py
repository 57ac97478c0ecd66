"""Which threads a reader is shown, and which of their bodies stay folded."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from apps.accounts.models import User
from apps.discussions import selectors, services
from apps.discussions.models import Thread
from apps.discussions.subjects import Subject
from apps.progress.services import answers
from apps.questions.models import Question
from tests.discussions.conftest import reply, start

VISITOR = AnonymousUser()


@pytest.mark.parametrize(
    "words",
    ["stall", "stalled loss", "warmups", "预热", "损失 warmup", "停滞", "停", "滞", "Ｗａｒｍｕｐ"],
)
def test_a_search_finds_words_of_titles_and_posts_in_both_languages(mei: User, words: str) -> None:
    thread = start(mei, title="The loss stalls without warmup", text="去掉预热以后，损失停滞了。")
    start(mei, title="Nothing of the kind", text="毫无关系的一个问题")
    assert list(selectors.threads(VISITOR, words=words)) == [thread]


@pytest.mark.parametrize(
    "words", ["why does the loss stall?", "the stall", "how, and where — warmup !!"]
)
def test_a_search_passes_over_words_that_are_not_indexed(mei: User, words: str) -> None:
    thread = start(mei, title="Does a loss stall without warmup?")
    start(mei, title="How and why are the others the same?", text="Nobody knows.")
    assert list(selectors.threads(VISITOR, words=words)) == [thread]


@pytest.mark.parametrize("words", ["the", "why is it", "???"])
def test_words_that_are_not_indexed_alone_find_nothing(mei: User, words: str) -> None:
    start(mei, title="Why is it the loss that stalls?")
    assert not selectors.threads(VISITOR, words=words).exists()


@pytest.mark.parametrize("words", ["热损", "dropout", "停损"])
def test_a_search_finds_no_words_that_are_not_there(mei: User, words: str) -> None:
    start(mei, title="The loss stalls without warmup", text="去掉预热以后，损失停滞了。")
    assert not selectors.threads(VISITOR, words=words).exists()


def test_a_search_does_not_find_what_was_deleted(thread: Thread, ola: User) -> None:
    post = reply(ola, thread, "Kaiming says so.")
    assert selectors.threads(VISITOR, words="Kaiming").exists()
    services.posts.delete_post(author=ola, post=post)
    assert not selectors.threads(VISITOR, words="Kaiming").exists()


def test_filters_and_orders(mei: User, ola: User) -> None:
    first, second = start(mei), start(ola, language="zh")
    reply(ola, first)
    services.follows.unfollow(user=mei, thread=first)
    assert list(selectors.threads(ola)) == [first, second]
    assert list(selectors.threads(ola, order="newest")) == [second, first]
    assert list(selectors.threads(VISITOR, show="unanswered")) == [second]
    assert list(selectors.threads(mei, show="mine")) == [first]
    assert list(selectors.threads(mei, show="following")) == []
    assert set(selectors.threads(ola, show="following")) == {first, second}
    assert list(selectors.threads(VISITOR, language="zh")) == [second]
    assert not selectors.threads(VISITOR, show="nonsense").exists()
    services.votes.vote(user=ola, post=first.posts.get(number=1), value=1)
    assert list(selectors.threads(VISITOR, order="best")) == [first, second]


def test_what_is_answered_comes_last_by_its_replies(mei: User, ola: User, sam: User) -> None:
    threads = [start(mei, title=f"The {nth} of four threads") for nth in range(4)]
    answers = [reply(ola, thread) for thread in threads[:3]]
    reply(sam, threads[0])
    reply(sam, threads[2])
    for nth in (1, 0):  # whichever was accepted first
        services.threads.accept(user=mei, post=answers[nth], accepted=True)
    expected = [threads[3], threads[2], threads[1], threads[0]]
    assert list(selectors.threads(VISITOR, order="unanswered")) == expected


def test_a_thread_in_which_nothing_of_mine_is_left_is_not_mine(thread: Thread, ola: User) -> None:
    post = reply(ola, thread)
    assert list(selectors.threads(ola, show="mine")) == [thread]
    services.posts.delete_post(author=ola, post=post)
    assert not selectors.threads(ola, show="mine").exists()


def test_bodies_are_folded_until_the_answer_was_revealed(
    question: Question, mei: User, sam: User
) -> None:
    thread = start(mei, Subject(Thread.About.QUESTION, question=question))
    assert selectors.is_folded(VISITOR, thread)
    assert selectors.is_folded(sam, thread)
    assert not selectors.is_folded(mei, thread)  # whoever began it
    answers.reveal(user=sam, question=question)
    assert not selectors.is_folded(sam, thread)
