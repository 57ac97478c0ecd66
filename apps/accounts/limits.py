"""How long someone must wait who tried too often. allauth counts the run attempts; it does not say
when the next may be made.
"""

from __future__ import annotations

import math
import time

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

APP = "allauth.account"


def seconds_to_wait(request: HttpRequest, action: str, key: str | None = None) -> int:
    """Return the seconds (at least 1) until every limit of `action` lets a run attempt through
    again.
    """
    now = time.time()
    waits = [1.0]
    for rate in ratelimit.get_rates(app=APP, action=action):
        tries = cache.get(
            ratelimit.get_cache_key(request, app=APP, action=action, rate=rate, key=key), []
        )
        if len(tries) >= rate.amount:
            waits.append(tries[-1] + rate.duration - now)  # the oldest try stands last
    return math.ceil(max(waits))
