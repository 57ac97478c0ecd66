"""Requests that may be repeated: with the header `Idempotency-Key`, what creates something is
carried out once, and every repeat within a day gets the same answer.

Answer and deed are one transaction, so whatever fails in between, a repeat either finds both or
begins anew. Of two at once the second waits for the first. A refusal is not kept: nothing was done,
and the same request may succeed later.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint
from apps.api.models import MAX_KEY_LENGTH, IdempotentRequest
from apps.common.errors import BadRequest, KeyReused

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = re.compile(rf"[!-~]{{1,{MAX_KEY_LENGTH}}}")
KEPT_HEADERS = ("Location", "ETag")

Method = TypeVar("Method", bound=Callable[..., Response])


def creates(method: Method) -> Method:
    """Mark a method that creates something: carry it out once for each idempotency key."""

    @functools.wraps(method)
    def once(self: Endpoint, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = key_of(request)
        if not key:
            return method(self, request, *args, **kwargs)
        fingerprint = _fingerprint(request)
        with transaction.atomic():
            row, is_new = _begin(self.person().pk, key, fingerprint)
            if not is_new:
                return _replayed(row, fingerprint)
            response = method(self, request, *args, **kwargs)
            row.status = response.status_code
            row.headers = {name: response[name] for name in KEPT_HEADERS if name in response}
            row.body = JSONRenderer().render(response.data).decode()
            row.save(update_fields=["status", "headers", "body"])
        return response

    once.creates = True  # type: ignore[attr-defined] # for the schema
    return cast(Method, once)


def key_of(request: Request) -> str:
    """Return the idempotency key of a request; empty without one.

    Raises:
        BadRequest: it is no such key.
    """
    key = request.headers.get(HEADER, "")
    if key and not KEY.fullmatch(key):
        text = _("Idempotency-Key takes 1 to %(most)s visible ASCII characters, such as a UUID.")
        raise BadRequest(text % {"most": MAX_KEY_LENGTH})
    return key


def _fingerprint(request: Request) -> bytes:
    raw = request._request
    parts = (str(raw.method).encode(), raw.get_full_path().encode(), raw.body)
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).digest()


def _begin(person: int, key: str, fingerprint: bytes) -> tuple[IdempotentRequest, bool]:
    """Return the row of a key, and whether it is new. Waits for one that is being carried out."""
    return IdempotentRequest.objects.get_or_create(
        person_id=person, key=key, defaults={"fingerprint": fingerprint}
    )


def _replayed(row: IdempotentRequest, fingerprint: bytes) -> Response:
    if bytes(row.fingerprint) != fingerprint:
        raise KeyReused(
            _("This Idempotency-Key came with another request. Use a new key for each request.")
        )
    data: Any = json.loads(row.body)
    return Response(data, status=row.status, headers={**row.headers, REPLAYED: "true"})
