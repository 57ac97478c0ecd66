"""What is sensitive asks for the password again, and then goes on where one was going."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.internal.flows import reauthentication as allauth
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.accounts.models import Session, User
from apps.accounts.reauthentication import SENSITIVE
from apps.accounts.services import make_operator
from apps.accounts.sessions import SessionStore
from apps.experiments.models import Worker
from tests.accounts.conftest import OTHER, PASSWORD
from tests.common.browsing import Open, look_over, needs_browser
from tests.common.editing import fields_of, send
from tests.common.reauthenticating import enter_password

pytestmark = pytest.mark.attack

PEOPLE, ASK = "/admin/accounts/user/", "/accounts/reauthenticate/"
WORKERS = "/admin/experiments/worker/"


@pytest.fixture
def boss(operator: User) -> Client:
    """A superuser who is signed in, but has not entered their password again."""
    client = Client()
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    return client


def asked(answer: Any) -> str:
    """Return where the page that asks for the password leads; the answer must lead to that page."""
    parts = urlsplit(answer["Location"])
    assert (answer.status_code, parts.path) == (302, ASK)
    return parse_qs(parts.query)["next"][0]


def enter(client: Client, onward: str, password: str = PASSWORD) -> Any:
    return client.post(ASK, {"password": password, "next": onward})


def hidden(answer: Any) -> dict[str, str]:
    form = answer.content.decode().partition("<main")[2].partition("</form>")[0]
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))


def test_a_page_is_shown_once_the_password_was_entered(boss: Client) -> None:
    onward = asked(boss.get(PEOPLE + "add/?x=1"))
    assert onward == PEOPLE + "add/?x=1"
    page = boss.get(ASK, {"next": onward}).content.decode()
    assert "Enter your password again" in page and f'value="{onward}"' in page
    assert enter(boss, onward)["Location"] == onward
    assert boss.get(onward).status_code == 200


def test_a_form_that_was_intercepted_is_sent_by_a_button(
    boss: Client, operator: User, mei: User
) -> None:
    url = f"{PEOPLE}{mei.pk}/change/"
    form = fields_of(boss.get(url)) | {"handle": ["May"], "is_staff": ["on"]}
    onward = asked(send(boss, url, form))
    assert not User.objects.filter(handle="May").exists() and onward.startswith("/resume/")
    assert enter(boss, onward)["Location"] == onward
    page = boss.get(onward)
    sent = hidden(page)
    assert f'action="{url}"' in page.content.decode() and sent["handle"] == "May"
    assert not User.objects.filter(handle="May").exists(), "nothing is sent by itself"
    many = dict(form) | {name: sent[name] for name in ("form_owner", "pending_form")}
    assert send(boss, url, many).status_code == 302
    mei.refresh_from_db()
    assert (mei.handle, mei.is_staff) == ("May", True)
    assert boss.get(onward)["Location"] == "/", "it is kept no longer"


def test_no_password_is_kept_with_a_form(boss: Client, operator: User, mei: User) -> None:
    new = {"handle": "Sam", "email": "sam@example.org", "password1": OTHER, "password2": OTHER}
    onward = asked(send(boss, PEOPLE + "add/", new))
    enter(boss, onward)
    sent = hidden(boss.get(onward))
    assert sent["handle"] == "Sam" and not any("password" in name for name in sent)
    change = {"password1": OTHER, "password2": OTHER, "set-password": "Change"}
    later = Client()
    later.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    back = asked(later.post(f"{PEOPLE}{mei.pk}/password/", change))
    assert back == f"{PEOPLE}{mei.pk}/password"  # its page, which has a slash more
    for session in Session.objects.all():
        assert OTHER not in str(SessionStore().decode(session.session_data))


def test_it_counts_for_ten_minutes_and_in_this_browser(
    boss: Client, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Client()
    other.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    enter(boss, "/")
    real = time.time

    def later(minutes: float) -> None:
        monkeypatch.setattr(allauth.time, "time", lambda: real() + 60 * minutes)

    later(9.5)
    assert boss.get(PEOPLE + "add/").status_code == 200
    asked(other.get(PEOPLE + "add/"))
    later(10.5)
    asked(boss.get(PEOPLE + "add/"))


def test_signing_in_does_not_count(operator: User) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": operator.email, "password": PASSWORD})
    asked(client.get(PEOPLE + "add/"))


def test_the_session_gets_a_new_key(boss: Client) -> None:
    old = Client()
    old.cookies.update(boss.cookies)
    enter(boss, "/settings")
    assert boss.get("/settings").status_code == 200
    assert old.get("/settings").status_code == 302, "who had a copy of the old one is out"


def test_wrong_passwords_count_as_at_the_sign_in_page(boss: Client, operator: User) -> None:
    for _nth in range(5):
        page = enter(boss, "/settings", password="wrong")
        assert page.status_code == 200 and "That is not your password." in page.content.decode()
    answer = enter(boss, "/settings")
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 60
    asked(boss.get(PEOPLE + "add/"))
    signing_in = {"login": operator.email, "password": PASSWORD}
    assert Client().post("/accounts/login/", signing_in).status_code == 429


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "\\\\evil"])
def test_it_never_leads_to_another_site(boss: Client, elsewhere: str) -> None:
    assert enter(boss, elsewhere)["Location"] == "/"


def test_whose_password_it_is_matters(boss: Client, mei: User) -> None:
    User.objects.filter(handle="boss").update(password=User(email="x").password)
    mei.set_password(OTHER)
    mei.save()
    assert enter(boss, "/", password=OTHER)["Location"] != "/"


def test_who_came_by_an_operators_link_chooses_a_password_first(db: None) -> None:
    client = Client()
    client.post(f"/operator/{make_operator(email='ola@example.org')}")
    answer = client.get(PEOPLE + "add/")
    assert answer["Location"] == "/accounts/password/set/?next=%2Fadmin%2Faccounts%2Fuser%2Fadd%2F"
    chosen = client.post("/accounts/password/set/", {"password1": OTHER, "next": PEOPLE + "add/"})
    assert chosen["Location"] == PEOPLE + "add/"
    onward = asked(client.get(PEOPLE + "add/"))
    assert enter(client, onward, password=OTHER)["Location"] == PEOPLE + "add/"


def test_a_program_gets_a_problem_document(boss: Client) -> None:
    answer = boss.post(PEOPLE + "add/", {}, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (403, "password-needed")


def test_who_may_not_do_it_is_refused_without_being_asked(signed_in: Client, mei: User) -> None:
    User.objects.filter(pk=mei.pk).update(is_staff=True)
    mei.user_permissions.set(Permission.objects.filter(codename="view_user"))
    assert signed_in.get(PEOPLE + "add/").status_code == 403
    assert signed_in.get(f"{PEOPLE}{mei.pk}/change/").status_code == 200
    assert signed_in.post(f"{PEOPLE}{mei.pk}/change/", {"handle": "x9"}).status_code == 403


# ---------------------------------------------------------------- what is sensitive


@pytest.mark.parametrize(
    "action", ["delete_selected", "sign_out", ["x", "delete_selected"], ["sign_out", "x"]]
)
def test_actions_on_people_ask(boss: Client, mei: User, action: Any) -> None:
    form = {"action": action, "_selected_action": [mei.pk], "post": "yes", "index": "1"}
    assert asked(send(boss, PEOPLE, form)).startswith("/resume/")
    assert User.objects.filter(pk=mei.pk).exists()
    assert send(boss, PEOPLE, {"action": "", "_selected_action": [mei.pk]}).status_code in (
        200,
        302,
    )


def test_a_new_token_asks_and_revoking_one_does_not(boss: Client, operator: User) -> None:
    asked(boss.post(WORKERS + "add/", {"name": "w1", "queues": ["labs"]}))
    assert not Worker.objects.exists()
    worker = Worker.objects.create(name="w1", token_hash=b"x" * 32, queues=["labs"])
    chosen = {"_selected_action": [worker.pk]}
    asked(boss.post(WORKERS, chosen | {"action": "renew"}))
    worker.refresh_from_db()
    assert bytes(worker.token_hash) == b"x" * 32
    assert boss.post(WORKERS, chosen | {"action": "revoke"}).status_code == 302
    worker.refresh_from_db()
    assert worker.revoked_at is not None
    enter_password(boss, operator)
    assert "shown only once" in boss.post(WORKERS, chosen | {"action": "renew"}).content.decode()


def names(patterns: Any, prefix: str = "") -> set[str]:
    routes = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            space = f"{pattern.namespace}:" if pattern.namespace else ""
            routes |= names(pattern.url_patterns, prefix + space)
        elif isinstance(pattern, URLPattern):
            routes.add(f"{prefix}{pattern.name}")
    return routes


def test_the_table_names_routes_actions_and_permissions_that_there_are(db: None) -> None:
    routes = names(get_resolver().url_patterns)
    assert set(SENSITIVE) <= routes
    stored = {
        f"{permission.content_type.app_label}.{permission.codename}"
        for permission in Permission.objects.select_related("content_type")
    }
    for route in SENSITIVE.values():
        assert route.permissions <= stored
    for model in (User, Group, Worker):
        page = admin.site._registry[model]
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert SENSITIVE[f"{name}_changelist"].actions <= {"delete_selected", *page.actions}


def test_every_way_to_change_people_and_groups_is_in_the_table() -> None:
    for model in ("accounts_user", "auth_group", "account_emailaddress"):
        writes = {
            name
            for name in names(get_resolver().url_patterns)
            if name.startswith(f"admin:{model}_") and not name.endswith(("_history", "_add"))
        }
        assert len(writes) == 3 and writes <= set(SENSITIVE)
    assert {"admin:accounts_user_add", "admin:auth_group_add"} <= set(SENSITIVE)
    assert "admin:auth_user_password_change" in SENSITIVE


# ---------------------------------------------------------------- in a browser


class TestInABrowser:
    pytestmark = needs_browser

    @pytest.mark.parametrize(
        ("language", "width", "heading"),
        [("en", 1280, "Enter your password again"), ("zh-hans", 390, "请再次输入密码")],
    )
    def test_the_page_is_sound_and_works_without_scripts(
        self, open_page: Open, mei: User, language: str, width: int, heading: str
    ) -> None:
        look = {"cookies": {"language": language}, "viewport": {"width": width, "height": 844}}
        boss = User.objects.create_superuser("boss@example.org", "boss", PASSWORD)
        look_over(open_page(ASK + "?next=/settings", who=mei, **look))
        page = open_page("/", java_script_enabled=False, **look)
        page.goto(f"/accounts/login/?next={PEOPLE}{mei.pk}/delete/")
        page.locator("[name=login]").fill(boss.email)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("main form .btn.pencil").click()
        page.locator("#content form input[type=submit]").click()
        assert page.locator("h1").inner_text() == heading
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("main form .btn.pencil").click()
        assert User.objects.filter(pk=mei.pk).exists()
        page.locator("main form .btn.ink").click()
        page.wait_for_url(f"**{PEOPLE}")
        assert not User.objects.filter(pk=mei.pk).exists()
