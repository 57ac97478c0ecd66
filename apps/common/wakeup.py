"""Waking workers when there may be work. A wake-up is only a hint: it may be lost, and sending it
never blocks.
"""

from __future__ import annotations

import logging

from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.common.circuit_breaker import REDIS_PAUSE_SECONDS, CircuitBreaker
from workers.wire import WAKE_UP_TASK, celery_url

log = logging.getLogger(__name__)
TRANSPORT_OPTIONS = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}
celery = Celery(
    "gradus", broker=celery_url(settings.REDIS_URL), broker_transport_options=TRANSPORT_OPTIONS
)
# as many connections as there may be requests: a request that waits for a free connection would
# then also wait for a Redis that hangs
celery.conf.update(task_ignore_result=True, broker_connection_retry=False, broker_pool_limit=64)
breaker = CircuitBreaker(REDIS_PAUSE_SECONDS)


def wake_workers(queue: str) -> None:
    """Wake a free worker of `queue`, if the broker answers. Workers also poll every two seconds."""
    if not breaker.is_closed:
        return
    try:
        celery.send_task(WAKE_UP_TASK, queue=queue, retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        breaker.open()
        log.warning("no wake-up for %s: %s", queue, error)
