"""Housekeeping jobs of accounts: deliver mail, delete what is old. They run in a thread of their
own, since a mail server may be slow.
"""

from __future__ import annotations

from django.conf import settings

from apps.accounts import outbox, services, sessions
from apps.accounts.email_changes import delete_old_changes
from apps.accounts.invitations import delete_old_invitations
from apps.accounts.models import User
from apps.audit.services import delete_old_events
from apps.common.clock import Clock

ROUND_SECONDS = 10  # after which a round starts no further attempt
MAX_DELETED = 20  # accounts in a round


def deliver_mails() -> int:
    """Deliver the mails that are due, if there is a mail server. Returns how many were sent."""
    return outbox.deliver_due_mails(seconds=ROUND_SECONDS) if settings.EMAIL_URL else 0


def delete_old_mails() -> int:
    return outbox.delete_old_mails()


def delete_due_accounts() -> int:
    """Delete the accounts whose owners asked for it seven days ago, each in its own transaction.
    Returns how many.
    """
    due = User.objects.filter(deletion_at__lte=Clock()).order_by("deletion_at")
    pks = list(due.values_list("pk", flat=True)[:MAX_DELETED])
    return sum(services.delete_if_due(pk=pk) for pk in pks)


def delete_expired_sessions() -> int:
    return sessions.delete_expired_sessions()


ACCOUNT_JOBS = (
    deliver_mails,
    delete_old_mails,
    delete_due_accounts,
    delete_old_changes,
    delete_old_invitations,
    delete_expired_sessions,
    delete_old_events,
)
