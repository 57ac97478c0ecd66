"""The answers to requests that are not carried out: a page, a fragment or a problem document."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext

from apps.common import pending
from apps.common.errors import (
    Away,
    Forbidden,
    FormExpired,
    InternalError,
    Malformed,
    NotFound,
    OtherAccount,
    Refused,
    SignedOut,
    TooLarge,
    TooManyAttempts,
    WrongHost,
)
from apps.common.fragments import is_fragment
from apps.common.problems import document, prefers_json
from apps.common.redirects import referring_page

TRANSACTION_TIMEOUT = "25P04"  # SQLSTATE: `locks.limit_transaction`
TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def respond(request: HttpRequest, error: Refused, page: Callable[[], HttpResponse]) -> HttpResponse:
    """Answer a request that is not carried out: with a problem document for whoever prefers JSON,
    else with `page()`. Nowhere else is that decided.
    """
    response = document(error) if prefers_json(request) else page()
    if error.seconds is not None:
        response["Retry-After"] = str(error.seconds)
    patch_vary_headers(response, ["Accept", "HX-Request"])
    patch_cache_control(response, private=True, no_cache=True)
    return response


def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    """Answer where a rule refused. A page shows again what was entered; htmx gets a fragment."""
    return respond(request, error, lambda: _refused_page(request, error))


def _refused_page(request: HttpRequest, error: Refused) -> HttpResponse:
    fragment = is_fragment(request)
    # a form in another encoding is not read: there may be no such text, or none that can be shown
    is_read = not fragment and is_utf8(request)
    context = {
        "refused": error,
        "referring_page": referring_page(request),
        "texts": pending.posted(request).texts if is_read else [],
    }
    name = "_refused.html" if fragment else "refused.html"
    response = render(request, name, context, status=error.status)
    if fragment:
        response["X-Fragment"] = "1"
    return response


def is_utf8(request: HttpRequest) -> bool:
    """Return whether a form says nothing else than that it is in UTF-8."""
    return not request.encoding or codecs.lookup(request.encoding).name == "utf-8"


# ---------------------------------------------------------------- what Django refuses


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
        return _failed(request, TooLarge(text % limits))
    return _failed(request, Malformed())


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _failed(request, Forbidden())


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _failed(request, NotFound())


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer for allauth's rate limits (429), which are per minute."""
    return refused(request, TooManyAttempts(seconds=60))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for a bug (500), or a database that does not answer (503). Uses neither database nor
    session, which may be what failed.
    """
    return bare(request, Away() if is_away(sys.exc_info()[1]) else InternalError())


def is_away(error: BaseException | None) -> bool:
    """Return whether an error is that of a database that does not answer, or not in time."""
    timed_out = getattr(error.__cause__, "sqlstate", "") == TRANSACTION_TIMEOUT if error else False
    return timed_out or isinstance(error, (OperationalError, InterfaceError))


def wrong_host(request: HttpRequest) -> HttpResponse:
    """Answer a request for another host or port. Nothing of its name is on the page, and nothing is
    asked of the request that would be refused again.
    """
    return bare(request, WrongHost(settings.SITE_URL))


def bare(request: HttpRequest, error: Refused) -> HttpResponse:
    """Answer with a page that shows nothing of its reader."""
    return respond(
        request,
        error,
        lambda: HttpResponse(
            render_to_string("bare_error.html", {"error": error}), status=error.status
        ),
    )


def _failed(request: HttpRequest, error: Refused) -> HttpResponse:
    """Answer with a page that shows nothing of a form, which may be what cannot be read."""
    context = {"error": error, "referring_page": referring_page(request)}
    return respond(
        request, error, lambda: render(request, "error.html", context, status=error.status)
    )


# ---------------------------------------------------------------- forms that come too late


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token. If it comes from a page of this site that is older
    than the last sign-in, what was entered is not lost.
    """
    ours = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    is_ours = request.headers.get("Origin") in ours  # scheme, host and port, as Django compares
    if not is_ours or not (owner := pending.owner_of(request)):
        return _failed(request, FormExpired())
    if not request.user.is_authenticated:
        return signed_out(request)
    if owner != str(request.user.pk):
        return wrong_account(request)
    form = pending.posted(request)
    return respond(request, FormExpired(), lambda: resume(request, form, status=403))


def signed_out(request: HttpRequest) -> HttpResponse:
    """Answer a member's form without a session: show what they wrote, and keep the form until they
    have signed in again. A script keeps the form itself: nothing is stored for it.
    """
    return respond(request, SignedOut(), lambda: _signed_out_page(request))


def _signed_out_page(request: HttpRequest) -> HttpResponse:
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
    return _failed(request, OtherAccount())


def resume(
    request: HttpRequest, form: pending.PendingForm, name: UUID | None = None, status: int = 200
) -> HttpResponse:
    """Show a form that was not accepted, to be sent again with a button."""
    return render(request, "resume.html", {"form": form, "name": name}, status=status)
