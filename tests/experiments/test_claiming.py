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
from tests.experiments.conftest import event, finish, later, report

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def test_a_flood_does_not_delay_the_next_person(
    mei: User, ola: User, queue: Any, claim: Any
) -> None:
    for i in range(10):
        queue(ola, str(i))
    assert claim().run.owner == ola
    queue(mei, "one")
    assert claim().run.owner == mei


def test_no_one_runs_more_than_their_slots(ola: User, queue: Any, claim: Any, offer: Any) -> None:
    for i in range(5):
        queue(ola, str(i))
    assert claim() and claim() and offer() is None


def test_slots_are_counted_in_each_queue(ola: User, queue: Any, claim: Any, bench: Lab) -> None:
    for i in range(2):
        queue(ola, str(i))
        claim()
    queue(ola, "bench", lab=bench)
    assert claim("bench").run.queue == "bench"


def test_someone_who_was_away_for_years_stops_no_claim(ola: User, queue: Any, claim: Any) -> None:
    run = queue(ola, "k")
    ComputeUsage.objects.update(seconds=30, updated_at=Clock() - timedelta(days=2000))
    assert claim().run == run


def test_half_an_hour_of_waiting_beats_fairness(
    mei: User, ola: User, queue: Any, claim: Any
) -> None:
    waited = queue(ola, "old")
    services.add_compute_usage(owner_id=ola.pk, seconds=1e6)
    later(1801)
    queue(mei, "new")
    assert claim().run == waited


def test_a_long_run_counts_more_than_a_short_one(
    mei: User, ola: User, queue: Any, claim: Any
) -> None:
    for owner, seconds in ((ola, 600), (mei, 20)):
        queue(owner, "first")
        finish(claim(), seconds=seconds)
    queue(ola, "second")
    queue(mei, "second")
    assert claim().run.owner == mei


def test_a_flood_that_has_waited_long_delays_no_one_either(
    mei: User, ola: User, queue: Any, claim: Any
) -> None:
    for i in range(10):
        queue(ola, str(i))
    later(1801)
    assert claim().run.owner == ola
    queue(mei, "one")
    assert claim().run.owner == mei


def test_a_worker_gets_only_code_it_has(mei: User, queue: Any, worker: Worker) -> None:
    queue(mei, "k")
    assert (
        worker_services.lease_run(worker=worker, queues=["labs"], labs={"dead-relu": "older"})
        is None
    )


def test_a_worker_gets_only_queues_it_may_have(
    mei: User, queue: Any, offer: Any, worker: Worker
) -> None:
    queue(mei, "k")
    worker.queues = ["bench"]
    assert offer("labs") is None


def test_a_bench_run_that_waits_long_empties_the_worker(
    mei: User, ola: User, queue: Any, bench: Lab, offer: Any
) -> None:
    queue(mei, "bench", lab=bench)
    queue(ola, "lab")
    assert offer("labs").run.owner == ola
    queue(ola, "second")
    later(61)
    assert offer("labs") is None  # a busy worker asks without "bench"
    assert offer("bench", "labs").run.owner == mei


def test_a_bench_run_that_could_not_start_empties_no_worker(
    mei: User, ola: User, queue: Any, bench: Lab, claim: Any, offer: Any
) -> None:
    for i in range(3):
        queue(ola, str(i), lab=bench)
    claim("bench"), claim("bench")  # as many as one person may have
    queue(mei, "lab")
    later(61)
    assert offer("labs").run.owner == mei


def test_points_that_come_twice_are_stored_once(mei: User, queue: Any, claim: Any) -> None:
    queue(mei, "k")
    claimed = claim()
    for _ in range(2):
        report(claimed, event(1.0), event(0.5))
    assert Batch.objects.count() == 2


def test_a_report_that_overlaps_the_last_one_adds_only_what_is_new(
    mei: User, queue: Any, claim: Any
) -> None:
    queue(mei, "k")
    claimed = claim()
    report(claimed, event(1.0), event(0.5))
    report(claimed, event(0.5), event(0.25), after=1)
    assert list(Batch.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]


def test_a_gap_says_from_where_to_send_again(mei: User, queue: Any, claim: Any) -> None:
    queue(mei, "k")
    claimed = claim()
    report(claimed, event())
    with pytest.raises(Gap) as refused:
        report(claimed, event(), after=5)
    assert refused.value.extra == {"last": 1}
    assert Batch.objects.count() == 1


@pytest.mark.parametrize("step", [21, -3600], ids=["silence", "a clock that jumped back"])
def test_a_silent_run_attempt_is_given_up_and_may_not_speak_again(
    mei: User, queue: Any, claim: Any, step: float
) -> None:
    queue(mei, "k")
    first = claim()
    later(step)
    assert housekeeping.requeue_silent_runs() == 1
    second = claim()
    assert (second.run, second.run_attempt.number) == (first.run, 2)
    for speak in (lambda: finish(first), lambda: report(first, event())):
        with pytest.raises(StaleRunAttempt):
            speak()
    assert finish(second).is_over
    with pytest.raises(StaleRunAttempt):
        finish(first)


def test_the_next_run_attempt_tells_readers_to_start_again(
    mei: User, queue: Any, claim: Any
) -> None:
    queue(mei, "k")
    report(claim(), event(1.0), event(0.5))
    later(30)
    housekeeping.requeue_silent_runs()
    second = claim()
    assert second.run.last_seq == 3
    report(second, event(1.0))
    kinds = Batch.objects.order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["points", "points", "reset", "points"]
    assert Batch.objects.get(kind="reset").reset == {"run_attempt": 2, "keep": 0}


def test_after_three_run_attempts_it_is_our_fault_and_costs_nothing(
    mei: User, queue: Any, claim: Any
) -> None:
    run = queue(mei, "k")
    for i in range(1, 4):
        claim()
        later(30 * i)
        housekeeping.requeue_silent_runs()
    run.refresh_from_db()
    assert run.state == Run.State.LOST
    assert ComputeUsage.objects.get(owner=mei).seconds == pytest.approx(0, abs=0.1)


def test_a_worker_that_goes_away_costs_no_run_attempt(mei: User, queue: Any, claim: Any) -> None:
    run = queue(mei, "k")
    for _ in range(5):
        claimed = claim()
        worker_services.release_run_attempt(
            worker=claimed.run_attempt.worker,
            run_attempt_id=claimed.run_attempt.pk,
            token=claimed.token,
            reason="shutdown",
        )
    run.refresh_from_db()
    assert run.state == Run.State.QUEUED


def test_a_run_that_kills_its_process_three_times_is_lost(
    mei: User, queue: Any, claim: Any, offer: Any
) -> None:
    run = queue(mei, "k")
    for _ in range(3):
        claimed = claim()
        mine = {
            "worker": claimed.run_attempt.worker,
            "run_attempt_id": claimed.run_attempt.pk,
            "token": claimed.token,
        }
        worker_services.release_run_attempt(**mine, reason="crashed: signal 9")
    run.refresh_from_db()
    assert run.state == Run.State.LOST
    assert offer() is None


def test_a_result_that_comes_twice_counts_once(
    mei: User, heard: list[str], queue: Any, claim: Any
) -> None:
    queue(mei, "k")
    claimed = claim()
    for _ in range(2):
        finish(claimed)
    assert heard == ["succeeded"]


def test_a_result_that_changes_its_mind_is_refused(mei: User, queue: Any, claim: Any) -> None:
    queue(mei, "k")
    claimed = claim()
    finish(claimed, "failed")
    with pytest.raises(StaleRunAttempt):
        finish(claimed, "succeeded")


def test_a_run_that_ends_without_a_result_is_told_too(
    mei: User, ola: User, heard: list[str], queue: Any, offer: Any
) -> None:
    services.request_cancel(run=queue(mei, "waits"))
    stopped, lost = queue(mei, "stopped"), queue(ola, "lost")
    for i in range(1, 4):
        while offer():
            pass
        services.request_cancel(run=stopped)
        later(30 * i)
        housekeeping.requeue_silent_runs()
    lost.refresh_from_db()
    assert (lost.state, heard) == (Run.State.LOST, ["cancelled", "cancelled", "lost"])


def test_a_listener_that_fails_undoes_the_result(mei: User, queue: Any, claim: Any) -> None:
    def fail(**kwargs: object) -> None:
        raise RuntimeError

    run = queue(mei, "k")
    claimed = claim()
    run_over.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            finish(claimed)
    finally:
        run_over.disconnect(fail)
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING


def test_stopping_what_waits_is_at_once(mei: User, queue: Any, offer: Any) -> None:
    run = queue(mei, "k")
    services.request_cancel(run=run)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert offer() is None


def test_stopping_what_runs_is_told_with_the_next_report(mei: User, queue: Any, claim: Any) -> None:
    run = queue(mei, "k")
    claimed = claim()
    services.request_cancel(run=run)
    assert report(claimed)
    assert finish(claimed, "cancelled").state == Run.State.CANCELLED


def test_a_stop_gives_back_what_was_not_used(mei: User, queue: Any, claim: Any) -> None:
    run = queue(mei, "k")
    claimed = claim()
    services.request_cancel(run=run)
    finish(claimed, "cancelled", seconds=2)
    assert ComputeUsage.objects.get(owner=mei).seconds == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize(("seconds", "beats"), [(301, "stands still"), (930, "passes its limit")])
def test_a_run_attempt_that_beats_but_stands_still_is_ended(
    mei: User, queue: Any, claim: Any, seconds: float, beats: str
) -> None:
    run = queue(mei, "k")
    claimed = claim()
    later(seconds)
    RunAttempt.objects.update(last_heartbeat_at=Clock())
    if beats == "passes its limit":
        RunAttempt.objects.update(last_progress_at=Clock())
    assert housekeeping.end_overdue_runs() == 1
    run.refresh_from_db()
    assert run.state == Run.State.LIMIT_EXCEEDED
    with pytest.raises(StaleRunAttempt):
        report(claimed)


@pytest.mark.parametrize("step", [3600, -3600])
def test_a_clock_that_steps_ends_no_run(mei: User, queue: Any, claim: Any, step: float) -> None:
    queue(mei, "k")
    claimed = claim()
    report(claimed, event())
    later(step)
    # it is for another housekeeping job to give it up, if the worker does not speak first
    assert housekeeping.end_overdue_runs() == 0
    report(claimed, after=1)
    assert housekeeping.requeue_silent_runs() == housekeeping.end_overdue_runs() == 0
    later(step + 301)
    RunAttempt.objects.update(last_heartbeat_at=Clock())
    assert housekeeping.end_overdue_runs() == 1  # and the limits count on from where they were


def test_a_clock_that_steps_changes_no_share(mei: User, queue: Any, claim: Any) -> None:
    queue(mei, "k")
    claimed = claim()
    later(-86_400)
    finish(claimed, "cancelled", seconds=2)
    assert ComputeUsage.objects.get(owner=mei).seconds == pytest.approx(2, abs=0.5)


def test_what_waits_is_rung_for_once_a_queue(
    mei: User, queue: Any, bench: Lab, rung: list[str]
) -> None:
    for i in range(3):
        queue(mei, str(i))
    queue(mei, "bench", lab=bench)
    rung.clear()
    housekeeping.wake_workers_for_waiting_runs()
    assert sorted(rung) == ["bench", "labs"]


def test_another_worker_may_not_speak_for_a_run_attempt(mei: User, queue: Any, claim: Any) -> None:
    queue(mei, "k")
    claimed = claim()
    services.make_worker(name="w2", queues=["labs"])
    other = Worker.objects.get(name="w2")
    with pytest.raises(StaleRunAttempt):
        worker_services.release_run_attempt(
            worker=other, run_attempt_id=claimed.run_attempt.pk, token=claimed.token, reason=""
        )
