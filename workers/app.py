"""The worker as Celery sees it: `celery -A workers.app worker -Q labs,bench --without-gossip
--without-mingle`.

A message on a queue is a wake-up: it says that there may be work. What the work is, the site says;
see `workers.supervisor`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from types import MethodType
from typing import Any

from celery import Celery, bootsteps, signals
from celery.worker.consumer.consumer import CONNECTION_ERROR
from celery.worker.consumer.tasks import Tasks
from kombu.exceptions import OperationalError

from workers import settings, wire
from workers.supervisor import Supervisor

QUIET_SECONDS = 60.0  # between two log lines about a broker that is away

try:
    # no fix-up: it would look for Django
    app = Celery("workers", broker=settings.broker(os.environ), fixups=[])
    app.conf.update(
        worker_pool="threads",
        worker_concurrency=settings.slots(os.environ),
        # prefetch 1 still reserves a wake-up for a machine that is busy
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=30,
        task_acks_late=False,
        task_ignore_result=True,
        result_backend=None,
        task_serializer="json",
        accept_content=["json"],
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_timeout": 10,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
    )
except settings.BadSettings as error:
    raise SystemExit(f"workers: {error}") from None


class OnceAMinute(logging.Filter):
    """Lets one line a minute through about a broker that is away: runs come by looking, and it may
    be away for days.
    """

    said = -QUIET_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg != CONNECTION_ERROR:
            return True
        if time.monotonic() - self.said < QUIET_SECONDS:
            return False
        self.said = time.monotonic()
        return True


logging.getLogger("celery.worker.consumer.consumer").addFilter(OnceAMinute())


class OneWorker:
    """The supervisor of this process, from the worker's start to its end."""

    supervisor: Supervisor | None = None
    closer: threading.Thread | None = None


@app.task(name=wire.WAKE_UP_TASK, bind=True, ignore_result=True)  # type: ignore[untyped-decorator]
def drain(self: Any) -> None:
    """Run what is waiting, until nothing is left; without a free slot, hang the wake-up back for
    others.
    """
    worker = OneWorker.supervisor
    if worker is None or (worker.drain() == 0 and not worker.has_room()):
        # It was taken by a request that began while there was room; `Room` keeps us from taking it
        # again.
        with contextlib.suppress(OperationalError, OSError):
            self.apply_async(queue=self.request.delivery_info["routing_key"], retry=False)


class Room(bootsteps.StartStopStep):  # type: ignore[misc]
    """Takes a wake-up off the queue only when a slot is free: a wake-up that a busy machine takes
    is lost to a free one.

    Celery's own `worker_disable_prefetch` counts the wake-ups that it runs, not the runs that were
    found by looking.
    """

    requires = (Tasks,)
    ear, mouth = os.pipe()  # a byte here wakes Celery's loop, which would sleep for up to a second
    os.set_blocking(ear, False)
    os.set_blocking(mouth, False)

    def start(self, consumer: Any) -> None:
        qos = consumer.task_consumer.channel.qos

        def can_consume(qos: Any) -> bool:
            return bool(
                OneWorker.supervisor
                and OneWorker.supervisor.has_room()
                and type(qos).can_consume(qos)
            )

        qos.can_consume = MethodType(can_consume, qos)

    def register_with_event_loop(self, consumer: Any, hub: Any) -> None:
        hub.add_reader(self.ear, os.read, self.ear, 4096)

    @classmethod
    def wake(cls) -> None:
        """Have Celery look whether it may take a wake-up now."""
        with contextlib.suppress(BlockingIOError):  # it is full of calls that were not heard yet
            os.write(cls.mouth, b".")


app.steps["consumer"].add(Room)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def start(**_: Any) -> None:
    """Start before Celery has a broker: runs come by looking, too."""
    try:
        OneWorker.supervisor = Supervisor(settings.read(os.environ), on_room=Room.wake)
    except settings.BadSettings as error:
        raise SystemExit(f"workers: {error}") from None
    OneWorker.supervisor.start()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def stop(**_: Any) -> None:
    """Give everything back, in a thread: this is a signal's handler, and must not wait for a
    lock.
    """
    if OneWorker.supervisor and OneWorker.closer is None:
        OneWorker.closer = threading.Thread(target=OneWorker.supervisor.close, name="closer")
        OneWorker.closer.start()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def wait(**_: Any) -> None:
    """Do not end before the run attempts are given back."""
    stop()
    if OneWorker.closer:
        OneWorker.closer.join()
