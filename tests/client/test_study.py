"""Studying by a program and by the command; signing in."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client as Browser
from gradus_client import (
    Away,
    BadAnswer,
    Client,
    ConnectionFailed,
    DeviceLoginRefused,
    NotAuthorised,
    NotFound,
    NotSignedIn,
    NotUnderstood,
)
from gradus_client.login import sign_in
from gradus_client.models import Device
from gradus_client.transport import decoded

from apps.accounts.models import User
from apps.api.models import ApiToken
from apps.progress.models import Answer, Attempt, Review
from tests.client.conftest import Command
from tests.common.reauthenticating import enter_password
from tests.progress.conftest import CHOICES, DERIVATION, NUMERIC, make_question, right_number

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def question(db: None) -> str:
    make_question("how-long", kinds=["numeric"], numeric=NUMERIC, hints=1)
    return "how-long"


@pytest.fixture
def written(db: None) -> str:
    make_question("why-relu", "activation-functions", points=2)
    return "why-relu"


# ---------------------------------------------------------------- signing in


def test_a_program_is_signed_in_by_its_code(site: str, mei: User) -> None:
    browser = Browser()
    enter_password(browser, mei)
    shown: list[Device] = []
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            form = {"code": shown[0].user_code, "action": "approve"}
            assert browser.post("/device/decide", form).status_code == 200

    visitor = Client(site, sleep=wait)
    given = sign_in(visitor.transport, shown.append, name="laptop", scopes=["read"])
    assert waits == [5.0, 5.0] and given.scopes == ["read"]
    assert Client(site, given.access_token).me().handle == "mei"
    assert ApiToken.objects.get().name == "laptop"


def test_a_cut_line_does_not_end_a_sign_in(site: str, mei: User) -> None:
    browser = Browser()
    enter_password(browser, mei)
    visitor = Client(site)
    shown: list[Device] = []
    waits: list[float] = []
    ask = visitor.transport.http.request

    def cut(*arguments: Any, **more: Any) -> Any:
        if len(waits) <= 2:
            raise httpx.ReadTimeout("cut")
        return ask(*arguments, **more)

    def wait(seconds: float) -> None:
        waits.append(seconds)
        visitor.transport.http.request = cut  # type: ignore[method-assign]
        if len(waits) == 3:
            form = {"code": shown[0].user_code, "action": "approve"}
            assert browser.post("/device/decide", form).status_code == 200

    visitor.transport.sleep = wait
    given = sign_in(visitor.transport, shown.append, name="laptop")
    assert waits == [5.0, 10.0, 20.0] and given.name == "laptop"


def test_a_site_that_restarts_does_not_end_a_sign_in(site: str, mei: User) -> None:
    browser = Browser()
    enter_password(browser, mei)
    visitor = Client(site, patience=10)
    shown: list[Device] = []
    waits: list[float] = []
    ask = visitor.transport.http.request

    def restart(*arguments: Any, **more: Any) -> Any:
        if sum(waits) < 40:
            return httpx.Response(503, headers={"Retry-After": "5"}, json={"code": "away"})
        return ask(*arguments, **more)

    def wait(seconds: float) -> None:
        if not waits:
            visitor.transport.http.request = restart  # type: ignore[method-assign]
            form = {"code": shown[0].user_code, "action": "approve"}
            assert browser.post("/device/decide", form).status_code == 200
        waits.append(seconds)

    visitor.transport.sleep = wait
    assert sign_in(visitor.transport, shown.append, name="laptop").name == "laptop"


def test_a_line_that_stays_cut_ends_it_when_the_code_does(site: str) -> None:
    visitor = Client(site)
    waits: list[float] = []

    def cut(*_arguments: Any, **_more: Any) -> Any:
        raise httpx.ConnectError("cut")

    def wait(seconds: float) -> None:
        waits.append(seconds)
        visitor.transport.http.request = cut  # type: ignore[method-assign]

    visitor.transport.sleep = wait
    with pytest.raises(ConnectionFailed):
        sign_in(visitor.transport, lambda _device: None)
    assert 540 < sum(waits) <= 600


def test_who_is_denied_is_told(site: str, mei: User) -> None:
    browser = Browser()
    enter_password(browser, mei)
    shown: list[Device] = []

    def deny(_seconds: float) -> None:
        browser.post("/device/decide", {"code": shown[0].user_code, "action": "deny"})

    with pytest.raises(DeviceLoginRefused) as refused:
        sign_in(Client(site, sleep=deny).transport, shown.append)
    assert refused.value.code == "access-denied"


def test_the_token_is_kept_where_its_owner_alone_reads_it_and_ends_with_the_sign_out(
    gradus: Command, own_settings: Path, site: str
) -> None:
    path = own_settings / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_settings.stat().st_mode) == 0o700
    assert "mei@example.org" in gradus("whoami")
    assert ApiToken.objects.count() == 1
    assert "signed out" in gradus("logout")
    assert not ApiToken.objects.exists() and "gradus_" not in path.read_text(encoding="utf-8")
    assert "gradus login" in gradus("whoami", status=3)


def test_a_token_that_is_none_is_not_stored(
    gradus: Command, own_settings: Path, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (own_settings / "credentials.json").read_bytes()
    monkeypatch.setattr("sys.stdin.line", "gradus_nothing\n")
    assert "unknown, revoked or expired" in gradus("login", site, "--token", status=3)
    assert (own_settings / "credentials.json").read_bytes() == before


def test_what_is_wrong_is_said_in_words_and_by_the_exit_code(
    gradus: Command, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradus_client.commands.PATIENCE_SECONDS", 0.0)
    assert "invalid choice" in gradus("runns", status=2)
    assert "no whole number" in gradus("questions", "--limit", "x", status=2)
    assert "cannot be reached" in gradus("--site", "http://127.0.0.1:1", "labs", status=4)
    assert "not https" in gradus("login", "http://gradus.example", status=1)
    assert "没有" in gradus("--language", "zh-hans", "labs")


def test_another_site_than_gradus_is_recognized(site: str) -> None:
    visitor = Client(site)
    for answer in (
        httpx.Response(200, text="<html>"),
        httpx.Response(404, text="<html>"),
        httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
    ):
        with pytest.raises(NotUnderstood):
            decoded(visitor.transport.checked(answer), Device)
    with pytest.raises(Away):
        visitor.transport.checked(httpx.Response(502, text="<html>"))
    with pytest.raises(NotAuthorised):
        visitor.me()
    with pytest.raises(NotSignedIn):
        Client.signed_in()


# ---------------------------------------------------------------- a program


def test_a_question_is_answered_revealed_rated_and_taken_back(
    client: Client, question: str
) -> None:
    assert [one.id for one in client.questions.list(kind="numeric")] == [question]
    attempt = client.questions.attempt(question)
    with pytest.raises(BadAnswer):
        client.attempts.answer(attempt.id, "1", "about five")
    attempt = client.attempts.hint(attempt.id, 1, "1" if attempt.parts[0].hint_count else "")
    right = right_number(attempt.seed)
    attempt = client.attempts.answer(attempt.id, "1", f"{right} ms", confidence=75, key="one")
    again = client.attempts.answer(attempt.id, "1", f"{right} ms", confidence=75, key="one")
    assert again.parts[0].outcome == "right" and Answer.objects.count() == 1
    attempt = client.attempts.reveal(attempt.id, seconds=3.5)
    assert attempt.rating and attempt.reference_answer and attempt.due_at
    assert client.reviews.undo().is_undone and [one.id for one in client.attempts.list()]


def test_cards_are_reviewed(client: Client, written: str) -> None:
    assert client.cards.add(written).state == "new"
    assert [card.question_id for card in client.cards.due()] == [written]
    session = client.reviews.start()
    assert session.current_question_id == written
    attempt = client.questions.attempt(written, in_review=True)
    attempt = client.attempts.reveal(attempt.id, written="It does not saturate.")
    client.attempts.grade(attempt.id, 3, review_id=attempt.next_review_id)
    assert client.statistics().studied_days and client.today().headline
    assert client.cards.suspend(written).is_suspended
    assert client.reviews.session().current_question_id is None
    client.reviews.end()
    with pytest.raises(NotFound):
        client.reviews.session()


def test_notes_bookmarks_and_what_has_no_method(client: Client, written: str) -> None:
    assert client.questions.write_note(written, "mine").note == "mine"
    client.bookmarks.add(written)
    assert [one.question_id for one in client.bookmarks.list()] == [written]
    client.bookmarks.remove(written)
    assert client.get("me")["handle"] == "mei" and client.get("labs", limit=1)["results"] == []
    assert list(client.pages("cards")) == [] and client.put(f"bookmarks/{written}") is None
    assert client.post(f"questions/{written}/attempts")["question_id"] == written


def test_a_list_is_read_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        make_question(f"question-{n}")
    monkeypatch.setattr("gradus_client.transport.ROWS_A_PAGE", 2)
    listed = client.questions.list()
    assert [len(page) for page in listed.pages()] == [2, 2, 1]
    assert len({one.id for one in listed}) == 5 and len(listed.first(3)) == 3


# ---------------------------------------------------------------- the command


def test_a_question_is_shown_and_answered_in_one_go(gradus: Command, question: str) -> None:
    assert question in gradus("questions", "--words", "how-long")
    assert "[ms]" in gradus("question", question)
    assert "✗ " in gradus("answer", question, "--text", "-1")
    seed = Attempt.objects.get().seed
    told = gradus("answer", question, "--text", str(right_number(seed)), "--reveal")
    assert "✓ " in told and "Reference answer" in told and "Rated Again." in told
    assert gradus.json("cards")[0]["question_id"] == question


def test_a_question_is_worked_through_in_a_dialogue(gradus: Command) -> None:
    make_question(
        "all-of-it",
        kinds=["numeric", "choice", "derivation"],
        numeric=NUMERIC,
        choice=CHOICES,
        derivation=DERIVATION,
    )
    # what cannot be read is asked for again; the second step is left out
    told = gradus("answer", "all-of-it", typed="what?\n3\nz\nb, a\n1/n\n\n\n3")
    assert "There is no option “z”." in told and "Reload" not in told
    assert told.count("✗ ") >= 2 and "Reference answer" in told
    assert Answer.objects.count() == 3


def test_a_review_goes_through_what_is_due(gradus: Command, written: str) -> None:
    assert "Nothing is due" in gradus("review")
    # u: nothing to take back; show it, an answer, the reference, Good
    told = gradus("review", "--new", "1", typed="u\n\nIt does not saturate.\n\n3")
    assert "Card 1 of 1" in told and "Rated Good." in told and "Done: 1 of 1 recalled." in told
    assert Review.objects.get().rating == 3
    assert "Taken back: your rating of why-relu." in gradus("undo")


def test_the_input_may_be_at_its_end(gradus: Command, written: str) -> None:
    assert "nobody to ask" in gradus("answer", written, status=1)
    assert not Review.objects.exists()


def test_the_day_the_statistics_and_the_ledger_are_shown(gradus: Command) -> None:
    assert gradus("today") and "0 reviews" in gradus("stats")
    assert "There is nothing here." in gradus("ledger")
    assert gradus.json("ledger") == []
