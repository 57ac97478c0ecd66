"""Forms of `api`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.api.models import DEFAULT_TOKEN_DAYS, MAX_TOKEN_NAME_LENGTH
from apps.api.scopes import LEARNER_SCOPES, Scope
from apps.common.fields import EXPIRED, CleanTextField, HiddenUUIDField, NameField, PlainForm
from apps.common.text import is_blank

MAX_TYPED_CODE_LENGTH = 40


class TokenDaysField(forms.TypedChoiceField):
    """For how long a token is valid, however it is made."""

    def __init__(self, **options: Any) -> None:
        choices = [(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("a year"))]
        super().__init__(
            label=_("Expires after"),
            choices=choices,
            coerce=int,
            initial=DEFAULT_TOKEN_DAYS,
            **options,
        )


class TokenForm(forms.Form):
    """What a new token is called, what it may do, and for how long."""

    name = CleanTextField(
        label=_("Name"),
        max_length=MAX_TOKEN_NAME_LENGTH,
        help_text=_("By which you will know it, such as that of the program or machine."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.TypedMultipleChoiceField(
        label=_("It may"),
        choices=[(scope.value, scope.label) for scope in Scope],
        coerce=Scope,
        initial=[scope.value for scope in LEARNER_SCOPES],
        widget=forms.CheckboxSelectMultiple,
    )
    days = TokenDaysField()

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if is_blank(name):
            raise forms.ValidationError(_("Enter a name."))
        return name


class DeviceCodeForm(forms.Form):
    """The code that a program shows."""

    code = CleanTextField(
        label=_("Code of the program"),
        max_length=MAX_TYPED_CODE_LENGTH,
        help_text=_("Eight letters, such as WDJB-MJHT. Capitals and hyphens do not matter."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )


class DecisionForm(PlainForm):
    """What somebody decides on a program that waits under a code."""

    code = NameField()
    action = forms.ChoiceField(
        choices=[("approve", ""), ("deny", "")],
        error_messages={"required": EXPIRED, "invalid_choice": EXPIRED},
    )
    days = TokenDaysField(
        required=False,  # who denies it need not say
        help_text=_("Unless you revoke it before, under API tokens."),
        empty_value=DEFAULT_TOKEN_DAYS,
        error_messages={"invalid_choice": EXPIRED},
    )


class RevokeForm(PlainForm):
    """Which token is to be revoked."""

    token = HiddenUUIDField()
