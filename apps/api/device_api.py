"""Endpoints by which a program is signed in without ever seeing a password (RFC 8628)."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import device_logins
from apps.api.endpoint import Endpoint, read
from apps.api.models import MAX_TOKEN_NAME_LENGTH, POLL_SECONDS
from apps.api.schema import operation
from apps.api.scopes import LEARNER_SCOPES, Scope
from apps.api.serializers import Input, Moment, Output, Text, utc
from apps.common.text import is_blank

MAX_DEVICE_CODE_LENGTH = 100


class DeviceEndpoint(Endpoint):
    """Show the person `user_code` and `verification_uri`, or open `verification_uri_complete`; then
    ask for the token every `interval` seconds. Nothing is signed in before they approve.
    """

    tag = "account"
    is_open = True
    limits = {"POST": "devices"}
    scopes = {"POST": Scope.READ}

    class DeviceRequest(Input):
        name = Text(
            max_length=MAX_TOKEN_NAME_LENGTH, help_text="What the person will know the program by"
        )
        scopes = serializers.ListField(
            child=serializers.ChoiceField(Scope.choices),
            required=False,
            min_length=1,
            max_length=len(Scope),
            help_text="By default those of a learner: read, study, run, post",
        )

        def validate_name(self, name: str) -> str:
            if is_blank(name):
                raise serializers.ValidationError(_("Enter a name."))
            return name

    class Device(Output):
        device_code = serializers.CharField(help_text="Keep it secret: it fetches the token")
        user_code = serializers.CharField()
        verification_uri = serializers.URLField()
        verification_uri_complete = serializers.URLField()
        expires_in = serializers.IntegerField(help_text="Seconds")
        interval = serializers.IntegerField(help_text="Seconds between two requests for the token")

    @operation(
        "Begin to sign in a program",
        request=DeviceRequest,
        request_example={"name": "gradus on kestrel", "scopes": ["read", "study", "run"]},
        response=Device,
        example={
            "device_code": "x7Zq3Rk0b1N2uW8sYv5tLd4pHc6mJf9gQe_aXiOoTzA",
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://gradus.example/device",
            "verification_uri_complete": "https://gradus.example/device?code=WDJB-MJHT",
            "expires_in": 600,
            "interval": 5,
        },
    )
    def post(self, request: Request) -> Response:
        asked = read(request, self.DeviceRequest)
        scopes = [Scope(scope) for scope in asked.get("scopes", LEARNER_SCOPES)]
        login, device_code = device_logins.start(name=asked["name"], scopes=scopes)
        page = f"{settings.SITE_URL}{reverse('api_pages:device')}"
        user_code = device_logins.written(login.user_code)
        return Response(
            {
                "device_code": device_code,
                "user_code": user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?code={user_code}",
                "expires_in": device_logins.VALID_SECONDS,
                "interval": POLL_SECONDS,
            }
        )


class DeviceTokenEndpoint(Endpoint):
    """Until somebody has decided it is refused, with `authorization-pending`, or `slow-down` for
    who asks sooner than `Retry-After` says; then with `access-denied`, or `expired-token`. The
    member `error` has RFC 8628's name of each. The token is given once.
    """

    tag = "account"
    is_open = True
    limits = {"POST": "reads"}
    scopes = {"POST": Scope.READ}

    class DeviceTokenRequest(Input):
        device_code = serializers.CharField(max_length=MAX_DEVICE_CODE_LENGTH)

    class DeviceToken(Output):
        access_token = serializers.CharField()
        token_type = serializers.ChoiceField([("Bearer", "Bearer")])
        name = serializers.CharField()
        scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
        expires_at = Moment()

    @operation(
        "Fetch the token of a program that was approved",
        request=DeviceTokenRequest,
        request_example={"device_code": "x7Zq3Rk0b1N2uW8sYv5tLd4pHc6mJf9gQe_aXiOoTzA"},
        response=DeviceToken,
        example={
            "access_token": "gradus_1f0c2a77…",
            "token_type": "Bearer",
            "name": "gradus on kestrel",
            "scopes": ["read", "run", "study"],
            "expires_at": "2027-01-31T08:15:00.000Z",
        },
    )
    def post(self, request: Request) -> Response:
        row, token = device_logins.poll(read(request, self.DeviceTokenRequest)["device_code"])
        return Response(
            {
                "access_token": token,
                "token_type": "Bearer",
                "name": row.name,
                "scopes": row.scopes,
                "expires_at": utc(row.expiry),
            }
        )
