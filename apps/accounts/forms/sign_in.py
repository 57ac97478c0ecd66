"""Forms for signing in and up, and for passwords: allauth's, with our labels and bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from allauth.account import forms as allauth
from allauth.account.adapter import get_adapter
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.accounts import services
from apps.accounts.addresses import MAX_ADDRESS_LENGTH
from apps.accounts.forms.fields import AddressField, check_typed_length, own_password
from apps.accounts.invitations import FIELD
from apps.accounts.models import MAX_HANDLE_LENGTH, Invitation, User
from apps.accounts.zones import DEFAULT, canonical_zone
from apps.audit.kinds import Kind
from apps.audit.services import record

PASSWORD_HELP = _(
    "At least 12 characters, of any kind: several words are good. Not a common password, nothing "
    "that repeats itself, and not similar to your handle or e-mail address."
)


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


class BrowserZoneForm(forms.Form):
    """The browser's time zone, which core.js fills in."""

    time_zone = forms.CharField(
        required=False, widget=forms.HiddenInput(attrs={"data-time-zone": ""})
    )

    def clean_time_zone(self) -> str:
        return canonical_zone(self.cleaned_data["time_zone"]) or DEFAULT


class SignupForm(AccountForm, BrowserZoneForm, allauth.SignupForm):
    def __init__(self, *args: Any, invitation: Invitation | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation
        if invitation:
            self.fields[FIELD] = forms.CharField(widget=forms.HiddenInput)
            self.initial = {**self.initial, "email": invitation.email}
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


class ProviderSignupForm(BrowserZoneForm):
    """What is missing of an account whose owner comes from a provider: a handle."""

    field_order = ("username", "time_zone")

    username = forms.CharField(
        label=_("Handle"),
        max_length=MAX_HANDLE_LENGTH,
        help_text=User._meta.get_field("handle").help_text,
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
