"""Optimistic locking of forms in Django's admin: if somebody else changed a row meanwhile, nothing
is stored, and the editor sees both versions.

The page has a digest of every value that it showed. When the form is sent, a value with another
digest in the database was changed by somebody else. The form is then rebased: it has the values of
the database, except where the editor changed them, and can be saved again.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from apps.common.errors import BadRequest
from apps.common.fields import is_whole

if TYPE_CHECKING:
    AdminBase = ModelAdmin[Any]
    FormBase = forms.BaseForm
else:
    AdminBase = FormBase = object

TOKEN = "_shown_values"  # noqa: S105 - the name of the hidden field
DIGEST_LENGTH = 16  # hexadecimal digits
MAX_ROW_DIGITS = 9  # of the number of a row


@dataclass(frozen=True)
class Difference:
    """A value that somebody else changed while the form was open."""

    label: str
    yours: str
    theirs: str
    # the editor had not changed it, so the form now has theirs
    is_taken_over: bool = False


@dataclass(frozen=True)
class ShownField:
    """A field of a form with the value in the database."""

    key: str  # in the token; has the primary key of an inline row, not its place on the page
    label: str
    bound: forms.BoundField

    @property
    def value(self) -> str | list[str]:
        return _normalized(self.bound.value())

    def posted(self, data: QueryDict, html_name: str) -> str | list[str]:
        return _posted(self.bound, data, html_name)

    def fill(self, data: QueryDict) -> None:
        """Write the value into `data` as a browser would send it."""
        _write(data, self.bound.html_name, self.bound.value())


class _StaleForm(FormBase):
    def clean(self) -> Any:
        cleaned = super().clean()
        self.add_error(
            None,
            _(
                "Somebody else saved this while you had it open. Nothing of yours is saved yet. "
                "Compare the two below, then save again."
            ),
        )
        return cleaned


class DetectsEditConflicts(AdminBase):
    """Mixin before `ModelAdmin`: forms never overwrite what somebody else saved meanwhile."""

    change_form_template = "admin/change_form_with_conflicts.html"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method == "POST" and object_id is None:
            for formset in self._unbound_formsets(request, None):
                _check_count(request.POST, formset)
        if request.method != "POST" or object_id is None:
            return super().changeform_view(request, object_id, form_url, extra_context)
        with transaction.atomic():
            differences = self._detect(request, object_id)
            response = super().changeform_view(request, object_id, form_url, extra_context)
            if differences and isinstance(response, HttpResponse):
                response.status_code = 409
            return response

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if getattr(request, "edit_conflicts", None):
            return type(form.__name__, (_StaleForm, form), {})
        return form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        if request.method != "POST" and context.get("original") is not None:
            formsets = [
                inline.formset
                for inline in context["inline_admin_formsets"]
                if inline.has_change_permission
            ]
            token = _token(_shown_fields(context["adminform"].form, formsets))
        else:  # its forms hold what was posted
            token = getattr(request, "edit_token", "")
        context |= {
            "edit_token": token,
            "edit_token_name": TOKEN,
            "edit_conflicts": getattr(request, "edit_conflicts", []),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def _detect(self, request: HttpRequest, object_id: str) -> list[Difference]:
        """Lock the row and compare it with what the page had shown. Where it differs, rebase
        `request.POST` on it.
        """
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_change_permission(request, row):
            return []
        self.model._base_manager.select_for_update(no_key=True).filter(pk=row.pk).first()
        # a row read before the lock may be stale (READ COMMITTED)
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return []
        fields = flatten_fieldsets(self.get_fieldsets(request, row))
        form = self.get_form(request, row, change=True, fields=fields)(instance=row)
        formsets = list(self._unbound_formsets(request, row))
        rebase = _Rebase(request.POST, _read_token(request.POST.get(TOKEN, "")))
        rebase.form(form)
        for formset in formsets:
            rebase.formset(formset)
        request.edit_token = _token(_shown_fields(form, formsets))  # type: ignore[attr-defined]
        if rebase.differences:
            request.edit_conflicts = rebase.differences  # type: ignore[attr-defined]
            request.POST = rebase.data  # type: ignore[assignment]
        return rebase.differences

    def _unbound_formsets(self, request: HttpRequest, row: Any) -> Iterator[Any]:
        count: dict[str, int] = {}
        for formset, inline in self.get_formsets_with_inlines(request, row):
            prefix = formset.get_default_prefix()
            count[prefix] = count.get(prefix, 0) + 1
            if count[prefix] != 1:  # as ModelAdmin numbers them
                prefix = f"{prefix}-{count[prefix]}"
            if row is None or inline.has_change_permission(request, row):
                yield formset(instance=row, prefix=prefix, queryset=inline.get_queryset(request))


class _Rebase:
    """What an editor posted, on top of what the database has by now."""

    def __init__(self, posted: QueryDict, base: Mapping[str, str]) -> None:
        self.posted, self.base = posted, base
        self.data = posted.copy()
        self.differences: list[Difference] = []

    def form(self, form: Any) -> None:
        for field in _fields_of_form(form):
            self._field(field, field.bound.html_name)

    def formset(self, formset: Any) -> None:
        _check_count(self.posted, formset)
        prefix, pk_name = formset.prefix, formset.model._meta.pk.name
        total = _number(self.posted.get(f"{prefix}-TOTAL_FORMS"))
        names = defaultdict[str, list[str]](list)  # of the posted fields, by row
        for html_name in self.posted:
            if html_name.startswith(f"{prefix}-"):
                del self.data[html_name]
                index, _dash, name = html_name.removeprefix(f"{prefix}-").partition("-")
                names[index].append(name)
        initial = min(_number(self.posted.get(f"{prefix}-INITIAL_FORMS")), total)
        posted_rows = {
            self.posted.get(f"{prefix}-{index}-{pk_name}", ""): index for index in range(initial)
        }
        for row in formset.initial_forms:
            self._row(formset, row, posted_rows.pop(str(row.instance.pk), None))
        new_rows = [
            index
            for pk, index in posted_rows.items()
            if self._is_deleted_row_to_keep(formset, pk, index)
        ]
        count = len(formset.initial_forms)
        for place, index in enumerate([*new_rows, *range(initial, total)], start=count):
            for name in names[str(index)]:
                self._copy(f"{prefix}-{index}-{name}", f"{prefix}-{place}-{name}")
            if index < initial:
                self.data.pop(f"{prefix}-{place}-{pk_name}", None)
            count = place + 1
        self.data[f"{prefix}-TOTAL_FORMS"] = str(count)
        self.data[f"{prefix}-INITIAL_FORMS"] = str(len(formset.initial_forms))
        for name in ("MIN_NUM_FORMS", "MAX_NUM_FORMS"):
            self.data[f"{prefix}-{name}"] = self.posted.get(f"{prefix}-{name}", "")

    def _row(self, formset: Any, row: Any, index: int | None) -> None:
        fields = list(_fields_of_row(formset, row))
        for hidden in (formset.model._meta.pk.name, formset.fk.name):
            _write(self.data, row.add_prefix(hidden), row[hidden].value())
        if index is None:
            for field in fields:
                field.fill(self.data)
            if not any(field.key in self.base for field in fields):
                text = _text_of_row(field.value for field in fields)
                self.differences.append(Difference(_label_of_row(formset, row), "", text))
            return
        before = len(self.differences)
        for field in fields:
            self._field(field, f"{formset.prefix}-{index}-{field.bound.name}")
        if delete := self.posted.get(f"{formset.prefix}-{index}-DELETE"):
            self.data[row.add_prefix("DELETE")] = delete
            if len(self.differences) > before:
                text = _text_of_row(field.value for field in fields)
                self.differences[before:] = [
                    Difference(_label_of_row(formset, row), _("deleted"), text)
                ]

    def _field(self, field: ShownField, posted_name: str) -> None:
        """Keep the editor's change; take over a value that only somebody else changed."""
        yours, theirs = field.posted(self.posted, posted_name), field.value
        base = self.base.get(field.key)
        is_touched = _digest(yours) != base
        if not is_touched:
            field.fill(self.data)
        else:
            self._copy(posted_name, field.bound.html_name)
        if yours != theirs and _digest(theirs) != base:
            self.differences.append(
                Difference(field.label, _text(yours), _text(theirs), not is_touched)
            )

    def _is_deleted_row_to_keep(self, formset: Any, pk: str, index: int) -> bool:
        """Return whether the editor changed a row that somebody else deleted: the form then has it
        as a new row. Adds the difference.
        """
        if self.posted.get(f"{formset.prefix}-{index}-DELETE"):
            return False  # both deleted it
        values = {
            bound.name: _posted(bound, self.posted, f"{formset.prefix}-{index}-{bound.name}")
            for bound in _own_fields(formset, formset.empty_form)
        }
        is_touched = any(
            _digest(value) != self.base.get(f"{formset.prefix}/{pk}/{name}")
            for name, value in values.items()
        )
        label = f"{formset.model._meta.verbose_name} {index + 1}"
        text = _text_of_row(values.values())
        self.differences.append(Difference(label, text, _("deleted"), not is_touched))
        return is_touched

    def _copy(self, posted_name: str, name: str) -> None:
        self.data.pop(name, None)
        if posted_name in self.posted:
            self.data.setlist(name, self.posted.getlist(posted_name))


def _check_count(data: QueryDict, formset: Any) -> None:
    """Check how many rows a form says it has: each takes time, whether it was sent or not.

    Raises:
        BadRequest: fewer were sent, or a page has not as many, or it is no number.
    """
    start = f"{formset.prefix}-"
    total = data.get(f"{start}TOTAL_FORMS", "0")
    rows = {name.removeprefix(start).partition("-")[0] for name in data if name.startswith(start)}
    sent = sum(is_whole(row, MAX_ROW_DIGITS) for row in rows)
    if not is_whole(total, MAX_ROW_DIGITS) or int(total) > min(sent, formset.max_num):
        text = _(
            "This form is incomplete, or has more than %(max)d rows of “%(name)s”. Nothing was "
            "saved: reload the page, then edit it again."
        )
        name = formset.model._meta.verbose_name_plural
        raise BadRequest(text % {"max": formset.max_num, "name": name})


def _shown_fields(form: Any, formsets: Iterable[Any]) -> Iterator[ShownField]:
    yield from _fields_of_form(form)
    for formset in formsets:
        for row in formset.initial_forms:
            yield from _fields_of_row(formset, row)


def _fields_of_form(form: Any) -> Iterator[ShownField]:
    for bound in form:
        if not bound.field.disabled:
            yield ShownField(bound.name, str(bound.label), bound)


def _fields_of_row(formset: Any, row: Any) -> Iterator[ShownField]:
    for bound in _own_fields(formset, row):
        key = f"{formset.prefix}/{row.instance.pk}/{bound.name}"
        yield ShownField(key, f"{_label_of_row(formset, row)}: {bound.label}", bound)


def _own_fields(formset: Any, row: Any) -> Iterator[forms.BoundField]:
    """Yield the fields of an inline row, without those that Django adds."""
    added = {formset.model._meta.pk.name, formset.fk.name, "DELETE", "ORDER"}
    for bound in row:
        if bound.name not in added and not bound.field.disabled:
            yield bound


def _posted(bound: forms.BoundField, data: QueryDict, html_name: str) -> str | list[str]:
    return _normalized(bound.field.widget.value_from_datadict(data, {}, html_name))


def _label_of_row(formset: Any, row: Any) -> str:
    return f"{formset.model._meta.verbose_name} “{row.instance}”"


def _text_of_row(values: Iterable[str | list[str]]) -> str:
    return "\n".join(filter(None, map(_text, values)))


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _normalized(value: Any) -> str | list[str]:
    """Return a value in a form in which a stored and a posted one can be compared."""
    if isinstance(value, list | tuple | set | models.QuerySet):
        return sorted(map(str, value))
    return "" if value is None else str(value).replace("\r\n", "\n").strip()


def _write(data: QueryDict, name: str, value: Any) -> None:
    data.pop(name, None)
    if isinstance(value, list | tuple | set | models.QuerySet):
        data.setlist(name, list(map(str, value)))
    elif value is True:
        data[name] = "on"
    elif value is not False:  # a box that is not ticked is not sent
        data[name] = "" if value is None else str(value)


def _digest(value: str | list[str]) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:DIGEST_LENGTH]


def _token(fields: Iterable[ShownField]) -> str:
    return json.dumps({field.key: _digest(field.value) for field in fields})


def _read_token(text: str) -> dict[str, str]:
    """Return the digests of a token; none if it is missing or broken."""
    try:
        token = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return token if isinstance(token, dict) else {}


def _number(text: str | None) -> int:
    """Return a whole number that a form says; 0 if it is none, or too long."""
    return int(text) if text and is_whole(text, MAX_ROW_DIGITS) else 0
