"""Why an attempt, or a whole delivery, failed."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.common.text import clean, displayable
from apps.webhooks.limits import MAX_DETAIL_CHARS


class Failure(TextChoices):
    """The name is stored; the sentence is for the owner."""

    # one word for a name that there is not and one that leads to where this site does not go:
    # else anybody could ask which names there are in the networks of its operator
    ADDRESS = "address", _("Its name leads to no address on the public internet.")
    CONNECTION = "connection", _("No connection was made.")
    TLS = "tls", _("The connection could not be encrypted: its certificate was not accepted.")
    TIMEOUT = "timeout", _("There was no complete answer in time.")
    PROTOCOL = "protocol", _("The answer was not one of HTTP.")
    REDIRECT = "redirect", _("It answered with a redirect, which is not followed.")
    STATUS = "status", _("It answered with a status other than 2xx.")
    SECRET = "secret", _("The secret can no longer be read. Make a new one.")
    OFF = "off", _("The webhook was switched off.")
    CRASH = "crash", _("The last attempt was cut off.")


class Failed(Exception):
    """An attempt got no answer."""

    def __init__(self, failure: Failure, detail: object = "") -> None:
        super().__init__(f"{failure.value}: {detail}")
        self.failure = failure
        self.detail = displayable(clean(str(detail)))[:MAX_DETAIL_CHARS]
