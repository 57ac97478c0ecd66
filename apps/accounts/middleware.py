"""The reader's language, theme and time zone: the account's setting, else the cookie, else what the
browser asks for.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from apps.accounts.models import User
from apps.accounts.preferences import theme_in
from apps.accounts.zones import database_zone_of

Answer = Callable[[HttpRequest], HttpResponse]


class LanguageMiddleware:
    """Chooses by cookie and browser, so that whatever answers first is in a language;
    `PreferencesMiddleware` asks the account.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        _speak(request, translation.get_language_from_request(request))
        response = self.get_response(request)
        response.headers.setdefault("Content-Language", translation.get_language() or "en")
        patch_vary_headers(response, ["Accept-Language"])
        return response


class PreferencesMiddleware:
    """Sets `request.theme`, the language and the time zone; a member's own settings win over
    cookies.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.theme = theme_in(request.COOKIES)  # type: ignore[attr-defined]
        zone = None
        if isinstance(request.user, User):
            zone = database_zone_of(request.user.time_zone)
            request.theme = request.user.theme or request.theme  # type: ignore[attr-defined]
            if request.user.language:
                _speak(request, request.user.language)
        with timezone.override(zone):
            return self.get_response(request)


def _speak(request: HttpRequest, language: str) -> None:
    translation.activate(language)
    request.LANGUAGE_CODE = translation.get_language()  # type: ignore[attr-defined]
