"""What a browser may send to `accounts`."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User

AREAS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@cache
def zones() -> list[tuple[str, Any]]:
    """Return the choices of a time zone: UTC, then the places of each area."""
    groups: dict[str, list[tuple[str, str]]] = {area: [] for area in AREAS}
    for name in sorted(available_timezones()):
        area, _slash, place = name.partition("/")
        if place and area in groups:
            groups[area].append((name, place.replace("_", " ")))
    return [("UTC", "UTC"), *((area, places) for area, places in groups.items() if places)]


class LanguageForm(forms.Form):
    """The switch in the bar: a language, never "as the browser"."""

    language = forms.ChoiceField(choices=[choice for choice in User.Language.choices if choice[0]])


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=[choice for choice in User.Theme.choices if choice[0]])


class SettingsForm(forms.Form):
    language = forms.ChoiceField(label=_("Language"), choices=User.Language.choices, required=False, widget=forms.RadioSelect)
    theme = forms.ChoiceField(label=_("Theme"), choices=User.Theme.choices, required=False, widget=forms.RadioSelect)
    time_zone = forms.ChoiceField(label=_("Time zone"), help_text=_("Times on the site are shown in it."))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, initial={"language": user.language, "theme": user.theme, "time_zone": user.time_zone}, **kwargs)
        choices = zones()
        known = user.time_zone == "UTC" or any(user.time_zone in dict(places) for _area, places in choices[1:])
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices if known else [(user.time_zone, user.time_zone), *choices]
