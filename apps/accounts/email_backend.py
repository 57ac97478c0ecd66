"""The e-mail backend that stores mails in the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import Error

from apps.accounts import outbox


class OutboxBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store the mails in the caller's transaction. Returns how many have a recipient.

        Django reports errors by mail with `fail_silently`: if the database is what failed, storing
        that mail must not raise another error.
        """
        try:
            return sum(outbox.store_mail(message=message) > 0 for message in email_messages)
        except Error:
            if not self.fail_silently:
                raise
            return 0
