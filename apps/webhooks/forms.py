"""Forms of `webhooks`. What an address may be says the service, for every caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.common.fields import CleanTextField, FlagField, PlainForm, WholeField
from apps.webhooks.errors import InvalidWebhook
from apps.webhooks.limits import MAX_DESCRIPTION_CHARS, MAX_URL_CHARS
from apps.webhooks.models import CHOSEN_EVENTS, Webhook


class WebhookForm(forms.Form):
    """Where a webhook leads, and of what it is told."""

    url = CleanTextField(
        label=_("Address"),
        max_length=MAX_URL_CHARS,
        help_text=_("https://…, on the public internet. Each event is sent there as JSON."),
        widget=forms.TextInput(
            attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    events = forms.MultipleChoiceField(
        label=_("Events"),
        choices=[(event.value, event.label) for event in CHOSEN_EVENTS],
        widget=forms.CheckboxSelectMultiple,
    )
    description = CleanTextField(
        label=_("Description"),
        max_length=MAX_DESCRIPTION_CHARS,
        required=False,
        help_text=_("For you alone, such as the name of the program that listens."),
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, webhook: Webhook | None = None
    ) -> None:
        initial = {
            "url": webhook.url if webhook else "",
            "events": webhook.events if webhook else [event.value for event in CHOSEN_EVENTS],
            "description": webhook.description if webhook else "",
        }
        super().__init__(data, initial=initial)

    def add_refusal(self, refused: InvalidWebhook) -> None:
        """Show beside the fields what the service refused of them."""
        for name, message in refused.fields.items():
            self.add_error(name, message)


class SecretForm(PlainForm):
    """Which secret is to be replaced."""

    number = WholeField()


class SwitchForm(PlainForm):
    """Whether a webhook is to be on."""

    active = FlagField()
