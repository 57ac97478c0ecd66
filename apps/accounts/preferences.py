"""How the site looks to a reader: the words that cookies and settings may hold, and the cookies
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from apps.accounts.models import User

THEME_COOKIE = "theme"
YEAR = 365 * 24 * 3600  # seconds


def theme_in(cookies: Mapping[str, str]) -> str:
    """Return the theme that the cookies ask for; nothing for none, or for one we do not know."""
    asked = cookies.get(THEME_COOKIE, "")
    return asked if asked in User.Theme.values else User.Theme.SYSTEM.value


def browser_language(request: HttpRequest) -> str:
    """Return the language that the browser asks for, whatever the cookie says."""
    request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
    return translation.get_language_from_request(request)


def remember(
    response: HttpResponse, *, language: str | None = None, theme: str | None = None
) -> HttpResponse:
    """Write what was chosen into cookies: a visitor's only memory, and what a page goes by that
    knows no account.

    An empty choice forgets the cookie; None leaves it.
    """
    for name, value in ((settings.LANGUAGE_COOKIE_NAME, language), (THEME_COOKIE, theme)):
        if value:
            response.set_cookie(name, value, max_age=YEAR, secure=settings.SECURE, samesite="Lax")
        elif value is not None:
            response.delete_cookie(name, samesite="Lax")
    return response
