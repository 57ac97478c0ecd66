"""One attempt to hand one mail to the mail server of EMAIL_URL. Knows nothing of the outbox."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend
from django.utils.functional import cached_property


class MailRefused(Exception):
    """The server will not take this mail, however often it is tried."""


class Connection(EmailBackend):
    """Django's connection, with certificates verified as EMAIL_URL says."""

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        return tls_context(settings.EMAIL_TLS_VERIFY)


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """Return how TLS is spoken.

    Args:
        verify: True to go by the system's CA certificates, a path to go by those in that file
            alone, False to believe any certificate.
    """
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if isinstance(verify, str):
        # Python 3.13 asks for extensions that certificates of one's own seldom have
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def send(*, sender: str, recipient: str, message: bytes) -> None:
    """Hand over a mail; on return the server has taken responsibility for it.

    Raises:
        MailRefused: trying again is of no use.
        OSError: the server is away, or asked to come later, or does not let us in.
    """
    connection = Connection()
    try:
        _open(connection).sendmail(sender, [recipient], message)
    except smtplib.SMTPRecipientsRefused as error:
        _raise_refusal(*error.recipients[recipient], error)
    except smtplib.SMTPDataError as error:
        _raise_refusal(error.smtp_code, error.smtp_error, error)
    finally:
        # after DATA was answered, what becomes of the connection says nothing of the mail
        with suppress(OSError):
            connection.close()


def _open(connection: Connection) -> smtplib.SMTP:
    try:
        connection.open()
    except UnicodeError:  # its text may show a part of the password
        raise OSError("EMAIL_URL: host, user or password hold what SMTP cannot say") from None
    assert connection.connection is not None
    return connection.connection


def _raise_refusal(code: int, reply: bytes | str, error: OSError) -> None:
    """Tell a refusal of this mail (5xx) from one for now (4xx). A refusal of the sender is a
    fault of the site's settings, and is tried again.
    """
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    if 500 <= code <= 599:
        raise MailRefused(f"{code} {text}") from error
    raise OSError(f"{code} {text}") from error
