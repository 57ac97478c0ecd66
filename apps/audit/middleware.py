"""Middleware that says who acts, for the audit log, and records who is refused a page of the
admin.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.audit import origin, services
from apps.audit.kinds import Kind


class OriginMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with origin.of(request):
            response = self.get_response(request)
            if response.status_code == 403 and origin.actor() and _is_admin(request):
                # who is not staff at all was sent to the sign-in page before
                page = request.GET.get("next", request.path).partition("?")[0]
                services.record(Kind.ADMIN_REFUSED, person=request.user, subject=page)
        return response


def _is_admin(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and "admin" in match.app_names
