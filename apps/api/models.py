"""Tokens of programs, and the answers to requests that carried an idempotency key."""

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
MAX_TOKENS = 20  # that a person may have at once
MAX_KEY_LENGTH = 64  # of an idempotency key


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
