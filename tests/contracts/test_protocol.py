"""The invariants of the protocol under orders of events that Hypothesis generates, with clocks that
step.

The real services and reporting functions, one savepoint a schedule, rolled back at its end. What
holds at every moment: the signal was sent once for each run that is over; a run has one live run
attempt exactly while it runs; no claim has two verdicts; batches are numbered without gaps. What
holds at the end: with a worker that lives, every run comes to an end.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.accounts.models import User
from apps.common.errors import Gap, StaleRunAttempt, TooManyRuns
from apps.experiments import housekeeping, services, worker_services
from apps.experiments.models import Lab, Run, RunAttempt, Verdict, Worker
from apps.experiments.signals import run_over
from tests.experiments.conftest import LABS, make_lab
from workers import wire

pytestmark = pytest.mark.usefixtures("woken_queues")
LEDGER = """
    SELECT r.id, r.state, r.last_seq, t.live, t.brought, v.all, v.claims, b.all, b.newest
    FROM experiments_run r,
    LATERAL (SELECT count(*) FILTER (WHERE ended_at IS NULL) AS live,
                    count(*) FILTER (WHERE finished) AS brought
             FROM experiments_runattempt WHERE run_id = r.id) t,
    LATERAL (SELECT count(*) AS all, count(DISTINCT claim) AS claims
             FROM experiments_verdict WHERE run_id = r.id) v,
    LATERAL (SELECT count(*) AS all, coalesce(max(seq), 0) AS newest
             FROM experiments_batch WHERE run_id = r.id) b
"""
CLAIM = "dead-relu.lr-kills"
HOUR = 3600
SCHEDULES = 40  # so many catch each rule that is taken out, see below
index = st.integers(0, 50)


class SimulatedWorker:
    """A worker's view of a run attempt, which may be stale."""

    def __init__(self, lease: worker_services.Lease) -> None:
        self.ids: dict[str, Any] = {
            "worker": lease.run_attempt.worker,
            "run_attempt_id": lease.run_attempt.pk,
            "token": lease.token,
        }
        self.run, self.run_attempt_id = lease.run.pk, lease.run_attempt.pk
        self.sent = lease.run.last_seq
        self.dead = False


class Protocol(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.offset = 0
        self.keys = 0
        self.workers: list[SimulatedWorker] = []
        self.over: list[Any] = []  # ids of the runs whose end was signalled
        run_over.connect(self.note_end)
        self.worker = Worker.objects.get(name="w")
        self.labs = list(Lab.objects.select_related("current").order_by("queue"))
        self.people = list(User.objects.filter(handle__in=["mei", "ola"]))

    def note_end(self, run: Run, **more: object) -> None:
        self.over.append(run.pk)

    def teardown(self) -> None:
        if not hasattr(self, "atomic"):
            return
        try:
            self.check_liveness()
        finally:
            run_over.disconnect(self.note_end)
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # ------------------------------------------------------------ what people do

    @rule(
        who=st.integers(0, 1),
        lab=st.integers(0, 1),
        outcome=st.sampled_from(["", "holds", "depends"]),
    )
    def submit(self, who: int, lab: int, outcome: str) -> None:
        self.keys += 1
        prediction = services.PredictionInput(outcome, 80, {}) if outcome else None
        with suppress(TooManyRuns):
            services.queue_run(
                owner=self.people[who],
                lab=self.labs[lab],
                config={},
                key=str(self.keys),
                prediction=prediction,
            )

    @precondition(lambda self: Run.objects.exists())
    @rule(which=index)
    def submit_again(self, which: int) -> None:
        run = self.pick_run(which)
        before = Run.objects.count()
        lab = Lab.objects.get(pk=run.version.lab_id)
        prediction = services._predicted(run)
        again = services.queue_run(
            owner=run.owner, lab=lab, config={}, key=run.key, prediction=prediction
        )
        assert again.pk == run.pk and Run.objects.count() == before

    @precondition(lambda self: Run.objects.exists())
    @rule(which=index)
    def stop(self, which: int) -> None:
        services.request_cancel(run=self.pick_run(which))

    # ------------------------------------------------------------ what workers do

    @rule(bench=st.booleans())
    def lease(self, bench: bool) -> None:
        lease = worker_services.lease_run(
            worker=self.worker, queues=["bench", "labs"] if bench else ["labs"], labs=LABS
        )
        if lease:
            self.workers.append(SimulatedWorker(lease))

    @rule()
    def lease_whose_reply_is_lost(self) -> None:
        worker_services.lease_run(worker=self.worker, queues=["bench", "labs"], labs=LABS)

    @precondition(lambda self: self.workers)
    @rule(which=index, events=st.integers(0, 3), lost=st.booleans())
    def report(self, which: int, events: int, lost: bool) -> None:
        worker = self.pick_worker(which)
        if worker.dead:
            return
        points = [
            wire.Event(arm="relu 1", series="dead", step=[float(n)], mean=[0.0])
            for n in range(events)
        ]
        request = wire.EventsRequest(
            after=worker.sent, events=points, points_done=worker.sent + events, points_expected=100
        )
        spoke = self.speaks(worker)
        try:
            worker_services.store_events(**worker.ids, report=request)
        except StaleRunAttempt:
            assert not spoke, "a run attempt that was given up has written"
            worker.dead = True
        except Gap as gap:
            assert spoke, "a run attempt that was given up has written"
            worker.sent = gap.extra["last"]
        else:
            assert spoke, "a run attempt that was given up has written"
            if not lost:  # else it does not know that it arrived, and sends it again
                worker.sent += events

    @precondition(lambda self: self.workers)
    @rule(
        which=index, state=st.sampled_from(["succeeded", "failed", "cancelled", "limit_exceeded"])
    )
    def result(self, which: int, state: str) -> None:
        worker = self.pick_worker(which)
        spoke, before = self.speaks(worker), self.facts(worker)
        try:
            run = worker_services.finish_run(**worker.ids, result=self.a_result(state))
        except StaleRunAttempt:
            assert not spoke and self.facts(worker) == before, (
                "a refused result has changed something"
            )
            worker.dead = True
        else:
            assert run.pk == worker.run
            assert spoke or self.facts(worker) == before, (
                "the same result twice has changed something"
            )

    @precondition(lambda self: self.workers)
    @rule(which=index, reason=st.sampled_from(["shutdown", "crashed: signal 9"]))
    def release(self, which: int, reason: str) -> None:
        worker, spoke = self.pick_worker(which), self.speaks(self.pick_worker(which))
        try:
            worker_services.release_run_attempt(**worker.ids, reason=reason)
            assert spoke, "a run attempt that was given up has written"
        except StaleRunAttempt:
            assert not spoke, "a run attempt that was given up has written"
        worker.dead = True

    @precondition(lambda self: self.workers)
    @rule(which=index)
    def die(self, which: int) -> None:
        self.pick_worker(which).dead = True

    # ------------------------------------------------------------ what time does

    @rule(seconds=st.sampled_from([1, 10, 30, 400, HOUR, -10, -HOUR]))
    def step_the_clock(self, seconds: int) -> None:
        self.set_clock(self.offset + seconds)

    @rule()
    def reconcile(self) -> None:
        housekeeping.requeue_silent_runs()
        housekeeping.end_overdue_runs()

    # ------------------------------------------------------------ what always holds

    @invariant()
    def it_adds_up(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(LEDGER)
            rows = cursor.fetchall()
        ended = [pk for pk, state, *_ in rows if state in Run.ENDED_STATES]
        assert sorted(self.over) == sorted(ended), "each end was signalled once"
        for pk, state, last, live, brought, verdicts, claims, batches, newest in rows:
            assert live == (state == Run.State.RUNNING), (
                f"{pk}: a live run attempt exactly while it runs"
            )
            assert brought <= 1, f"{pk}: only one run attempt has brought a result"
            assert verdicts == claims and (not verdicts or state == Run.State.SUCCEEDED), (
                f"{pk}: one verdict a claim, of a run that succeeded"
            )
            assert batches == newest == last, f"{pk}: batches are numbered without gaps"

    # ------------------------------------------------------------ the end

    def check_liveness(self) -> None:
        """With a worker and housekeep running, every run ends, however the clock has stepped."""
        for _ in range(4 * Run.objects.count() + 4):
            if not Run.objects.exclude(state__in=Run.ENDED_STATES).exists():
                break
            self.set_clock(self.offset + 2 * HOUR)
            self.reconcile()
            lease = worker_services.lease_run(
                worker=self.worker, queues=["bench", "labs"], labs=LABS
            )
            if lease:
                worker_services.finish_run(
                    worker=self.worker,
                    run_attempt_id=lease.run_attempt.pk,
                    token=lease.token,
                    result=self.a_result("succeeded", lease.run),
                )
        stuck = Run.objects.exclude(state__in=Run.ENDED_STATES)
        assert not stuck, f"stuck: {list(stuck.values_list('state', 'cancel_requested'))}"
        self.it_adds_up()

    # ------------------------------------------------------------ help

    def a_result(self, state: str, run: Run | None = None) -> wire.Result:
        verdicts = (
            [wire.Verdict(claim=CLAIM, outcome="holds", effect=0.5)] if state == "succeeded" else []
        )
        return wire.Result(state=state, verdicts=verdicts)  # type: ignore[arg-type]

    def set_clock(self, seconds: int) -> None:
        self.offset = seconds
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('gradus.clock_offset', %s, true)", [str(seconds)])

    def pick_run(self, which: int) -> Run:
        runs = list(Run.objects.order_by("queued_at", "key"))
        return runs[which % len(runs)]

    def pick_worker(self, which: int) -> SimulatedWorker:
        return self.workers[which % len(self.workers)]

    def speaks(self, worker: SimulatedWorker) -> bool:
        return RunAttempt.objects.filter(pk=worker.run_attempt_id, ended_at=None).exists()

    def facts(self, worker: SimulatedWorker) -> tuple[object, ...]:
        run = Run.objects.get(pk=worker.run)
        return (
            run.state,
            run.ended_at,
            run.last_seq,
            Verdict.objects.filter(run=run).count(),
            len(self.over),
        )


def try_schedules(number: int, steps: int, *, shrink: bool = True) -> None:
    """Try a number of schedules of a number of steps, each on the tables as they are now.

    They are not shrunk, and are the same each time.
    """
    services.make_worker(name="w", queues=["labs", "bench"])
    make_lab("dead-relu", LABS["dead-relu"])
    make_lab("activation-cost", LABS["activation-cost"], "bench")
    for name in ("mei", "ola"):
        User.objects.create_user(f"{name}@example.org", name)
    run_state_machine_as_test(
        Protocol,
        settings=settings(
            max_examples=number,
            stateful_step_count=steps,
            deadline=None,
            derandomize=settings.default.derandomize or not shrink,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            database=None,
            report_multiple_bugs=False,
        ),
    )


@pytest.mark.services
@pytest.mark.django_db
def test_no_schedule_loses_a_run_or_counts_one_twice() -> None:
    try_schedules(SCHEDULES, 25)


@pytest.mark.slow
@pytest.mark.django_db
def test_no_schedule_of_many_loses_a_run_or_counts_one_twice() -> None:
    try_schedules(2000, 40)


@pytest.mark.django_db
@pytest.mark.parametrize("without", ["token", "reconciler", "state"])
def test_a_protocol_with_a_rule_missing_is_caught(
    without: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schedules detect a protocol without one of its rules."""
    if without == "token":
        monkeypatch.setattr(worker_services, "_lock_run", _lock_without_token)
    elif without == "reconciler":
        monkeypatch.setattr(housekeeping, "requeue_silent_runs", lambda: 0)
        monkeypatch.setattr(housekeeping, "end_overdue_runs", lambda: 0)
        monkeypatch.setattr(worker_services, "_take_back_unconfirmed", lambda: None)
    else:
        monkeypatch.setattr(services, "end_run", _end_twice(services.end_run))
        monkeypatch.setattr(worker_services, "end_run", services.end_run)
    caught = {
        "token": (
            "has written|has changed something|signalled once|live run attempt exactly"
            "|a_run_is_over_or_has_no_end|one_live_attempt_a_run"
        ),
        "reconciler": "stuck",
        "state": "signalled once",
    }
    # The database's own constraints are rules too, and may be the first to object.
    with pytest.raises((AssertionError, IntegrityError), match=caught[without]):
        try_schedules(SCHEDULES, 25, shrink=False)


def _lock_without_token(worker: Worker, run_attempt_id: int, token: str) -> Run:
    return (
        Run.objects.select_for_update(of=("self",))
        .select_related("version")
        .get(run_attempts__pk=run_attempt_id)
    )


def _end_twice(real: Any) -> Any:
    def end(run: Run, state: str, verdicts: Any = ()) -> None:
        real(run, state, verdicts)
        run_over.send(sender=Run, run=run)

    return end
