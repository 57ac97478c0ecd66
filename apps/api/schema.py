"""The description of the API in OpenAPI 3.1, made by drf-spectacular from the endpoints."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from apps.api.models import MAX_KEY_LENGTH
from apps.api.paging import DEFAULT_LIMIT, MAX_LIMIT
from apps.api.serializers import Input, Output
from apps.common.problems import CONTENT_TYPE

Method = TypeVar("Method", bound=Callable[..., Any])
NO_CONTENT = 204
JSON = "application/json"
PROBLEM = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457). docs/problems.md lists the codes.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:gradus:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence in the reader's language."},
        "code": {"type": "string", "description": "What programs read."},
        "errors": {
            "type": "array",
            "description": "With `bad-request`: what is wrong in which field.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
REFUSED = {
    "description": "Refused; see `code`.",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
PAGE_PARAMETERS = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        description="How many results a page has.",
    ),
    OpenApiParameter("cursor", str, description="From `next` or `previous` of a page."),
]
KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same request with the same key is carried out once; repeats within a day "
    "get the same answer.",
    "schema": {"type": "string", "maxLength": MAX_KEY_LENGTH, "pattern": "^[!-~]+$"},
}
MATCH_PARAMETER = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of what you have read, or `*`.",
    "schema": {"type": "string"},
}


def operation(
    summary: str,
    *,
    response: Any = None,
    request: Any = None,
    example: Any = None,
    request_example: Any = None,
    status: int = 200,
    description: str = "",
    parameters: Sequence[OpenApiParameter | type[serializers.Serializer[Any]]] = (),
    pages: bool = False,
    edits: bool = False,
    media_type: str = JSON,
    other_statuses: Sequence[int] = (),
) -> Callable[[Method], Method]:
    """Describe a method of an endpoint.

    Args:
        response: a serializer, of a row if `pages`; None for 204.
        example: of the answer; of a row if `pages`.
        pages: whether the answer is a page of a list.
        edits: whether it takes `If-Match`.
        other_statuses: with which the same may come, or a part of it.
    """
    if pages:
        parameters = [*parameters, *PAGE_PARAMETERS]
        response = page_of(response)
        example = {"results": [example], "next": None, "previous": None}
    responses = _responses(response, (status, *other_statuses), media_type)
    examples = []
    if response is not None:
        examples.append(_example_of_answer(example, status, media_type))
    if request is not None:
        examples.append(OpenApiExample("Request", value=request_example, request_only=True))

    def describe(method: Method) -> Method:
        method.edits, method.description = edits, description  # type: ignore[attr-defined]
        described: Method = extend_schema(
            summary=summary,
            request=request,
            responses=responses,
            examples=examples,
            parameters=list(parameters),
        )(method)
        return described

    return describe


def _responses(response: Any, statuses: Sequence[int], media_type: str) -> dict[Any, Any]:
    """Return what an operation answers with, as drf-spectacular takes it."""
    if response is None:
        return {NO_CONTENT: OpenApiResponse(description="Done.")}
    is_json = media_type == JSON
    return {status if is_json else (status, media_type): response for status in statuses}


def _example_of_answer(value: Any, status: int, media_type: str) -> OpenApiExample:
    return OpenApiExample(
        "Answer",
        value=value,
        response_only=True,
        status_codes=[str(status)],
        media_type=media_type,
    )


@cache
def page_of(row: type[serializers.Serializer[Any]]) -> type[Output]:
    """Return the serializer of a page of rows."""
    fields = {
        "results": row(many=True),
        "next": serializers.URLField(allow_null=True, help_text="The next page, if there is one."),
        "previous": serializers.URLField(allow_null=True),
    }
    return type(f"{row.__name__}Page", (Output,), fields)


class Schema(AutoSchema):
    """How an endpoint is described."""

    def get_operation_id(self) -> str:
        """Return `get_note` for `NoteEndpoint.get`."""
        name = type(self.view).__name__.removesuffix("Endpoint")
        return f"{self.method.lower()}_{re.sub('(?<!^)(?=[A-Z])', '_', name).lower()}"

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "tag", "") or type(self.view).__module__.split(".")[1]]

    def get_auth(self) -> list[Any]:
        if getattr(self.view, "is_open", False):
            return [{}]
        schemes: list[Any] = super().get_auth()
        is_open = getattr(self.view, "is_public", False) and self.method == "GET"
        return [*[scheme for scheme in schemes if scheme], *([{}] if is_open else [])]

    def get_description(self) -> str:  # type: ignore[override] # of drf-spectacular, not of DRF
        scope = getattr(self.view, "scopes", {}).get(self.method)
        is_open = getattr(self.view, "is_open", False)
        needed = f"Scope: `{scope.value}`." if scope and not is_open else ""
        method = getattr(self.view, self.method.lower())
        text = getattr(method, "description", "") or inspect.cleandoc(type(self.view).__doc__ or "")
        if self.method in getattr(self.view, "sensitive", ()):
            needed += " With a session: the password, entered within ten minutes."
        return "\n\n".join(filter(None, [text, needed]))

    def _map_serializer(
        self, serializer: Any, direction: Any, bypass_extensions: bool = False
    ) -> Any:
        described = super()._map_serializer(serializer, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if isinstance(serializer, Input):  # which refuses what it does not know
            described["additionalProperties"] = False
        return described

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        described = super().get_operation(*args, **kwargs)
        if not described:
            return described
        method = getattr(self.view, self.method.lower())
        parameters = described.setdefault("parameters", [])
        if getattr(method, "creates", False):
            parameters.append(KEY_PARAMETER)
        if getattr(method, "edits", False):
            parameters.append(MATCH_PARAMETER)
        described["responses"]["default"] = REFUSED
        return described


_streams: dict[str, dict[str, Any]] = {}


def describe_stream(path: str, summary: str, description: str, tag: str) -> None:
    """Describe a stream of server-sent events, which is no endpoint of REST framework."""
    events = {"schema": {"type": "string"}, "examples": {"Answer": {"value": "event: ping\n\n"}}}
    names = re.findall(r"{(\w+)}", path)
    resume = {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The last event that was read: the stream goes on after it.",
        "schema": {"type": "string"},
    }
    _streams[path] = {
        "get": {
            "operationId": "stream_" + "_".join(re.findall(r"\w+", re.sub("{.*?}", "", path))[2:]),
            "summary": summary,
            "description": f"{description}\n\nScope: `read`.",
            "tags": [tag],
            "security": [{"token": []}, {"session": []}, {}],
            "parameters": [
                *(
                    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                    for name in names
                ),
                resume,
            ],
            "responses": {
                "200": {"description": "Events.", "content": {"text/event-stream": events}},
                "default": REFUSED,
            },
        }
    }


def add_problem(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """Add what every operation may answer with (a hook of drf-spectacular)."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    result["paths"] = dict(sorted({**result["paths"], **_streams}.items()))
    return result


def of_version_1(endpoints: Sequence[Any], **_options: Any) -> list[Any]:
    """Keep the endpoints of learners' programs (a hook of drf-spectacular)."""
    return [one for one in endpoints if one[0].startswith("/api/v1/")]


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return build_bearer_security_scheme_object("Authorization", "Bearer")


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.api.authentication.SiteSession"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
