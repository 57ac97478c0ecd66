"""Sending deliveries, each until it has arrived or failed for about a day.

A delivery arrives at least once. An attempt begins with a lease: it postpones the next attempt
(`backoff`), so that no lock is held while a target answers, and after a crash the delivery is due
again, with the same identifier.

Some attempts are under way at once, each in a thread that touches no database; few of them to one
host, of one person, and one of a webhook: a slow target holds up its own deliveries alone.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import BooleanField, Case, Q, Value, When

from apps.common.clock import Clock, now
from apps.webhooks import encryption, services
from apps.webhooks.failures import Failed, Failure
from apps.webhooks.limits import (
    ATTEMPT_SECONDS,
    DISABLED_AFTER,
    JITTER,
    MAX_AT_ONCE,
    MAX_ATTEMPTS,
    MAX_LOGGED_ATTEMPTS,
    MAX_OF_ONE,
    backoff,
)
from apps.webhooks.models import Delivery, Event, Webhook
from apps.webhooks.sending import Answer, post
from apps.webhooks.signing import SIGNATURE_HEADER, signature_header
from apps.webhooks.targets import read_target

log = logging.getLogger(__name__)
State = Delivery.State
USER_AGENT = "Gradus-Webhooks/1"
GRACE_SECONDS = 2.0  # from the deadline of an attempt until its thread is waited for no longer
MAX_CANDIDATES = 50  # looked at in one query


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: an answer, or none, and why."""

    seconds: float
    answer: Answer | None = None
    failure: Failure | None = None
    detail: str = ""


@dataclass
class Attempt:
    """A leased delivery that is under way."""

    delivery: Delivery
    started: float = field(default_factory=time.monotonic)
    thread: threading.Thread | None = None

    @property
    def is_overdue(self) -> bool:
        """Whether its thread hangs: a look-up of a name, for one, has no deadline of its own."""
        return time.monotonic() > self.started + ATTEMPT_SECONDS + GRACE_SECONDS


# attempts that were given up while their threads hang: they count as under way until these end
_hanging: list[Attempt] = []


def deliver_due(*, seconds: float) -> int:
    """Send the deliveries that are due, starting none once `seconds` have passed. Returns how many
    arrived.
    """
    end = time.monotonic() + seconds
    results: SimpleQueue[tuple[UUID, Outcome]] = SimpleQueue()
    under_way: dict[UUID, Attempt] = {}
    arrived = 0
    while True:
        _hanging[:] = [one for one in _hanging if one.thread and one.thread.is_alive()]
        if time.monotonic() < end:
            for attempt in _start([*under_way.values(), *_hanging], results):
                under_way[attempt.delivery.pk] = attempt
        if not under_way:
            return arrived
        for pk, outcome in _next_results(results):
            if attempt_over := under_way.pop(pk, None):
                arrived += store_outcome(delivery=attempt_over.delivery, outcome=outcome)
        for attempt in [one for one in under_way.values() if one.is_overdue]:
            _hanging.append(under_way.pop(attempt.delivery.pk))
            late = Outcome(time.monotonic() - attempt.started, failure=Failure.TIMEOUT)
            store_outcome(delivery=attempt.delivery, outcome=late)


def _next_results(results: SimpleQueue[tuple[UUID, Outcome]]) -> Iterable[tuple[UUID, Outcome]]:
    try:
        yield results.get(timeout=0.25)
    except Empty:
        return
    while not results.empty():
        yield results.get()


def _start(
    under_way: list[Attempt], results: SimpleQueue[tuple[UUID, Outcome]]
) -> Iterable[Attempt]:
    """Lease deliveries and start to send them, as many as there is room for beside `under_way`."""
    room = MAX_AT_ONCE - len(under_way)
    if room <= 0:
        return
    for delivery in lease(room, [attempt.delivery for attempt in under_way]):
        attempt = Attempt(delivery)
        attempt.thread = threading.Thread(
            target=_send_and_tell, args=(delivery, results), daemon=True
        )
        attempt.thread.start()
        yield attempt


def _send_and_tell(delivery: Delivery, results: SimpleQueue[tuple[UUID, Outcome]]) -> None:
    results.put((delivery.pk, send(delivery)))


# ---------------------------------------------------------------- leases


def lease(count: int, under_way: Iterable[Delivery] = ()) -> list[Delivery]:
    """Return up to `count` deliveries that are due, and count the attempt. Nobody else gets them
    before their next one. None is to a host, or of a person, with `MAX_OF_ONE` under way, nor of a
    webhook that has one.
    """
    hosts, owners, webhooks = Counter[str](), Counter[int](), set[UUID]()

    def note(delivery: Delivery) -> None:
        hosts[delivery.webhook.host] += 1
        owners[delivery.webhook.owner_id] += 1
        webhooks.add(delivery.webhook_id)

    for delivery in under_way:
        note(delivery)
    leased: list[Delivery] = []
    for delivery in _candidates(hosts, owners, webhooks):
        webhook = delivery.webhook
        is_full = max(hosts[webhook.host], owners[webhook.owner_id]) >= MAX_OF_ONE
        if len(leased) < count and not is_full and _lease(delivery):
            leased.append(delivery)
            note(delivery)
    return leased


def _candidates(
    hosts: Counter[str], owners: Counter[int], webhooks: set[UUID]
) -> Iterable[Delivery]:
    """Return the delivery of each webhook that is due longest, of those that may be attempted."""
    full_hosts = [host for host, count in hosts.items() if count >= MAX_OF_ONE]
    full_owners = [owner for owner, count in owners.items() if count >= MAX_OF_ONE]
    due = Delivery.objects.due().exclude(webhook__in=list(webhooks))
    due = due.exclude(webhook__host__in=full_hosts).exclude(webhook__owner__in=full_owners)
    first = due.order_by("webhook_id", "next_attempt_at", "pk").distinct("webhook_id").values("pk")
    rows = Delivery.objects.filter(pk__in=first).select_related("webhook")
    # whether the former secret is valid, too
    signs_twice = Case(
        When(Q(webhook__previous_until__gt=Clock()), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    return rows.annotate(signs_twice=signs_twice).order_by("next_attempt_at", "pk")[:MAX_CANDIDATES]


def _lease(delivery: Delivery) -> bool:
    """Count an attempt at a delivery, unless somebody else did so meanwhile."""
    attempts = delivery.attempts + 1
    rest = 1 + JITTER * random.uniform(-1, 1)  # noqa: S311 - it is no secret
    due = Delivery.objects.due().filter(pk=delivery.pk, attempts=delivery.attempts)
    log_of_it = list(delivery.attempt_log)
    if attempts <= max_attempts(delivery):  # else nothing is sent: the last one crashed
        log_of_it.append({"number": attempts, "at": now().isoformat()})
    is_ours = due.order_by().update(
        attempts=attempts,
        attempted_at=Clock(),
        next_attempt_at=Clock() + backoff(attempts) * rest,
        attempt_log=log_of_it[-MAX_LOGGED_ATTEMPTS:],
    )
    delivery.attempts = attempts
    return bool(is_ours)


# ---------------------------------------------------------------- an attempt


def send(delivery: Delivery) -> Outcome:
    """Attempt to send a leased delivery. Asks no database."""
    started = time.monotonic()

    def after(**values: object) -> Outcome:
        return Outcome(round(time.monotonic() - started, 3), **values)  # type: ignore[arg-type]

    if delivery.attempts > max_attempts(delivery):  # the last one crashed before it was stored
        return after(failure=Failure.CRASH)
    try:
        target = read_target(delivery.webhook.url)
        body = delivery.body.encode()
        answer = post(target, headers_of(delivery, body), body)
    except encryption.Undecryptable:
        return after(failure=Failure.SECRET)
    except ValidationError:  # the site no longer sends to such an address
        return after(failure=Failure.ADDRESS)
    except Failed as failed:
        return after(failure=failed.failure, detail=failed.detail)
    except Exception:
        log.exception("an attempt at delivery %s failed through a fault of ours", delivery.pk)
        return after(failure=Failure.PROTOCOL)
    return after(answer=answer, failure=answer.failure)


def headers_of(delivery: Delivery, body: bytes) -> dict[str, str]:
    """Return the headers of a leased delivery.

    Raises:
        Undecryptable: its secret cannot be read.
    """
    webhook = delivery.webhook
    secrets = [encryption.decrypt(webhook.secret)]
    if getattr(delivery, "signs_twice", False) and webhook.previous_secret:
        secrets.append(encryption.decrypt(webhook.previous_secret))
    return {
        "User-Agent": USER_AGENT,
        "Gradus-Event": delivery.event,
        "Gradus-Delivery": str(delivery.pk),
        SIGNATURE_HEADER: signature_header(secrets, int(now().timestamp()), body),
    }


def max_attempts(delivery: Delivery) -> int:
    """Return how often a delivery is attempted: a test once, as somebody waits for the result."""
    return 1 if delivery.event == Event.TEST else MAX_ATTEMPTS


# ---------------------------------------------------------------- what becomes of it


@transaction.atomic
def store_outcome(*, delivery: Delivery, outcome: Outcome) -> bool:
    """Store what became of an attempt, and of the webhook. Returns whether the delivery arrived.
    Stored once: another attempt at it, or its end, meanwhile makes this one void.
    """
    is_arrived = outcome.failure is None
    is_last = delivery.attempts >= max_attempts(delivery) or outcome.failure == Failure.SECRET
    end = {"ended_at": Clock(), "next_attempt_at": None}
    values: dict[str, object] = {
        "status": outcome.answer.status if outcome.answer else None,
        "response": outcome.answer.excerpt if outcome.answer else "",
        "failure": outcome.failure or "",
        "detail": outcome.detail,
        "seconds": outcome.seconds,
    }
    logged = dict(values)
    if is_arrived:
        values |= end | {"state": State.DELIVERED}
    elif is_last:
        values |= end | {"state": State.FAILED}
    services.lock_webhook(delivery.webhook_id)
    mine = Delivery.objects.queued().filter(pk=delivery.pk, attempts=delivery.attempts)
    for entries in mine.values_list("attempt_log", flat=True):
        if entries and entries[-1]["number"] == delivery.attempts:
            values["attempt_log"] = [*entries[:-1], entries[-1] | logged]
    if not mine.update(**values):
        return False
    if is_arrived:
        _note_success(delivery.webhook_id)
    else:
        log.info("attempt %s at %s: %s", delivery.attempts, delivery.pk, outcome.failure)
        _note_failure(delivery, outcome, is_last=is_last)
    return is_arrived


def _note_success(webhook: UUID) -> None:
    Webhook.objects.filter(pk=webhook, failing_since__isnull=False).update(failing_since=None)


def _note_failure(delivery: Delivery, outcome: Outcome, *, is_last: bool) -> None:
    """Note that a webhook fails, and disable it if it has for long. That is decided where a
    delivery has failed for good, so that a webhook that is seldom told of anything gets its day of
    attempts. A test counts for nothing.
    """
    if outcome.failure == Failure.SECRET:
        services.disable_webhook(pk=delivery.webhook_id, reason=Webhook.Disabled.SECRET)
        return
    if delivery.event == Event.TEST:
        return
    webhooks = Webhook.objects.active().filter(pk=delivery.webhook_id)
    webhooks.filter(failing_since=None).update(failing_since=Clock())
    if is_last and webhooks.filter(failing_since__lte=Clock() - DISABLED_AFTER).exists():
        services.disable_webhook(pk=delivery.webhook_id, reason=Webhook.Disabled.FAILING)
