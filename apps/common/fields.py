"""Form fields for all apps."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator

from apps.common.text import clean, length, normalize_newlines


class MaxUnitsValidator(MaxLengthValidator):
    """Bounds the length of a text in UTF-16 code units, like `maxlength` in the browser."""

    def clean(self, value: Any) -> int:
        return length(str(value))


class MultilineField(forms.CharField):
    """A text of several lines, whose length is the same in browser and server: line breaks become
    LF before they are counted. The text may be right-to-left.
    """

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = [
            MaxUnitsValidator(validator.limit_value)
            if isinstance(validator, MaxLengthValidator)
            else validator
            for validator in self.validators
        ]

    def to_python(self, value: Any) -> str:
        return str(super().to_python(normalize_newlines(clean(str(value or "")))))

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"dir": "auto", **super().widget_attrs(widget)}
