"""How often a person may ask: the buckets of `common.write_limits`, which site and API share, and
one for reading. What is left is in the headers `RateLimit-Policy` and `RateLimit`
(draft-ietf-httpapi-ratelimit-headers).
"""

from __future__ import annotations

import math

from django.http import HttpRequest
from rest_framework.request import Request

from apps.api.scopes import Scope
from apps.common.networks import client_network
from apps.common.write_limits import LIMITS, Bucket, count_write

BY_SCOPE = {
    Scope.READ: "reads",
    Scope.STUDY: "answers",
    Scope.RUN: "submits",
    Scope.POST: "posts",
    Scope.ACCOUNT: "other",
    Scope.AUTHOR: "other",
    Scope.OPERATE: "reads",
}


def count_request(request: Request | HttpRequest, kind: str, *, size: int = 0) -> Bucket:
    """Count a request of a person, or of a visitor by their network. Returns what is left.

    Args:
        kind: of `common.write_limits.LIMITS`.
        size: of the body, in bytes.
    Raises:
        TooManyAttempts: nothing is left.
    """
    is_person = request.user.is_authenticated
    who = request.user.pk if is_person else client_network(request.META["REMOTE_ADDR"])
    return count_write(who=who, kind=kind, size=size)


def limit_headers(bucket: Bucket | None) -> dict[str, str]:
    if bucket is None:
        return {}
    limit = LIMITS[bucket.kind]
    return {
        "RateLimit-Policy": f'"{bucket.kind}";q={limit.burst};w={math.ceil(limit.refill_seconds)}',
        "RateLimit": f'"{bucket.kind}";r={bucket.left};t={math.ceil(bucket.full_after_seconds)}',
    }
