"""The audit log in Django's admin, read-only, and quick with millions of rows: nothing counts them
all, and what is filtered or searched has an index.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from apps.audit.kinds import Kind
from apps.audit.models import MAX_SUBJECT_CHARS, AuditEvent
from apps.audit.origin import network_of
from apps.audit.presenters import details
from apps.common.admin import ReadOnlyAdmin

MAX_LISTED = 10_000  # of what a filter leaves, the newest; older ones are found by time
MAX_NAMED_PEOPLE = 20  # whom a search word may name


class NewestPaginator(Paginator):  # type: ignore[type-arg]
    """Has pages for the first `MAX_LISTED` rows, and counts no more."""

    @cached_property
    def count(self) -> int:
        events: Any = self.object_list
        return int(events.order_by()[:MAX_LISTED].count())


class KindFilter(admin.SimpleListFilter):
    title = _("what happened")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return Kind.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "kind", "more", "person", "actor", "network"]
    list_filter = ["at", KindFilter]
    list_select_related = ["person", "actor"]
    ordering = ["-pk"]
    sortable_by = ()
    search_fields = ["person__handle"]  # that there is a field to search: `get_search_results`
    search_help_text = _(
        "A handle or an e-mail address (concerned, or who did it), an IP address or a network, or "
        "the exact name of an object."
    )
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = NewestPaginator
    list_per_page = 50
    fields = ["at", "kind", "more", "person", "actor", "network", "agent", "details", "personal"]

    @admin.display(description=_("details"))
    def more(self, event: AuditEvent) -> str:
        return "; ".join(details(event))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the events of one person, place or object, each by its index."""
        term = search_term.strip()[:MAX_SUBJECT_CHARS]
        if not term:
            return queryset, False
        if network := network_of(term.partition("/")[0]):
            return queryset.filter(network=network), False
        named = Q(handle__iexact=term) | Q(canonical_email=term)
        people = get_user_model().objects.filter(named).values_list("pk", flat=True)
        if pks := list(people[:MAX_NAMED_PEOPLE]):
            return queryset.filter(Q(person__in=pks) | Q(actor__in=pks)), False
        return queryset.filter(subject=term), False
