"""Django's way of sending mail, into our outbox."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import Error

from apps.accounts import outbox


class OutboxBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store the mails in the transaction of the caller. Returns how many have a recipient.

        `fail_silently` is how Django reports errors by mail: when the database is what failed,
        that must not be an error to report.
        """
        try:
            return sum(outbox.store_mail(message=message) > 0 for message in email_messages)
        except Error:
            if not self.fail_silently:
                raise
            return 0
