"""A cookie by which a browser is known in which the owner of an account has signed in before. Its
attempts are counted apart, so that nobody who guesses keeps the owner out, not even from the same
network. Without the right password it opens nothing.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, get_random_string, salted_hmac

COOKIE = "__Host-known" if settings.SECURE else "known"
MAX_AGE = 365 * 24 * 3600  # seconds
SALT = "accounts.known_browser"


def known_browser(request: HttpRequest, email: str) -> str:
    """Return the name of this browser if the account of a (canonical) address has signed in here;
    otherwise empty.
    """
    name, _dot, signature = request.COOKIES.get(COOKIE, "").partition(".")
    return name if name and constant_time_compare(signature, _signature(name, email)) else ""


def remember_browser(request: HttpRequest, response: HttpResponse, email: str) -> None:
    name = known_browser(request, email) or get_random_string(22)
    response.set_cookie(
        COOKIE,
        f"{name}.{_signature(name, email)}",
        max_age=MAX_AGE,
        secure=settings.SECURE,
        httponly=True,
        samesite="Lax",
    )


def _signature(name: str, email: str) -> str:
    return salted_hmac(SALT, f"{name} {email}", algorithm="sha256").hexdigest()
