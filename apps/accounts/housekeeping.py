"""What housekeep does for accounts: deliver mail. Beside the protocol's housekeeping jobs, never
before them: a mail server may be slow.
"""

from __future__ import annotations

from django.conf import settings

from apps.accounts import outbox

ROUND_SECONDS = 10  # after which a round begins no further mail


def deliver_mails() -> int:
    """Deliver what is due, if there is a mail server."""
    return outbox.deliver_due_mails(seconds=ROUND_SECONDS) if settings.EMAIL_URL else 0


def delete_old_mails() -> int:
    return outbox.delete_old_mails()


MAIL_JOBS = (deliver_mails, delete_old_mails)
