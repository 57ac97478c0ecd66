"""What pages of questions, labs, runs and claims show of the threads about them."""

from __future__ import annotations

import re

import pytest

from apps.accounts.models import User
from apps.discussions.models import Thread
from apps.discussions.subjects import Subject
from apps.experiments.models import Run
from apps.questions.models import Question
from tests.discussions.conftest import reply, start
from tests.discussions.pages import HTMX, browser, html_of
from tests.experiments.pages_cast import loaded, measured, queued

EMPTY = "Nobody has asked yet. Say what you tried, and what you expected."


@pytest.fixture
def run(mei: User, woken_queues: list[str]) -> Run:
    return measured(queued(mei, loaded()))


def panel(about: str, user: User | None = None) -> str:
    return html_of(f"/threads/panel?about={about}", user, headers=HTMX)


def test_a_panel_has_at_most_five_titles_and_no_word_of_a_post(
    mei: User, ola: User, question: Question
) -> None:
    for nth in range(6):
        thread = start(
            mei, Subject(Thread.About.QUESTION, question=question), title=f"Title {nth} of it"
        )
    reply(ola, thread, "half of them are dead")
    html = panel(f"question:{question.slug}")
    assert re.findall(r"Title \d", html) == [f"Title {n}" for n in (5, 4, 3, 2, 1)]
    assert "1 reply" in html and "half of them" not in html and "warm-up" not in html
    assert f'href="/threads?about=question%3A{question.slug}"' in html and "<html" not in html


def test_an_empty_panel_asks_for_the_first_thread_and_cites_its_page(run: Run, mei: User) -> None:
    html = panel(f"run:{run.pk}", mei)
    assert EMPTY in html
    link = re.findall(r'href="(/threads/new[^"]*)"', html)[0].replace("&amp;", "&")
    assert f"[run:{run.pk}]" in html_of(link, mei)
    assert browser().get(f"/threads/panel?about=run:{run.pk}").status_code == 404, "not shared"


def test_without_scripts_a_panel_is_the_list_of_threads(question: Question, mei: User) -> None:
    answer = browser().get(f"/threads/panel?about=question:{question.slug}")
    assert answer["Location"] == f"/threads?about=question%3A{question.slug}"
    html = html_of(answer["Location"])
    assert EMPTY in html and f"/threads/new?about=question%3A{question.slug}" in html
    assert browser().get("/threads/panel?about=question:nothing").status_code == 404


def test_pages_load_their_panel_and_have_a_plain_link_in_its_place(
    run: Run, mei: User, question: Question
) -> None:
    for page, about in {
        f"/questions/{question.slug}": f"question:{question.slug}",
        "/labs/dead-relu": "lab:dead-relu",
        f"/runs/{run.pk}": f"run:{run.pk}",
    }.items():
        html = html_of(page, mei)
        for attribute in ("data-hx-get", "href"):
            assert f'{attribute}="/threads/panel?about={about}"' in html, page
    assert 'href="/threads/panel?about=claim:dead-relu.lr-kills"' in html_of("/claims")


def test_about_a_lab_are_the_threads_about_its_claims_too(mei: User, run: Run) -> None:
    start(mei, Subject(Thread.About.CLAIM, claim="dead-relu.lr-kills"))
    assert "Why does the loss stall?" in panel("lab:dead-relu")
    assert "Why does the loss stall?" in panel("claim:dead-relu.lr-kills")
