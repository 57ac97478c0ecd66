"""The site's URLs, and some that go wrong, each in its own way."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from gradus.urls import handler400, handler403, handler404, handler429, handler500  # noqa: F401
from gradus.urls import urlpatterns as urls_of_the_site

from apps.common.errors import Refused, TooManyAttempts
from apps.common.problems import answers_json

REASON = "Why it was not done."


def bad(request: HttpRequest) -> HttpResponse:
    raise BadRequest("no")


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404


def refused(request: HttpRequest) -> HttpResponse:
    raise Refused("A rule <b>said</b> no.")


def often(request: HttpRequest) -> HttpResponse:
    raise TooManyAttempts(seconds=7)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a bug")


def away(request: HttpRequest) -> HttpResponse:
    raise OperationalError("the database does not answer")


def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.POST.get("text", ""))


# ---------------------------------------------------------------- what inherits from `Refused`


def refusals(kind: type[Refused] = Refused) -> Iterator[type[Refused]]:
    """Yield every class of the site's refusals that is imported."""
    yield kind
    for child in kind.__subclasses__():
        yield from refusals(child)


def sample(kind: type[Refused]) -> Refused:
    """Return an error of this class, with another member where it takes any."""
    values: dict[str, Any] = {
        "message": REASON,
        "seconds": 7,
        "method": "PUT",
        "site_url": "https://gradus.example",
        "runs": ["4f2a0000-0000-4000-8000-00000000beef"],
        "text": REASON,
        "reason": REASON,
        "until": datetime(2030, 1, 1, tzinfo=UTC),
        "count": 50,
        "page": "/labs",
        "scope": "study",
        "most": 20,
        "etag": '"0123"',
        "fields": {"url": REASON},
    }
    names = inspect.signature(kind).parameters
    more = {"page": "/labs"} if "extra" in names else {}
    return kind(**{name: values[name] for name in names if name in values}, **more)


def refusal(request: HttpRequest, code: str) -> HttpResponse:
    raise sample(next(kind for kind in refusals() if kind.code == code))


@answers_json
def refusal_for_programs(request: HttpRequest, code: str) -> HttpResponse:
    return refusal(request, code)


urlpatterns: list[Any] = [
    path("faulty/refusals/<code>", refusal),
    path("faulty/programs/<code>", refusal_for_programs),
    *(
        path(f"faulty/{view.__name__}", view)
        for view in (bad, forbidden, missing, refused, often, broken, away, form)
    ),
    *urls_of_the_site,
]
