"""Signatures, as docs/webhooks.md tells receivers to check them, and how secrets are stored."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site

from apps.webhooks import encryption
from apps.webhooks.signing import new_secret, signature_header

pytestmark = pytest.mark.attack
DOCUMENT = Path(site.ROOT, "docs", "webhooks.md").read_text(encoding="utf-8")
BODY = b'{"type": "webhook.test"}'


def documented() -> Callable[..., bool]:
    """Return the function that the document has for receivers."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    verify: Callable[..., bool] = names["is_from_gradus"]
    return verify


def test_the_documented_check_takes_what_we_sign_and_nothing_else() -> None:
    verify, secret, now = documented(), new_secret(), int(time.time())
    header = signature_header([secret], now, BODY)
    assert verify(secret, header, BODY)
    assert not verify(new_secret(), header, BODY)
    assert not verify(secret, header, BODY + b" ")
    assert not verify(secret, header.replace(f"t={now}", f"t={now + 1}"), BODY)
    for wrong in ("", "t=x,v1=y", f"t={now}", "v1=" + "0" * 64, f"t={now},v1="):
        assert not verify(secret, wrong, BODY)


def test_an_old_delivery_is_not_taken_again() -> None:
    verify, secret, now = documented(), new_secret(), int(time.time())
    assert verify(secret, signature_header([secret], now - 200, BODY), BODY)
    assert not verify(secret, signature_header([secret], now - 400, BODY), BODY)
    assert not verify(secret, signature_header([secret], now + 400, BODY), BODY)


def test_two_secrets_sign_while_one_is_exchanged() -> None:
    verify, secrets, now = documented(), [new_secret(), new_secret()], int(time.time())
    header = signature_header(secrets, now, BODY)
    assert header.count("v1=") == 2
    assert all(verify(secret, header, BODY) for secret in secrets)
    assert not verify(new_secret(), header, BODY)


def test_the_documented_signature_is_that_of_the_example() -> None:
    """The example in the document can be checked by who writes a receiver in another language."""
    values = dict(re.findall(r"^\| `(secret|time|body|signature)` \| `(.*)` \|$", DOCUMENT, re.M))
    header = signature_header([values["secret"]], int(values["time"]), values["body"].encode())
    assert header == f"t={values['time']},v1={values['signature']}"


# ---------------------------------------------------------------- as they are stored


def test_a_stored_secret_is_read_with_the_sites_key_alone(settings: Any) -> None:
    secret = new_secret()
    stored = encryption.encrypt(secret)
    assert secret not in stored and encryption.encrypt(secret) != stored
    assert encryption.decrypt(stored) == secret
    settings.SECRET_KEY = "another key"
    with pytest.raises(encryption.Undecryptable):
        encryption.decrypt(stored)
    settings.SECRET_KEY_FALLBACKS = ["only for tests"]
    assert encryption.decrypt(stored) == secret


def test_a_changed_or_foreign_value_is_not_read() -> None:
    stored = encryption.encrypt(new_secret())
    for wrong in ("", "x", stored[:-4] + "AAA=", stored[1:]):
        with pytest.raises(encryption.Undecryptable):
            encryption.decrypt(wrong)
