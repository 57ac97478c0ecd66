"""Forms of `accounts`. Those for signing in and up are allauth's, with our labels and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from allauth.account import forms as allauth
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.accounts import services
from apps.accounts.addresses import MAX_ADDRESS_LENGTH, canonical_email, check_address
from apps.accounts.models import User
from apps.accounts.passwords import MAX_PASSWORD_LENGTH, MAX_TYPED_LENGTH, TOO_LONG
from apps.accounts.zone_names import CANONICAL_NAMES
from apps.accounts.zones import DEFAULT, available_zones, canonical_zone
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.fields import PlainForm

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


class AddressField(forms.EmailField):
    """An address in its canonical form, by which allauth looks up accounts and counts attempts."""

    default_validators = [*forms.EmailField.default_validators, check_address]

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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

    def clean_time_zone(self) -> str:
        return canonical_zone(self.cleaned_data["time_zone"]) or DEFAULT


def own_password(user: User, password: str) -> str:
    """Return the current password that a form asks for, if it is right."""
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


class EndSessionsForm(forms.Form):
    """Which other sessions of a member are to end; their password is asked for again."""

    sessions = forms.MultipleChoiceField(
        label=_("Sign out here"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one browser.")},
    )
    password = forms.CharField(
        label=_("Current password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, user: User, others: list[tuple[str, str]]
    ) -> None:
        super().__init__(data)
        self.user = user
        self.fields["sessions"].choices = others  # type: ignore[attr-defined]
        self.fields["password"].validators.append(check_typed_length)

    def clean_password(self) -> str:
        return own_password(self.user, self.cleaned_data["password"])


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

    def __init__(self, data: Mapping[str, Any] | None = None, *, user: User) -> None:
        zone = canonical_zone(user.time_zone) or DEFAULT
        initial = {"language": user.language, "theme": user.theme, "time_zone": zone}
        super().__init__(data, initial=initial)
        choices = zone_choices()
        if zone not in _zone_names(choices):
            choices = [(zone, zone), *choices]
        self.fields["time_zone"].choices = choices  # type: ignore[attr-defined]


@cache
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
