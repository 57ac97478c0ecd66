"""Tokens of programs, the sign-ins by which programs get them, and the answers to requests that
carried an idempotency key.
"""

from __future__ import annotations

from uuid import uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken

from apps.api.scopes import choices
from apps.common.clock import Clock

MAX_TOKEN_NAME_LENGTH = 60
DEFAULT_TOKEN_DAYS = 90
MAX_TOKENS = 20  # that a person may have at once
MAX_KEY_LENGTH = 64  # of an idempotency key
USER_CODE_LENGTH = 8  # without the hyphen in its middle
POLL_SECONDS = 5  # between two polls of a program that waits to be signed in


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self) -> ApiTokenQuerySet:
        return self.filter(expiry__gt=Clock())

    def expired(self) -> ApiTokenQuerySet:
        return self.filter(expiry__lte=Clock())


class ApiToken(AbstractAuthToken):  # type: ignore[misc] # knox has no types
    """A token of a person's program: Knox's, which keeps a hash, with a name and what it may do.

    `token_key` is the beginning of the token, by which its owner recognizes it; `digest` the
    SHA-512 of the whole, and the primary key.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("owner")
    )
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=MAX_TOKEN_NAME_LENGTH)
    scopes = ArrayField(models.CharField(max_length=16, choices=choices), verbose_name=_("scopes"))
    last_used_at = models.DateTimeField(_("last used"), null=True)  # to the minute

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created"]
        constraints = [
            models.CheckConstraint(condition=Q(expiry__isnull=False), name="tokens_expire"),
            models.CheckConstraint(condition=Q(scopes__len__gt=0), name="tokens_have_a_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"


class DeviceLogin(models.Model):
    """A program that asks to be signed in (RFC 8628). It keeps the long device code, and shows the
    short user code, which somebody enters on the site to approve it. Then the program gets a token,
    once.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        DENIED = "denied"
        USED = "used"  # the token was given

    digest = models.BinaryField(max_length=32, unique=True)  # of the device code
    user_code = models.CharField(max_length=USER_CODE_LENGTH, unique=True)
    name = models.CharField(max_length=MAX_TOKEN_NAME_LENGTH)  # as the program calls itself
    scopes = ArrayField(models.CharField(max_length=16, choices=choices))
    network = models.CharField(max_length=64, blank=True)  # from which it asked
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    # for which the token is valid, as who approved it chose
    token_days = models.PositiveSmallIntegerField(default=DEFAULT_TOKEN_DAYS)
    # who approved or denied it
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    interval = models.PositiveSmallIntegerField(default=POLL_SECONDS)  # between two polls, seconds
    polled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Clock())
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("sign-in of a program")
        verbose_name_plural = _("sign-ins of programs")
        indexes = [models.Index(fields=["expires_at"], name="device_logins_by_end")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="pending", user__isnull=True)
                | (~Q(state="pending") & Q(user__isnull=False)),
                name="device_logins_are_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(scopes__len__gt=0), name="device_logins_have_a_scope"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"


class IdempotentRequest(models.Model):
    """A request with an idempotency key that was carried out, and how it was answered. Written in
    the transaction of what it did, so that there is either both or neither.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=MAX_KEY_LENGTH)
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 of method, path and body
    status = models.PositiveSmallIntegerField(default=0)  # 0: being carried out
    headers = models.JSONField(default=dict)
    body = models.TextField(default="")  # JSON
    created_at = models.DateTimeField(db_default=Clock())

    class Meta:
        verbose_name = _("idempotent request")
        verbose_name_plural = _("idempotent requests")
        constraints = [
            models.UniqueConstraint(fields=["person", "key"], name="one_request_a_key"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotent_requests_by_age")]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.key}"
