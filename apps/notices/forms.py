"""Forms of `notices`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.common.fields import EXPIRED, FlagField, NameField, PlainForm
from apps.notices.models import MAX_SUBJECT_LENGTH, Delivery, Kind

SHORT_LABELS = {
    Delivery.SITE: _("This site only"),
    Delivery.DIGEST: _("Site and daily e-mail"),
    Delivery.AT_ONCE: _("Site and e-mail at once"),
    Delivery.NEVER: _("Not at all"),
}


class DeliveriesForm(forms.Form):
    """How somebody wants to hear of each kind of notice."""

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, deliveries: Mapping[Kind, Delivery]
    ) -> None:
        super().__init__(data, initial={kind.value: deliveries[kind] for kind in Kind})
        for kind in Kind:
            self.fields[kind.value] = forms.ChoiceField(
                label=kind.label,
                choices=[(delivery.value, label) for delivery, label in SHORT_LABELS.items()],
                widget=forms.RadioSelect,
            )

    @property
    def chosen(self) -> dict[Kind, Delivery]:
        return {Kind(name): Delivery(value) for name, value in self.cleaned_data.items()}


class InstantField(forms.Field):
    """An instant as the page had it (ISO 8601, with its zone), or None."""

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            instant = datetime.fromisoformat(str(value))
            in_utc = instant.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError(EXPIRED) from None
        if instant.tzinfo is None:
            raise ValidationError(EXPIRED)
        return in_utc


class ReadForm(PlainForm):
    """Which notices are read: those about a subject, or all until an instant."""

    subject = NameField()
    until = InstantField()

    def clean(self) -> dict[str, Any]:
        subject = self.cleaned_data.get("subject", "")
        if not subject and self.cleaned_data.get("until") is None and not self.errors:
            raise ValidationError(EXPIRED)
        if len(subject) > MAX_SUBJECT_LENGTH or "\x00" in subject:
            raise ValidationError(EXPIRED)
        return self.cleaned_data


class UnsubscribeForm(PlainForm):
    """Whether all mail about notices is to stop, and not only what the link was about."""

    everything = FlagField()
