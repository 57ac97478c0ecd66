"""How long one must wait after too many attempts. allauth counts them, but does not say when the
next one is allowed.
"""

from __future__ import annotations

import math
import time

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

from apps.common.errors import TooManyAttempts

APP = "allauth.account"


def limit_password_attempts(request: HttpRequest) -> None:
    """Count an attempt of somebody who is signed in to enter their password.

    Raises:
        TooManyAttempts: there were too many.
    """
    if not ratelimit.consume(request, app=APP, action="reauthenticate", user=request.user):
        raise TooManyAttempts(60)


def limit_address_changes(request: HttpRequest) -> None:
    """Count a change of somebody's address, which sends mail to whom they name.

    Raises:
        TooManyAttempts: there were too many.
    """
    if not ratelimit.consume(request, app=APP, action="change_address", user=request.user):
        raise TooManyAttempts(3600)


def seconds_to_wait(request: HttpRequest, action: str, key: str | None = None) -> int:
    """Return the seconds (at least 1) until every limit of `action` allows another attempt."""
    now = time.time()
    waits = [1.0]
    for rate in ratelimit.get_rates(app=APP, action=action):
        cache_key = ratelimit.get_cache_key(request, app=APP, action=action, rate=rate, key=key)
        attempts = cache.get(cache_key, [])  # times, the latest first
        if len(attempts) >= rate.amount:
            waits.append(attempts[-1] + rate.duration - now)
    return math.ceil(max(waits))
