"""Forms about second factors: codes of an app, recovery codes, passkeys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from allauth.core import context
from allauth.core.internal import ratelimit
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings as mfa
from allauth.mfa.base import forms as allauth_mfa
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import validate_totp_code
from allauth.mfa.webauthn import forms as allauth_webauthn
from allauth.mfa.webauthn.internal import auth as webauthn
from django import forms
from django.core import signing
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.accounts import second_factors, services
from apps.accounts.limits import APP
from apps.accounts.models import User
from apps.accounts.second_factors import WRONG_CODE
from apps.audit.kinds import Kind
from apps.audit.services import record

WRONG_PASSKEY = _("That passkey did not work here. Try again, or use another way to sign in.")
MAX_CODE_LENGTH = 32  # characters, with spaces and dashes
MAX_CREDENTIAL_LENGTH = 20_000  # characters of JSON
MAX_PASSKEY_NAME_LENGTH = 60  # characters


def code_field() -> forms.CharField:
    return forms.CharField(
        label=_("Code"),
        max_length=MAX_CODE_LENGTH,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autocapitalize": "off",
                "spellcheck": "false",
            }
        ),
    )


def use_code_once(user: User, code: str) -> None:
    """Refuse a code that was used as long as its clock would still accept it.

    Raises:
        ValidationError: it was used before.
    """
    seconds = mfa.TOTP_PERIOD * (2 * mfa.TOTP_TOLERANCE + 1)
    if not cache.add(f"accounts.totp:{user.pk}:{normalize_user_code(code)}", 1, timeout=seconds):
        raise ValidationError(WRONG_CODE)


class TotpForm(forms.Form):
    """A code that proves that an app has the secret, which the form carries, signed."""

    SALT = "accounts.totp"
    MAX_AGE = 3600  # seconds

    signed = forms.CharField(required=False, max_length=500, widget=forms.HiddenInput)
    code = code_field()

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, user: User, secret: str = ""
    ) -> None:
        super().__init__(data)
        self.user = user
        self.secret = secret or self._posted_secret()
        self.fields["code"].label = _("Code that the app shows")
        if secret:
            self.initial["signed"] = self._sign(secret)

    def renew(self, secret: str) -> None:
        """Begin again with another secret: the page must show the one that it carries."""
        self.secret = secret
        self.data = {**self.data, "signed": self._sign(secret), "code": ""}  # type: ignore[assignment]

    def _sign(self, secret: str) -> str:
        return signing.dumps([self.user.pk, secret], salt=self.SALT)

    def _posted_secret(self) -> str:
        try:
            text = str(self.data.get("signed", ""))
            pk, secret = signing.loads(text, salt=self.SALT, max_age=self.MAX_AGE)
        except (signing.BadSignature, ValueError):
            return ""
        return str(secret) if pk == self.user.pk else ""

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        clear_attempts = check_rate_limit(self.user)
        if not self.secret:
            raise ValidationError(
                _("This page was open for too long. Scan the new code, and enter what it shows.")
            )
        if not validate_totp_code(self.secret, code):
            raise ValidationError(WRONG_CODE)
        use_code_once(self.user, code)
        clear_attempts()
        return code


class SecondStepForm(allauth_mfa.AuthenticateForm):
    """The code of an authenticator app, or a recovery code, after the password."""

    code = code_field()

    def clean_code(self) -> str:
        code: str = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP:
            use_code_once(self.user, code)
        return code

    def _emit_authentication_failed(self, authenticator: Authenticator) -> None:
        """Record a wrong code. After several tell the owner: somebody has their password."""
        record(Kind.SECOND_STEP_FAILED, person=self.user)
        request, key = context.request, str(self.user.pk)
        if ratelimit.consume(request, app=APP, action="second_step_failed", key=key):
            return
        if ratelimit.consume(request, app=APP, action="second_step_failed_mail", key=key):
            services.tell_owner(user=self.user, kind=Kind.SECOND_STEP_FAILED)

    def save(self) -> None:
        super().save()
        if self.authenticator.type == Authenticator.Type.RECOVERY_CODES:
            second_factors.note_recovery_code_used(user=self.user)


class CredentialField(forms.CharField):
    """What a browser answers about a passkey, as JSON."""

    def __init__(self) -> None:
        super().__init__(max_length=MAX_CREDENTIAL_LENGTH, widget=forms.HiddenInput)

    def clean(self, value: Any) -> Any:
        try:
            credential = json.loads(super().clean(value))
        except (ValidationError, ValueError, RecursionError) as error:
            raise ValidationError(WRONG_PASSKEY) from error
        if not isinstance(credential, dict):
            raise ValidationError(WRONG_PASSKEY)
        return credential


class PasskeyForm(forms.Form):
    """A new passkey, and what its owner calls it."""

    name = forms.CharField(
        label=_("Name"),
        max_length=MAX_PASSKEY_NAME_LENGTH,
        help_text=_("Such as the device that it is on. You alone see it."),
    )
    credential = CredentialField()

    def __init__(self, data: Mapping[str, Any] | None = None, *, user: User) -> None:
        super().__init__(data, initial={"name": _("Passkey")})
        self.user = user

    def clean_credential(self) -> dict[str, Any]:
        """Check the credential against the challenge of the page; return what is stored of it."""
        credential = self.cleaned_data["credential"]
        try:
            webauthn.parse_registration_response(credential)
            webauthn.complete_registration(credential)
        except Exception as error:  # of whatever kind, for bytes that somebody made up
            raise ValidationError(WRONG_PASSKEY) from error
        properties = credential.get("clientExtensionResults")
        is_resident = isinstance(properties, dict) and properties.get("credProps") == {"rk": True}
        names = ("attestationObject", "clientDataJSON")
        return {
            **{name: credential[name] for name in ("id", "rawId", "type")},
            "response": {name: credential["response"][name] for name in names},
            "clientExtensionResults": {"credProps": {"rk": is_resident}},
        }


class PasskeyCheck:
    """Mixin for allauth's forms: whatever is wrong with a credential is one sentence."""

    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()  # type: ignore[misc,no-any-return]
        except ValidationError as error:
            if getattr(error, "code", "") == "too_many_login_attempts":
                raise
            raise ValidationError(WRONG_PASSKEY) from error
        except Exception as error:  # of whatever kind, for bytes that somebody made up
            raise ValidationError(WRONG_PASSKEY) from error


class SecondStepPasskeyForm(PasskeyCheck, allauth_webauthn.AuthenticateWebAuthnForm):
    credential = CredentialField()


class PasskeySignInForm(PasskeyCheck, allauth_webauthn.LoginWebAuthnForm):
    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        """Take a finger or PIN alone, whichever page the challenge is of: the session has one
        challenge, and that of somebody's second step asks for neither.
        """
        credential = self.cleaned_data["credential"]
        authenticator = super().clean_credential()
        answer = webauthn.parse_authentication_response(credential)
        if not answer.response.authenticator_data.is_user_verified():
            raise ValidationError(WRONG_PASSKEY)
        return authenticator
