"""The outbox: a mail is a row, stored in the transaction that causes it and delivered by housekeep.

A mail is delivered at least once. An attempt begins with a lease: it postpones the next attempt
(`backoff`), so that no lock is held while the mail server works, and after a crash the mail is due
again. A mail that was sent twice has the same Message-ID both times.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet

from apps.accounts import smtp
from apps.accounts.addresses import envelope_address, mailbox
from apps.accounts.models import MAX_SUBJECT_LENGTH, OutgoingMail, User
from apps.common.clock import Clock

log = logging.getLogger(__name__)

FIRST_BACKOFF, MAX_BACKOFF = timedelta(minutes=1), timedelta(hours=4)
MAX_ATTEMPTS = 25  # the last one before PASSWORD_RESET_TIMEOUT: links in mails are still valid
MAX_ERROR_LENGTH = 500  # characters
State = OutgoingMail.State


def backoff(attempts: int) -> timedelta:
    """Return the time from the start of an attempt, the `attempts`-th, to the start of the next."""
    return min(FIRST_BACKOFF * (1 << min(attempts - 1, 10)), MAX_BACKOFF)


def of_person(message: EmailMessage, person: User) -> EmailMessage:
    """Note on a message whose account it is about, for whatever backend sends it."""
    message.person_pk = person.pk  # type: ignore[attr-defined]
    return message


@transaction.atomic
def store_mail(*, message: EmailMessage, summary: str = "") -> int:
    """Store a mail for each recipient, so that one that is refused does not affect the others. It
    is deleted with the account that it is about (`of_person`). Returns how many there are.

    Args:
        summary: what operators read in place of its subject, which may name others.
    """
    charset = message.encoding or settings.DEFAULT_CHARSET
    content = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]
    recipients = dict.fromkeys(envelope_address(to, charset) for to in message.recipients())
    rows = [
        OutgoingMail(
            sender=envelope_address(message.from_email, charset),
            recipient=recipient,
            person_id=getattr(message, "person_pk", None),
            subject=_storable(summary or message.subject, MAX_SUBJECT_LENGTH),
            message=content,
        )
        for recipient in recipients
    ]
    return len(OutgoingMail.objects.bulk_create(rows))


def deliver_due_mails(*, seconds: float) -> int:
    """Deliver the mails that are due until `seconds` have passed, or the mail server fails. Returns
    how many were sent.
    """
    end = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < end and (mail := lease_mail()) is not None:
        try:
            sent += deliver_mail(mail=mail)
        except OSError as error:
            record_error(mail=mail, error=error)
            break
    return sent


@transaction.atomic
def lease_mail() -> OutgoingMail | None:
    """Return a mail that is due, and count the attempt. Nobody else gets it before the next one."""
    mail = OutgoingMail.objects.due().select_for_update(skip_locked=True).first()
    if mail is not None:
        mail.attempts += 1
        OutgoingMail.objects.filter(pk=mail.pk).update(
            attempts=mail.attempts, next_attempt_at=Clock() + backoff(mail.attempts)
        )
    return mail


def deliver_mail(*, mail: OutgoingMail) -> bool:
    """Attempt to send a leased mail. Returns whether it was sent.

    Raises:
        OSError: the attempt failed, and may be repeated.
    """
    if mail.attempts > MAX_ATTEMPTS:  # the last one crashed before it stored an error
        _end(mail, State.FAILED)
        return False
    try:
        smtp.send(sender=mail.sender, recipient=mail.recipient, message=bytes(mail.message))
    except smtp.MailRefused as error:
        log.warning("mail %s is refused: %s", mail.pk, error)
        _end(mail, State.FAILED, error=_storable(error, MAX_ERROR_LENGTH))
        return False
    _end(mail, State.SENT, error="", message=b"")
    return True


def record_error(*, mail: OutgoingMail, error: OSError) -> None:
    """Store why an attempt failed; after the last one the mail has failed."""
    text = _storable(f"{type(error).__name__}: {error}", MAX_ERROR_LENGTH)
    log.warning("attempt %s at mail %s failed: %s", mail.attempts, mail.pk, text)
    if mail.attempts >= MAX_ATTEMPTS:
        _end(mail, State.FAILED, error=text)
        return
    OutgoingMail.objects.filter(pk=mail.pk, state=State.QUEUED).update(error=text)


def retry_mails(*, mails: QuerySet[OutgoingMail]) -> int:
    """Requeue those of `mails` that failed, as if they were new. Returns how many."""
    return mails.filter(state=State.FAILED).update(
        state=State.QUEUED, attempts=0, next_attempt_at=Clock(), ended_at=None
    )


def delete_old_mails() -> int:
    """Delete mails that ended more than MAIL_KEEP_DAYS ago. Returns how many."""
    old = OutgoingMail.objects.filter(
        ended_at__lt=Clock() - timedelta(days=settings.MAIL_KEEP_DAYS)
    )
    return old.delete()[0]


def adopt_mails(*, address: str, person: User) -> int:
    """Take the mails to an address that were nobody's for those of who signs up with it. Returns
    how many.
    """
    mails = OutgoingMail.objects.filter(recipient=mailbox(address), person=None)
    return mails.update(person=person)


def delete_mails_to(*, address: str) -> int:
    """Delete all mails to an address, sent or not: its owner is deleted. Returns how many."""
    return OutgoingMail.objects.filter(recipient=mailbox(address)).delete()[0]


def _end(mail: OutgoingMail, state: State, **values: object) -> None:
    OutgoingMail.objects.filter(pk=mail.pk, state=State.QUEUED).update(
        state=state, ended_at=Clock(), next_attempt_at=None, **values
    )


def _storable(text: object, max_length: int) -> str:
    """Return a text that PostgreSQL stores: without NUL, and cut."""
    return str(text).replace("\x00", "")[:max_length]
