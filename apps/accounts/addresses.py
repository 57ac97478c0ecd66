"""E-mail addresses: the canonical form that all spellings of an address share, and the form that
mail is sent to. Everything that looks up an account compares canonical forms.
"""

from __future__ import annotations

from email.errors import MessageError
from email.utils import parseaddr
from unicodedata import normalize

import idna
from django.core.exceptions import ValidationError
from django.core.mail.message import sanitize_address
from django.core.validators import EmailValidator, validate_email

MAX_ADDRESS_LENGTH = 254  # characters


def canonical_email(address: str) -> str:
    """Return the canonical form of an address: the local part in NFKC and case-folded, the domain
    as in DNS (IDNA 2008, with the mapping of UTS 46).

    The function is idempotent, and its result is lower case. A text that is no address has a
    canonical form, too, so that a look-up finds nothing instead of failing.
    """
    local, at, domain = normalize("NFKC", address).strip().rpartition("@")
    return _folded(local) + at + (_ascii_domain(domain) if at else _folded(domain))


def mailbox(address: str) -> str:
    """Return where mail for an address goes: as it was typed, its domain as DNS has it. Python's
    own encoding of domains is IDNA 2003, for which ß is ss: another domain's mailbox. Where what
    comes before the @ is more than ASCII (ſam), it is that of the canonical form (sam).
    """
    local, at, domain = address.strip().rpartition("@")
    if not local.isascii():
        local, at, _domain = canonical_email(address).rpartition("@")
    return local + at + _ascii_domain(domain)


def envelope_address(address: str, charset: str = "utf-8") -> str:
    """Return the bare address of a recipient or sender (`Name <address>`), as SMTP takes it.

    Raises:
        ValueError, IndexError, MessageError: no mail can be written to it.
    """
    return parseaddr(sanitize_address(address, charset))[1]


def check_address(address: str) -> None:
    """Refuse what `EmailValidator` lets pass though no mail can be written to it, or would go
    elsewhere: a local part that is not ASCII, encoded (=?utf-8?q?mei?=) or needlessly quoted. Or
    though its canonical form is no address.

    Raises:
        ValidationError: with the message of `EmailValidator`.
    """
    _local, _at, domain = address.rpartition("@")
    try:
        if not domain.startswith("["):  # a literal IP address
            idna.encode(domain, uts46=True)
        box = mailbox(address)
        form = canonical_email(address)
        validate_email(form)
        if envelope_address(box) == box and len(form) <= MAX_ADDRESS_LENGTH:
            return
    except (ValidationError, ValueError, IndexError, MessageError):  # idna's are ValueErrors
        pass
    raise ValidationError(EmailValidator.message, code=EmailValidator.code)


def _ascii_domain(domain: str) -> str:
    try:
        if len(domain) <= MAX_ADDRESS_LENGTH:  # idna takes long for a long domain
            return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        pass
    folded = _folded(domain)
    return folded if folded == domain else _ascii_domain(folded)


def _folded(text: str) -> str:
    # case folding may undo the normalization; and lower case differs from case folding in Cherokee
    return normalize("NFKC", normalize("NFKC", text).casefold()).lower()
