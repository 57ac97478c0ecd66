"""Bases of what goes in and out of the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.fields import empty

from apps.common.text import clean, normalize_newlines


class Output(serializers.Serializer[Any]):
    """What an endpoint answers with. Its data are built by hand and not checked again; tests
    compare every answer with the schema that this gives.
    """


class Input(serializers.Serializer[Any]):
    """What an endpoint takes: these fields and no other, so that a misspelt one is not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields))):
            names = ", ".join(name for name, field in self.fields.items() if not field.read_only)
            text = _("There is no such field here. Fields are: %(names)s.") % {"names": names}
            raise serializers.ValidationError({str(name)[:60]: [text] for name in unknown[:10]})
        return super().to_internal_value(data)


class Id(serializers.CharField):
    """The id of something: a string, whatever it is made of."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 64)
        super().__init__(**options)


class Text(serializers.CharField):
    """A text of one line that PostgreSQL can store."""

    def to_internal_value(self, data: Any) -> str:
        return clean(super().to_internal_value(data)).strip()


class LongText(serializers.CharField):
    """A text of several lines that PostgreSQL can store, with line feeds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        return normalize_newlines(clean(super().to_internal_value(data)))


class YesOrNo(serializers.BooleanField):
    """A filter that may be left out of an address: there REST framework's own is false then, as a
    tick of a form is.
    """

    default_empty_html = empty


class Moment(serializers.DateTimeField):
    """A time in ISO 8601, in UTC."""


def utc(at: datetime) -> str:
    """Return a time as the API writes it: `2026-11-02T08:15:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def utc_or_none(at: datetime | None) -> str | None:
    return None if at is None else utc(at)
