"""Forms of the pages on which somebody changes what is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.accounts.addresses import MAX_ADDRESS_LENGTH
from apps.accounts.forms.fields import (
    NO_PASSWORD,
    TypedAddressField,
    check_typed_length,
    own_password,
)
from apps.accounts.models import User
from apps.accounts.zone_names import CANONICAL_NAMES
from apps.accounts.zones import DEFAULT, available_zones, canonical_zone
from apps.common.fields import PlainForm

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
        label=_("Signed in elsewhere"), required=False, widget=forms.CheckboxSelectMultiple
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
