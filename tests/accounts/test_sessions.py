"""Sessions: whose each one is, and how they end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.accounts import sessions
from apps.accounts.models import Session, User
from apps.accounts.services import delete_user
from apps.accounts.sessions import SessionStore, delete_expired_sessions

pytestmark = pytest.mark.django_db


def expired(count: int) -> None:
    for _nth in range(count):
        SessionStore().create()
    Session.objects.filter(user=None).update(expire_date=timezone.now() - timedelta(seconds=1))


def test_a_session_says_who_is_signed_in(signed_in: Client, mei: User) -> None:
    assert Session.objects.get().user == mei
    signed_in.post("/accounts/logout/")
    assert not Session.objects.exists()


def test_a_session_of_a_visitor_is_nobodys() -> None:
    SessionStore().create()
    assert Session.objects.get().user is None


def test_a_session_of_a_visitor_lasts_a_week_and_of_a_member_two(
    signed_in: Client, mei: User
) -> None:
    visitor = SessionStore()
    visitor["theme"] = "dark"
    visitor.save()
    ends = {
        user: end - timezone.now()
        for user, end in Session.objects.values_list("user", "expire_date")
    }
    assert timedelta(days=6) < ends[None] <= timedelta(days=7)
    assert timedelta(days=13) < ends[mei.pk] <= timedelta(days=14)


@pytest.mark.django_db(transaction=True)
def test_housekeeping_deletes_expired_sessions_and_no_others(signed_in: Client, mei: User) -> None:
    expired(2)
    call_command("housekeep", once=True)
    assert Session.objects.get().user == mei and signed_in.get("/settings").status_code == 200


def test_it_deletes_a_bounded_number_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_DELETED", 2)
    expired(3)
    assert [delete_expired_sessions() for _round in range(3)] == [2, 1, 0]


def test_the_sessions_of_a_person_are_deleted_with_them(signed_in: Client, mei: User) -> None:
    SessionStore().create()
    delete_user(user=mei)
    assert Session.objects.get().user is None
    assert signed_in.get("/settings").status_code == 302


def test_a_sign_in_of_a_person_who_was_just_deleted_ends(mei: User) -> None:
    client, pk = Client(), mei.pk
    delete_user(user=mei)
    session = SessionStore()
    session["_auth_user_id"] = str(pk)
    session.create()  # with a constraint, Django would try one key after the other
    client.cookies["sid"] = str(session.session_key)
    assert client.get("/settings").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_session_that_async_code_stores_says_it_too(mei: User) -> None:
    async def store() -> None:
        session = SessionStore()
        session["_auth_user_id"] = str(mei.pk)
        await session.acreate()
        await session.asave()

    async_to_sync(store)()
    assert Session.objects.get().user == mei


@pytest.mark.parametrize("name", ["{}", "{}-form-x"])
def test_a_cookie_with_nul_in_it_is_no_session_and_no_error(db: None, name: str) -> None:
    cookie = name.format(settings.SESSION_COOKIE_NAME)
    client = Client(headers={"cookie": f'{cookie}="\\000abcdefghijk"'})
    assert client.get("/").status_code == 200
    form = {"form_owner": "1", "note": "kept"}
    assert client.post("/questions/nothing/note", form).status_code < 500
