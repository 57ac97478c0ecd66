"""A site that is away, and leases that reach nobody: neither ends a run attempt that goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction

from apps.accounts.models import User
from apps.common.asgi import BesideRequests
from apps.common.clock import Clock
from apps.common.errors import StaleRunAttempt
from apps.experiments import housekeeping, listening, worker_services
from apps.experiments.models import ListeningMark, Run, RunAttempt, Worker
from tests.connections import elsewhere
from tests.experiments.conftest import LABS, event, finish, report, step_clock
from workers import wire

pytestmark = [pytest.mark.attack, pytest.mark.django_db]


def listen_until(seconds: float) -> None:
    """Let web processes listen until `seconds` on the clock, without a pause."""
    step_clock(seconds)
    ListeningMark.objects.update(listened_at=Clock())


@pytest.fixture
def leased(mei: User, queue_run: Any, lease_run: Any) -> worker_services.Lease:
    listening.renew()
    queue_run(mei, "k")
    lease: worker_services.Lease = lease_run()
    report(lease, event())
    return lease


def live(lease: worker_services.Lease) -> RunAttempt | None:
    return RunAttempt.objects.filter(pk=lease.run_attempt.pk, ended_at=None).first()


def test_no_lease_runs_out_while_the_site_is_away(leased: worker_services.Lease) -> None:
    step_clock(3600)
    assert housekeeping.requeue_silent_runs() == 0
    assert listening.renew() == pytest.approx(3600, abs=5)
    assert housekeeping.requeue_silent_runs() == housekeeping.end_overdue_runs() == 0
    report(leased, event(), after=1)
    assert finish(leased).state == Run.State.SUCCEEDED


def test_a_worker_that_stays_silent_when_the_site_is_back_is_given_up(
    leased: worker_services.Lease,
) -> None:
    step_clock(3600)
    listening.renew()
    listen_until(3600 + 5)
    assert housekeeping.requeue_silent_runs() == 0
    listen_until(3600 + 25)
    assert housekeeping.requeue_silent_runs() == 1


def test_a_silent_worker_is_given_up_while_the_site_listens(leased: worker_services.Lease) -> None:
    listen_until(5)
    assert housekeeping.requeue_silent_runs() == 0
    listen_until(25)
    assert housekeeping.requeue_silent_runs() == 1


def test_what_was_heard_before_the_pause_was_found_is_not_moved_into_the_future(
    leased: worker_services.Lease,
) -> None:
    step_clock(3600)
    report(leased, event(), after=1)
    listening.renew()
    attempt = RunAttempt.objects.annotate(now=Clock()).get(pk=leased.run_attempt.pk)
    assert attempt.started_at <= attempt.last_progress_at <= attempt.last_heartbeat_at
    assert attempt.last_heartbeat_at <= attempt.now  # type: ignore[attr-defined]


def test_a_clock_that_is_set_back_costs_no_run(leased: worker_services.Lease) -> None:
    step_clock(-86_400)
    assert listening.renew() == pytest.approx(-86_400, abs=5)
    assert housekeeping.requeue_silent_runs() == 0
    assert live(leased)


@pytest.mark.django_db(transaction=True)
def test_renewal_does_not_wait_for_a_run_attempt_that_is_reporting(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    listening.renew()
    queue_run(mei, "k")
    lease = lease_run()
    ListeningMark.objects.update(listened_at=Clock() - listening.PAUSE * 2)
    with transaction.atomic():
        RunAttempt.objects.select_for_update().get(pk=lease.run_attempt.pk)
        assert elsewhere(listening.renew).result(timeout=60) > 0


# ---------------------------------------------------------------- leases given to nobody


@pytest.fixture
def lease_with_key(worker: Worker) -> Callable[..., worker_services.Lease | None]:
    return lambda key: worker_services.lease_run(worker=worker, queues=["labs"], labs=LABS, key=key)


def test_a_request_that_is_repeated_gets_the_same_lease_with_a_new_token(
    mei: User, queue_run: Any, lease_with_key: Any
) -> None:
    first_run, _second_run = queue_run(mei, "a"), queue_run(mei, "b")
    key = uuid4()
    first, again = lease_with_key(key), lease_with_key(key)
    assert first.run_attempt == again.run_attempt
    assert again.run == first_run
    assert RunAttempt.objects.count() == 1
    with pytest.raises(StaleRunAttempt):
        report(first)
    report(again)
    assert lease_with_key(key) is None  # the answer has arrived


def test_a_request_that_was_held_up_leases_nothing(
    mei: User, queue_run: Any, lease_with_key: Any
) -> None:
    queue_run(mei, "a")
    queue_run(mei, "b")
    key = uuid4()
    lease = lease_with_key(key)
    report(lease)
    finish(lease)
    assert lease_with_key(key) is None
    assert RunAttempt.objects.count() == 1


def test_a_lease_that_nobody_confirms_is_given_again_and_costs_no_attempt(
    mei: User, queue_run: Any, lease_with_key: Any
) -> None:
    run = queue_run(mei, "a")
    for number in range(1, 6):  # more often than a run may be attempted
        lost = lease_with_key(uuid4())
        assert (lost.run, lost.run_attempt.number) == (run, number)
        step_clock(3 * number)
    lease = lease_with_key(uuid4())
    assert lease.run == run
    with pytest.raises(StaleRunAttempt):
        report(lost)
    report(lease)
    step_clock(30)
    assert lease_with_key(uuid4()) is None  # it is confirmed
    assert finish(lease).state == Run.State.SUCCEEDED


def test_an_unconfirmed_lease_that_the_reconciler_finds_costs_no_attempt(
    mei: User, queue_run: Any, lease_with_key: Any
) -> None:
    run = queue_run(mei, "a")
    for number in range(1, 5):
        assert lease_with_key(uuid4())
        step_clock(30 * number)
        assert housekeeping.requeue_silent_runs() == 1
        run.refresh_from_db()
        assert run.state == Run.State.QUEUED


def test_for_a_while_a_lease_waits_to_be_confirmed(
    mei: User, queue_run: Any, lease_with_key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "CONFIRM_SECONDS", 600.0)
    queue_run(mei, "a")
    assert lease_with_key(uuid4())
    step_clock(60)
    assert lease_with_key(uuid4()) is None


# ---------------------------------------------------------------- beside the requests


def test_a_job_is_repeated_from_the_start_of_a_process_to_its_end() -> None:
    done, threads = asyncio.Event(), set()
    sent: list[str] = []

    async def live() -> None:
        loop, calls = asyncio.get_running_loop(), 0
        messages = asyncio.Queue[dict[str, str]]()

        def job() -> None:
            nonlocal calls
            calls += 1
            threads.add(threading.current_thread())
            if calls == 3:
                loop.call_soon_threadsafe(done.set)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        async def no_app(*_: Any) -> None:
            raise AssertionError

        app = BesideRequests(no_app, job, seconds=0)
        process = asyncio.create_task(app({"type": "lifespan"}, messages.get, send))
        await messages.put({"type": "lifespan.startup"})
        await asyncio.wait_for(done.wait(), 60)
        await messages.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(process, 60)

    asyncio.run(live())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert threading.main_thread() not in threads


def test_a_database_that_is_away_does_not_end_the_renewal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> float:
        raise ConnectionError("away")

    monkeypatch.setattr(listening, "renew", fail)
    monkeypatch.setattr(connections, "close_all", lambda: None)
    listening.keep_renewing()
    assert "cannot say that it listens: away" in caplog.text
