"""Pages about the site itself, and what search engines read of it: about, privacy, licence,
robots.txt and the sitemap.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import sitemap as sitemap_view
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.discussions.models import Thread
from apps.discussions.selectors import visible_threads
from apps.experiments.models import Lab
from apps.questions.models import Question

# Pages that belong to one person, or that answer a program: nothing to find there. Shared runs are
# for whoever has the link.
NOT_SEARCHED = (
    *("/accounts/", "/admin/", "/api/", "/settings", "/operator/", "/plan", "/review", "/progress"),
    *("/runs", "/verdicts/", "/notices", "/moderation", "/webhooks", "/pictures/"),
)
MAX_THREADS = 5000  # in the sitemap, the newest
Item = TypeVar("Item")


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "site/about.html")


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    context = {
        "site_operator": settings.SITE_OPERATOR,
        "audit_days": settings.AUDIT_KEEP_DAYS,
        "mail_days": settings.MAIL_KEEP_DAYS,
    }
    return render(request, "site/privacy.html", context)


@require_safe
def licence(request: HttpRequest) -> HttpResponse:
    return render(request, "site/licence.html", {"text": _licence_text()})


@cache
def _licence_text() -> str:
    return (settings.ROOT / "LICENSE").read_text(encoding="utf-8")


@require_safe
def robots_txt(request: HttpRequest) -> HttpResponse:
    """Answer as RFC 9309 says: which paths are not for robots, and where the sitemap is."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in NOT_SEARCHED)]
    lines += ["", f"Sitemap: {settings.SITE_URL}{reverse('sitemap')}"]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


# ---------------------------------------------------------------- sitemap


class SiteMap(Sitemap[Item]):
    """A part of the sitemap. Its addresses begin with SITE_URL, whatever host was asked."""

    def get_urls(self, page: Any = 1, site: Any = None, protocol: Any = None) -> list[Any]:
        address = urlsplit(settings.SITE_URL)
        here: Any = SimpleNamespace(domain=address.netloc)
        return super().get_urls(page, here, address.scheme)


class Pages(SiteMap[str]):
    def items(self) -> Sequence[str]:
        return (
            *("progress:today", "progress:questions", "experiments:catalogue"),
            *("experiments:claims", "discussions:threads", "about", "privacy", "licence"),
        )

    def location(self, item: str) -> str:
        return reverse(item)


class Questions(SiteMap[Question]):
    def items(self) -> QuerySet[Question]:
        questions = Question.objects.offered().select_related("current").order_by("slug")
        return questions.only("slug", "current__published_at")

    def lastmod(self, item: Question) -> datetime | None:
        return item.current.published_at if item.current else None


class Labs(SiteMap[Lab]):
    def items(self) -> QuerySet[Lab]:
        return Lab.objects.with_code().order_by("slug").only("slug")

    def location(self, item: Lab) -> str:
        return reverse("experiments:lab", args=[item.pk])


class Threads(SiteMap[Thread]):
    def items(self) -> QuerySet[Thread]:
        return visible_threads(AnonymousUser()).order_by("-last_post_at", "-pk")[:MAX_THREADS]

    def lastmod(self, item: Thread) -> datetime:
        return item.last_post_at


SECTIONS: dict[str, type[Sitemap[Any]] | Sitemap[Any]] = {
    "pages": Pages,
    "questions": Questions,
    "labs": Labs,
    "threads": Threads,
}


@require_safe
def sitemap(request: HttpRequest, section: str | None = None) -> HttpResponse:
    """Answer with all that a visitor may find, as sitemaps.org says."""
    return sitemap_view(request, SECTIONS, section)
