"""Error pages, and the pages for forms that could not be accepted."""

from __future__ import annotations

import codecs
import sys
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.common import pending
from apps.common.errors import TooManyAttempts
from apps.common.fragments import is_fragment
from apps.common.redirects import referring_page

RETRY_SECONDS = 10  # a database that restarts usually answers by then
# status: (title, text)
MESSAGES = {
    400: (
        _("This request could not be processed"),
        _("Something in the address or in the form is not valid. Go back and try again."),
    ),
    403: (
        _("You don't have access to this page"),
        _(
            "It requires a permission that your account does not have. An administrator of "
            "this site can grant it."
        ),
    ),
    404: (
        _("Page not found"),
        _(
            "It may have moved, or it may not be shared with you. You could start again "
            "from the labs."
        ),
    ),
}
CSRF = (
    _("The form was not submitted"),
    _(
        "The page had expired, or your browser is blocking cookies for this site. "
        "Reload the page and submit the form again."
    ),
)

OTHER_ACCOUNT = (
    _("This form belongs to another account"),
    _(
        "It was filled in by somebody who was signed in here before. Nothing was changed, and what "
        "they entered is not shown."
    ),
)


TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, TOO_LARGE):
        text = gettext(
            "A form may have %(fields)s fields and %(kilobytes)s kB of text. Nothing was saved. Go "
            "back in your browser: what you entered is usually still there. Copy it, then send it "
            "in smaller parts."
        )
        limits = {
            "fields": settings.DATA_UPLOAD_MAX_NUMBER_FIELDS,
            "kilobytes": settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1000,
        }
        return _error_page(request, 413, _("This form is too large"), text % limits)
    return _error_page(request, 400, *MESSAGES[400])


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error_page(request, 403, *MESSAGES[403])


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error_page(request, 404, *MESSAGES[404])


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token. If it comes from a page of this site that is older
    than the last sign-in, what was entered is not lost.
    """
    ours = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    is_ours = request.headers.get("Origin") in ours  # scheme, host and port, as Django compares
    if not is_ours or not (owner := pending.owner_of(request)):
        return _error_page(request, 403, *CSRF)
    if not request.user.is_authenticated:
        return signed_out(request)
    if owner != str(request.user.pk):
        return wrong_account(request)
    return resume(request, pending.posted(request), status=403)


def signed_out(request: HttpRequest) -> HttpResponse:
    """Answer a member's form without a session: show what they wrote, and keep the form until they
    have signed in again. A script, which keeps the form itself, gets JSON.
    """
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse({"code": "signed-out"}, status=403)
    form = pending.posted(request)
    kept = pending.store(request, form)
    next_url = reverse("accounts:resume", args=[kept.name]) if kept else form.page
    context = {
        "form": form,
        "is_kept": kept is not None,
        "sign_in": f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': next_url})}",
    }
    response = render(request, "signed_out.html", context, status=403)
    if kept:
        kept.set_cookie(response)
    return response


def wrong_account(request: HttpRequest) -> HttpResponse:
    return _error_page(request, 403, *OTHER_ACCOUNT)


def resume(
    request: HttpRequest, form: pending.PendingForm, name: UUID | None = None, status: int = 200
) -> HttpResponse:
    """Show a form that was not accepted, to be sent again with a button."""
    return render(request, "resume.html", {"form": form, "name": name}, status=status)


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer for allauth's rate limits (429), which are per minute."""
    return refused(request, TooManyAttempts(seconds=60))


def refused(request: HttpRequest, error: Exception) -> HttpResponse:
    """Return the page, or for htmx the fragment, that says why a rule refused."""
    fragment = is_fragment(request)
    status = getattr(error, "status", 409)
    # a form in another encoding is not read: there may be no such text, or none that can be shown
    is_read = not fragment and is_utf8(request)
    context = {
        "refused": error,
        "status": status,
        "referring_page": referring_page(request),
        "texts": pending.posted(request).texts if is_read else [],
    }
    response = render(
        request, "_refused.html" if fragment else "refused.html", context, status=status
    )
    if fragment:
        response["X-Fragment"] = "1"
    if seconds := getattr(error, "seconds", None):
        response["Retry-After"] = str(seconds)
    return response


def is_utf8(request: HttpRequest) -> bool:
    """Return whether a form says nothing else than that it is in UTF-8."""
    return not request.encoding or codecs.lookup(request.encoding).name == "utf-8"


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for a bug (500), or a database that does not answer (503). Uses neither database nor
    session, which may be what failed.
    """
    away = isinstance(sys.exc_info()[1], (OperationalError, InterfaceError))
    status = 503 if away else 500
    response = HttpResponse(
        render_to_string("500.html", {"status": status, "away": away}), status=status
    )
    if away:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _error_page(request: HttpRequest, status: int, title: object, text: object) -> HttpResponse:
    context = {
        "status": status,
        "title": title,
        "text": text,
        "referring_page": referring_page(request),
    }
    return render(request, "error.html", context, status=status)
