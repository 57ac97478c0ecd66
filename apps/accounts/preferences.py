"""Language and theme of a reader: their cookies."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from apps.accounts.models import User

THEME_COOKIE = "__Host-theme" if settings.SECURE else "theme"  # theme.js reads it, too
COOKIE_AGE = 365 * 24 * 3600  # seconds


def theme_of(cookies: Mapping[str, str]) -> str:
    """Return the theme of the cookies; SYSTEM if there is none, or an unknown one."""
    theme = cookies.get(THEME_COOKIE, "")
    return theme if theme in User.Theme.values else User.Theme.SYSTEM.value


def browser_language(request: HttpRequest) -> str:
    """Return the browser's preferred language, without regard to the cookie."""
    request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
    return translation.get_language_from_request(request)


def remember(
    response: HttpResponse, *, language: str | None = None, theme: str | None = None
) -> HttpResponse:
    """Store the choice in cookies, for visitors and for pages that do not load the account.

    An empty choice deletes the cookie; None leaves it unchanged.
    """
    for name, value in ((settings.LANGUAGE_COOKIE_NAME, language), (THEME_COOKIE, theme)):
        if value:
            response.set_cookie(
                name, value, max_age=COOKIE_AGE, secure=settings.SECURE, samesite="Lax"
            )
        elif value is not None:
            response.delete_cookie(name, samesite="Lax")
    return response
