"""Discussions in Django's admin, to look up: read-only, and quick with hundreds of thousands of
posts. Nothing counts them all, and what is filtered or searched has an index. What moderators do is
done on the site, where each row leads.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import linebreaksbr
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.audit.admin import NewestPaginator
from apps.common.admin import ReadOnlyAdmin
from apps.common.fields import is_whole
from apps.discussions.models import Appeal, Flag, ModerationAction, Mute, Post, State, Thread

MAX_NAMED_PEOPLE = 20  # whom a search word may name
MAX_KEY_DIGITS = 18


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return State.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() else queryset


class WaitingFilter(admin.SimpleListFilter):
    title = _("decided")
    parameter_name = "decided"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("no")), ("yes", _("yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("no", "yes"):
            return queryset
        return queryset.filter(action__isnull=self.value() == "no")


class DiscussionsAdmin(ReadOnlyAdmin):
    """A table that one searches by handle or key, the newest rows first."""

    people: tuple[str, ...] = ()  # relations to people whose handle is searched
    keys: tuple[str, ...] = ("pk",)  # of what the search may name by its number
    ordering = ["-pk"]
    sortable_by = ()
    search_help_text = _("A handle, or the number of a thread.")
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = NewestPaginator
    list_per_page = 50

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"{name}__handle" for name in self.people]  # that there is a field to search

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the rows of one person or one thread, each by its index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        named = User.objects.filter(handle__iexact=term).values_list("pk", flat=True)
        pks = list(named[:MAX_NAMED_PEOPLE])
        condition = Q(*[(f"{name}__in", pks) for name in self.people], _connector=Q.OR)
        if is_whole(term, MAX_KEY_DIGITS):
            condition |= Q(*[(name, int(term)) for name in self.keys], _connector=Q.OR)
        return queryset.filter(condition), False


def as_written(text: str) -> SafeString:
    return format_html('<div dir="auto">{}</div>', linebreaksbr(text, autoescape=True))


def to_post(post: Post | None) -> SafeString | str:
    """Return a link to the page on which moderators decide about a post."""
    if post is None:
        return "–"
    url = reverse("discussions:moderation-post", args=[post.thread_id, post.number])
    return format_html('<a href="{}">{}</a>', url, post)


@admin.register(Thread)
class ThreadAdmin(DiscussionsAdmin):
    list_display = ["id", "title", "about", "language", "author", "state", "replies", "created_at"]
    list_filter = [StateFilter, "about", "language"]
    list_select_related = ["author"]
    people = ("author",)
    fields = [
        *("title", "about", "question", "lab", "run", "claim", "language", "author", "state"),
        *("locked_at", "created_at", "replies", "last_post_at", "score", "accepted"),
        *("accepted_by", "accepted_at", "in_the_queue"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Thread]:
        threads: QuerySet[Thread] = super().get_queryset(request)
        return threads.defer("search")

    @admin.display(description=_("Moderate"))
    def in_the_queue(self, thread: Thread) -> SafeString | str:
        return to_post(thread.posts.filter(number=1).first())


@admin.register(Post)
class PostAdmin(DiscussionsAdmin):
    list_display = ["place", "language", "author", "state", "created_at", "score", "beginning"]
    list_filter = [StateFilter, "language"]
    list_select_related = ["author"]
    people = ("author",)
    keys = ("thread",)
    fields = [
        *("thread", "number", "author", "state", "language", "text_as_written", "created_at"),
        *("published_at", "edited_at", "edits", "score", "in_the_queue"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        posts: QuerySet[Post] = super().get_queryset(request)
        return posts.defer("search", "html")

    @admin.display(description=_("post"))
    def place(self, post: Post) -> str:
        return str(post)

    @admin.display(description=_("text"))
    def beginning(self, post: Post) -> str:
        return Truncator(post.text).chars(80)

    @admin.display(description=_("text"))
    def text_as_written(self, post: Post) -> SafeString:
        return as_written(post.text)

    @admin.display(description=_("Moderate"))
    def in_the_queue(self, post: Post) -> SafeString | str:
        return to_post(post)


class OfPostAdmin(DiscussionsAdmin):
    """A row about a post, `post_of`."""

    def post_of(self, row: Any) -> Post | None:
        post: Post | None = row.post
        return post

    @admin.display(description=_("post"))
    def in_the_queue(self, row: Any) -> SafeString | str:
        return to_post(self.post_of(row))


@admin.register(Flag)
class FlagAdmin(OfPostAdmin):
    list_display = ["id", "created_at", "reason", "in_the_queue", "flagger", "is_decided"]
    list_filter = [WaitingFilter, "reason"]
    list_select_related = ["post", "flagger"]
    people = ("flagger",)
    keys = ("post__thread",)
    fields = ["in_the_queue", "flagger", "reason", "text", "created_at", "action"]

    @admin.display(description=_("decided"), boolean=True)
    def is_decided(self, flag: Flag) -> bool:
        return flag.action_id is not None


@admin.register(ModerationAction)
class ModerationActionAdmin(OfPostAdmin):
    list_display = ["id", "at", "kind", "in_the_queue", "person", "moderator", "beginning"]
    list_filter = ["kind"]
    list_select_related = ["post", "person", "moderator"]
    people = ("person", "moderator")
    keys = ("thread",)
    fields = ["kind", "at", "moderator", "person", "thread", "in_the_queue", "reason", "details"]

    @admin.display(description=_("reason"))
    def beginning(self, action: ModerationAction) -> str:
        return Truncator(action.reason).chars(80)


@admin.register(Appeal)
class AppealAdmin(OfPostAdmin):
    list_display = ["id", "created_at", "person", "in_the_queue", "outcome", "decided_by"]
    list_filter = ["outcome"]
    list_select_related = ["person", "decided_by", "action__post"]
    people = ("person", "decided_by")
    keys = ("action__thread",)
    fields = [
        *("action", "in_the_queue", "person", "text", "created_at"),
        *("outcome", "answer", "decided_by", "decided_at"),
    ]

    def post_of(self, row: Any) -> Post | None:
        post: Post | None = row.action.post
        return post


@admin.register(Mute)
class MuteAdmin(DiscussionsAdmin):
    list_display = ["id", "person", "started_at", "ends_at", "reason"]
    list_select_related = ["person", "action"]
    people = ("person",)
    keys = ()
    search_help_text = _("A handle.")
    fields = ["person", "started_at", "ends_at", "action", "reason"]

    @admin.display(description=_("reason"))
    def reason(self, mute: Mute) -> str:
        return Truncator(mute.action.reason).chars(200)
