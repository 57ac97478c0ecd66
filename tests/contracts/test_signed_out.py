"""Signed out in another tab: a member's input is not lost, not taken for a visitor's, and not shown
to another account.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Session, User
from apps.accounts.services import delete_user
from apps.accounts.sessions import delete_expired_sessions
from apps.common.pending import MAX_FORMS
from apps.discussions.models import Thread
from apps.experiments.models import Run
from apps.progress.models import Answer, Attempt, Note, Plan, Review
from apps.questions.models import Report
from tests.connections import at_once
from tests.experiments.pages_cast import loaded
from tests.progress.conftest import NUMERIC, make_question

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
QUESTION, LAB = "/questions/how-long", "/labs/dead-relu"
PASSWORD = "graph paper and pencils"
# page, which of its forms by its action, what is entered, the table that it goes to
FORMS: dict[str, tuple[str, str, dict[str, Any], type[Any]]] = {
    "note": (QUESTION, "/note", {"note": "mine\nalone"}, Note),
    "check": (QUESTION, "/check#part-1", {"text": "12345"}, Answer),
    "reveal": (QUESTION, "/reveal", {}, Attempt),
    "grade": (f"{QUESTION}?reveal=1", "/grade", {"rating": "3"}, Review),
    "plan": ("/plan", "", {"minutes": "45", "retention": "90"}, Plan),
    "report": (f"{QUESTION}/report", "", {"about": "fact", "text": "It is not."}, Report),
    "thread": (
        "/threads/new",
        "/threads/new",
        {"title": "Why is it so?", "language": "en", "about": "general", "text": "It\nis."},
        Thread,
    ),
    "lab": (LAB, LAB, {"outcome": "holds", "confidence": "80"}, Run),
}


@pytest.fixture
def mei(woken_queues: list[str], db: None) -> User:
    loaded()
    make_question("how-long", kinds=["numeric"], numeric=NUMERIC)
    return User.objects.create_user("mei@example.org", "mei", PASSWORD)


@pytest.fixture
def sam(db: None) -> User:
    return User.objects.create_user("sam@example.org", "sam", PASSWORD)


def fields_of(html: str, action: str) -> dict[str, Any]:
    """Return the hidden fields of the form in `main` that goes to `action`."""
    forms = re.findall(r"<form[^>]*>.*?</form>", html.partition("<main")[2], re.DOTALL)
    form = next(one for one in forms if _goes_to(one, action))
    return {
        unescape(name): unescape(value)
        for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    } | {"": unescape((re.findall(r'<form[^>]* action="([^"]*)"', form) or [""])[0])}


def _goes_to(form: str, action: str) -> bool:
    target = (re.findall(r'<form[^>]* action="([^"]*)"', form) or [""])[0]
    if not action:
        return 'name="form_owner"' in form
    return target.endswith(action) or target.partition("#")[0].endswith(action)


def filled(client: Client, kind: str) -> tuple[str, dict[str, Any]]:
    """Return the address of a form on a member's page, and its data."""
    page, action, entered, _table = FORMS[kind]
    if kind == "grade":
        client.post(f"{QUESTION}/reveal")
    sent = fields_of(client.get(page).content.decode(), action)
    target = sent.pop("").partition("#")[0] or page
    return target, sent | entered


def sign_in(client: Client, user: User, onward: str) -> Any:
    return client.post(
        "/accounts/login/", {"login": user.email, "password": PASSWORD, "next": onward}
    )


def way_of(html: str) -> str:
    """Return the address to which the page of a pending form leads after signing in."""
    return unescape(re.findall(r"/accounts/login/\?next=([^\"&]+)", html.partition("<main")[2])[0])


@pytest.mark.parametrize("kind", FORMS)
def test_what_a_member_entered_is_sent_after_signing_in_again(kind: str, mei: User) -> None:
    client, table = Client(), FORMS[kind][3]
    client.force_login(mei)
    target, sent = filled(client, kind)
    client.post("/accounts/logout/")
    before = table.objects.count()
    answer = client.post(target, sent)
    html = answer.content.decode()
    assert answer.status_code == 403 and "You are signed out" in html
    assert "nothing was graded" in html and table.objects.count() == before
    for text in (sent.get("text"), sent.get("note")):
        assert not text or text in html, "it can be copied"
    onward = way_of(html).replace("%2F", "/")
    assert sign_in(client, mei, onward)["Location"] == onward
    assert table.objects.count() == before, "nothing is sent by itself"
    again = fields_of(client.get(onward).content.decode(), target)
    written = {name: sent[name] for name in ("text", "note") if name in sent}
    assert client.post(again.pop(""), again | written).status_code == 302
    assert table.objects.count() == before + 1
    assert client.get(onward)["Location"] == "/", "it is kept no longer"


@pytest.mark.parametrize("kind", ["note", "report"])
def test_another_account_never_sees_it(kind: str, mei: User, sam: User) -> None:
    client = Client()
    client.force_login(mei)
    target, sent = filled(client, kind)
    client.post("/accounts/logout/")
    onward = way_of(client.post(target, sent).content.decode()).replace("%2F", "/")
    sign_in(client, sam, onward)
    text = (sent.get("note") or sent["text"]).splitlines()[0]
    assert client.get(onward)["Location"] == "/"
    assert text not in client.get(target.removesuffix("/note")).content.decode()
    answer = client.post(target, sent)
    assert answer.status_code == 403 and text not in answer.content.decode()
    assert "another account" in answer.content.decode() and not FORMS[kind][3].objects.exists()


def test_a_page_older_than_the_last_sign_in_keeps_what_was_entered(mei: User, sam: User) -> None:
    """A sign-in replaces the CSRF token: that of the old page is refused."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(mei)
    target, sent = filled(client, "note")
    old = sent | {"csrfmiddlewaretoken": "x" * 64}
    here, elsewhere = {"origin": "http://testserver"}, {"origin": "http://evil.example"}
    html = client.post(target, old, headers=here).content.decode()
    assert "mine\nalone" in html and not Note.objects.exists()
    assert "mine" not in client.post(target, old, headers=elsewhere).content.decode()
    again = fields_of(html, target)
    token = {"csrfmiddlewaretoken": again["csrfmiddlewaretoken"]}
    again |= {"note": "mine\nalone"} | token
    assert client.post(again.pop(""), again, headers=here).status_code == 302
    assert Note.objects.get().text == "mine\nalone"
    client.force_login(sam)
    answer = client.post(target, old, headers=here)
    assert answer.status_code == 403 and "mine" not in answer.content.decode()


@pytest.mark.parametrize(
    ("origin", "is_ours"),
    [
        ("http://testserver", True),
        ("http://gradus.example", True),
        ("https://testserver", False),
        ("http://testserver:8000", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_a_form_of_this_site_is_shown_again(
    origin: str, is_ours: bool, mei: User, settings: Any
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["http://gradus.example"]
    client = Client(enforce_csrf_checks=True)
    client.force_login(mei)
    target, sent = filled(client, "note")
    old = sent | {"csrfmiddlewaretoken": "x" * 64}
    html = client.post(target, old, headers={"origin": origin}).content.decode()
    assert ("mine\nalone" in html) == is_ours


def test_what_was_kept_can_be_discarded(mei: User) -> None:
    client = Client()
    client.force_login(mei)
    target, sent = filled(client, "note")
    client.post("/accounts/logout/")
    onward = way_of(client.post(target, sent).content.decode()).replace("%2F", "/")
    sign_in(client, mei, onward)
    assert client.post(onward)["Location"] == QUESTION
    assert client.get(onward)["Location"] == "/" and not Note.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_session", [False, True])
def test_forms_that_two_tabs_send_at_once_are_both_kept(has_session: bool, mei: User) -> None:
    browser = Client()
    browser.force_login(mei)
    forms = [filled(browser, "note"), filled(browser, "report")]
    browser.post("/accounts/logout/")
    if has_session:
        browser.session.save()

    def tab() -> Client:
        client = Client()
        client.cookies.update(browser.cookies)
        return client

    def post() -> tuple[Client, Any]:
        client, (target, sent) = tab(), forms.pop()
        return client, client.post(target, sent)

    onward = []
    for client, answer in at_once(post, times=2):
        browser.cookies.update(client.cookies)
        onward.append(way_of(answer.content.decode()).replace("%2F", "/"))
    sign_in(browser, mei, onward[0])
    assert [browser.get(path).status_code for path in onward] == [200, 200]


def test_a_form_beyond_the_limit_is_not_kept_and_says_so(mei: User) -> None:
    client = Client()
    client.force_login(mei)
    target, sent = filled(client, "note")
    client.post("/accounts/logout/")
    pages = [client.post(target, sent).content.decode() for _nth in range(MAX_FORMS + 1)]
    kept = [way_of(page).replace("%2F", "/") for page in pages[:-1]]
    assert "could not be kept: copy it" in pages[-1] and "mine\nalone" in pages[-1]
    sign_in(client, mei, kept[0])
    assert {client.get(path).status_code for path in kept} == {200}
    again = fields_of(client.get(kept[0]).content.decode(), target)
    client.post(again.pop(""), again | {"note": "mine"})
    client.post("/accounts/logout/")
    assert "is kept for a day" in client.post(target, sent).content.decode(), "there is room again"


def test_a_form_is_kept_for_a_day(mei: User) -> None:
    client = Client()
    client.force_login(mei)
    target, sent = filled(client, "note")
    client.post("/accounts/logout/")
    onward = way_of(client.post(target, sent).content.decode()).replace("%2F", "/")
    kept = Session.objects.get()
    hours = (kept.expire_date - timezone.now()).total_seconds() / 3600
    assert kept.user == mei and 23 < hours <= 24
    sign_in(client, mei, onward)
    assert client.get(onward).status_code == 200
    Session.objects.filter(pk=kept.pk).update(expire_date=timezone.now())
    assert client.get(onward)["Location"] == "/"
    assert delete_expired_sessions() == 1
    assert client.get("/settings").status_code == 200, "they are still signed in"


def test_only_the_browser_that_sent_it_has_it(mei: User) -> None:
    client, other = Client(), Client()
    client.force_login(mei)
    target, sent = filled(client, "note")
    client.post("/accounts/logout/")
    onward = way_of(client.post(target, sent).content.decode()).replace("%2F", "/")
    other.force_login(mei)
    assert other.get(onward)["Location"] == "/"


@pytest.mark.parametrize("owner", ["x", "9" * 40, "0", "²"])
def test_a_form_of_nobody_is_no_error(owner: str, mei: User) -> None:
    answer = Client().post(f"{QUESTION}/note", {"form_owner": owner, "note": "mine"})
    assert answer.status_code == 403


def test_what_was_kept_is_deleted_with_its_author(mei: User, sam: User) -> None:
    client, other = Client(), Client()
    client.force_login(mei)
    other.force_login(sam)
    target, sent = filled(client, "note")
    Client().post(target, sent)
    assert Session.objects.filter(user=mei).count() == 2
    delete_user(user=mei)
    assert [session.user for session in Session.objects.all()] == [sam]


def test_a_script_is_told_and_keeps_its_grade_itself(mei: User) -> None:
    client = Client()
    client.force_login(mei)
    target, sent = filled(client, "grade")
    client.post("/accounts/logout/")
    answer = client.post(target, sent, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (403, "signed-out")
    assert not Session.objects.exists()


def test_a_refused_text_can_be_copied(mei: User) -> None:
    client = Client()
    client.force_login(mei)
    target, sent = filled(client, "check")
    html = client.post(target, sent | {"key": "lost"}).content.decode()
    assert "12345</textarea>" in html
