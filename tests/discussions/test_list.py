"""The list of threads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import translation

from apps.accounts.models import User
from apps.discussions import services
from apps.discussions.models import Post, Thread
from apps.discussions.subjects import Subject
from apps.experiments.models import Run
from apps.questions.models import Question
from tests.discussions.conftest import reply, start
from tests.discussions.pages import HTMX, browser, html_of
from tests.experiments.pages_cast import MAX_QUERIES, loaded, measured, queued

EMPTY = "Nobody has asked yet. Say what you tried, and what you expected."


def titles(html: str) -> list[str]:
    return re.findall(r"<a [^>]*data-row[^>]*>([^<]*)</a>", html)


def test_who_finds_nothing_is_asked_to_say_what_they_tried(db: None) -> None:
    assert EMPTY in html_of("/threads")
    with translation.override("zh-hans"):
        chinese = translation.gettext(EMPTY)
    assert chinese in html_of("/threads", headers={"accept-language": "zh-hans"})


def test_a_search_that_finds_nothing_says_so(thread: Thread) -> None:
    html = html_of("/threads?words=nonsense")
    assert "No threads match." in html and EMPTY not in html


def test_a_row_says_what_a_thread_is_about_and_how_far_it_came(
    mei: User, ola: User, question: Question
) -> None:
    thread = start(mei, Subject(Thread.About.QUESTION, question=question), language="zh")
    post = reply(ola, thread, "A word that gives it away.")
    services.threads.accept(user=mei, post=post, accepted=True)
    html = html_of("/threads")
    assert titles(html) == ["Why does the loss stall?"]
    row = html.partition("<tbody>")[2].partition("</tbody>")[0]
    assert 'lang="zh-Hans"' in row and "answered" in row and "mei" in row
    assert f'href="/questions/{question.slug}"' in row
    assert "gives it away" not in html and "warm-up" not in html, "no word of a post"


def test_every_kind_of_subject_has_its_link(mei: User, woken_queues: list[str]) -> None:
    lab = loaded()
    run = measured(queued(mei, lab))
    about = Thread.About
    for subject in (
        Subject(about.LAB, lab=lab),
        Subject(about.RUN, run=run),
        Subject(about.CLAIM, claim="dead-relu.lr-kills"),
        Subject(about.GENERAL),
    ):
        start(mei, subject, share=[run.pk])
    html = html_of("/threads", mei)
    for link in ("/labs/dead-relu", f"/runs/{run.pk}", "/claims?lab=dead-relu#dead-relu.lr-kills"):
        assert f'href="{link}"' in html
    assert titles(html_of(f"/threads?about=run:{run.pk}", mei)) == ["Why does the loss stall?"]
    assert len(titles(html_of("/threads?about=lab:dead-relu", mei))) == 2, "and about its claims"
    assert len(titles(html_of("/threads?about=lab", mei))) == 1
    Run.objects.filter(pk=run.pk).update(shared=False)
    assert len(titles(html_of("/threads"))) == 3, "a run that is not shared is its owner's"
    assert titles(html_of(f"/threads?about=run:{run.pk}")) == []


def test_the_address_keeps_filters_order_and_page(mei: User, ola: User) -> None:
    first, second = start(mei, title="The first of both"), start(ola, title="The second of both")
    reply(ola, first)
    services.votes.vote(user=ola, post=first.posts.get(number=1), value=1)
    for query, expected in {
        "": [first, second],
        "?order=newest": [second, first],
        "?order=best": [first, second],
        "?order=unanswered": [second, first],
        "?show=unanswered": [second],
        "?show=mine": [first],
        "?show=following": [first],
        "?words=second": [second],
        "?show=nonsense": [],
        "?language=zh": [],
    }.items():
        assert titles(html_of(f"/threads{query}", mei)) == [row.title for row in expected], query
    html = html_of("/threads?show=mine&order=best&words=first", mei)
    for chosen in ('value="mine" selected', 'value="best" selected', 'value="first"'):
        assert chosen in html
    assert "There is no page “7”" in html_of("/threads?page=7")


def test_a_script_gets_the_rows_alone(thread: Thread) -> None:
    html = html_of("/threads", headers=HTMX)
    assert titles(html) == [thread.title] and "<html" not in html


def test_a_thread_that_waits_is_shown_to_its_author_alone(thread: Thread, mei: User) -> None:
    Thread.objects.update(state="pending")
    assert titles(html_of("/threads")) == []
    assert "awaits approval" in html_of("/threads", mei)


@pytest.mark.parametrize("count", [1, 50])
def test_a_list_asks_the_database_little(
    count: int, mei: User, question: Question, django_assert_max_num_queries: Any
) -> None:
    for nth in range(count):
        subject = Subject(Thread.About.QUESTION, question=question) if nth % 2 else None
        start(mei, subject, title=f"Why does it stall, for the {nth}th time?", text="It does.")
    client = browser(mei)
    for path in ("/threads", "/threads?words=stall&show=mine&order=best"):
        with django_assert_max_num_queries(MAX_QUERIES):
            assert titles(client.get(path).content.decode())


def test_a_long_title_of_marks_stays_in_its_row(mei: User) -> None:
    start(mei, title="<b>\u202eevil</b> " + "e" + "\u0301" * 60)
    html = html_of("/threads")
    assert "<b>\u202e" not in html and 'dir="auto"' in html


def test_a_list_of_many_is_paged(
    mei: User, many_posts: Callable[..., list[Post]], django_assert_max_num_queries: Any
) -> None:
    threads = [start(mei, title=f"The {nth}th of many threads") for nth in range(31)]
    assert len(titles(html_of("/threads"))) == 30
    assert titles(html_of("/threads?page=2")) == [threads[0].title]
