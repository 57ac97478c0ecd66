"""Deliveries: signed, tried again, fair to all, and ended. What does not work is disabled."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from apps.accounts.models import OutgoingMail, User
from apps.audit.models import AuditEvent
from apps.common.clock import Clock
from apps.experiments.management.commands import housekeep
from apps.notices.housekeeping import make_notice_mails
from apps.notices.models import Notice
from apps.webhooks import deliveries, encryption, housekeeping, limits, presenters, services
from apps.webhooks.deliveries import Outcome, deliver_due, lease, store_outcome
from apps.webhooks.failures import Failure
from apps.webhooks.models import Delivery, Event, Webhook
from apps.webhooks.sending import Answer
from tests.connections import elsewhere
from tests.discussions.conftest import make_person
from tests.experiments.conftest import step_clock
from tests.notices.conftest import confirm
from tests.webhooks.conftest import make_webhook
from tests.webhooks.target import TargetServer, answers, target_server
from tests.webhooks.test_signing import documented

pytestmark = pytest.mark.django_db
ROUND = 5  # seconds


@pytest.fixture
def webhook(mei: User, target: TargetServer) -> Webhook:
    return make_webhook(mei, target.url())


def tell(person: User, event: Event = Event.RUN_FINISHED, **data: Any) -> Delivery:
    """Tell a person's webhooks of something; return the latest delivery."""
    assert services.emit(people=[person.pk], event=event, data=data)
    return Delivery.objects.filter(webhook__owner=person).latest("created_at", "pk")


def due_now() -> None:
    """Have all that waits due now, without stepping a clock."""
    Delivery.objects.queued().update(next_attempt_at=Clock())


# ---------------------------------------------------------------- what arrives


def test_a_real_receiver_gets_it_and_can_check_it(
    webhook: Webhook, mei: User, target: TargetServer
) -> None:
    delivery = tell(mei, run_id="4711", title="死亡 ReLU")
    assert deliver_due(seconds=ROUND) == 1
    (received,) = target.received
    assert received.body.decode() == delivery.body and received.body.isascii()
    secret = encryption.decrypt(webhook.secret)
    header = received.headers["Gradus-Signature"]
    assert documented()(secret, header, received.body)
    assert received.headers["Gradus-Event"] == "run.finished"
    assert received.headers["Gradus-Delivery"] == str(delivery.pk)
    assert received.headers["User-Agent"] == "Gradus-Webhooks/1"
    body = json.loads(received.body)
    assert set(body) == {"id", "type", "created_at", "data"}
    assert body["data"] == {"run_id": "4711", "title": "死亡 ReLU"}
    assert body["created_at"].endswith("+00:00")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.status, delivery.attempts) == ("delivered", 200, 1)
    assert delivery.response == "fine" and delivery.seconds is not None
    assert deliver_due(seconds=ROUND) == 0 and len(target.received) == 1


def test_both_secrets_sign_for_a_day(webhook: Webhook, mei: User, target: TargetServer) -> None:
    first = encryption.decrypt(webhook.secret)
    second = services.make_new_secret(webhook=webhook, number=1)
    tell(mei)
    deliver_due(seconds=ROUND)
    step_clock(24 * 3600 + 1)
    tell(mei)
    deliver_due(seconds=ROUND)
    verify = documented()
    headers = [one.headers["Gradus-Signature"] for one in target.received]
    bodies = [one.body for one in target.received]
    assert [verify(second, *pair) for pair in zip(headers, bodies, strict=True)] == [True, True]
    assert [verify(first, *pair) for pair in zip(headers, bodies, strict=True)] == [True, False]


def test_all_webhooks_of_all_people_get_the_same_body(
    mei: User, ola: User, target: TargetServer
) -> None:
    for person in (mei, ola):
        make_webhook(person, target.url("/a"))
        make_webhook(person, target.url("/b"), events=["cards.due"])
    count = services.emit(people=[mei.pk, ola.pk, mei.pk], event=Event.RUN_FINISHED, data={})
    assert count == 2
    assert deliver_due(seconds=ROUND) == 2
    assert len({one.body for one in target.received}) == 1
    assert len({one.headers["Gradus-Delivery"] for one in target.received}) == 2


# ---------------------------------------------------------------- tried again


def test_ten_attempts_within_a_day_and_then_it_has_failed(
    webhook: Webhook, mei: User, target: TargetServer
) -> None:
    target.answer = answers(503, "busy")
    delivery = tell(mei)
    waits = []
    for attempt in range(1, limits.MAX_ATTEMPTS + 1):
        due_now()
        assert deliver_due(seconds=ROUND) == 0
        delivery.refresh_from_db()
        assert (delivery.attempts, delivery.status, delivery.failure) == (attempt, 503, "status")
        if delivery.next_attempt_at and delivery.attempted_at:
            waits.append((delivery.next_attempt_at - delivery.attempted_at).total_seconds())
    assert delivery.state == "failed" and delivery.response == "busy"
    due_now()
    deliver_due(seconds=ROUND)
    assert len(target.received) == limits.MAX_ATTEMPTS
    assert len(waits) == limits.MAX_ATTEMPTS - 1
    for nth, wait in enumerate(waits, start=1):
        assert wait == pytest.approx(limits.backoff(nth).total_seconds(), rel=limits.JITTER + 0.01)
    total = sum((limits.backoff(n) for n in range(1, limits.MAX_ATTEMPTS)), start=timedelta())
    assert timedelta(hours=23) < total < timedelta(hours=25)
    assert limits.FIRST_BACKOFF.total_seconds() * (1 - limits.JITTER) > (
        limits.ATTEMPT_SECONDS + deliveries.GRACE_SECONDS
    ), "a lease outlasts an attempt"


def test_a_success_ends_it_and_the_failing(
    webhook: Webhook, mei: User, target: TargetServer
) -> None:
    target.answer = answers(500)
    delivery = tell(mei)
    deliver_due(seconds=ROUND)
    webhook.refresh_from_db()
    assert webhook.failing_since is not None
    target.answer = answers(204, "")
    due_now()
    assert deliver_due(seconds=ROUND) == 1
    for row in (webhook, delivery):
        row.refresh_from_db()
    assert webhook.failing_since is None
    assert (delivery.state, delivery.failure, delivery.attempts) == ("delivered", "", 2)


def test_a_test_is_tried_once_and_counts_for_nothing(
    webhook: Webhook, target: TargetServer
) -> None:
    target.answer = answers(404)
    services.send_test(webhook=webhook)
    deliver_due(seconds=ROUND)
    webhook.refresh_from_db()
    assert Delivery.objects.get().state == "failed" and webhook.failing_since is None
    Webhook.objects.update(failing_since=Clock())
    target.answer = answers(200)
    services.send_test(webhook=webhook)
    assert deliver_due(seconds=ROUND) == 1
    webhook.refresh_from_db()
    assert webhook.failing_since is None, "but one that arrives shows that it works"


def test_a_crash_within_an_attempt_costs_that_attempt_alone(
    webhook: Webhook, mei: User, target: TargetServer
) -> None:
    tell(mei)
    (leased,) = lease(5)
    assert lease(5) == [] and leased.attempts == 1
    step_clock(2 * 60)
    assert deliver_due(seconds=ROUND) == 1
    Delivery.objects.update(
        state="queued", ended_at=None, next_attempt_at=Clock(), attempts=limits.MAX_ATTEMPTS
    )
    assert deliver_due(seconds=ROUND) == 0
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.failure) == ("failed", "crash") and len(target.received) == 1


def test_the_log_keeps_every_attempt_also_one_that_was_cut_off_and_those_before_a_redelivery(
    webhook: Webhook, mei: User, target: TargetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.answer = answers(503, "busy")
    delivery = tell(mei)
    deliver_due(seconds=ROUND)
    due_now()
    lease(1)  # whose process ends
    target.answer = answers(204, "")
    due_now()
    deliver_due(seconds=ROUND)
    delivery.refresh_from_db()
    shown = [(row.answer, row.seconds is None) for row in presenters.attempt_rows(delivery)]
    assert shown == [("204", False), ("cut off", True), ("503", False)]
    assert delivery.attempt_log[0]["response"] == "busy" and delivery.attempt_log[0]["at"]
    monkeypatch.setattr(deliveries, "MAX_LOGGED_ATTEMPTS", 3)
    services.redeliver(delivery=delivery)
    (leased,) = lease(1)
    delivery.refresh_from_db()
    answers_now = [row.answer for row in presenters.attempt_rows(delivery)]
    assert answers_now == ["under way", "204", "cut off"]
    assert store_outcome(delivery=leased, outcome=Outcome(0.1, failure=Failure.TIMEOUT)) is False
    delivery.refresh_from_db()
    assert [entry.get("failure") for entry in delivery.attempt_log] == [None, "", "timeout"]
    page = Client()
    page.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    path = f"/settings/webhooks/{webhook.pk}/deliveries/{delivery.pk}"
    assert "cut off" in page.get(path).content.decode()


def test_an_outcome_that_comes_late_changes_nothing(webhook: Webhook, mei: User) -> None:
    tell(mei)
    (first,) = lease(1)
    step_clock(2 * 60)
    (second,) = lease(1)
    assert not store_outcome(delivery=first, outcome=Outcome(0.1, failure=Failure.TIMEOUT))
    services.switch_webhook(webhook=webhook, is_active=False)
    assert not store_outcome(delivery=second, outcome=Outcome(0.1))
    assert Delivery.objects.get().failure == "off"


def test_a_fault_of_ours_is_a_failure_and_does_not_end_the_round(
    webhook: Webhook, mei: User, ola: User, target: TargetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_webhook(ola, target.url("/ola"))
    tell(mei)
    tell(ola)
    post = deliveries.post

    def fail(to: Any, *rest: Any) -> Any:
        if to.path == "/hook":
            raise RuntimeError("a bug")
        return post(to, *rest)

    monkeypatch.setattr(deliveries, "post", fail)
    assert deliver_due(seconds=ROUND) == 1
    assert set(Delivery.objects.values_list("state", "attempts")) == {
        ("queued", 1),
        ("delivered", 1),
    }


# ---------------------------------------------------------------- disabled


def fail_for_good(webhook: Webhook) -> None:
    """Have the last attempt at a delivery fail."""
    due_now()
    Delivery.objects.queued().update(attempts=limits.MAX_ATTEMPTS - 1)
    deliver_due(seconds=ROUND)
    webhook.refresh_from_db()


def test_after_three_days_of_failure_it_is_disabled_and_its_owner_told(
    webhook: Webhook, mei: User, target: TargetServer, settings: Any
) -> None:
    settings.EMAIL_URL = "smtp+plain://127.0.0.1:1"
    confirm(mei)
    target.answer = answers(500)
    tell(mei)
    deliver_due(seconds=ROUND)
    step_clock(2 * 86_400)
    fail_for_good(webhook)
    assert webhook.is_active, "two days are too few"
    tell(mei)
    step_clock(3 * 86_400 + 60)
    due_now()
    deliver_due(seconds=ROUND)
    webhook.refresh_from_db()
    assert webhook.is_active, "this delivery has attempts left"
    tell(mei)
    fail_for_good(webhook)
    assert (webhook.is_active, webhook.disabled_reason) == (False, "failing")
    assert not Delivery.objects.queued().exists(), "what waited is not sent any more"
    notice = Notice.objects.get()
    assert (notice.person, notice.kind) == (mei, "webhook")
    assert notice.path == f"/settings/webhooks/{webhook.pk}"
    event = AuditEvent.objects.get(kind="webhook-disabled")
    assert (event.person, event.actor, event.details) == (mei, None, {"reason": "failing"})
    step_clock(4 * 86_400)
    assert make_notice_mails() == 1
    mail = OutgoingMail.objects.get()
    message = message_from_bytes(bytes(mail.message), policy=policy.default)
    assert "for three days nothing could be delivered" in message["Subject"]
    assert mail.subject == "Gradus: A webhook of yours was disabled"


def test_a_webhook_that_is_seldom_told_of_anything_gets_a_day_of_attempts(
    webhook: Webhook, mei: User, target: TargetServer
) -> None:
    target.answer = answers(500)
    tell(mei)
    fail_for_good(webhook)
    step_clock(5 * 86_400)
    tell(mei)
    deliver_due(seconds=ROUND)
    webhook.refresh_from_db()
    assert webhook.is_active
    target.answer = answers(200)
    due_now()
    assert deliver_due(seconds=ROUND) == 1


def test_a_secret_that_cannot_be_read_disables_it_and_nothing_goes_out_unsigned(
    webhook: Webhook, mei: User, target: TargetServer, settings: Any
) -> None:
    tell(mei)
    settings.SECRET_KEY = "a new key after a leak"
    assert deliver_due(seconds=ROUND) == 0
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.disabled_reason) == (False, "secret")
    assert target.received == [] and Delivery.objects.get().failure == "secret"
    assert Notice.objects.get().details == {"reason": "secret"}


# ---------------------------------------------------------------- fair to all


def test_few_go_to_one_host_and_to_one_person_at_once(target: TargetServer) -> None:
    people = [make_person(f"person{n}") for n in range(4)]
    for person in people:
        for n in range(3):
            make_webhook(person, target.url(f"/{n}"))
    make_webhook(people[2], "https://elsewhere.example.org/")
    make_webhook(people[3], "https://elsewhere.example.org/")
    for person in people:
        tell(person)
        tell(person)
    leased = lease(8)
    hosts = Counter(one.webhook.host for one in leased)
    owners = Counter(one.webhook.owner_id for one in leased)
    webhooks = Counter(one.webhook_id for one in leased)
    assert hosts == {"127.0.0.1": 2, "elsewhere.example.org": 2}
    assert max(owners.values()) <= 2 and max(webhooks.values()) == 1
    assert lease(8, leased) == [], "all hosts are at their limit"
    again = Counter(one.webhook.host for one in lease(8, leased[:1]))
    assert again == {"127.0.0.1": 1, "elsewhere.example.org": 2}


def test_a_slow_target_holds_up_nobody_else(
    mei: User, ola: User, target: TargetServer, names: Any
) -> None:
    """Mei's targets do not answer; what Ola is told arrives meanwhile."""
    over = threading.Event()
    target.answer = lambda handler: over.wait(5)
    for n in range(3):
        make_webhook(mei, target.url(f"/{n}"))
    tell(mei)
    with target_server() as quick:
        names(["127.0.0.1"])
        make_webhook(ola, quick.url(host="quick.example.org"))
        for n in range(4):
            tell(ola, n=n)
        quick.answer = lambda handler: (
            handler.say("HTTP/1.1 200 OK\r\n\r\n"),
            over.set() if len(quick.received) == 4 else None,
        )
        begun = time.monotonic()
        deliver_due(seconds=2)
        assert len(quick.received) == 4 and over.is_set()
    assert time.monotonic() - begun < 4, "nobody waited for Mei's"


def test_an_attempt_that_hangs_is_given_up_and_takes_its_place_until_it_ends(
    webhook: Webhook, mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look-up of a name has no deadline of its own."""
    over = threading.Event()
    monkeypatch.setattr(deliveries, "ATTEMPT_SECONDS", 0.1)
    monkeypatch.setattr(deliveries, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(deliveries, "MAX_AT_ONCE", 1)
    monkeypatch.setattr(deliveries, "post", lambda *_: over.wait(30) and Answer(200, ""))
    tell(mei)
    assert deliver_due(seconds=ROUND) == 0
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.failure, delivery.attempts) == ("queued", "timeout", 1)
    due_now()
    assert deliver_due(seconds=ROUND) == 0
    delivery.refresh_from_db()
    assert delivery.attempts == 1, "there is no place for another"
    (hanging,) = deliveries._hanging
    over.set()
    assert hanging.thread is not None
    hanging.thread.join(5)
    assert deliver_due(seconds=ROUND) == 1 and deliveries._hanging == []


def test_a_round_starts_nothing_after_its_end(webhook: Webhook, mei: User) -> None:
    tell(mei)
    assert deliver_due(seconds=-1) == 0
    assert Delivery.objects.get().attempts == 0


@pytest.mark.django_db(transaction=True)
def test_two_housekeepers_deliver_once(webhook: Webhook, mei: User, target: TargetServer) -> None:
    tell(mei)
    (leased,) = lease(1)
    assert elsewhere(lambda: deliver_due(seconds=1)).result() == 0
    assert target.received == []
    assert store_outcome(delivery=leased, outcome=Outcome(0.1))


@pytest.mark.django_db(transaction=True)
def test_housekeep_delivers(webhook: Webhook, mei: User, target: TargetServer) -> None:
    tell(mei)
    call_command("housekeep", once=True)
    assert len(target.received) == 1


def test_deliveries_have_a_thread_of_their_own() -> None:
    slow, deliveries, _long = map(set, housekeep.jobs_beside())
    assert deliveries == set(housekeeping.DELIVERY_JOBS)
    assert set(housekeeping.SLOW_JOBS) <= slow
