"""Form fields for all apps, and the form of what nobody types.

A lenient field takes anything: what cannot be read counts as its default, because it is a hint that
the page carries along, without which the form is still as good.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from apps.common.errors import BadRequest
from apps.common.text import clean, length, normalize_newlines

MILLISECONDS_DIGITS = 13  # of a Unix time from 2001 to 2286
EXPIRED = _("This form has expired. Reload the page and try again.")


class PlainForm(forms.Form):
    """A form of buttons and hidden fields. Nobody mistypes those: what is invalid is refused, and
    not shown again beside its field.
    """

    html_names: ClassVar[Mapping[str, str]] = {}  # of fields that the page calls otherwise

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Return the form that was posted.

        Raises:
            BadRequest: it is invalid, with the message of the first field that is.
        """
        form = cls(data)
        for errors in form.errors.values():
            raise BadRequest(str(errors[0]))
        return form

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix(self.html_names.get(field_name, field_name))


# ---------------------------------------------------------------- texts


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


class ItemsField(SimpleArrayField):
    """Texts with commas between them. An invalid one may contain `%`: Django would format the
    message, in which it is quoted, a second time.
    """

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except ValidationError as error:
            raise ValidationError([_formatted(one) for one in error.error_list]) from None


def _formatted(error: ValidationError) -> ValidationError:
    """Return an error as it is, or that of an item with its text, which needs no parameters."""
    if error.code != "item_invalid":
        return error
    return ValidationError(str(error.message), code=error.code)


class CleanTextField(forms.CharField):
    """A text that PostgreSQL can store, as it was sent otherwise: spaces at its ends count."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(clean(str(value or ""))))


class CutTextField(forms.Field):
    """A text of several lines, cut after `max_chars` characters. Lenient."""

    def __init__(self, *, max_chars: int) -> None:
        super().__init__(required=False)
        self.max_chars = max_chars

    def to_python(self, value: Any) -> str:
        return normalize_newlines(clean(str(value or "")))[: self.max_chars]


class NameField(forms.Field):
    """The name of something, exactly as it was sent: whoever looks it up says whether there is one
    of this name. Lenient.
    """

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: Any) -> str:
        return str(value or "")


# ---------------------------------------------------------------- hidden fields and buttons


class HiddenUUIDField(forms.UUIDField):
    """A UUID that the page made. Without it, or with another text, the page is too old."""

    default_error_messages = {"required": EXPIRED, "invalid": EXPIRED}


class WholeField(forms.Field):
    """A whole number of up to `max_digits` ASCII digits. Lenient."""

    def __init__(self, *, default: int = 0, max_digits: int = 9) -> None:
        super().__init__(required=False)
        self.default, self.max_digits = default, max_digits

    def to_python(self, value: Any) -> int:
        text = str(value or "")
        return int(text) if is_whole(text, self.max_digits) else self.default


class WholesField(forms.Field):
    """The first `max_values` of whole numbers of up to `max_digits` ASCII digits. Lenient: anything
    else among them is left out.
    """

    widget = forms.MultipleHiddenInput

    def __init__(self, *, max_values: int, max_digits: int) -> None:
        super().__init__(required=False)
        self.max_values, self.max_digits = max_values, max_digits

    def to_python(self, value: Any) -> list[int]:
        texts = list(value or ())[: self.max_values]
        return [int(text) for text in texts if is_whole(text, self.max_digits)]


class MillisecondsField(forms.Field):
    """An instant in milliseconds since 1970, as scripts have it. Lenient: None by default."""

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: Any) -> datetime | None:
        text = str(value or "")
        if len(text) != MILLISECONDS_DIGITS or not is_whole(text, MILLISECONDS_DIGITS):
            return None
        return datetime.fromtimestamp(int(text) / 1000, UTC)


class FlagField(forms.Field):
    """Whether the value is `on`. Lenient."""

    def __init__(self, *, on: str = "1") -> None:
        super().__init__(required=False)
        self.on = on

    def to_python(self, value: Any) -> bool:
        return bool(value == self.on)


def is_whole(text: str, max_digits: int) -> bool:
    """Return whether `text` is 1 to `max_digits` ASCII digits: `int` would read every script's, and
    take long for very many.
    """
    return text.isascii() and text.isdigit() and len(text) <= max_digits
