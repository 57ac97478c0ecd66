"""Middleware for the host, for forms, and for rules that refuse a request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import DisallowedHost, FieldError, ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.http.request import split_domain_port, validate_host
from django.shortcuts import redirect
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from apps.common import error_views, pending, write_limits
from apps.common.error_views import is_utf8, refused
from apps.common.errors import BadRequest, Refused, TooManyAttempts, WrongMethod
from apps.common.fragments import is_fragment
from apps.common.problems import prefers_json
from apps.common.redirects import parent_page
from apps.common.text import clean

log = logging.getLogger(__name__)
FORM = "application/x-www-form-urlencoded"


# of what a browser offers to pages, Gradus uses none
PERMISSIONS = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
POLICIES = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in PERMISSIONS),
}


class BrowserPolicyMiddleware:
    """Tells browsers to embed nothing of the site in pages of others, and to give its own pages no
    access to cameras and the like.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.process_response(request, self.get_response(request))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        for name, value in POLICIES.items():
            response[name] = value
        return response


class HostMiddleware:
    """Answers 400 to a request for another host or port than those of this site (ALLOWED_HOSTS;
    Django alone compares no ports).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            host, port = split_domain_port(request.get_host())
        except DisallowedHost:
            return error_views.wrong_host(request)
        ports = {"", settings.SITE_PORT, request.META["SERVER_PORT"]}
        for pattern, more in settings.HOST_PORTS.items():
            if validate_host(host, [pattern]):
                ports |= more
        if port not in ports and "*" not in ports:
            return error_views.wrong_host(request)
        return self.get_response(request)


class BeforeView:
    """What acts between the other middleware and the view (`process_view`)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)


class AdminInputMiddleware(BeforeView):
    """Reads what the admin is asked. Django's own views pass it on to the database as it is.

    An address with characters that no text in the database has leads nowhere; in a query they are
    left out. What Django or the database cannot take is the sender's fault, so it is answered 400.

    A form is parsed without `DATA_UPLOAD_MAX_NUMBER_FIELDS` if its sender may open the admin: a
    draft has fields for each of its parts, and an action one for each row. The size in bytes stays
    limited. Must come before `CsrfViewMiddleware`, which parses the form.
    """

    # what Python or the database raises for a value that is out of range or has no such form
    unusable = (DataError, OverflowError, RecursionError, UnicodeError, FieldError, ValidationError)

    def process_view(self, request: HttpRequest, *args: Any) -> HttpResponse | None:
        """Runs after all middleware was entered, so `request.user` is set."""
        if not _is_admin(request):
            return None
        if clean(request.path) != request.path:
            return error_views.not_found(request)
        request.GET = _cleaned(request.GET)  # type: ignore[assignment]
        if (
            request.method == "POST"
            and request.content_type == FORM
            and request.user.is_active
            and getattr(request.user, "is_staff", False)
        ):
            form = QueryDict(mutable=True, encoding=request.encoding)
            body = request.body.decode("utf-8", "replace")
            for name, value in parse_qsl(body, keep_blank_values=True):
                form.appendlist(name, value)
            form._mutable = False  # type: ignore[attr-defined]
            request.POST, request._files = form, MultiValueDict()  # type: ignore[attr-defined,assignment]
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not _is_admin(request) or not isinstance(exception, self.unusable):
            return None
        log.warning("%s %s: cannot be used", request.method, request.path, exc_info=exception)
        return error_views.bad_request(request)


def _is_admin(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and "admin" in match.app_names


def _cleaned(query: QueryDict) -> QueryDict:
    """Return a query without what PostgreSQL refuses."""
    cleaned = QueryDict(mutable=True)
    for name, values in query.lists():
        cleaned.setlist(clean(name), [clean(value) for value in values])
    cleaned._mutable = False  # type: ignore[attr-defined]
    return cleaned


class MemberFormMiddleware(BeforeView):
    """Intercepts a form of a member's page that is sent without their session, and stores it.

    Otherwise a member who signed out in another tab would lose it, or be treated as a visitor.
    """

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if request.method != "POST" or getattr(view, "csrf_exempt", False):
            return None
        owner = pending.owner_of(request)
        if not owner:
            return None
        if not request.user.is_authenticated:
            return error_views.signed_out(request)
        if owner != str(request.user.pk):
            return error_views.wrong_account(request)
        pending.discard(request, request.POST.get(pending.NAME, ""))
        return None


class WriteLimitsMiddleware(BeforeView):
    """Counts the forms that a member sends, by kind, and the sessions that visitors begin
    (`write_limits`).
    """

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Runs after `MemberFormMiddleware`, whose answers keep a form and write nothing else."""
        match = request.resolver_match
        if request.method != "POST" or match is None:
            return None
        if _is_admin(request) or getattr(view, "csrf_exempt", False):
            return None
        name, size = match.view_name, _size(request)
        try:
            if request.user.is_authenticated:
                kind = write_limits.kind_of(name)
                write_limits.count_write(who=request.user.pk, kind=kind, size=size)
            elif name in write_limits.VISITS and not request.session.session_key:
                write_limits.count_visit(request, size)
        except TooManyAttempts as error:
            return refused(request, error)
        return None


def _size(request: HttpRequest) -> int:
    """Return the length of what a form holds, in characters."""
    return sum(len(value) for _name, values in request.POST.lists() for value in values)


class RefusedMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # UTF-7 could encode lone surrogates
        if not is_utf8(request):
            return refused(request, BadRequest(_("Forms must be sent as UTF-8.")))
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed):
            return _wrong_method(request, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refused):
            return None
        return refused(request, exception)


def _wrong_method(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Answer a method that an address does not take."""
    if _is_navigation(request):
        return redirect(parent_page(request.path))
    if not prefers_json(request):
        return response
    problem = refused(request, WrongMethod(str(request.method)))
    problem["Allow"] = response["Allow"]
    return problem


def _is_navigation(request: HttpRequest) -> bool:
    """Return whether a browser opens the address of a form, redirected after signing in or
    switching the language: a bare 405 would be an empty page.
    """
    return (
        request.method == "GET"
        and "text/html" in request.headers.get("Accept", "")
        and not prefers_json(request)
        and not is_fragment(request)
    )
