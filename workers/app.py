"""The Celery application of a worker.

    celery -A workers.app worker -Q labs,bench --without-gossip --without-mingle

A message on a queue is a wake-up: it says only that there may be work. The work itself is leased
from the site over HTTP: see `workers.supervisor` and `workers.wire`.
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
    # Celery's fix-ups would look for Django.
    app = Celery("workers", broker=settings.broker(os.environ), fixups=[])
    app.conf.update(
        worker_pool="threads",
        worker_concurrency=settings.slots(os.environ),
        # With a prefetch of 1 alone, a busy worker would still reserve a wake-up.
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
    """Passes one line a minute about a broker that cannot be reached.

    Polling finds runs without it, and it may be away for days.
    """

    last_logged_at = -QUIET_SECONDS  # monotonic

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg != CONNECTION_ERROR:
            return True
        if time.monotonic() - self.last_logged_at < QUIET_SECONDS:
            return False
        self.last_logged_at = time.monotonic()
        return True


logging.getLogger("celery.worker.consumer.consumer").addFilter(OnceAMinute())


class OneWorker:
    """The supervisor of this process, and the thread that closes it."""

    supervisor: Supervisor | None = None
    closer: threading.Thread | None = None


@app.task(name=wire.WAKE_UP_TASK, bind=True, ignore_result=True)  # type: ignore[untyped-decorator]
def drain(self: Any) -> None:
    """Run what is queued until nothing is left; without a free slot, requeue the wake-up."""
    worker = OneWorker.supervisor
    if worker is None or (worker.drain() == 0 and not worker.has_room()):
        # The slot was taken after the wake-up had been. `Room` stops this worker from consuming it
        # again.
        with contextlib.suppress(OperationalError, OSError):
            self.apply_async(queue=self.request.delivery_info["routing_key"], retry=False)


class Room(bootsteps.StartStopStep):  # type: ignore[misc]
    """Consumes a wake-up only while a slot is free: a busy worker would keep it from a free one.

    Celery's own `worker_disable_prefetch` counts the tasks that it runs, and not the runs that this
    worker leased when it polled.
    """

    requires = (Tasks,)
    # A byte in this pipe wakes Celery's event loop, which would sleep for up to a second.
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)

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
        hub.add_reader(self.read_end, os.read, self.read_end, 4096)

    @classmethod
    def wake(cls) -> None:
        """Make Celery check again whether it may consume a wake-up."""
        with contextlib.suppress(BlockingIOError):  # the pipe is full: the loop will wake anyway
            os.write(cls.write_end, b".")


app.steps["consumer"].add(Room)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def start(**_: Any) -> None:
    """Start before Celery has reached its broker: polling finds runs without one."""
    try:
        OneWorker.supervisor = Supervisor(settings.read(os.environ), on_free_slot=Room.wake)
    except settings.BadSettings as error:
        raise SystemExit(f"workers: {error}") from None
    OneWorker.supervisor.start()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def stop(**_: Any) -> None:
    """Release all runs, in a thread: a signal handler must not wait for a lock."""
    if OneWorker.supervisor and OneWorker.closer is None:
        OneWorker.closer = threading.Thread(target=OneWorker.supervisor.close, name="closer")
        OneWorker.closer.start()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def wait(**_: Any) -> None:
    """Do not exit before the run attempts are released."""
    stop()
    if OneWorker.closer:
        OneWorker.closer.join()
