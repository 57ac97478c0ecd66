"""Forms of `accounts`. Those for signing in and up are allauth's, with our labels and bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from allauth.account import forms as allauth
from allauth.account.adapter import get_adapter
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
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.accounts import second_factors, services
from apps.accounts.addresses import MAX_ADDRESS_LENGTH, canonical_email, check_address
from apps.accounts.invitations import FIELD
from apps.accounts.limits import APP
from apps.accounts.models import MAX_HANDLE_LENGTH, Invitation, User
from apps.accounts.passwords import MAX_PASSWORD_LENGTH, MAX_TYPED_LENGTH, TOO_LONG
from apps.accounts.second_factors import WRONG_CODE
from apps.accounts.zone_names import CANONICAL_NAMES
from apps.accounts.zones import DEFAULT, available_zones, canonical_zone
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.fields import PlainForm

NO_PASSWORD = _("You have no password yet. Set one under Account, How you sign in.")
PASSWORD_HELP = _(
    "At least 12 characters, of any kind: several words are good. Not a common password, nothing "
    "that repeats itself, and not similar to your handle or e-mail address."
)
AREAS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)


class TypedAddressField(forms.EmailField):
    """An address as it was typed, to which mail can be written."""

    default_validators = [*forms.EmailField.default_validators, check_address]


class AddressField(TypedAddressField):
    """An address in its canonical form, by which allauth looks up accounts and counts attempts."""

    def clean(self, value: Any) -> str:
        return canonical_email(super().clean(value))


def check_typed_length(password: str) -> None:
    """Refuse what takes long to normalize and to hash. The browser does not bound the field: it
    would cut a password that is pasted, silently.
    """
    if len(password) > MAX_TYPED_LENGTH:
        raise ValidationError(TOO_LONG, params={"max": MAX_PASSWORD_LENGTH})


class AccountForm:
    """Mixin for allauth's forms: our labels, one field for a new password, bounded lengths."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("password2", None)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field.widget, forms.PasswordInput):
                field.label = _("Password")
                field.validators.append(check_typed_length)
                field.help_text = (
                    PASSWORD_HELP
                    if field.widget.attrs.get("autocomplete") == "new-password"
                    else ""
                )
            elif isinstance(field, forms.EmailField):
                self.fields[name] = AddressField(
                    label=_("E-mail"), widget=field.widget, max_length=MAX_ADDRESS_LENGTH
                )


class LoginForm(AccountForm, allauth.LoginForm):
    pass


class SignupForm(AccountForm, allauth.SignupForm):
    # core.js fills in the browser's time zone
    time_zone = forms.CharField(
        required=False, widget=forms.HiddenInput(attrs={"data-time-zone": ""})
    )

    def __init__(self, *args: Any, invitation: Invitation | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation
        if invitation:
            self.fields[FIELD] = forms.CharField(widget=forms.HiddenInput)
            self.initial |= {"email": invitation.email}
        handle = User._meta.get_field("handle")
        self.fields["username"].label = _("Handle")
        self.fields["username"].help_text = handle.help_text

    def typed_email(self) -> str:
        """Return the address as it was typed; `cleaned_data` has its canonical form."""
        return str(self.fields["email"].to_python(self["email"].data))

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Create the account. If there is one already, only its owner is told, by mail; a password
        is hashed all the same, so that the answer takes as long.
        """
        if self.account_already_exists:
            User().set_password(self.cleaned_data["password1"])
        result: tuple[User | None, HttpResponse | None] = super().try_save(request)
        return result

    def clean_email(self) -> str:
        email: str = super().clean_email()
        if self.invitation and email != self.invitation.canonical_email:
            raise ValidationError(
                _("Your invitation is for %(email)s. Sign up with that address."),
                params={"email": self.invitation.email},
            )
        return email

    def clean_time_zone(self) -> str:
        return canonical_zone(self.cleaned_data["time_zone"]) or DEFAULT


class ProviderSignupForm(forms.Form):
    """What is missing of an account whose owner comes from a provider: a handle."""

    username = forms.CharField(
        label=_("Handle"),
        max_length=MAX_HANDLE_LENGTH,
        help_text=User._meta.get_field("handle").help_text,
    )
    # core.js fills in the browser's time zone
    time_zone = forms.CharField(
        required=False, widget=forms.HiddenInput(attrs={"data-time-zone": ""})
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, name: str) -> None:
        """Propose a handle.

        Args:
            name: by which the owner knows their account elsewhere.
        """
        letters = re.sub(r"[^A-Za-z0-9_-]", "", name.partition("@")[0]).lstrip("-_")
        super().__init__(data, initial={"username": letters[:MAX_HANDLE_LENGTH]})

    def clean_username(self) -> str:
        handle: str = get_adapter().clean_username(self.cleaned_data["username"])
        return handle

    def clean_time_zone(self) -> str:
        return canonical_zone(self.cleaned_data["time_zone"]) or DEFAULT


def own_password(user: User, password: str) -> str:
    """Return the current password that a form asks for, if it is right."""
    if not user.has_usable_password():
        raise ValidationError(NO_PASSWORD)
    if not services.is_own_password(user=user, password=password):
        raise ValidationError(_("That is not your current password."))
    return password


class ChangePasswordForm(AccountForm, allauth.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Current password")
        self.fields["password1"].label = _("New password")

    def clean_oldpassword(self) -> str:
        return own_password(self.user, self.cleaned_data["oldpassword"])


class SetPasswordForm(AccountForm, allauth.SetPasswordForm):
    pass


class ResetPasswordForm(AccountForm, allauth.ResetPasswordForm):
    @transaction.atomic
    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        record(Kind.PASSWORD_RESET_ASKED, person=self.users[0] if self.users else None)
        email: str = super().save(request, **kwargs)
        return email


class ResetPasswordKeyForm(AccountForm, allauth.ResetPasswordKeyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = _("New password")

    def save(self) -> None:
        password = self.cleaned_data["password1"]
        services.reset_password(user=self.user, token=self.temp_key, password=password)


class ReauthenticateForm(AccountForm, allauth.ReauthenticateForm):
    pass


# ---------------------------------------------------------------- second factors

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


# ---------------------------------------------------------------- sessions and settings


class OwnPasswordForm(forms.Form):
    """What is final asks for the password each time."""

    password = forms.CharField(
        label=_("Current password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, user: User, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.user = user
        self.fields["password"].validators.append(check_typed_length)
        if not user.has_usable_password():
            self.fields["password"].help_text = NO_PASSWORD

    def clean_password(self) -> str:
        return own_password(self.user, self.cleaned_data["password"])


class EmailForm(OwnPasswordForm):
    """Another address for one's account."""

    email = TypedAddressField(
        label=_("New e-mail address"),
        max_length=MAX_ADDRESS_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    field_order = ("email", "password")

    def clean_email(self) -> str:
        address: str = self.cleaned_data["email"]
        if address == self.user.email:
            raise ValidationError(_("This is your address already."))
        return address


class EndSessionsForm(OwnPasswordForm):
    """Which other sessions of a member are to end: all, or those that are chosen."""

    sessions = forms.MultipleChoiceField(
        label=_("Sign out here"), required=False, widget=forms.CheckboxSelectMultiple
    )
    everywhere = forms.BooleanField(required=False, widget=forms.HiddenInput)
    field_order = ("sessions", "password")

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, user: User, others: list[tuple[str, str]]
    ) -> None:
        super().__init__(data, user=user)
        self.fields["sessions"].choices = others  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_chosen = cleaned.get("everywhere") or cleaned.get("sessions")
        if not is_chosen and "sessions" not in self.errors:
            self.add_error("sessions", _("Choose at least one browser."))
        return cleaned


class LanguageForm(PlainForm):
    """The switch in the header: a language, never "same as browser"."""

    language = forms.ChoiceField(
        choices=[choice for choice in User.Language.choices if choice[0]],
        error_messages=dict.fromkeys(
            ("required", "invalid_choice"),
            _(
                "This site is available in English (en) and Simplified Chinese (zh-hans). "
                "Choose one of the two."
            ),
        ),
    )


class ThemeForm(PlainForm):
    theme = forms.ChoiceField(
        choices=[choice for choice in User.Theme.choices if choice[0]],
        error_messages=dict.fromkeys(
            ("required", "invalid_choice"), _("The theme must be light or dark.")
        ),
    )


class SettingsForm(forms.Form):
    language = forms.ChoiceField(
        label=_("Language"), choices=User.Language.choices, required=False, widget=forms.RadioSelect
    )
    theme = forms.ChoiceField(
        label=_("Theme"), choices=User.Theme.choices, required=False, widget=forms.RadioSelect
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), help_text=_("Times on this site are shown in this time zone.")
    )

    profile = forms.MultipleChoiceField(
        label=_("Public page"),
        choices=User.ProfilePart.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "Nothing is public unless you choose the first. Search engines are asked not to list "
            "the page, and your name in threads leads to it."
        ),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, user: User) -> None:
        zone = canonical_zone(user.time_zone) or DEFAULT
        initial = {
            "language": user.language,
            "theme": user.theme,
            "time_zone": zone,
            "profile": user.profile,
        }
        super().__init__(data, initial=initial)
        choices = zone_choices()
        if zone not in _zone_names(choices):
            choices = [(zone, zone), *choices]
        self.fields["time_zone"].choices = choices  # type: ignore[attr-defined]


@lru_cache(maxsize=1)
def zone_choices() -> list[tuple[str, Any]]:
    """Return the choices of a time zone: UTC, then groups by area."""
    groups: dict[str, list[tuple[str, str]]] = {area: [] for area in AREAS}
    for name in sorted(available_zones() - CANONICAL_NAMES.keys()):
        area, _slash, place = name.partition("/")
        if place and area in groups:
            groups[area].append((name, place.replace("_", " ")))
    return [(DEFAULT, DEFAULT), *((area, places) for area, places in groups.items() if places)]


def _zone_names(choices: list[tuple[str, Any]]) -> set[str]:
    return {DEFAULT} | {name for _area, places in choices[1:] for name, _place in places}
