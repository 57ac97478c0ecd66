"""What webhooks are told of: runs, verdicts, replies, cards. Nothing that a page would not show."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.discussions import services as discussions
from apps.discussions.models import Thread
from apps.experiments import services as runs
from apps.experiments.models import Run
from apps.experiments.services import PredictionInput
from apps.progress import housekeeping, services, webhook_events
from apps.progress.days import today
from apps.progress.models import Card
from apps.webhooks import services as webhooks
from apps.webhooks.limits import MAX_QUEUED
from apps.webhooks.models import Delivery, Event, Webhook
from tests.connections import before
from tests.discussions.conftest import make_person, reply, start
from tests.experiments.conftest import step_clock
from tests.experiments.pages_cast import SURE, loaded, measured, queued
from tests.progress.conftest import make_question
from tests.webhooks.conftest import make_webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
SITE = "http://127.0.0.1:8000"
emit_due = housekeeping.tell_webhooks_of_due_cards


def told() -> list[tuple[str, dict[str, Any]]]:
    """Return the events of all deliveries with what they say, the first first."""
    rows = Delivery.objects.order_by("created_at", "event").values_list("event", "body")
    return [(event, json.loads(body)["data"]) for event, body in rows]


# ---------------------------------------------------------------- runs


def test_a_run_tells_that_it_has_ended_and_what_it_has_decided(mei: User) -> None:
    make_webhook(mei)
    run = measured(queued(mei, loaded(), prediction=SURE))
    (finished, data), (decided, verdict) = sorted(told())
    assert (finished, decided) == ("run.finished", "verdict.decided")
    assert data["run_id"] == verdict["run_id"] == str(run.pk)
    assert data["url"] == f"{SITE}/runs/{run.pk}" and data["lab"] == "dead-relu"
    assert (data["state"], data["error"]) == ("succeeded", None)
    assert data["title"]["zh"] and data["ended_at"].endswith("+00:00")
    outcomes = {row["claim"]: row["outcome"] for row in verdict["verdicts"]}
    assert outcomes["dead-relu.lr-kills"] == "holds"
    assert verdict["prediction"]["outcome"] == "holds" and verdict["prediction"]["was_right"]


def test_a_verdict_that_its_owner_may_not_see_is_not_in_it(mei: User) -> None:
    make_webhook(mei)
    run = measured(queued(mei, loaded()))
    data = dict(told())["verdict.decided"]
    assert (data["verdicts"], data["prediction"]) == (None, None)
    bodies = "".join(Delivery.objects.values_list("body", flat=True))
    assert not any(text in bodies for text in ("holds", "fails", "0.66", "0.51"))
    runs.open_verdict(user=mei, run=run)
    measured(queued(mei, loaded(), key="again"))
    again = Delivery.objects.filter(event="verdict.decided").latest("created_at")
    assert json.loads(again.body)["data"]["verdicts"]


def test_a_run_that_is_cancelled_has_ended_and_decided_nothing(mei: User) -> None:
    make_webhook(mei)
    run = queued(mei, loaded(), prediction=PredictionInput("fails", 80, {}))
    runs.request_cancel(run=run)
    ((event, data),) = told()
    assert (event, data["state"], data["started_at"]) == ("run.finished", "cancelled", None)


def test_only_the_owner_is_told_and_only_of_what_they_chose(mei: User, ola: User) -> None:
    make_webhook(ola)
    make_webhook(mei, events=["verdict.decided"])
    make_webhook(mei, "https://hooks.example.org/off")
    webhooks.switch_webhook(webhook=Webhook.objects.get(url__endswith="/off"), is_active=False)
    measured(queued(mei, loaded()))
    assert [event for event, _data in told()] == ["verdict.decided"]


def test_a_run_that_is_rolled_back_is_not_told_of(mei: User) -> None:
    make_webhook(mei)
    with transaction.atomic():
        measured(queued(mei, loaded()))
        assert Delivery.objects.exists()
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()


# ---------------------------------------------------------------- replies


def test_a_reply_is_told_of_without_a_word_of_it(mei: User, ola: User) -> None:
    make_webhook(mei)
    make_webhook(ola)
    thread = start(mei)
    post = reply(ola, thread, "The secret is the learning rate, @mei.")
    ((event, data),) = told()
    assert event == "post.replied" and "secret" not in Delivery.objects.get().body
    assert data == {
        "thread_id": str(thread.pk),
        "title": thread.title,
        "post_id": str(post.pk),
        "number": 2,
        "author": "ola",
        "url": f"{SITE}{post.get_absolute_url()}",
    }
    reply(mei, thread)
    assert len(told()) == 1, "nobody is told of what they did themselves"


def test_who_muted_the_thread_is_not_told(mei: User, ola: User) -> None:
    make_webhook(mei)
    thread = start(mei)
    discussions.follows.mute(user=mei, thread=thread)
    reply(ola, thread)
    assert told() == []


def test_a_reply_that_awaits_approval_is_told_of_when_it_is_approved(
    mei: User, ola: User, ada: User, settings: Any
) -> None:
    make_webhook(mei)
    thread = start(mei)
    settings.POSTS_NEED_APPROVAL = True
    post = reply(ola, thread)
    assert told() == []
    discussions.moderation.approve(moderator=ada, post=post, reason="It is fine.")
    assert [event for event, _data in told()] == ["post.replied"]


# ---------------------------------------------------------------- cards


@pytest.fixture
def due_card(mei: User) -> Card:
    """A card of Mei's that is due."""
    services.reviews.add_card(user=mei, question=make_question("why-relu"))
    Card.objects.update(due=now() - timedelta(hours=1))
    return Card.objects.get()


def at_eight() -> None:
    """Have every digest due, without stepping a clock."""
    Webhook.objects.filter(digest_due_at__isnull=False).update(digest_due_at=now())


def test_due_cards_are_told_of_once_a_day(mei: User, due_card: Card) -> None:
    make_webhook(mei)
    make_webhook(mei, "https://hooks.example.org/runs", events=["run.finished"])
    assert emit_due() == 0, "it is not 08:00"
    at_eight()
    assert emit_due() == 1 and emit_due() == 0
    ((event, data),) = told()
    assert (event, data["cards"], data["is_more"]) == ("cards.due", 1, False)
    assert data["url"] == f"{SITE}/review" and data["day"] == today(mei.time_zone).isoformat()
    step_clock(26 * 3600)
    assert emit_due() == 1


def test_a_day_without_due_cards_is_not_told_of(mei: User) -> None:
    make_webhook(mei)
    at_eight()
    assert emit_due() == 0 and told() == []
    due_at = Webhook.objects.get().digest_due_at
    assert due_at is not None and due_at > now()


def test_eight_is_by_the_clocks_of_the_account(mei: User) -> None:
    User.objects.filter(pk=mei.pk).update(time_zone="Asia/Kathmandu")
    mei.refresh_from_db()
    due_at = make_webhook(mei).digest_due_at
    assert due_at is not None and (due_at.hour, due_at.minute) == (2, 15)


def test_a_person_whose_cards_cannot_be_counted_holds_up_nobody_else(
    mei: User, ola: User, due_card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    Card.objects.update(user=ola)
    for person in (mei, ola):
        make_webhook(person)
    at_eight()
    count_due = webhook_events.cards.count_due

    def fail(person: User) -> int:
        if person == mei:
            raise ValueError("a bug")
        return count_due(person)

    monkeypatch.setattr(webhook_events.cards, "count_due", fail)
    assert emit_due() == 1 and emit_due() == 0
    postponed = Webhook.objects.get(owner=mei).digest_due_at
    assert postponed is not None and postponed < now() + timedelta(hours=2)


# ---------------------------------------------------------------- however many


def test_two_statements_tell_however_many(mei: User, ola: User) -> None:
    people = [make_person(f"person{n}") for n in range(12)]
    for person in people:
        make_webhook(person)
        make_webhook(person, "https://hooks.example.org/second")
    pks = [person.pk for person in people]
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        assert webhooks.emit(people=pks, event=Event.RUN_FINISHED, data={}) == 24
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 2
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        webhooks.emit(people=[mei.pk], event=Event.RUN_FINISHED, data=lambda: pytest.fail("asked"))
    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 1


def test_a_webhook_of_which_very_many_wait_is_told_of_nothing_more(mei: User) -> None:
    webhook = make_webhook(mei)
    Delivery.objects.bulk_create(
        Delivery(webhook=webhook, event="run.finished", body="{}") for _ in range(MAX_QUEUED - 1)
    )
    assert webhooks.emit(people=[mei.pk], event=Event.RUN_FINISHED, data={}) == 1
    assert webhooks.emit(people=[mei.pk], event=Event.RUN_FINISHED, data={}) == 0


def test_what_is_too_long_is_left_out_and_hurts_nobody(mei: User) -> None:
    make_webhook(mei)
    data = {"title": "长" * 20_000}
    assert webhooks.emit(people=[mei.pk], event=Event.RUN_FINISHED, data=data) == 0


def test_what_json_does_not_know_becomes_null(mei: User) -> None:
    make_webhook(mei)
    data = {"effect": float("nan"), "text": "a\x00b\ud800"}
    webhooks.emit(people=[mei.pk], event=Event.RUN_FINISHED, data=data)
    assert told()[0][1] == {"effect": None, "text": "ab?"}


def test_who_can_no_longer_sign_in_is_told_of_nothing(mei: User) -> None:
    make_webhook(mei)
    User.objects.filter(pk=mei.pk).update(is_active=False)
    assert webhooks.emit(people=[mei.pk], event=Event.RUN_FINISHED, data={}) == 0


@pytest.mark.django_db(transaction=True)
def test_a_person_who_is_being_deleted_is_not_waited_for(mei: User, ola: User) -> None:
    for person in (mei, ola):
        make_webhook(person)

    def emit() -> None:
        people = [mei.pk, ola.pk]
        assert webhooks.emit(people=people, event=Event.RUN_FINISHED, data={}) == 1

    with before('DELETE FROM "webhooks_webhook"', emit):
        accounts.delete_user(user=mei)
    assert Delivery.objects.get().webhook.owner == ola
    assert not Run.objects.exists() and not Thread.objects.exists()
