"""Form fields of the whole site."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator

from apps.common.text import clean, length, normalize_newlines


class MaxUnitsValidator(MaxLengthValidator):
    """Bounds a text in UTF-16 code units, as `maxlength` in the browser does."""

    def clean(self, value: Any) -> int:
        return length(str(value))


class MultilineField(forms.CharField):
    """A text of several lines, which the browser and the server measure alike.

    Line breaks are LF before anything is counted. The text may be written from right to left.
    """

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = [
            MaxUnitsValidator(one.limit_value) if isinstance(one, MaxLengthValidator) else one
            for one in self.validators
        ]

    def to_python(self, value: Any) -> str:
        return str(super().to_python(normalize_newlines(clean(str(value or "")))))

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"dir": "auto", **super().widget_attrs(widget)}
