"""How long a session lasts, where somebody is signed in, and how it ends there."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Session, User
from apps.accounts.sessions import SIGNED_IN_AT, USED_AT, SessionStore
from tests.accounts.conftest import OTHER, PASSWORD
from tests.common.reauthenticating import enter_password

pytestmark = pytest.mark.attack

DAY = 24 * 3600
PAGE = "/settings/sessions"


def signed_in_at(user: User, **headers: str) -> Client:
    client = Client(headers=headers)
    assert client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def backdated(client: Client, *, signed_in: int, used: int) -> None:
    """Make the session of a client one of so many days ago."""
    now = int(timezone.now().timestamp())
    store = SessionStore(key_of(client))
    store.update({SIGNED_IN_AT: now - signed_in * DAY, USED_AT: now - used * DAY})
    store.save()


def days_left(client: Client) -> float:
    left: timedelta = Session.objects.get(pk=key_of(client)).expire_date - timezone.now()
    return round(left / timedelta(days=1), 1)


def test_a_session_ends_two_weeks_after_its_last_use(mei: User) -> None:
    client = signed_in_at(mei)
    assert days_left(client) == 14
    Session.objects.update(expire_date=timezone.now() + timedelta(days=3))
    client.get("/settings")
    assert days_left(client) == 3, "within a day nothing is written"
    backdated(client, signed_in=11, used=11)
    client.get("/settings")
    assert days_left(client) == 14


def test_a_session_ends_a_month_after_the_sign_in_however_much_it_is_used(mei: User) -> None:
    client = signed_in_at(mei)
    backdated(client, signed_in=29, used=2)
    answer = client.get("/settings")
    assert days_left(client) == 1
    assert answer.cookies[settings.SESSION_COOKIE_NAME]["max-age"] <= DAY
    backdated(client, signed_in=30, used=1)
    assert client.get("/settings").status_code == 302


def test_a_session_of_before_it_was_noted_counts_from_its_next_use(mei: User) -> None:
    client = signed_in_at(mei)
    store = SessionStore(key_of(client))
    del store[SIGNED_IN_AT], store[USED_AT]
    store.save()
    assert client.get("/settings").status_code == 200
    assert SIGNED_IN_AT in SessionStore(key_of(client)).load()


def test_signing_in_changes_the_key_of_the_session(mei: User) -> None:
    client = Client()
    store = SessionStore()
    store["kept"] = 1
    store.create()
    client.cookies[settings.SESSION_COOKIE_NAME] = before = str(store.session_key)
    client.post("/accounts/login/", {"login": mei.email, "password": PASSWORD})
    after = key_of(client)
    assert after != before and len(after) == 32 and SessionStore(after)["kept"] == 1
    assert not Session.objects.filter(pk=before).exists()


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("/accounts/login/", ["current-password"]),
        ("/accounts/signup/", ["new-password"]),
        ("/accounts/password/change/", ["current-password", "new-password"]),
    ],
)
def test_password_fields_are_masked_and_take_what_a_manager_pastes(
    mei: User, path: str, kinds: list[str]
) -> None:
    client = signed_in_at(mei) if "change" in path else Client()
    html = client.get(path).content.decode()
    fields = re.findall(r'<input type="password"[^>]*>', html)
    assert [re.findall(r'autocomplete="([a-z-]+)"', field) for field in fields] == [
        [kind] for kind in kinds
    ]
    assert not any("maxlength" in field or "onpaste" in field for field in fields)


def test_one_sees_where_one_is_signed_in_and_ends_it_there_with_the_password(mei: User) -> None:
    here, there = signed_in_at(mei), signed_in_at(mei, user_agent="Lynx/2.9 <b>")
    Client().force_login(User.objects.create_user("sam@example.org", "sam"))
    page = here.get(PAGE)
    ((name, label),) = page.context["others"]
    assert label.startswith("Lynx/2.9 <b>: signed in ") and "<b>" not in page.content.decode()
    assert key_of(there) not in page.content.decode()
    for form in ({"sessions": name}, {"password": PASSWORD}, {"sessions": name, "password": "x"}):
        assert here.post(PAGE, form).context["form"].errors
    assert here.post(PAGE, {"sessions": "0" * 64, "password": PASSWORD}).context["form"].errors
    assert there.get("/settings").status_code == 200
    assert here.post(PAGE, {"sessions": name, "password": PASSWORD})["Location"] == PAGE
    assert there.get("/settings").status_code == 302
    assert here.get("/settings").status_code == 200 and not here.get(PAGE).context["others"]


def test_the_password_cannot_be_guessed_there(mei: User) -> None:
    here, _there = signed_in_at(mei), signed_in_at(mei)
    answers = [here.post(PAGE, {"password": f"wrong {n}"}).status_code for n in range(12)]
    assert answers[0] == 200 and answers[-1] == 429


def test_the_list_takes_few_queries(mei: User, django_assert_max_num_queries: Any) -> None:
    clients = [signed_in_at(mei) for _nth in range(6)]
    with django_assert_max_num_queries(4):
        assert len(clients[0].get(PAGE).context["others"]) == 5


def test_whoever_is_deactivated_is_signed_out_for_good(signed_in: Client, mei: User) -> None:
    mei.is_active = False
    mei.save()
    mei.is_active = True
    mei.save(update_fields=["is_active"])
    assert signed_in.get("/settings").status_code == 302 and not Session.objects.exists()


def test_an_operator_signs_somebody_out_everywhere(
    signed_in: Client, mei: User, operator: User
) -> None:
    boss = Client()
    enter_password(boss, operator)
    form = {"action": "sign_out", "_selected_action": mei.pk}
    answer = boss.post("/admin/accounts/user/", form, follow=True)
    assert "1 session has ended." in answer.content.decode()
    assert signed_in.get("/settings").status_code == 302
    assert boss.get("/settings").status_code == 200
    form["_selected_action"] = operator.pk
    assert boss.post("/admin/accounts/user/", form).status_code == 302
    assert boss.get("/settings").status_code == 302


@pytest.mark.parametrize(("language", "word"), [("en", "just changed"), ("zh-hans", "刚刚被更改")])
def test_the_owner_is_told_of_a_new_password(
    signed_in: Client, mei: User, mailoutbox: list[EmailMessage], language: str, word: str
) -> None:
    signed_in.post("/language", {"language": language})
    form = {"oldpassword": PASSWORD, "password1": OTHER}
    assert signed_in.post("/accounts/password/change/", form).status_code == 302
    (mail,) = mailoutbox
    assert mail.to == [mei.email] and word in str(mail.body) and "Mei" in str(mail.body)
    assert f"{settings.SITE_URL}/accounts/password/reset/" in str(mail.body)


def test_nothing_but_the_session_goes_by_cookie(signed_in: Client, mei: User) -> None:
    form = {"language": "", "theme": "", "time_zone": "UTC"}
    answer = signed_in.post("/settings", form)
    changed = {name for name, morsel in answer.cookies.items() if morsel.value}
    assert changed <= {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME}
    assert "Settings saved." in signed_in.get("/settings").content.decode()
    signed_in.post("/accounts/logout/")
    assert signed_in.get("/accounts/login/").status_code == 200


def test_one_press_signs_out_everywhere_else(signed_in: Client, mei: User) -> None:
    others = [Client(), Client()]
    for other in others:
        other.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    refused = signed_in.post("/settings/sessions", {"everywhere": "1", "password": "wrong"})
    assert refused.status_code == 200 and others[0].get("/settings").status_code == 200
    form = {"everywhere": ["", "1"], "password": PASSWORD}
    assert signed_in.post("/settings/sessions", form)["Location"] == "/settings/sessions"
    assert [other.get("/settings").status_code for other in others] == [302, 302]
    assert "Signed out everywhere else." in signed_in.get("/settings/sessions").content.decode()
