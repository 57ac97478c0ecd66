"""Making, changing, switching and deleting webhooks; secrets; what the audit log has of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.common.clock import Clock
from apps.common.errors import AccountGone, NotFound
from apps.notices.selectors import database_time
from apps.webhooks import encryption, services
from apps.webhooks.errors import (
    InvalidWebhook,
    SecretChanged,
    StillQueued,
    TooManyQueued,
    TooManyWebhooks,
)
from apps.webhooks.limits import MAX_QUEUED, MAX_WEBHOOKS
from apps.webhooks.models import Delivery, Event, Webhook
from tests.connections import at_once, before
from tests.experiments.conftest import step_clock
from tests.webhooks.conftest import ALL, make_webhook

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.org/token-4711"


def test_a_webhook_is_made_with_a_secret_that_is_not_stored_as_it_is(mei: User) -> None:
    webhook, secret = services.create_webhook(owner=mei, url=URL, events=["run.finished"])
    assert secret.startswith("whsec_") and len(secret) > 40
    row = Webhook.objects.values().get()
    assert secret not in str(row) and encryption.decrypt(webhook.secret) == secret
    assert (webhook.host, webhook.events, webhook.is_active) == (
        "hooks.example.org",
        ["run.finished"],
        True,
    )


def test_the_audit_log_has_it_without_path_and_secret(mei: User) -> None:
    webhook, secret = services.create_webhook(owner=mei, url=URL, events=ALL, description="bot")
    services.change_webhook(webhook=webhook, url=URL, events=["cards.due"])
    other = services.make_new_secret(webhook=webhook, number=1)
    services.switch_webhook(webhook=webhook, is_active=False)
    services.delete_webhook(webhook=webhook)
    kinds = AuditEvent.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [
        "webhook-created",
        "webhook-changed",
        "webhook-secret-changed",
        "webhook-changed",
        "webhook-deleted",
    ]
    rows = str(list(AuditEvent.objects.values()))
    assert "hooks.example.org" in rows
    assert not any(text in rows for text in ("4711", secret, other))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://example.org/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["run.finished", "run.begun"]}, "events"),
        ({"events": ["webhook.test"]}, "events"),
        ({"description": "x" * 101}, "description"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_field(
    change: dict[str, Any], field: str, mei: User
) -> None:
    values: dict[str, Any] = {"url": URL, "events": ALL, "description": ""}
    with pytest.raises(InvalidWebhook) as caught:
        services.create_webhook(owner=mei, **values | change)
    assert list(caught.value.fields) == [field]
    webhook = make_webhook(mei)
    with pytest.raises(InvalidWebhook):
        services.change_webhook(webhook=webhook, **values | change)
    assert Webhook.objects.get().url == webhook.url


def test_all_that_is_wrong_is_said_at_once(mei: User) -> None:
    with pytest.raises(InvalidWebhook) as caught:
        services.create_webhook(owner=mei, url="x", events=["x"], description="x" * 200)
    assert set(caught.value.fields) == {"url", "events", "description"}


def test_a_person_has_at_most_ten(mei: User, ola: User) -> None:
    for n in range(MAX_WEBHOOKS):
        make_webhook(mei, f"https://hooks.example.org/{n}")
    with pytest.raises(TooManyWebhooks):
        make_webhook(mei)
    make_webhook(ola)


@pytest.mark.django_db(transaction=True)
def test_ten_are_the_most_also_for_requests_at_once(mei: User) -> None:
    for n in range(MAX_WEBHOOKS - 1):
        make_webhook(mei, f"https://hooks.example.org/{n}")
    results = at_once(lambda: make_webhook(mei, f"https://hooks.example.org/{uuid4()}"))
    assert sum(isinstance(result, Webhook) for result in results) == 1
    assert Webhook.objects.count() == MAX_WEBHOOKS


def test_an_address_is_used_once_so_that_a_repeated_form_makes_no_second(
    mei: User, ola: User
) -> None:
    make_webhook(mei)
    with pytest.raises(InvalidWebhook, match="already"):
        make_webhook(mei, "https://HOOKS.example.org:443/gradus")
    make_webhook(ola)
    other = make_webhook(mei, "https://hooks.example.org/other")
    with pytest.raises(InvalidWebhook, match="already"):
        services.change_webhook(
            webhook=other, url="https://hooks.example.org/gradus", events=ALL, description=""
        )


def test_another_address_counts_as_working_and_gets_what_waits(mei: User) -> None:
    webhook = make_webhook(mei)
    Webhook.objects.update(failing_since=Clock())
    services.emit(people=[mei.pk], event=Event.RUN_FINISHED, data={})
    services.change_webhook(webhook=webhook, url=webhook.url, events=ALL, description="new name")
    assert Webhook.objects.get().failing_since is not None
    services.change_webhook(webhook=webhook, url="https://other.example.org/", events=ALL)
    webhook.refresh_from_db()
    assert webhook.failing_since is None and webhook.host == "other.example.org"
    assert Delivery.objects.queued().count() == 1


def test_changing_nothing_records_nothing(mei: User) -> None:
    webhook = make_webhook(mei, description="bot")
    before = AuditEvent.objects.count()
    services.change_webhook(webhook=webhook, url=webhook.url, events=ALL, description="bot")
    assert AuditEvent.objects.count() == before


# ---------------------------------------------------------------- secrets


def test_a_new_secret_leaves_the_former_one_for_a_day(mei: User) -> None:
    webhook, first = services.create_webhook(owner=mei, url=URL, events=ALL)
    second = services.make_new_secret(webhook=webhook, number=1)
    webhook.refresh_from_db()
    assert first != second and encryption.decrypt(webhook.secret) == second
    assert encryption.decrypt(webhook.previous_secret) == first
    services.renew_encryption()
    webhook.refresh_from_db()
    assert webhook.previous_secret
    step_clock(24 * 3600 + 1)
    services.renew_encryption()
    webhook.refresh_from_db()
    assert (webhook.previous_secret, webhook.previous_until) == ("", None)


def test_a_request_that_is_repeated_makes_no_second_secret(mei: User) -> None:
    webhook, first = services.create_webhook(owner=mei, url=URL, events=ALL)
    second = services.make_new_secret(webhook=webhook, number=1)
    with pytest.raises(SecretChanged):
        services.make_new_secret(webhook=webhook, number=1)
    webhook.refresh_from_db()
    assert encryption.decrypt(webhook.secret) == second
    assert encryption.decrypt(webhook.previous_secret) == first


def test_secrets_follow_a_change_of_the_sites_key(mei: User, settings: Any) -> None:
    webhook, first = services.create_webhook(owner=mei, url=URL, events=ALL)
    second = services.make_new_secret(webhook=webhook, number=1)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key", ["only for tests"]
    assert services.renew_encryption() == 1 and services.renew_encryption() == 0
    settings.SECRET_KEY_FALLBACKS = []
    webhook.refresh_from_db()
    assert encryption.decrypt(webhook.secret) == second
    assert encryption.decrypt(webhook.previous_secret) == first


def test_one_that_can_no_longer_be_read_is_replaced(mei: User, settings: Any) -> None:
    webhook, _secret = services.create_webhook(owner=mei, url=URL, events=ALL)
    settings.SECRET_KEY = "a new key after a leak"
    secret = services.make_new_secret(webhook=webhook, number=1)
    webhook.refresh_from_db()
    assert encryption.decrypt(webhook.secret) == secret and webhook.previous_secret == ""


# ---------------------------------------------------------------- on, off, gone


def test_what_waits_when_it_is_switched_off_can_be_redelivered(mei: User) -> None:
    webhook = make_webhook(mei)
    services.emit(people=[mei.pk], event=Event.RUN_FINISHED, data={})
    services.switch_webhook(webhook=webhook, is_active=False)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.failure) == ("failed", "off")
    assert services.emit(people=[mei.pk], event=Event.RUN_FINISHED, data={}) == 0
    services.switch_webhook(webhook=webhook, is_active=True)
    services.redeliver(delivery=delivery)
    again = Delivery.objects.get()
    assert (again.pk, again.body, again.state) == (delivery.pk, delivery.body, "queued")
    with pytest.raises(StillQueued):
        services.redeliver(delivery=again)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by", ["owner", "site"])
def test_what_happens_as_it_is_switched_off_is_not_told(mei: User, by: str) -> None:
    webhook = make_webhook(mei)

    def switch_off() -> None:
        if by == "owner":
            services.switch_webhook(webhook=webhook, is_active=False)
        else:
            services.disable_webhook(pk=webhook.pk, reason=Webhook.Disabled.FAILING)

    with before('INSERT INTO "webhooks_delivery"', switch_off), transaction.atomic():
        services.emit(people=[mei.pk], event=Event.RUN_FINISHED, data={})
    assert not Webhook.objects.get().is_active
    assert Delivery.objects.get().state == Delivery.State.FAILED


def test_switching_on_again_forgets_why_it_was_disabled(mei: User) -> None:
    webhook = make_webhook(mei)
    Webhook.objects.update(failing_since=Clock() - timedelta(days=4))
    assert services.disable_webhook(pk=webhook.pk, reason=Webhook.Disabled.FAILING)
    assert not services.disable_webhook(pk=webhook.pk, reason=Webhook.Disabled.FAILING)
    services.switch_webhook(webhook=webhook, is_active=True)
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.disabled_reason, webhook.failing_since) == (True, "", None)


def test_what_was_deleted_meanwhile_is_not_found(mei: User) -> None:
    webhook = make_webhook(mei)
    services.delete_webhook(webhook=webhook)
    services.delete_webhook(webhook=webhook)
    for action in (
        lambda: services.send_test(webhook=webhook),
        lambda: services.switch_webhook(webhook=webhook, is_active=False),
        lambda: services.make_new_secret(webhook=webhook, number=1),
        lambda: services.change_webhook(webhook=webhook, url=URL, events=ALL),
    ):
        with pytest.raises(NotFound):
            action()
    accounts.delete_user(user=mei)
    with pytest.raises(AccountGone):
        make_webhook(mei)


def test_tests_and_redeliveries_have_a_limit(mei: User) -> None:
    webhook = make_webhook(mei)
    test = services.send_test(webhook=webhook)
    assert test.event == "webhook.test"
    Delivery.objects.filter(pk=test.pk).update(
        state="failed", ended_at=Clock(), next_attempt_at=None
    )
    Delivery.objects.bulk_create(
        Delivery(webhook=webhook, event="run.finished", body="{}") for _ in range(MAX_QUEUED)
    )
    with pytest.raises(TooManyQueued):
        services.send_test(webhook=webhook)
    with pytest.raises(TooManyQueued):
        services.redeliver(delivery=test)


def test_deleting_a_person_deletes_theirs_alone(mei: User, ola: User) -> None:
    for person in (mei, ola):
        make_webhook(person)
        services.emit(people=[person.pk], event=Event.RUN_FINISHED, data={})
    accounts.delete_user(user=mei)
    assert Webhook.objects.get().owner == ola and Delivery.objects.count() == 1


@pytest.mark.parametrize(
    "values",
    [
        {"disabled_reason": "failing"},
        {"events": ["run.finished"]},  # but a digest
        {"is_active": False},
        {"previous_secret": "x"},
    ],
)
def test_the_database_refuses_what_contradicts_itself(values: dict[str, Any], mei: User) -> None:
    webhook = make_webhook(mei)
    assert webhook.digest_due_at is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        Webhook.objects.update(**values)


def test_a_delivery_is_queued_or_has_ended(mei: User) -> None:
    make_webhook(mei)
    services.emit(people=[mei.pk], event=Event.RUN_FINISHED, data={})
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.update(state="delivered")


def test_old_deliveries_leave_the_log_and_waiting_ones_stay(mei: User, settings: Any) -> None:
    webhook = make_webhook(mei)
    services.emit(people=[mei.pk], event=Event.RUN_FINISHED, data={})
    services.switch_webhook(webhook=webhook, is_active=False)
    waiting = services.send_test(webhook=webhook)
    settings.WEBHOOKS_KEEP_DAYS = 30
    step_clock(29 * 86_400)
    assert services.delete_old_deliveries() == 0
    step_clock(31 * 86_400)
    assert services.delete_old_deliveries() == 1
    assert Delivery.objects.get() == waiting


def test_the_digest_time_is_set_while_it_is_asked_for(mei: User) -> None:
    webhook = make_webhook(mei, events=["run.finished"])
    assert webhook.digest_due_at is None
    webhook = services.change_webhook(webhook=webhook, url=webhook.url, events=["cards.due"])
    assert webhook.digest_due_at is not None and webhook.digest_due_at > database_time()
    services.switch_webhook(webhook=webhook, is_active=False)
    webhook.refresh_from_db()
    assert webhook.digest_due_at is None


def test_validation_errors_are_the_services_own(mei: User) -> None:
    """No caller has to know of another exception."""
    try:
        make_webhook(mei, "https://127.0.0.1/")
    except ValidationError:
        pytest.fail("a ValidationError came through")
    except InvalidWebhook as refused:
        assert refused.code == "invalid-webhook" and refused.extra["fields"]["url"]
