"""What a browser sends to the bank."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.common.fields import MultilineField
from apps.questions.models import Report


class ReportForm(forms.Form):
    """A mistake that someone found."""

    about = forms.ChoiceField(label=_("What is wrong"), choices=Report.About.choices)
    text = MultilineField(
        label=_("What it says, and what it should say"),
        max_length=Report.MAX_TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"required": _("Describe what is wrong; one sentence is enough.")},
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)
