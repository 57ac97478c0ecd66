"""The database itself refuses to change the log, whoever asks; an account's deletion and the end of
the retention are the two exceptions.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.audit import services
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent, EventCount
from tests.common.reauthenticating import enter_password

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
OLD = "INTERVAL '400 days'"


def run(sql: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE asks for it
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def aged(kind: Kind, interval: str) -> int:
    """Store an event as it would have been stored a while ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_auditevent (kind, at, network, agent, subject, details, personal) "
            f"VALUES (%s, gradus_now() - {interval}, '', '', '', '{{}}', '{{}}') RETURNING id",
            [kind],
        )
        return int(cursor.fetchone()[0])


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "Mei")


@pytest.fixture
def ola(db: None) -> User:
    return User.objects.create_user("ola@example.org", "Ola", is_staff=True)


@pytest.fixture
def event(mei: User, ola: User) -> AuditEvent:
    """Something that Ola, at her desk, did to Mei."""
    return AuditEvent.objects.create(
        kind=Kind.ADDRESS_CHANGED,
        person=mei,
        actor=ola,
        network="203.0.113.0/24",
        agent="Firefox",
        subject="x",
        personal={"before": {"email": "mei@example.org"}},
    )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_auditevent SET kind = 'signed-in'",
        "UPDATE audit_auditevent SET at = now()",
        "UPDATE audit_auditevent SET details = '{}', subject = ''",
        "UPDATE audit_auditevent SET personal = '{}'",
        "UPDATE audit_auditevent SET network = '', agent = ''",
        "UPDATE audit_auditevent SET id = id",
        "UPDATE audit_auditevent SET person_id = actor_id",
        "UPDATE audit_auditevent SET person_id = NULL, subject = ''",
        "UPDATE audit_auditevent SET person_id = NULL",  # of an account that stays
        "UPDATE audit_auditevent SET actor_id = NULL",
        "DELETE FROM audit_auditevent",
        # younger than a month: not even by who pretends to be at the end of the retention
        "SET LOCAL gradus.audit_keep_days = '0'; DELETE FROM audit_auditevent",
        "SET LOCAL gradus.audit_truncate = 'off'; TRUNCATE audit_auditevent",
    ],
)
def test_raw_sql_changes_nothing(event: AuditEvent, sql: str) -> None:
    before = AuditEvent.objects.filter(pk=event.pk).values().get()
    with pytest.raises(IntegrityError, match="the audit log"):
        run(sql)
    assert AuditEvent.objects.filter(pk=event.pk).values().get() == before


def test_with_the_person_goes_what_is_theirs(event: AuditEvent, mei: User, ola: User) -> None:
    accounts.delete_user(user=mei)
    run("SELECT")  # what the end of the transaction checks
    event.refresh_from_db()
    assert event.person is None and event.personal == {}
    assert (event.actor, event.network, event.agent, event.subject) == (
        ola,
        "203.0.113.0/24",
        "Firefox",
        "x",
    )


def test_with_who_did_it_goes_from_where(event: AuditEvent, mei: User, ola: User) -> None:
    accounts.delete_user(user=ola)
    run("SELECT")
    event.refresh_from_db()
    assert (event.actor, event.network, event.agent) == (None, "", "")
    assert event.person == mei and event.personal and event.subject == "x"


def test_with_the_person_go_the_places_of_strangers_who_tried(mei: User) -> None:
    wrong = {"login": "mei@example.org", "password": "x"}
    Client(REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="curl").post("/accounts/login/", wrong)
    event = AuditEvent.objects.get(kind=Kind.SIGN_IN_FAILED)
    assert (event.person, event.network, event.agent) == (mei, "203.0.113.0/24", "curl")
    accounts.delete_user(user=mei)
    event.refresh_from_db()
    assert (event.person, event.network, event.agent) == (None, "", "")


def test_an_operator_who_deletes_themselves_leaves_the_event_alone(ola: User) -> None:
    User.objects.filter(pk=ola.pk).update(is_superuser=True)
    User.objects.create_superuser("kay@example.org", "Kay", "graph paper and pencils")  # one stays
    client = Client()
    enter_password(client, User.objects.get(pk=ola.pk))
    client.post(f"/admin/accounts/user/{ola.pk}/delete/", {"post": "yes"})
    event = AuditEvent.objects.get(kind=Kind.ACCOUNT_DELETED)
    assert (event.actor, event.network, event.subject) == (None, "", str(ola.pk))


def test_housekeeping_deletes_what_is_older_than_the_retention(
    event: AuditEvent, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AUDIT_KEEP_DAYS = 365
    monkeypatch.setattr(services, "MAX_DELETED", 2)
    for _ in range(3):
        aged(Kind.SIGNED_IN, OLD)
    younger = aged(Kind.SIGNED_IN, "INTERVAL '364 days'")
    EventCount.objects.bulk_create(
        EventCount(hour=f"2026-01-0{day} 10:00Z", kind="x", source="", count=1) for day in (1, 2)
    )
    assert [services.delete_old_events() for _ in range(3)] == [2, 1, 0]
    assert set(AuditEvent.objects.values_list("pk", flat=True)) == {event.pk, younger}
    assert not EventCount.objects.exists()


def test_old_events_are_kept_from_all_others() -> None:
    aged(Kind.SIGNED_IN, OLD)
    with pytest.raises(IntegrityError, match="the audit log"):
        run("DELETE FROM audit_auditevent")


def test_an_event_goes_with_the_transaction_that_it_tells_of(mei: User) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        services.record(Kind.RIGHTS_CHANGED, person=mei)
        raise RuntimeError
    assert not AuditEvent.objects.exists()
