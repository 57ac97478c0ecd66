"""The experiments in Django's admin: what workers wrote is read-only; workers are created and
revoked here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from apps.common.admin import EditableMixin, ReadOnlyAdmin
from apps.experiments import presenters, services
from apps.experiments.models import (
    Batch,
    Claim,
    ComputeUsage,
    Lab,
    LabVersion,
    LabWords,
    OpenedVerdict,
    Prediction,
    Queue,
    Run,
    RunAttempt,
    Verdict,
    Worker,
)


def readable(field: str) -> Any:
    """Return a column that shows a number as the pages do: Django would write out 300 zeros."""

    def column(row: Any) -> str:
        return presenters.number(getattr(row, field), ".6g")

    column.__name__ = field  # its heading
    return admin.display(ordering=field)(column)


EFFECT, LOW, HIGH, SECONDS, SCORE = map(readable, ("effect", "low", "high", "seconds", "score"))
RUN_ATTEMPT_COLUMNS = (
    "number",
    "worker",
    "started_at",
    "last_heartbeat_at",
    "ended_at",
    "finished",
    "released",
)
VERDICT_COLUMNS = ("claim", "outcome", EFFECT, LOW, HIGH, "replicates", "diverged", "exact")


@admin.register(Lab)
class LabAdmin(ReadOnlyAdmin):
    list_display = ["slug", "topic", "kind", "queue", "current", "withdrawn"]
    list_filter = ["topic", "kind", "queue", "withdrawn"]
    list_select_related = ["current"]
    search_fields = ["slug", "topic"]


@admin.register(LabVersion)
class LabVersionAdmin(ReadOnlyAdmin):
    list_display = ["lab", "code_hash", "created_at"]
    list_filter = ["lab"]
    search_fields = ["lab__slug", "code_hash"]


@admin.register(LabWords)
class LabWordsAdmin(ReadOnlyAdmin):
    list_display = ["version", "updated_at"]
    list_filter = ["version__lab"]
    list_select_related = ["version"]
    search_fields = ["version__lab__slug", "version__code_hash"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("words", "source")


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin):
    list_display = ["name", "statement_en", "version"]
    list_filter = ["version__lab__topic"]
    list_select_related = ["version"]
    search_fields = ["name", "statement_en", "statement_zh"]


@admin.register(OpenedVerdict)
class OpenedVerdictAdmin(ReadOnlyAdmin):
    list_display = ["user", "version", "opened_at"]
    list_filter = ["version__lab"]
    list_select_related = ["user", "version"]
    search_fields = ["user__handle"]


class WorkerForm(forms.ModelForm[Worker]):
    queues = forms.MultipleChoiceField(choices=Queue.choices, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = Worker
        fields = ("name", "queues")


@admin.register(Worker)
class WorkerAdmin(EditableMixin, admin.ModelAdmin[Worker]):
    form = WorkerForm
    list_display = [
        "name",
        "queues",
        "last_seen_at",
        "last_address",
        "revocation",
    ]
    list_filter = ["revoked_at"]
    search_fields = ["name"]
    readonly_fields = [
        "created_at",
        "last_seen_at",
        "last_address",
        "networks",
        "revoked_at",
        "capabilities",
    ]
    fields = ["name", "queues", *readonly_fields]
    actions = ["revoke", "renew"]

    def save_model(self, request: HttpRequest, obj: Worker, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        request.new_token = self._new_token(obj)  # type: ignore[attr-defined]
        obj.pk = Worker.objects.get(name=obj.name).pk

    def response_add(
        self, request: HttpRequest, obj: Worker, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._token_page(request, [request.new_token])  # type: ignore[attr-defined]

    def _new_token(self, worker: Worker) -> str:
        token = services.make_worker(name=worker.name, queues=worker.queues)
        values = {"name": worker.name, "token": token}
        return str(_("Token for %(name)s, shown only once: %(token)s") % values)

    def _token_page(self, request: HttpRequest, tokens: list[str]) -> HttpResponse:
        """Show new tokens in the answer itself: a message would wait in a cookie, or the session's
        row.
        """
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("New token"),
            "tokens": tokens,
        }
        return render(request, "admin/new_token.html", context)

    @admin.display(description=_("revoked at"), ordering="revoked_at")
    def revocation(self, worker: Worker) -> str | datetime:
        """When it was revoked, or the button that does it: the list is a form, which it sends."""
        if worker.revoked_at:
            return worker.revoked_at
        url = reverse("admin:experiments_worker_revoke", args=[worker.pk])
        return format_html('<button formaction="{}">{}</button>', url, _("Revoke"))

    def get_urls(self) -> list[Any]:
        revoke = self.admin_site.admin_view(require_POST(self.revoke_one))
        return [
            path("<int:pk>/revoke/", revoke, name="experiments_worker_revoke"),
            *super().get_urls(),
        ]

    def revoke_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        worker = get_object_or_404(Worker, pk=pk)
        services.revoke_worker(worker=worker)
        self.message_user(request, _("Revoked: %(name)s.") % {"name": worker.name})
        return redirect("admin:experiments_worker_changelist")

    @admin.action(description=_("Revoke (its runs are queued again)"), permissions=["change"])
    def revoke(self, request: HttpRequest, workers: QuerySet[Worker]) -> None:
        for worker in workers:
            services.revoke_worker(worker=worker)

    @admin.action(description=_("Issue a new token and revoke the old one"), permissions=["change"])
    def renew(self, request: HttpRequest, workers: QuerySet[Worker]) -> HttpResponse:
        return self._token_page(request, [self._new_token(worker) for worker in workers])


class ReadOnlyInline(admin.TabularInline[Any, Run]):
    """Rows of a run, which workers write."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RunAttemptInline(ReadOnlyInline):
    model = RunAttempt
    fields = readonly_fields = RUN_ATTEMPT_COLUMNS


class VerdictInline(ReadOnlyInline):
    model = Verdict
    fields = readonly_fields = VERDICT_COLUMNS


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "owner",
        "lab",
        "state",
        "queue",
        "at_defaults",
        "replicates",
        "queued_at",
        SECONDS,
    ]
    list_filter = ["state", "queue", "at_defaults", "shared", "version__lab"]
    list_select_related = ["owner", "version__lab"]
    search_fields = ["id", "owner__handle", "owner__email", "version__lab__slug"]
    date_hierarchy = "queued_at"
    inlines = [VerdictInline, RunAttemptInline]
    actions = ["stop"]

    @admin.display(description=_("lab"))
    def lab(self, run: Run) -> str:
        return run.version.lab_id

    @admin.action(description=_("Stop"), permissions=["stop"])
    def stop(self, request: HttpRequest, runs: QuerySet[Run]) -> None:
        for run in runs:
            services.stop_by_operator(run=run)

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("experiments.change_run"))


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = ["run", "claim", "outcome", "confidence", "was_right", SCORE, "not_counted"]
    list_filter = ["claim", "outcome", "confidence", "was_right", "not_counted"]
    search_fields = ["run__id", "run__owner__handle", "claim"]


@admin.register(Verdict)
class VerdictAdmin(ReadOnlyAdmin):
    list_display = [*VERDICT_COLUMNS, "run"]
    list_filter = ["outcome", "exact", "claim"]
    search_fields = ["claim", "run__id"]


@admin.register(RunAttempt)
class RunAttemptAdmin(ReadOnlyAdmin):
    list_display = ["run", *RUN_ATTEMPT_COLUMNS]
    list_filter = ["finished", "released", "worker"]
    search_fields = ["run__id"]


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ["run", "seq", "kind", "arm", "series"]
    list_filter = ["kind"]
    search_fields = ["run__id", "arm", "series"]
    fields = readonly_fields = ("run", "seq", "kind", "arm", "series", "reset")
    show_full_result_count = False


@admin.register(ComputeUsage)
class ComputeUsageAdmin(ReadOnlyAdmin):
    list_display = ["owner", SECONDS, "updated_at"]
    search_fields = ["owner__handle"]
