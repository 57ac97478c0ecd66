"""The bank in Django's admin. Drafts are written and published here; published revisions are
read-only.
"""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, F, Q, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import linebreaksbr
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from apps.audit.kinds import Kind
from apps.audit.services import record_change
from apps.common.admin import FORM_FIELDS, EditableMixin, ReadOnlyAdmin
from apps.common.numbers import MAX_MAGNITUDE
from apps.common.structs import MAX_NESTING, check_storable
from apps.common.text import clean_json
from apps.questions import services
from apps.questions.limits import MAX_DIFFICULTY, MIN_DIFFICULTY
from apps.questions.models import (
    SEARCHED_COLUMNS,
    Bank,
    Question,
    Report,
    Revision,
    RevisionText,
)
from apps.questions.services import NotPublishable


def record_field(kind: Kind, form: Any, field: str, subject: str) -> None:
    """Record that an operator has changed a field, if they have."""
    if field in form.changed_data:
        before, after = form.initial.get(field), form.cleaned_data[field]
        record_change(kind, subject=subject, before={field: before}, after={field: after})


@admin.register(Bank)
class BankAdmin(EditableMixin, admin.ModelAdmin[Bank]):
    list_display = ["slug", "title_en", "title_zh", "public"]
    list_filter = ["public"]
    search_fields = ["slug", "title_en", "title_zh"]

    def save_model(self, request: HttpRequest, obj: Bank, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        record_field(Kind.BANK_CHANGED, form, "public", obj.slug)


class QuestionForm(forms.ModelForm[Question]):
    difficulty = forms.IntegerField(
        label=_("Difficulty"),
        min_value=MIN_DIFFICULTY,
        max_value=MAX_DIFFICULTY,
        help_text=_("From 1 (recall) to 5 (research)."),
    )


@admin.register(Question)
class QuestionAdmin(EditableMixin, admin.ModelAdmin[Question]):
    form = QuestionForm
    list_display = ["slug", "title", "topic", "kinds", "difficulty", "withdrawn", "open_reports"]
    list_filter = ["bank", "topic", "difficulty", "withdrawn"]
    list_select_related = ["current"]
    search_fields = SEARCHED_COLUMNS
    readonly_fields = ["current", "files_sha256"]
    actions = ["make_draft"]

    def save_model(self, request: HttpRequest, obj: Question, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        record_field(Kind.QUESTION_CHANGED, form, "withdrawn", obj.slug)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Question]:
        questions: QuerySet[Question] = super().get_queryset(request)
        is_open = Q(reports__state=Report.State.OPEN)
        return questions.annotate(open_report_count=Count("reports", filter=is_open))

    @admin.display(description=_("title"), ordering="current__title_en")
    def title(self, question: Question) -> str:
        return question.current.title_en if question.current else ""

    @admin.display(description=_("open reports"), ordering="open_report_count")
    def open_reports(self, question: Any) -> int:
        return int(question.open_report_count)

    @admin.action(description=_("New draft from the current revision"), permissions=["change"])
    def make_draft(
        self, request: HttpRequest, questions: QuerySet[Question]
    ) -> HttpResponse | None:
        drafts = [
            services.draft_from(question=question)
            for question in questions.filter(current__isnull=False)
        ]
        if len(drafts) != 1:
            return None
        return redirect(reverse("admin:questions_revision_change", args=[drafts[0].pk]))


class StorableJson(json.JSONDecoder):
    """Decodes what PostgreSQL can store, without NUL and NaN."""

    def decode(self, text: str, *args: Any) -> Any:
        try:
            value = clean_json(super().decode(text, *args))
            check_storable(value)
        except (ValueError, RecursionError):  # also numbers of too many digits
            raise json.JSONDecodeError("cannot be stored", text, 0) from None
        return value


class RevisionForm(forms.ModelForm[Revision]):
    """Checks only that facts and sources can be stored; a draft is checked when it is published."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        message = _("Enter a valid JSON: nested at most %(depth)s deep, numbers up to %(most)s.")
        for field in self.fields.values():
            if isinstance(field, forms.JSONField):
                field.decoder = StorableJson
                most = f"{MAX_MAGNITUDE:g}"
                field.error_messages["invalid"] = message % {"depth": MAX_NESTING, "most": most}

    class Meta:
        model = Revision
        fields = ["facts", "sources"]
        help_texts = {
            "facts": _(
                "The contents of question.toml as one JSON object. If topic, kinds or "
                "difficulty are left out, the question's own values are used."
            ),
        }

    def clean_facts(self) -> dict[str, Any]:
        facts = self.cleaned_data["facts"]
        if not isinstance(facts, dict):
            raise ValidationError(_("Facts must be one JSON object, as in question.toml."))
        return facts

    def clean_sources(self) -> list[Any]:
        sources = self.cleaned_data["sources"] or []
        if not isinstance(sources, list):
            raise ValidationError(_("Sources must be a JSON list."))
        return sources


class RevisionTextFormSet(BaseInlineFormSet[RevisionText, Revision, Any]):
    """The texts of a draft. Their places are compared with one another, not with the rows in the
    database, which would refuse texts that swap places.
    """

    def validate_unique(self) -> None:
        places: dict[tuple[str, int, int], Any] = {}
        for form in self.forms:
            text = form.instance
            is_empty = text.pk is None and not form.has_changed()
            if is_empty or form in self.deleted_forms or not form.is_valid():
                continue
            first = places.setdefault((text.kind, text.part, text.position), form)
            if first is not form:
                error = self._same_place_error(first.instance, text)
                first.add_error("position", error)
                form.add_error("position", error)

    def _same_place_error(self, first: RevisionText, second: RevisionText) -> ValidationError:
        message = _("Two texts have the same place (%(place)s): “%(first)s” and “%(second)s”.")
        values = {
            "place": f"{second.get_kind_display()}, {second.part}, {second.position}",
            "first": Truncator(first.text_en).chars(60),
            "second": Truncator(second.text_en).chars(60),
        }
        return ValidationError(message, params=values)


class RevisionTextInline(admin.StackedInline[RevisionText, Revision]):
    model = RevisionText
    formset = RevisionTextFormSet
    extra = 0
    formfield_overrides = FORM_FIELDS
    fields = (
        ("kind", "part", "position", "key"),
        ("text_en", "text_zh"),
        ("detail_en", "detail_zh"),
    )

    def has_add_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        return super().has_add_permission(request, obj) and not _is_published(obj)

    def has_change_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_published(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_published(obj)


def _is_published(revision: Revision | None) -> bool:
    return revision is not None and revision.is_published


@admin.register(Revision)
class RevisionAdmin(EditableMixin, admin.ModelAdmin[Revision]):
    form = RevisionForm
    list_display = ["question", "number", "title_en", "created_at", "published_at", "is_current"]
    list_filter = [
        ("published_at", admin.EmptyFieldListFilter),
        "question__topic",
        "question__bank",
    ]
    list_select_related = ["question"]
    search_fields = [
        "question__slug",
        "title_en",
        "title_zh",
        "statement_en",
        "statement_zh",
        "answer_en",
        "answer_zh",
    ]
    date_hierarchy = "created_at"
    autocomplete_fields = ["question"]
    readonly_fields = ["number", "created_at", "published_at"]
    inlines = [RevisionTextInline]
    actions = ["publish"]
    fieldsets = (
        (None, {"fields": (("question", "number"), ("created_at", "published_at"))}),
        (
            _("Text"),
            {
                "fields": (
                    ("title_en", "title_zh"),
                    ("statement_en", "statement_zh"),
                    ("short_answer_en", "short_answer_zh"),
                    ("answer_en", "answer_zh"),
                )
            },
        ),
        (
            _("Facts"),
            {
                "fields": (
                    "facts",
                    "sources",
                    "labs",
                    "claims",
                    "related",
                    "synonyms",
                    "starter",
                    "reference",
                )
            },
        ),
    )

    @admin.display(description=_("current"), boolean=True)
    def is_current(self, revision: Revision) -> bool:
        return revision.question.current_id == revision.pk

    def has_change_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_published(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_published(obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Revision]:
        revisions: QuerySet[Revision] = super().get_queryset(request)
        return revisions.filter(question__owner=None)  # a private card is its owner's alone

    def get_readonly_fields(self, request: HttpRequest, obj: Revision | None = None) -> list[str]:
        # its number counts the revisions of this question
        return [*super().get_readonly_fields(request, obj), *(["question"] if obj else [])]

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        # it would not ask for each row whether it may be deleted
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: Revision, form: Any, change: bool) -> None:
        if not change:
            question = services.lock_question(obj.question_id)  # no number is given twice
            obj.number = services.next_number(question)
            defaults = {name: getattr(question, name) for name in ("topic", "kinds", "difficulty")}
            obj.facts = defaults | obj.facts
        super().save_model(request, obj, form, change)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("questions.publish_revision"))

    @admin.action(description=_("Publish drafts"), permissions=["publish"])
    def publish(self, request: HttpRequest, revisions: QuerySet[Revision]) -> None:
        drafts = revisions.filter(published_at=None).select_related("question")
        for draft in drafts.order_by("question", "number"):
            name = f"{draft.question} r{draft.number}"
            try:
                services.publish_draft(revision=draft)
            except NotPublishable as error:
                messages.error(request, f"{name}: {error.message}")
            else:
                messages.success(
                    request, _("%(revision)s has been published.") % {"revision": name}
                )


@admin.register(RevisionText)
class RevisionTextAdmin(ReadOnlyAdmin):
    """For searching; texts are edited with their revision."""

    list_display = ["question", "revision", "kind", "position", "text_en"]
    list_filter = ["kind", "revision__question__topic"]
    list_select_related = ["revision__question"]
    search_fields = ["text_en", "text_zh", "detail_en", "detail_zh", "revision__question__slug"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RevisionText]:
        texts: QuerySet[RevisionText] = super().get_queryset(request)
        return texts.filter(revision__question__owner=None).filter(
            Q(revision=F("revision__question__current")) | Q(revision__published_at=None)
        )

    @admin.display(description=_("question"), ordering="revision__question__slug")
    def question(self, text: RevisionText) -> str:
        return text.revision.question.slug


@admin.register(Report)
class ReportAdmin(EditableMixin, admin.ModelAdmin[Report]):
    list_display = ["question", "about", "language", "state", "created_at", "reporter"]
    list_filter = ["state", "about", "language", "question__topic"]
    list_select_related = ["question", "reporter"]
    search_fields = ["question__slug", "text", "note", "reporter__handle"]
    date_hierarchy = "created_at"
    readonly_fields = [
        "question",
        "revision",
        "reporter",
        "about",
        "language",
        "text_as_written",
        "created_at",
    ]
    fields = [*readonly_fields, "state", "note"]

    def save_model(self, request: HttpRequest, obj: Report, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        record_field(Kind.REPORT_DECIDED, form, "state", obj.question.slug)
        if "state" in form.changed_data:
            services.tell_reporter(report=obj)

    @admin.display(description=_("text"))
    def text_as_written(self, report: Report) -> SafeString:
        return format_html('<div dir="auto">{}</div>', linebreaksbr(report.text, autoescape=True))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
