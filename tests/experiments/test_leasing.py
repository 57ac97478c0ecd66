"""The order in which runs are leased, and who may write to a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.common.errors import Gap, StaleRunAttempt
from apps.experiments import housekeeping, services, worker_services
from apps.experiments.models import Batch, ComputeUsage, Lab, Run, RunAttempt, Worker
from apps.experiments.signals import run_over
from tests.experiments.conftest import event, fall_silent, finish, report, step_clock

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def test_a_flood_does_not_delay_the_next_person(
    mei: User, ola: User, queue_run: Any, lease_run: Any
) -> None:
    for i in range(10):
        queue_run(ola, str(i))
    assert lease_run().run.owner == ola
    queue_run(mei, "one")
    assert lease_run().run.owner == mei


def test_no_one_runs_more_than_their_slots(
    ola: User, queue_run: Any, lease_run: Any, lease_if_any: Any
) -> None:
    for i in range(5):
        queue_run(ola, str(i))
    assert lease_run() and lease_run() and lease_if_any() is None


def test_slots_are_counted_in_each_queue(
    ola: User, queue_run: Any, lease_run: Any, bench: Lab
) -> None:
    for i in range(2):
        queue_run(ola, str(i))
        lease_run()
    queue_run(ola, "bench", lab=bench)
    assert lease_run("bench").run.queue == "bench"


def test_someone_who_was_away_for_years_stops_no_lease(
    ola: User, queue_run: Any, lease_run: Any
) -> None:
    run = queue_run(ola, "k")
    ComputeUsage.objects.update(seconds=30, updated_at=Clock() - timedelta(days=2000))
    assert lease_run().run == run


def test_half_an_hour_of_waiting_beats_fairness(
    mei: User, ola: User, queue_run: Any, lease_run: Any
) -> None:
    waited = queue_run(ola, "old")
    services.add_compute_usage(owner_id=ola.pk, seconds=1e6)
    step_clock(1801)
    queue_run(mei, "new")
    assert lease_run().run == waited


def test_a_long_run_counts_more_than_a_short_one(
    mei: User, ola: User, queue_run: Any, lease_run: Any
) -> None:
    for owner, seconds in ((ola, 600), (mei, 20)):
        queue_run(owner, "first")
        finish(lease_run(), seconds=seconds)
    queue_run(ola, "second")
    queue_run(mei, "second")
    assert lease_run().run.owner == mei


def test_a_flood_that_has_waited_long_delays_no_one_either(
    mei: User, ola: User, queue_run: Any, lease_run: Any
) -> None:
    for i in range(10):
        queue_run(ola, str(i))
    step_clock(1801)
    assert lease_run().run.owner == ola
    queue_run(mei, "one")
    assert lease_run().run.owner == mei


def test_a_worker_gets_only_code_it_has(mei: User, queue_run: Any, worker: Worker) -> None:
    queue_run(mei, "k")
    assert (
        worker_services.lease_run(worker=worker, queues=["labs"], labs={"dead-relu": "older"})
        is None
    )


def test_a_worker_gets_only_queues_it_may_have(
    mei: User, queue_run: Any, lease_if_any: Any, worker: Worker
) -> None:
    queue_run(mei, "k")
    worker.queues = ["bench"]
    assert lease_if_any("labs") is None


def test_a_bench_run_that_waits_long_empties_the_worker(
    mei: User, ola: User, queue_run: Any, bench: Lab, lease_if_any: Any
) -> None:
    queue_run(mei, "bench", lab=bench)
    queue_run(ola, "lab")
    assert lease_if_any("labs").run.owner == ola
    queue_run(ola, "second")
    step_clock(61)
    assert lease_if_any("labs") is None  # a busy worker asks without "bench"
    assert lease_if_any("bench", "labs").run.owner == mei


def test_a_bench_run_that_could_not_start_empties_no_worker(
    mei: User, ola: User, queue_run: Any, bench: Lab, lease_run: Any, lease_if_any: Any
) -> None:
    for i in range(3):
        queue_run(ola, str(i), lab=bench)
    lease_run("bench"), lease_run("bench")  # as many as one person may have
    queue_run(mei, "lab")
    step_clock(61)
    assert lease_if_any("labs").run.owner == mei


def test_points_that_come_twice_are_stored_once(mei: User, queue_run: Any, lease_run: Any) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    for _ in range(2):
        report(lease, event(1.0), event(0.5))
    assert Batch.objects.count() == 2


def test_a_report_that_overlaps_the_last_one_adds_only_what_is_new(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    report(lease, event(1.0), event(0.5))
    report(lease, event(0.5), event(0.25), after=1)
    assert list(Batch.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]


def test_a_gap_says_from_where_to_send_again(mei: User, queue_run: Any, lease_run: Any) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    report(lease, event())
    with pytest.raises(Gap) as refused:
        report(lease, event(), after=5)
    assert refused.value.extra == {"last": 1}
    assert Batch.objects.count() == 1


@pytest.mark.parametrize("step", [21, -3600], ids=["silence", "a clock that jumped back"])
def test_a_silent_run_attempt_is_given_up_and_may_not_speak_again(
    mei: User, queue_run: Any, lease_run: Any, step: float
) -> None:
    queue_run(mei, "k")
    first = lease_run()
    step_clock(step)
    assert housekeeping.requeue_silent_runs() == 1
    second = lease_run()
    assert (second.run, second.run_attempt.number) == (first.run, 2)
    for speak in (lambda: finish(first), lambda: report(first, event())):
        with pytest.raises(StaleRunAttempt):
            speak()
    assert finish(second).is_over
    with pytest.raises(StaleRunAttempt):
        finish(first)


def test_the_next_run_attempt_tells_readers_to_start_again(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k")
    report(lease_run(), event(1.0), event(0.5))
    step_clock(30)
    housekeeping.requeue_silent_runs()
    second = lease_run()
    assert second.run.last_seq == 3
    report(second, event(1.0))
    kinds = Batch.objects.order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["points", "points", "reset", "points"]
    assert Batch.objects.get(kind="reset").reset == {"run_attempt": 2, "keep": 0}


def test_after_three_run_attempts_it_is_our_fault_and_costs_nothing(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    run = queue_run(mei, "k")
    for i in range(1, 4):
        lease_run()
        step_clock(30 * i)
        housekeeping.requeue_silent_runs()
    run.refresh_from_db()
    assert run.state == Run.State.LOST
    assert ComputeUsage.objects.get(owner=mei).seconds == pytest.approx(0, abs=0.1)


def test_a_worker_that_goes_away_costs_no_run_attempt(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    run = queue_run(mei, "k")
    for _ in range(5):
        lease = lease_run()
        worker_services.release_run_attempt(
            worker=lease.run_attempt.worker,
            run_attempt_id=lease.run_attempt.pk,
            token=lease.token,
            reason="shutdown",
        )
    run.refresh_from_db()
    assert run.state == Run.State.QUEUED


def test_a_run_that_kills_its_process_three_times_is_lost(
    mei: User, queue_run: Any, lease_run: Any, lease_if_any: Any
) -> None:
    run = queue_run(mei, "k")
    for _ in range(3):
        lease = lease_run()
        mine = {
            "worker": lease.run_attempt.worker,
            "run_attempt_id": lease.run_attempt.pk,
            "token": lease.token,
        }
        worker_services.release_run_attempt(**mine, reason="crashed: signal 9")
    run.refresh_from_db()
    assert run.state == Run.State.LOST and run.is_lab_crash
    assert run.detail.splitlines() == [
        f"dead-relu aaaaaaaa, run attempt {n}, worker w1: crashed: signal 9" for n in (1, 2, 3)
    ]
    assert lease_if_any() is None


def test_a_run_that_a_worker_lost_once_is_not_the_labs_fault(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    run = queue_run(mei, "k")
    for n in range(3):
        lease = lease_run()
        if n == 1:
            fall_silent()
            assert services.requeue_if_silent(pk=lease.run_attempt.pk)
            continue
        mine = {
            "worker": lease.run_attempt.worker,
            "run_attempt_id": lease.run_attempt.pk,
            "token": lease.token,
        }
        worker_services.release_run_attempt(**mine, reason="crashed: exit status 1")
    run.refresh_from_db()
    assert (run.state, run.is_lab_crash) == (Run.State.LOST, False)


def test_a_result_that_comes_twice_counts_once(
    mei: User, ended_states: list[str], queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    for _ in range(2):
        finish(lease)
    assert ended_states == ["succeeded"]


def test_a_result_that_changes_its_mind_is_refused(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    finish(lease, "failed")
    with pytest.raises(StaleRunAttempt):
        finish(lease, "succeeded")


def test_a_run_that_ends_without_a_result_is_told_too(
    mei: User, ola: User, ended_states: list[str], queue_run: Any, lease_if_any: Any
) -> None:
    services.request_cancel(run=queue_run(mei, "waits"))
    stopped, lost = queue_run(mei, "stopped"), queue_run(ola, "lost")
    for i in range(1, 4):
        while lease_if_any():
            pass
        services.request_cancel(run=stopped)
        step_clock(30 * i)
        housekeeping.requeue_silent_runs()
    lost.refresh_from_db()
    assert (lost.state, ended_states) == (Run.State.LOST, ["cancelled", "cancelled", "lost"])


def test_a_listener_that_fails_undoes_the_result(mei: User, queue_run: Any, lease_run: Any) -> None:
    def fail(**kwargs: object) -> None:
        raise RuntimeError

    run = queue_run(mei, "k")
    lease = lease_run()
    run_over.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            finish(lease)
    finally:
        run_over.disconnect(fail)
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING


def test_stopping_what_waits_is_at_once(mei: User, queue_run: Any, lease_if_any: Any) -> None:
    run = queue_run(mei, "k")
    services.request_cancel(run=run)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert lease_if_any() is None


def test_stopping_what_runs_is_told_with_the_next_report(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    services.request_cancel(run=run)
    assert report(lease)
    assert finish(lease, "cancelled").state == Run.State.CANCELLED


def test_a_stop_gives_back_what_was_not_used(mei: User, queue_run: Any, lease_run: Any) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    services.request_cancel(run=run)
    finish(lease, "cancelled", seconds=2)
    assert ComputeUsage.objects.get(owner=mei).seconds == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize(("seconds", "beats"), [(301, "stands still"), (930, "passes its limit")])
def test_a_run_attempt_that_beats_but_stands_still_is_ended(
    mei: User, queue_run: Any, lease_run: Any, seconds: float, beats: str
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    step_clock(seconds)
    RunAttempt.objects.update(last_heartbeat_at=Clock())
    if beats == "passes its limit":
        RunAttempt.objects.update(last_progress_at=Clock())
    assert housekeeping.end_overdue_runs() == 1
    run.refresh_from_db()
    assert run.state == Run.State.LIMIT_EXCEEDED
    with pytest.raises(StaleRunAttempt):
        report(lease)


@pytest.mark.parametrize("step", [3600, -3600])
def test_a_clock_that_steps_ends_no_run(
    mei: User, queue_run: Any, lease_run: Any, step: float
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    report(lease, event())
    step_clock(step)
    # it is for another housekeeping job to give it up, if the worker does not speak first
    assert housekeeping.end_overdue_runs() == 0
    report(lease, after=1)
    assert housekeeping.requeue_silent_runs() == housekeeping.end_overdue_runs() == 0
    step_clock(step + 301)
    RunAttempt.objects.update(last_heartbeat_at=Clock())
    assert housekeeping.end_overdue_runs() == 1  # and the limits count on from where they were


def test_a_clock_that_steps_changes_no_share(mei: User, queue_run: Any, lease_run: Any) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    step_clock(-86_400)
    finish(lease, "cancelled", seconds=2)
    assert ComputeUsage.objects.get(owner=mei).seconds == pytest.approx(2, abs=0.5)


def test_what_waits_is_woken_for_once_a_queue(
    mei: User, queue_run: Any, bench: Lab, woken_queues: list[str]
) -> None:
    for i in range(3):
        queue_run(mei, str(i))
    queue_run(mei, "bench", lab=bench)
    woken_queues.clear()
    housekeeping.wake_workers_for_waiting_runs()
    assert sorted(woken_queues) == ["bench", "labs"]


def test_another_worker_may_not_speak_for_a_run_attempt(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    services.make_worker(name="w2", queues=["labs"])
    other = Worker.objects.get(name="w2")
    with pytest.raises(StaleRunAttempt):
        worker_services.release_run_attempt(
            worker=other, run_attempt_id=lease.run_attempt.pk, token=lease.token, reason=""
        )
