"""Reporting a mistake: needs sign-in, says what is missing, and the same form twice is one
report.
"""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.questions.limits import MAX_REPORT_LENGTH
from apps.questions.models import Question, Report

URL = "/questions/guess/report"
FILLED = {"about": "fact", "text": "It is not.", "key": "k1"}


@pytest.fixture
def signed_in(client: Client, mei: User) -> Client:
    client.force_login(mei)
    return client


def test_it_stores_the_text_with_the_revision_and_the_language(
    signed_in: Client, guess: Question, mei: User
) -> None:
    signed_in.cookies["language"] = "zh-hans"
    answer = signed_in.post(URL, FILLED)
    assert answer.status_code == 302 and answer.headers["Location"] == "/questions/guess"
    report = Report.objects.get()
    assert (report.question, report.revision, report.reporter) == (guess, guess.current, mei)
    assert (report.about, report.text, report.language, report.state) == (
        "fact",
        "It is not.",
        "zh",
        "open",
    )


def test_it_needs_sign_in(client: Client, guess: Question) -> None:
    assert client.get(URL).headers["Location"].startswith("/accounts/login")
    assert client.post(URL, FILLED).status_code == 302 and not Report.objects.exists()


def test_the_form_shows_the_question_and_has_a_key(signed_in: Client, guess: Question) -> None:
    page = signed_in.get(URL).content.decode()
    assert "<math " in page and 'name="key"' in page and "<textarea" in page


@pytest.mark.parametrize(
    "missing",
    [{"text": "  "}, {"about": "praise"}, {"text": "x" * (MAX_REPORT_LENGTH + 1)}, {"key": ""}],
)
def test_what_is_missing_is_said_and_nothing_is_stored(
    signed_in: Client, guess: Question, missing: dict[str, str]
) -> None:
    answer = signed_in.post(URL, FILLED | missing)
    assert answer.status_code == 200 and not Report.objects.exists()


def test_the_same_form_twice_is_one_report(signed_in: Client, guess: Question) -> None:
    signed_in.post(URL, FILLED)
    signed_in.post(URL, FILLED)
    assert Report.objects.count() == 1


def test_open_reports_are_limited(
    signed_in: Client, guess: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Report, "MAX_OPEN_REPORTS", 1)
    signed_in.post(URL, FILLED)
    assert signed_in.post(URL, FILLED | {"key": "k2"}).status_code == 429
    assert signed_in.post(URL, FILLED).status_code == 302, "the same report again"
    assert Report.objects.count() == 1


def test_a_text_is_stored_without_what_the_database_refuses(
    signed_in: Client, guess: Question
) -> None:
    assert signed_in.post(URL, FILLED | {"text": "a\x00b"}).status_code == 302
    assert Report.objects.get().text == "ab"


def test_a_text_of_the_maximum_length_may_have_line_breaks(
    signed_in: Client, guess: Question
) -> None:
    text = "a\r\nb" + "c" * (MAX_REPORT_LENGTH - 3)
    assert signed_in.post(URL, FILLED | {"text": text + "d"}).status_code == 200
    assert signed_in.post(URL, FILLED | {"text": text}).status_code == 302
    assert Report.objects.get().text == text.replace("\r", "")


def test_the_text_may_run_from_right_to_left(signed_in: Client, guess: Question) -> None:
    html = signed_in.get(URL).content.decode()
    assert f'maxlength="{MAX_REPORT_LENGTH}"' in html and 'dir="auto"' in html


@pytest.mark.parametrize("slug", ["no-such-question", "second%00"])
def test_what_does_not_exist_is_a_404(signed_in: Client, guess: Question, slug: str) -> None:
    assert signed_in.get(f"/questions/{slug}/report").status_code == 404
