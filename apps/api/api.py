"""Endpoints of the account, and the description of the API."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.zones import canonical_zone
from apps.api import services
from apps.api.authentication import token_of
from apps.api.conditional import check_unchanged, etag_of, tagged
from apps.api.endpoint import Endpoint, check_scope, read
from apps.api.models import ApiToken
from apps.api.paging import list_of
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, Moment, Output, utc, utc_or_none
from apps.common.errors import NotFound
from apps.common.problems import answers_json


@lru_cache(maxsize=1)
def description() -> bytes:
    """Return the OpenAPI document. It is the same in every language and for everybody."""
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call]
    with override("en"):
        return bytes(OpenApiJsonRenderer().render(generator.get_schema(public=True)))


@require_safe
@answers_json
def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(description(), content_type="application/vnd.oai.openapi+json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the description as a page, on which operations can be tried."""
    return render(request, "api/docs.html")


class MeEndpoint(Endpoint):
    tag = "account"
    scopes = {"GET": Scope.READ, "PATCH": Scope.STUDY}

    class Me(Output):
        id = Id()
        handle = serializers.CharField()
        email = serializers.EmailField()
        language = serializers.CharField(help_text="`en`, `zh-hans`, or empty: the browser's")
        theme = serializers.CharField(help_text="`light`, `dark`, or empty: the system's")
        time_zone = serializers.CharField()
        joined_at = Moment()

    class MySettings(Input):
        language = serializers.ChoiceField(User.Language.choices, required=False, allow_blank=True)
        theme = serializers.ChoiceField(User.Theme.choices, required=False, allow_blank=True)
        time_zone = serializers.CharField(required=False, max_length=64)

        def validate_time_zone(self, name: str) -> str:
            zone = canonical_zone(name)
            if zone is None:
                text = _(
                    "“%(name)s” is not a time zone. Use a name such as Asia/Shanghai or "
                    "Europe/Berlin."
                )
                raise serializers.ValidationError(text % {"name": name})
            return zone

    EXAMPLE = {
        "id": "17",
        "handle": "mei",
        "email": "mei@example.org",
        "language": "en",
        "theme": "",
        "time_zone": "Asia/Shanghai",
        "joined_at": "2026-11-02T08:15:00.000Z",
    }

    @operation("Whose token this is", response=Me, example=EXAMPLE)
    def get(self, request: Request) -> Response:
        return self.answer(request, self.person())

    @operation(
        "Change your settings",
        request=MySettings,
        request_example={"time_zone": "Europe/Berlin"},
        response=Me,
        example=EXAMPLE,
        edits=True,
    )
    def patch(self, request: Request) -> Response:
        changes, person = read(request, self.MySettings), self.person()
        with transaction.atomic():
            accounts.lock_user(person)
            person.refresh_from_db()
            check_unchanged(request, self.etag(person))
            accounts.change_settings(
                user=person,
                **{
                    name: changes.get(name, getattr(person, name))
                    for name in ("language", "theme", "time_zone")
                },
            )
            person.refresh_from_db()
        return self.answer(request, person)

    def answer(self, request: Request, person: User) -> Response:
        data = {
            "id": str(person.pk),
            "handle": person.handle,
            "email": person.email,
            "language": person.language,
            "theme": person.theme,
            "time_zone": person.time_zone,
            "joined_at": utc(person.date_joined),
        }
        return tagged(request, data, self.etag(person))

    @staticmethod
    def etag(person: User) -> str:
        return etag_of(person.handle, person.email, person.language, person.theme, person.time_zone)


class TokensEndpoint(Endpoint):
    """New tokens are made on the account page, or by the device page: one token cannot make
    another, else a stolen one could outlive its end.
    """

    tag = "account"
    scopes = {"GET": Scope.READ}

    class Token(Output):
        id = Id()
        name = serializers.CharField()
        beginning = serializers.CharField(help_text="The first characters, to recognize it by")
        scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
        created_at = Moment()
        expires_at = Moment()
        last_used_at = Moment(allow_null=True)
        is_this = serializers.BooleanField(help_text="Whether this request carries it")

    @operation(
        "Your tokens",
        response=Token,
        pages=True,
        example={
            "id": "0a4e0000-0000-4000-8000-00000000beef",
            "name": "notebook",
            "beginning": "gradus_1f0c2a77",
            "scopes": ["read", "run"],
            "created_at": "2026-11-02T08:15:00.000Z",
            "expires_at": "2027-01-31T08:15:00.000Z",
            "last_used_at": None,
            "is_this": True,
        },
    )
    def get(self, request: Request) -> Response:
        tokens = ApiToken.objects.valid().filter(user=self.person())
        current = token_of(request)
        return list_of(tokens, lambda token: self.show(token, current))

    @staticmethod
    def show(token: ApiToken, current: ApiToken | None) -> dict[str, object]:
        return {
            "id": str(token.public_id),
            "name": token.name,
            "beginning": token.token_key,
            "scopes": token.scopes,
            "created_at": utc(token.created),
            "expires_at": utc(token.expiry),
            "last_used_at": utc_or_none(token.last_used_at),
            "is_this": token == current,
        }


class TokenEndpoint(Endpoint):
    tag = "account"
    scopes = {"DELETE": Scope.READ}  # whoever has a token may end it

    @operation(
        "Revoke one of your tokens",
        description="Each token may revoke itself; another one takes the scope `account`.",
    )
    def delete(self, request: Request, pk: UUID) -> Response:
        token = token_of(request)
        if token is not None and token.public_id != pk:
            check_scope(token, Scope.ACCOUNT)
        if not services.revoke_tokens(user=self.person(), ids=[pk]):
            raise NotFound
        return Response(status=204)
