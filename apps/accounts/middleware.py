"""The reader's language, theme and time zone: the account's setting, else the cookie, else the
browser's preference. What is shown to a member is stored nowhere, and what is sensitive asks for
the password again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from apps.accounts import sessions
from apps.accounts.models import User
from apps.accounts.preferences import theme_of
from apps.accounts.reauthentication import ask_for_password, needs_password
from apps.accounts.second_factors import has_second_factor
from apps.accounts.zones import database_zone_of
from apps.common.caching import PUBLIC
from apps.common.error_views import respond
from apps.common.errors import SecondFactorNeeded
from apps.common.middleware import BeforeView

GetResponse = Callable[[HttpRequest], HttpResponse]


class LanguageMiddleware:
    """Sets the language by cookie or browser, so that responses of other middleware have one.
    `PreferencesMiddleware` then applies the account's setting.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        _activate(request, translation.get_language_from_request(request))
        response = self.get_response(request)
        response.headers.setdefault("Content-Language", translation.get_language() or "en")
        patch_vary_headers(response, ["Accept-Language"])
        return response


class PreferencesMiddleware:
    """Sets `request.theme`, the language and the time zone; an account's settings take precedence
    over cookies.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.theme = theme_of(request.COOKIES)  # type: ignore[attr-defined]
        zone = None
        if isinstance(request.user, User):
            zone = database_zone_of(request.user.time_zone)
            request.theme = request.user.theme or request.theme  # type: ignore[attr-defined]
            if request.user.language:
                _activate(request, request.user.language)
        with timezone.override(zone):
            return self.get_response(request)


class SessionUseMiddleware:
    """Lets a member's session last as long as it is used, at most `SESSION_MAX_AGE`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            sessions.note_use(request.session)
        return self.get_response(request)


class PrivateMiddleware:
    """Marks whatever is sent to somebody signed in, to who just signs out, or to a worker as not to
    be stored: else the browser's Back button, or a proxy, would show it to the next person.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_private = request.user.is_authenticated
        response = self.get_response(request)
        # REST framework sets the user to that of a token, and to None for a worker, who has none
        reader = is_private or request.user is None or request.user.is_authenticated
        if reader and not getattr(response, PUBLIC, False):
            response["Cache-Control"] = "private, no-store"
        if is_private and not request.user.is_authenticated:
            response["Clear-Site-Data"] = '"cache"'  # signed out: pages of before, too
        return response


class SecondFactorMiddleware(BeforeView):
    """Opens the pages of staff to those alone who sign in with a second step, where the site asks
    for one (STAFF_NEED_SECOND_FACTOR). Others are led to where they set it up.
    """

    def process_view(self, request: HttpRequest, *args: Any) -> HttpResponse | None:
        if not settings.STAFF_NEED_SECOND_FACTOR or not _is_for_staff(request):
            return None
        if not isinstance(request.user, User) or has_second_factor(request.user):
            return None
        error = SecondFactorNeeded()

        def page() -> HttpResponse:
            messages.error(request, error.message)
            return redirect("accounts:sign-in")

        return respond(request, error, page)


def _is_for_staff(request: HttpRequest) -> bool:
    """Return whether a page is the admin's or the moderators', and who asks may open it: others
    are refused there anyway.
    """
    match = request.resolver_match
    if match is None:
        return False
    if "admin" in match.app_names:
        return match.url_name != "logout" and getattr(request.user, "is_staff", False)
    is_moderation = match.view_name.startswith("discussions:moderation")
    return is_moderation and request.user.has_perm("discussions.moderate")


class ReauthenticationMiddleware(BeforeView):
    """Asks for the password again before a sensitive request (`reauthentication`)."""

    def process_view(self, request: HttpRequest, *args: Any) -> HttpResponse | None:
        """Runs after `MemberFormMiddleware`, which discards a form that is sent once more: it may
        have to be kept once more.
        """
        return ask_for_password(request) if needs_password(request) else None


def _activate(request: HttpRequest, language: str) -> None:
    translation.activate(language)
    request.LANGUAGE_CODE = translation.get_language()  # type: ignore[attr-defined]
