"""Endpoints of where somebody is signed in."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services as accounts
from apps.accounts.sessions import ActiveSession, active_sessions, end_sessions
from apps.api.authentication import token_of
from apps.api.endpoint import Endpoint
from apps.api.paging import list_of
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Moment, Output, utc
from apps.common.browsers import browser_name
from apps.common.errors import NotFound


class SessionsEndpoint(Endpoint):
    tag = "account"
    scopes = {"GET": Scope.ACCOUNT}

    class Session(Output):
        id = Id(help_text="Not the key, which is a secret.")
        browser = serializers.CharField(help_text="Empty: unknown.")
        signed_in_at = Moment()
        last_used_at = Moment(help_text="To the day.")
        is_this = serializers.BooleanField(help_text="Whether this request belongs to it.")

    @operation(
        "Where you are signed in",
        description="The last fifty, this one first.",
        response=Session,
        pages=True,
        example={
            "id": "1f" * 32,
            "browser": "Firefox, Linux",
            "signed_in_at": "2026-11-02T08:15:00.000Z",
            "last_used_at": "2026-11-29T07:02:00.000Z",
            "is_this": False,
        },
    )
    def get(self, request: Request) -> Response:
        return list_of(active_sessions(request._request), self.show)

    @staticmethod
    def show(session: ActiveSession) -> dict[str, object]:
        return {
            "id": session.name,
            "browser": browser_name(session.browser),
            "signed_in_at": utc(session.signed_in_at),
            "last_used_at": utc(session.used_at),
            "is_this": session.is_current,
        }


class SessionEndpoint(Endpoint):
    tag = "account"
    scopes = {"DELETE": Scope.ACCOUNT}
    sensitive = frozenset({"DELETE"})

    @operation("End a session")
    def delete(self, request: Request, name: str) -> Response:
        keys = [one.key for one in active_sessions(request._request) if one.name == name]
        if not keys:
            raise NotFound
        end_sessions(user=self.person(), keys=keys)
        return Response(status=204)


class SignOutEndpoint(Endpoint):
    tag = "account"
    scopes = {"POST": Scope.ACCOUNT}
    sensitive = frozenset({"POST"})

    class SignedOut(Output):
        sessions_ended = serializers.IntegerField()

    @operation(
        "Sign out everywhere",
        description="Ends every session but the one that asks, and revokes every token: also the "
        "one that asks.",
        response=SignedOut,
        example={"sessions_ended": 3},
    )
    def post(self, request: Request) -> Response:
        by_token = token_of(request) is not None
        count = accounts.sign_out_everywhere(
            user=self.person(),
            except_session=None if by_token else request._request.session.session_key,
            with_programs=True,
        )
        return Response({"sessions_ended": count})
