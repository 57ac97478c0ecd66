"""Sending one mail to the mail server of EMAIL_URL, without any knowledge of the outbox."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend
from django.utils.functional import cached_property


class MailRefused(Exception):
    """The server refuses this mail for good."""


class Connection(EmailBackend):
    """Django's connection, with certificates verified as EMAIL_URL says."""

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        return tls_context(settings.EMAIL_TLS_VERIFY)


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """Return the TLS context.

    Args:
        verify: True to trust the system's CA certificates, a path to trust those in that file
            only, False to trust any certificate.
    """
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if isinstance(verify, str):
        # from Python 3.13 on, strict verification requires extensions that self-signed certificates
        # often lack
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def send(*, sender: str, recipient: str, message: bytes) -> None:
    """Send a mail; on return the server has accepted it.

    Raises:
        MailRefused: the mail is refused for good.
        OSError: the server does not answer, refuses for now, or does not let us sign in.
    """
    connection = Connection()
    try:
        _open(connection).sendmail(sender, [recipient], message)
    except smtplib.SMTPRecipientsRefused as error:
        _raise_refusal(*error.recipients[recipient], error)
    except smtplib.SMTPDataError as error:
        _raise_refusal(error.smtp_code, error.smtp_error, error)
    finally:
        # once DATA was answered, a broken connection does not affect the mail
        with suppress(OSError):
            connection.close()


def _open(connection: Connection) -> smtplib.SMTP:
    try:
        connection.open()
    except UnicodeError:  # its message may contain a part of the password
        raise OSError("EMAIL_URL: host, user or password hold what SMTP cannot say") from None
    assert connection.connection is not None
    return connection.connection


def _raise_refusal(code: int, reply: bytes | str, error: OSError) -> None:
    """Raise MailRefused for a permanent error (5xx), OSError for a temporary one (4xx). A refusal
    of the sender is not handled here: it is an error of the site's settings, and repeated.
    """
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    if 500 <= code <= 599:
        raise MailRefused(f"{code} {text}") from error
    raise OSError(f"{code} {text}") from error
