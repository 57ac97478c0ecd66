"""Streams of server-sent events for programs: the site's own views, to which a token signs in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request

from apps.accounts.models import User
from apps.api.authentication import TokenAuthentication
from apps.api.endpoint import check_scope
from apps.api.limits import count_request
from apps.api.models import ApiToken
from apps.api.schema import describe_stream
from apps.api.scopes import Scope
from apps.common.problems import answers_json

View = Callable[..., Any]


def stream(path: str, *, summary: str, description: str, tag: str) -> Callable[[View], View]:
    """Make a view that streams one of the API, under `/api/v1/` and `path`."""
    describe_stream(f"/api/v1/{path}".replace("{pk}", "{id}"), summary, description, tag)

    def for_programs(view: View) -> View:
        @functools.wraps(view)
        async def signed_in(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method != "GET":
                return HttpResponseNotAllowed(["GET"])
            await sync_to_async(_sign_in)(request)
            answer: HttpResponseBase = await view(request, *args, **kwargs)
            return answer

        return csrf_exempt(answers_json(signed_in))  # it only reads

    return for_programs


def _sign_in(request: HttpRequest) -> None:
    """Take the request for one of the token's owner, if it carries a token.

    Raises:
        NotAuthorised, ScopeMissing, TooManyAttempts: as of every endpoint.
    """
    signed_in = TokenAuthentication().authenticate(Request(request))
    if signed_in is not None:
        user, token = signed_in
        check_scope(token, Scope.READ)
        request.user = user
        request.auser = partial(_of, user)  # type: ignore[assignment,method-assign]
        request.user_again = partial(_owner_now, token)  # type: ignore[attr-defined]
    count_request(request, "reads")


async def _of(user: User) -> User:
    return user


def _owner_now(token: ApiToken) -> User | AnonymousUser:
    """Return whose token it is now: nobody's, once it was revoked."""
    row = ApiToken.objects.valid().select_related("user").filter(pk=token.pk).first()
    return row.user if row and row.user.is_active else AnonymousUser()
