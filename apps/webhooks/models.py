"""Webhooks: addresses to which people have told what happens to what is theirs, and the deliveries
to them, each a row until it has arrived or failed.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.clock import Clock
from apps.webhooks.failures import Failure
from apps.webhooks.limits import MAX_DESCRIPTION_CHARS, MAX_URL_CHARS


class Event(models.TextChoices):
    """What is told. The names are part of the interface (docs/webhooks.md), and stay."""

    RUN_FINISHED = "run.finished", _("A run of yours has ended, however it ended")
    VERDICT_DECIDED = "verdict.decided", _("A run of yours has decided its claims")
    POST_REPLIED = "post.replied", _("Somebody replied in a thread that you began")
    CARDS_DUE = "cards.due", _("Cards are due today: once a day, at 08:00 by your clocks")
    TEST = "webhook.test", _("A test")


CHOSEN_EVENTS = tuple(event for event in Event if event != Event.TEST)


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def active(self) -> WebhookQuerySet:
        return self.filter(is_active=True)

    def listed(self) -> WebhookQuerySet:
        return self.order_by("created_at", "pk")


class Webhook(models.Model):
    """An address of somebody's, the events that are sent there, and the secret by which they are
    signed.
    """

    class Disabled(models.TextChoices):
        """Why the site, not its owner, has switched it off."""

        FAILING = "failing", _("Nothing could be delivered for three days.")
        SECRET = "secret", _("Its secret can no longer be read. Make a new one.")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="webhooks")
    url = models.CharField(_("address"), max_length=MAX_URL_CHARS)  # as `targets.Target.url`
    # of the address, by which no target gets all attempts at once
    host = models.CharField(_("host"), max_length=253)
    description = models.CharField(
        _("description"), max_length=MAX_DESCRIPTION_CHARS, blank=True, default=""
    )
    events = ArrayField(models.CharField(max_length=32, choices=Event), verbose_name=_("events"))
    # encrypted (`encryption`), as is the former one, which is valid for a day more
    secret = models.TextField(editable=False)
    previous_secret = models.TextField(blank=True, default="", editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)
    secret_number = models.PositiveIntegerField(default=1, editable=False)  # counts new ones
    key_name = models.CharField(max_length=16, editable=False)  # of the key that encrypted them
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    disabled_reason = models.CharField(
        _("disabled because"), max_length=16, choices=Disabled, blank=True, default=""
    )
    failing_since = models.DateTimeField(_("failing since"), null=True)  # NULL: the last arrived
    # when cards are counted next; NULL: never
    digest_due_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Clock())

    objects = WebhookQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "url"], name="one_webhook_an_address"),
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(disabled_reason=""),
                name="active_webhooks_are_not_disabled",
            ),
            models.CheckConstraint(
                condition=Q(digest_due_at=None)
                | Q(is_active=True, events__contains=[Event.CARDS_DUE.value]),
                name="digests_are_of_active_webhooks",
            ),
            models.CheckConstraint(
                condition=Q(previous_secret="", previous_until=None)
                | (~Q(previous_secret="") & Q(previous_until__isnull=False)),
                name="previous_secrets_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["digest_due_at"],
                condition=Q(digest_due_at__isnull=False),
                name="webhooks_with_a_digest",
            )
        ]

    def __str__(self) -> str:
        return self.host


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def queued(self) -> DeliveryQuerySet:
        return self.filter(state=Delivery.State.QUEUED)

    def due(self) -> DeliveryQuerySet:
        """Return the deliveries that may be attempted now, the longest due first."""
        return self.queued().filter(next_attempt_at__lte=Clock()).order_by("next_attempt_at", "pk")

    def log(self) -> DeliveryQuerySet:
        """Return them as a log, the latest first, without what is long."""
        return self.order_by("-created_at", "-pk").defer("body", "response", "attempt_log")


class Delivery(models.Model):
    """An event on its way to a webhook: stored in the transaction in which it happens, and sent by
    housekeep until it has arrived, or failed for about a day.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.CharField(_("event"), max_length=32, choices=Event)
    body = models.TextField(_("body"))  # JSON, exactly as it is sent
    state = models.CharField(
        _("state"), max_length=16, choices=State, default=State.QUEUED, db_default=State.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    created_at = models.DateTimeField(_("created"), db_default=Clock())
    # postponed when an attempt starts, so that nobody else leases the row meanwhile
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, db_default=Clock())
    ended_at = models.DateTimeField(_("ended"), null=True)
    # of the last attempt
    attempted_at = models.DateTimeField(_("last attempt"), null=True)
    status = models.PositiveSmallIntegerField(_("status"), null=True)  # of HTTP; NULL: no answer
    failure = models.CharField(
        _("failure"), max_length=16, choices=Failure, blank=True, default="", db_default=""
    )
    detail = models.TextField(_("detail"), blank=True, default="", db_default="")
    response = models.TextField(_("answer"), blank=True, default="", db_default="")
    seconds = models.FloatField(_("seconds"), null=True)
    # of the last `MAX_LOGGED_ATTEMPTS`, redeliveries included, the first first: number, at, and,
    # once it is over, status, failure, detail, response, seconds
    attempt_log = models.JSONField(default=list, db_default=[], editable=False)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="queued", next_attempt_at__isnull=False, ended_at__isnull=True)
                | Q(
                    state__in=["delivered", "failed"],
                    next_attempt_at__isnull=True,
                    ended_at__isnull=False,
                ),
                name="deliveries_are_queued_or_ended",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state="queued"), name="queued_deliveries"
            ),
            models.Index(
                fields=["webhook"], condition=Q(state="queued"), name="queued_of_a_webhook"
            ),
            models.Index(
                fields=["ended_at"], condition=~Q(state="queued"), name="ended_deliveries"
            ),
            models.Index(fields=["webhook", "-created_at", "-id"], name="deliveries_of_a_webhook"),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.webhook_id}"

    @property
    def is_over(self) -> bool:
        return self.state != self.State.QUEUED
