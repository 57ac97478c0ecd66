"""The site's URLs, and some that go wrong, each in its own way."""

from __future__ import annotations

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from gradus.urls import handler400, handler403, handler404, handler429, handler500, urlpatterns  # noqa: F401

from apps.common.errors import Refused, TooManyAttempts


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


urlpatterns = [
    *(
        path(f"faulty/{view.__name__}", view)
        for view in (bad, forbidden, missing, refused, often, broken)
    ),
    *urlpatterns,
]
