"""Endpoints of webhooks and their log. A secret is in the answer to the request that made it, and
nowhere else: so these take no idempotency key, whose answers are kept for a day. An address that is
sent twice is refused, and a secret is replaced by its number.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.services import lock_user
from apps.api.conditional import check_unchanged, etag_of, tagged
from apps.api.endpoint import Endpoint, read
from apps.api.idempotency import creates
from apps.api.paging import list_of, page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, Moment, Output, Text, utc, utc_or_none
from apps.webhooks import presenters, selectors, services
from apps.webhooks.failures import Failure
from apps.webhooks.limits import MAX_DESCRIPTION_CHARS, MAX_URL_CHARS, MAX_WEBHOOKS
from apps.webhooks.models import CHOSEN_EVENTS, Delivery, Event, Webhook

CHOICES = [(event.value, event.label) for event in CHOSEN_EVENTS]


# ---------------------------------------------------------------- webhooks


class WebhookShown(Output):
    id = Id()
    url = serializers.URLField(help_text="Where events are sent. It may work like a password.")
    events = serializers.ListField(child=serializers.ChoiceField(CHOICES))
    description = serializers.CharField()
    is_active = serializers.BooleanField()
    disabled_reason = serializers.ChoiceField(
        Webhook.Disabled.choices, allow_blank=True, help_text="Why the site has switched it off."
    )
    failing_since_at = Moment(allow_null=True, help_text="Null: the last delivery arrived.")
    secret_number = serializers.IntegerField(help_text="Counts its secrets.")
    created_at = Moment()
    page_url = serializers.URLField()


class WebhookMade(WebhookShown):
    secret = serializers.CharField(help_text="It signs what is sent. It is never shown again.")


WEBHOOK = "7d0c0000-0000-4000-8000-00000000beef"
EXAMPLE = {
    "id": WEBHOOK,
    "url": "https://hooks.example.org/gradus",
    "events": ["run.finished", "verdict.decided"],
    "description": "notebook",
    "is_active": True,
    "disabled_reason": "",
    "failing_since_at": None,
    "secret_number": 1,
    "created_at": "2026-11-02T08:15:00.000Z",
    "page_url": f"https://gradus.example/settings/webhooks/{WEBHOOK}",
}
SECRET = "whsec_jF3mZ0cE1xq8h2t7aVw5oYkNrPsLdUgBiT4KQ9X6RyA"  # noqa: S105 - an example


def show_webhook(request: Request, webhook: Webhook) -> dict[str, Any]:
    path = reverse("webhooks:webhook", args=[webhook.pk])
    return {
        "id": str(webhook.pk),
        "url": webhook.url,
        "events": webhook.events,
        "description": webhook.description,
        "is_active": webhook.is_active,
        "disabled_reason": webhook.disabled_reason,
        "failing_since_at": utc_or_none(webhook.failing_since),
        "secret_number": webhook.secret_number,
        "created_at": utc(webhook.created_at),
        "page_url": request.build_absolute_uri(path),
    }


class WebhooksEndpoint(Endpoint):
    tag = "webhooks"
    scopes = {"GET": Scope.ACCOUNT, "POST": Scope.ACCOUNT}
    limits = {"POST": "webhooks"}
    sensitive = frozenset({"POST"})

    class NewWebhook(Input):
        url = Text(max_length=MAX_URL_CHARS, help_text="https, on the public internet.")
        events = serializers.ListField(
            child=serializers.ChoiceField(CHOICES), max_length=len(CHOICES)
        )
        description = Text(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_CHARS)

    @operation(
        "Your webhooks",
        description=f"At most {MAX_WEBHOOKS}.",
        response=WebhookShown,
        pages=True,
        example=EXAMPLE,
    )
    def get(self, request: Request) -> Response:
        webhooks = selectors.webhooks_of(self.person())
        return list_of(webhooks, lambda webhook: show_webhook(request, webhook))

    @operation(
        "Add a webhook",
        request=NewWebhook,
        request_example={"url": EXAMPLE["url"], "events": EXAMPLE["events"]},
        response=WebhookMade,
        example=EXAMPLE | {"secret": SECRET},
        status=201,
    )
    def post(self, request: Request) -> Response:
        values = read(request, self.NewWebhook)
        webhook, secret = services.create_webhook(owner=self.person(), **values)
        webhook.refresh_from_db()
        return Response(show_webhook(request, webhook) | {"secret": secret}, status=201)


class WebhookEndpoint(Endpoint):
    tag = "webhooks"
    scopes = {"GET": Scope.ACCOUNT, "PATCH": Scope.ACCOUNT, "DELETE": Scope.ACCOUNT}
    limits = {"PATCH": "webhooks", "DELETE": "webhooks"}
    sensitive = frozenset({"PATCH"})

    class WebhookChange(Input):
        url = Text(required=False, max_length=MAX_URL_CHARS)
        events = serializers.ListField(
            child=serializers.ChoiceField(CHOICES), required=False, max_length=len(CHOICES)
        )
        description = Text(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_CHARS)
        is_active = serializers.BooleanField(required=False)

    @operation("A webhook of yours", response=WebhookShown, example=EXAMPLE)
    def get(self, request: Request, pk: UUID) -> Response:
        return self.answer(request, pk)

    @operation(
        "Change a webhook, or switch it on or off",
        request=WebhookChange,
        request_example={"is_active": False},
        response=WebhookShown,
        example=EXAMPLE | {"is_active": False},
        edits=True,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        changes = read(request, self.WebhookChange)
        with transaction.atomic():
            lock_user(self.person())
            webhook = selectors.webhook_for(self.person(), pk)
            check_unchanged(request, self.etag(webhook))
            is_active = changes.pop("is_active", None)
            if changes:
                values = {
                    name: changes.get(name, getattr(webhook, name))
                    for name in ("url", "events", "description")
                }
                services.change_webhook(webhook=webhook, **values)
            if is_active is not None:
                services.switch_webhook(webhook=webhook, is_active=is_active)
        return self.answer(request, pk)

    @operation("Delete a webhook, with its log")
    def delete(self, request: Request, pk: UUID) -> Response:
        services.delete_webhook(webhook=selectors.webhook_for(self.person(), pk))
        return Response(status=204)

    def answer(self, request: Request, pk: UUID) -> Response:
        webhook = selectors.webhook_for(self.person(), pk)
        return tagged(request, show_webhook(request, webhook), self.etag(webhook))

    @staticmethod
    def etag(webhook: Webhook) -> str:
        state = (webhook.is_active, webhook.disabled_reason, webhook.failing_since)
        return etag_of(
            webhook.url,
            webhook.events,
            webhook.description,
            webhook.secret_number,
            *state,
        )


class WebhookSecretEndpoint(Endpoint):
    tag = "webhooks"
    scopes = {"POST": Scope.ACCOUNT}
    limits = {"POST": "webhooks"}
    sensitive = frozenset({"POST"})

    class FormerSecret(Input):
        secret_number = serializers.IntegerField(
            min_value=1,
            max_value=2**31 - 2,
            help_text="Of the one to be replaced, so that no repeat replaces the new one.",
        )

    class NewSecret(Output):
        secret = serializers.CharField(help_text="Never shown again.")
        secret_number = serializers.IntegerField()

    @operation(
        "Make a new secret",
        description="For a day deliveries are signed with the former one, too.",
        request=FormerSecret,
        request_example={"secret_number": 1},
        response=NewSecret,
        example={"secret": SECRET, "secret_number": 2},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        webhook = selectors.webhook_for(self.person(), pk)
        number = read(request, self.FormerSecret)["secret_number"]
        secret = services.make_new_secret(webhook=webhook, number=number)
        return Response({"secret": secret, "secret_number": number + 1})


# ---------------------------------------------------------------- deliveries


class DeliverySummary(Output):
    id = Id(help_text="As in the header `Gradus-Delivery`.")
    event = serializers.ChoiceField(Event.choices)
    state = serializers.ChoiceField(Delivery.State.choices)
    attempt_count = serializers.IntegerField(help_text="Since it was queued, or redelivered.")
    created_at = Moment()
    next_attempt_at = Moment(allow_null=True)
    ended_at = Moment(allow_null=True)
    status_code = serializers.IntegerField(allow_null=True, help_text="Of the last answer.")
    failure = serializers.ChoiceField(Failure.choices, allow_blank=True)
    reason = serializers.CharField(help_text="The failure in words.")


class DeliveryAttempt(Output):
    number = serializers.IntegerField(help_text="Begins again with a redelivery.")
    started_at = Moment()
    seconds = serializers.FloatField(allow_null=True, help_text="Null: not over, or cut off.")
    is_cut_off = serializers.BooleanField(help_text="Its process ended before it did.")
    status_code = serializers.IntegerField(allow_null=True, help_text="Null: no answer.")
    failure = serializers.ChoiceField(Failure.choices, allow_blank=True)
    detail = serializers.CharField()
    response = serializers.CharField(help_text="The beginning of the answer.")


class DeliveryDetail(DeliverySummary):
    body = serializers.CharField(help_text="Exactly as it is sent.")
    attempts = DeliveryAttempt(many=True, help_text="The last 30, the first first.")


DELIVERY_EXAMPLE = {
    "id": "9c1b0000-0000-4000-8000-00000000beef",
    "event": "run.finished",
    "state": "queued",
    "attempt_count": 1,
    "created_at": "2026-11-02T08:15:00.000Z",
    "next_attempt_at": "2026-11-02T08:16:02.000Z",
    "ended_at": None,
    "status_code": 503,
    "failure": "status",
    "reason": "It answered with a status other than 2xx.",
}
DETAIL_EXAMPLE = DELIVERY_EXAMPLE | {
    "body": '{"id": "6b1f0f5e-8a55-4c5e-9f7d-0d7e6a3f2b11", "type": "run.finished", "data": {}}',
    "attempts": [
        {
            "number": 1,
            "started_at": "2026-11-02T08:15:01.000Z",
            "seconds": 0.21,
            "is_cut_off": False,
            "status_code": 503,
            "failure": "status",
            "detail": "",
            "response": "busy",
        }
    ],
}


def show_delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": str(delivery.pk),
        "event": delivery.event,
        "state": delivery.state,
        "attempt_count": delivery.attempts,
        "created_at": utc(delivery.created_at),
        "next_attempt_at": utc_or_none(delivery.next_attempt_at),
        "ended_at": utc_or_none(delivery.ended_at),
        "status_code": delivery.status,
        "failure": delivery.failure,
        "reason": presenters.reason(delivery),
    }


def show_delivery_with_attempts(delivery: Delivery) -> dict[str, Any]:
    attempts = [
        {
            "number": attempt.number,
            "started_at": utc(attempt.at),
            "seconds": attempt.seconds,
            "is_cut_off": attempt.is_cut_off,
            "status_code": attempt.status,
            "failure": attempt.failure,
            "detail": attempt.detail,
            "response": attempt.response,
        }
        for attempt in reversed(presenters.attempt_rows(delivery))
    ]
    return show_delivery(delivery) | {"body": delivery.body, "attempts": attempts}


class WebhookTestEndpoint(Endpoint):
    tag = "webhooks"
    scopes = {"POST": Scope.ACCOUNT}
    limits = {"POST": "webhooks"}

    @operation(
        "Have a test delivered",
        description="It is attempted once; the delivery says what became of it.",
        response=DeliverySummary,
        example=DELIVERY_EXAMPLE
        | {"event": "webhook.test", "status_code": None, "failure": "", "reason": ""},
        status=201,
    )
    @creates
    def post(self, request: Request, pk: UUID) -> Response:
        webhook = selectors.webhook_for(self.person(), pk)
        delivery = services.send_test(webhook=webhook)
        delivery.refresh_from_db()
        return Response(show_delivery(delivery), status=201)


class DeliveriesEndpoint(Endpoint):
    tag = "webhooks"
    scopes = {"GET": Scope.ACCOUNT}

    @operation(
        "The log of a webhook, the latest first",
        response=DeliverySummary,
        pages=True,
        example=DELIVERY_EXAMPLE,
    )
    def get(self, request: Request, pk: UUID) -> Response:
        webhook = selectors.webhook_for(self.person(), pk)
        deliveries = selectors.deliveries_of(webhook)
        return page(request, deliveries, show_delivery, ordering=("-created_at", "-pk"))


class DeliveryEndpoint(Endpoint):
    tag = "webhooks"
    scopes = {"GET": Scope.ACCOUNT}

    @operation("A delivery, with its attempts", response=DeliveryDetail, example=DETAIL_EXAMPLE)
    def get(self, request: Request, pk: UUID, of: UUID) -> Response:
        delivery = selectors.delivery_for(self.person(), pk, of)
        return Response(show_delivery_with_attempts(delivery))


class RedeliverEndpoint(Endpoint):
    tag = "webhooks"
    scopes = {"POST": Scope.ACCOUNT}
    limits = {"POST": "webhooks"}

    @operation(
        "Redeliver what has ended",
        description="With the same body and identifiers, as if it were new.",
        response=DeliveryDetail,
        example=DETAIL_EXAMPLE,
    )
    def post(self, request: Request, pk: UUID, of: UUID) -> Response:
        delivery = selectors.delivery_for(self.person(), pk, of)
        services.redeliver(delivery=delivery)
        delivery.refresh_from_db()
        return Response(show_delivery_with_attempts(delivery))
