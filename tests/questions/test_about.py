"""The questions about a claim: a fragment that the ledger loads, and a page where nothing loads
fragments.
"""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.questions.models import Question

BY_SCRIPT = {"HX-Request": "true"}
NONE = '<p class="note">No questions match.</p>'


def test_it_lists_the_questions_that_name_the_claim(client: Client, guess: Question) -> None:
    page = client.get(
        reverse("questions:about", args=["no-such-lab.claim"]), headers=BY_SCRIPT
    ).content.decode()
    assert (
        'href="/questions/guess"' in page
        and "/questions/second" not in page
        and "<html" not in page
    )


@pytest.mark.parametrize("claim", ["dead-relu.other", "%00", "no-such-lab", "x" * 500])
def test_it_says_where_there_is_none(client: Client, guess: Question, claim: str) -> None:
    answer = client.get(f"/questions/about/{claim}", headers=BY_SCRIPT)
    assert answer.status_code == 200 and answer.content.decode().strip() == NONE


def test_it_leaves_out_what_is_withdrawn_and_what_an_older_revision_said(
    client: Client, guess: Question
) -> None:
    Question.objects.filter(pk=guess.pk).update(withdrawn=True)
    answer = client.get("/questions/about/no-such-lab.claim", headers=BY_SCRIPT)
    assert answer.content.decode().strip() == NONE


def test_without_scripts_it_is_a_page_that_says_what_it_found(
    client: Client, guess: Question
) -> None:
    page = client.get("/questions/about/no-such-lab.claim").content.decode()
    assert (
        page.startswith("<!doctype html>")
        and 'href="/questions/guess"' in page
        and "No questions match" not in page
    )
    nothing = client.get("/questions/about/%00<script>").content.decode()
    assert "No questions match" in nothing and "<script>" not in nothing.partition("<main")[2]


@pytest.mark.parametrize("address", ["/questions", "/questions/about/no-such-lab.claim"])
def test_a_browser_does_not_take_the_fragment_for_the_page(
    client: Client, guess: Question, address: str
) -> None:
    assert "HX-Request" in client.get(address).headers["Vary"]
