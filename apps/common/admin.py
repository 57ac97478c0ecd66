"""Mixins for Django's admin: lists whose address may hold anything, tables to edit, read-only
tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldError, ValidationError
from django.db import DataError, transaction
from django.db.models import Field, Model, TextField
from django.http import HttpRequest

from apps.common.edit_conflicts import DetectsEditConflicts
from apps.common.fields import ItemsField, MultilineField

# formfield_overrides of an admin
FORM_FIELDS: Mapping[type[Field[Any, Any]], Mapping[str, Any]] = {
    TextField: {"form_class": MultilineField},
    ArrayField: {"form_class": ItemsField},
}

# what Django and the database raise for a filter that has the wrong form, or is out of range
UNREADABLE = (ValueError, OverflowError, FieldError, ValidationError, DataError)

if TYPE_CHECKING:
    Base = ModelAdmin[Any]
else:
    Base = object


class TolerantListMixin(Base):
    """Mixin before `ModelAdmin`: invalid values and primary keys in the address of a list lead back
    to the list, not to an error.
    """

    formfield_overrides = FORM_FIELDS

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            for pk in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.model._meta.pk.to_python(pk)
        except ValidationError:
            raise IncorrectLookupParameters from None
        try:
            with transaction.atomic():  # which counts the rows
                return super().get_changelist_instance(request)
        except UNREADABLE as error:
            raise IncorrectLookupParameters from error


class EditableMixin(DetectsEditConflicts, TolerantListMixin):
    """Mixin before `ModelAdmin`: a table that operators edit."""

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None:
            return fieldsets
        # a new row has no values of read-only fields yet, only database defaults
        hidden = {*self.get_readonly_fields(request)} & {
            field.name for field in self.model._meta.get_fields()
        }
        return [
            (title, {**options, "fields": fields})
            for title, options in fieldsets
            if (fields := _without(options["fields"], hidden))
        ]


def _without(fields: Iterable[str | Iterable[str]], hidden: set[str]) -> list[Any]:
    """Return a fieldset's fields, each a name or a line of names, without hidden ones."""
    shown = [
        name if isinstance(name, str) else _without(name, hidden)
        for name in fields
        if not (isinstance(name, str) and name in hidden)
    ]
    return [line for line in shown if line]


class ReadOnlyAdmin(TolerantListMixin, ModelAdmin[Any]):
    """A read-only table, which the platform writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
