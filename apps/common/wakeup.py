"""Telling workers that there may be work. A wake-up is a hint: it may be lost, it never waits, and
nothing depends on it.
"""

from __future__ import annotations

import logging
import time

from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from workers.wire import WAKE_UP_TASK, celery_url

log = logging.getLogger(__name__)
QUICK = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}
# after a wake-up that could not be rung; a frozen Redis costs one request a second, not every
# request
PAUSE_SECONDS = 10
celery = Celery("gradus", broker=celery_url(settings.REDIS_URL), broker_transport_options=QUICK)
# As many connections as there may be requests: those that wait for one to be free would wait again,
# for a frozen Redis.
celery.conf.update(task_ignore_result=True, broker_connection_retry=False, broker_pool_limit=64)
_quiet_until = 0.0


def wake_workers(queue: str) -> None:
    """Wake a free worker of `queue`, if the broker is there; workers look for themselves every two
    seconds anyway.
    """
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        celery.send_task(WAKE_UP_TASK, queue=queue, retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        _quiet_until = time.monotonic() + PAUSE_SECONDS
        log.warning("no wake-up for %s: %s", queue, error)
