"""Forms of the bank."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.common.fields import MultilineField
from apps.questions.limits import MAX_IDEMPOTENCY_KEY_LENGTH, MAX_REPORT_LENGTH
from apps.questions.models import Report


class ReportForm(forms.Form):
    """A report of a mistake."""

    about = forms.ChoiceField(label=_("What is wrong"), choices=Report.About.choices)
    text = MultilineField(
        label=_("What it says, and what it should say"),
        max_length=MAX_REPORT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"required": _("Describe what is wrong; one sentence is enough.")},
    )
    key = forms.CharField(max_length=MAX_IDEMPOTENCY_KEY_LENGTH, widget=forms.HiddenInput)
