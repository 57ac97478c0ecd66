"""ETags: what is read again is not sent again, and who changes something says what they have read
(RFC 9110, 13.1).
"""

from __future__ import annotations

import hashlib
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.errors import PreconditionFailed, PreconditionRequired


def etag_of(*parts: object) -> str:
    """Return the ETag of something of which all that may change is in `parts`."""
    text = "\0".join(map(str, parts))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def tagged(request: Request, data: Any, etag: str, status: int = 200) -> Response:
    """Return an answer with its ETag; 304 if whoever reads has it already."""
    if request.method in ("GET", "HEAD") and _names(request, "If-None-Match", etag):
        return Response(status=304, headers={"ETag": etag})
    return Response(data, status=status, headers={"ETag": etag})


def check_unchanged(request: Request, etag: str) -> None:
    """Check that whoever changes something has read its present state. Under the lock of the row,
    else another change may come between.

    Raises:
        PreconditionRequired: there is no `If-Match`.
        PreconditionFailed: it names another state.
    """
    if "If-Match" not in request.headers:
        raise PreconditionRequired
    if not _names(request, "If-Match", etag):
        raise PreconditionFailed(etag)


def _names(request: Request, header: str, etag: str) -> bool:
    values = [value.strip() for value in request.headers.get(header, "").split(",")]
    return "*" in values or etag in [value.removeprefix("W/") for value in values]
