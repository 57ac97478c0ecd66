"""A passkey in software: answers what the site's pages ask a browser for, with a key of its own."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from html import unescape
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

ORIGIN = "https://testserver"
PAGE, SIGN_IN = "/settings/sign-in/passkeys", "/accounts/login/passkey/"
PRESENT_AND_VERIFIED = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV


def options_in(page: Any) -> dict[str, Any]:
    text = re.search(r'id="passkey-options"[^>]*>(.*?)</script>', page.content.decode(), re.S)
    assert text, page.content
    options: dict[str, Any] = json.loads(unescape(text[1]))
    return options


class SoftPasskey:
    """One credential. `origin` and `flags` may be those of a page or device that lies."""

    def __init__(self, origin: str = ORIGIN, flags: int = PRESENT_AND_VERIFIED) -> None:
        self.origin, self.flags = origin, flags
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(16)
        self.user_handle = ""

    def _client_data(self, kind: str, options: dict[str, Any]) -> CollectedClientData:
        return CollectedClientData.create(
            type=kind, challenge=options["publicKey"]["challenge"], origin=self.origin
        )

    def create(self, options: dict[str, Any]) -> str:
        """Return the credential that answers the options of a page, as JSON."""
        self.user_handle = options["publicKey"]["user"]["id"]
        rp = hashlib.sha256(options["publicKey"]["rp"]["id"].encode()).digest()
        data = AttestedCredentialData.create(
            b"\0" * 16, self.credential_id, ES256.from_cryptography_key(self.key.public_key())
        )
        flags = self.flags | AuthenticatorData.FLAG.AT
        attestation = AttestationObject.create(
            "none", AuthenticatorData.create(rp, flags, 0, data), {}
        )
        return self._json(
            {
                "attestationObject": websafe_encode(attestation),
                "clientDataJSON": websafe_encode(self._client_data("webauthn.create", options)),
            }
        )

    def get(self, options: dict[str, Any]) -> str:
        """Return the assertion that answers a challenge, as JSON."""
        rp = hashlib.sha256(options["publicKey"]["rpId"].encode()).digest()
        data = AuthenticatorData.create(rp, self.flags, 1)
        client_data = self._client_data("webauthn.get", options)
        signature = self.key.sign(data + client_data.hash, ec.ECDSA(hashes.SHA256()))
        return self._json(
            {
                "authenticatorData": websafe_encode(data),
                "clientDataJSON": websafe_encode(client_data),
                "signature": websafe_encode(signature),
                "userHandle": self.user_handle,
            }
        )

    def _json(self, response: dict[str, str]) -> str:
        name = websafe_encode(self.credential_id)
        extensions = {"credProps": {"rk": True}}
        return json.dumps(
            {
                "id": name,
                "rawId": name,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": extensions,
            }
        )

    def add(self, client: Client, name: str = "My phone") -> Any:
        """Add it to who is signed in, by the page."""
        credential = self.create(options_in(client.get(PAGE)))
        return client.post(PAGE, {"name": name, "credential": credential})

    def sign_in(self, client: Client) -> Any:
        """Sign in with it alone."""
        options = client.post(f"{SIGN_IN}options/").json()
        return client.post(SIGN_IN, {"credential": self.get(options), "next": "/runs"})
