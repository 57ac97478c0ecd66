"""The home page of a visitor: what Gradus is, and one question to answer on the spot."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.experiments.models import Lab
from apps.progress.models import Attempt
from apps.progress.selectors.questions import FIRST_QUESTION, first_question
from apps.questions.models import Question
from tests.progress.conftest import CHOICES, make_question

pytestmark = pytest.mark.django_db


@pytest.fixture
def choice(db: None) -> Question:
    return make_question("which-units", kinds=["choice"], choice=CHOICES)


def fields_of(html: str) -> dict[str, Any]:
    """Return the hidden fields of the question's form, without the token."""
    form = re.search(r'<form class="pick graph".*?</form>', html, re.DOTALL)
    assert form is not None
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[0])
    return {name: value.replace("&quot;", '"') for name, value in fields}


def test_it_says_machine_learning_interviews_and_how_much_there_is(
    client: Client, concept: Question, lab: Lab
) -> None:
    html = client.get("/").content.decode()
    (headline,) = re.findall(r"<h1[^>]*>(.*?)</h1>", html)
    assert "machine-learning interviews" in headline
    counts = re.findall(r"<b>(\d+)</b>\s+(\w+)", html)
    assert counts == [("1", "question"), ("1", "lab"), ("1", "claim")]
    assert 'href="/accounts/signup/"' in html


def test_a_question_is_answered_on_the_spot_and_nothing_is_stored(
    client: Client, choice: Question
) -> None:
    fields = fields_of(client.get("/").content.decode())
    fields["chosen"] = CHOICES[0]["right"]
    answer = client.post(f"/questions/{choice.slug}/check", fields)
    page = answer.content.decode()
    assert answer.status_code == 200 and 'data-kind="right"' in page
    assert not Attempt.objects.exists()


def test_the_question_is_the_chosen_one_else_the_easiest_with_options(choice: Question) -> None:
    Question.objects.filter(pk=choice.pk).update(difficulty=3)
    easier = make_question("easier", kinds=["choice"], choice=CHOICES, difficulty=1)
    assert first_question() == easier
    chosen = make_question(FIRST_QUESTION, kinds=["choice"], choice=CHOICES, difficulty=5)
    assert first_question() == chosen


def test_without_any_question_the_page_begins_with_a_lab(client: Client, lab: Lab) -> None:
    html = client.get("/").content.decode()
    assert "Try one now" not in html and "Predict, then run" in html
