"""Messages over Redis that tell the web processes what is new (`live`). One may be lost: what it
says is in the database.
"""

from __future__ import annotations

import logging
from functools import cache

import redis
from django.conf import settings

from apps.common.circuit_breaker import CircuitBreaker

log = logging.getLogger(__name__)


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=None
    )


def publish(to: redis.Redis, channel: str, data: bytes, breaker: CircuitBreaker) -> None:
    """Publish a message, unless Redis was away a moment ago."""
    if not breaker.is_closed:
        return
    try:
        to.publish(channel, data)
    except (redis.RedisError, OSError) as error:
        breaker.open()
        log.warning("for a while, what is live comes from the database alone: %s", error)
