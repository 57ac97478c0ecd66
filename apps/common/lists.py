"""Lists in Django's admin that bear what is typed into their addresses by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import Field, Model, TextField
from django.http import HttpRequest

from apps.common.fields import MultilineField

# formfield_overrides of an admin
MULTILINE: Mapping[type[Field[Any, Any]], Mapping[str, Any]] = {
    TextField: {"form_class": MultilineField}
}

if TYPE_CHECKING:
    Base = ModelAdmin[Any]
else:
    Base = object


class HardyLists(Base):
    """Comes before `ModelAdmin`: what no column can hold, and a row that cannot be, lead back to
    the list, not to an error.
    """

    formfield_overrides = MULTILINE

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        if any("\x00" in value for values in request.GET.lists() for value in values[1]):
            raise IncorrectLookupParameters
        try:
            for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.model._meta.pk.to_python(chosen)
        except ValidationError:
            raise IncorrectLookupParameters from None
        return super().get_changelist_instance(request)


class Kept(HardyLists, ModelAdmin[Any]):
    """A table that the platform writes: to be looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
