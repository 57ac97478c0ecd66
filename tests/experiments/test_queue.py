"""Submitting: idempotent, limited, checked; and what the queue says of a place in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.common.errors import BadConfig, KeyReused, TooManyRuns
from apps.experiments import listening, selectors, services
from apps.experiments.calibration import score
from apps.experiments.models import Lab, Prediction, Run, RunAttempt, Worker
from apps.experiments.selectors import QueueLength
from apps.experiments.services import PredictionInput
from tests.experiments.conftest import LABS, finish, make_version, report, step_clock
from workers import wire

pytestmark = pytest.mark.django_db
GUESS = PredictionInput("holds", 80, {"relu 1": 0.5})


def test_the_same_key_gives_the_same_run(mei: User, queue_run: Any) -> None:
    assert queue_run(mei, "k", prediction=GUESS) == queue_run(mei, "k", prediction=GUESS)
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [{"config": {"depth": 4}}, {"seed": 1}, {"replicates": 32}, {"prediction": None}],
    ids=str,
)
def test_a_key_cannot_mean_two_things(mei: User, queue_run: Any, other: dict[str, Any]) -> None:
    queue_run(mei, "k", prediction=GUESS)
    with pytest.raises(KeyReused):
        queue_run(mei, "k", **{"prediction": GUESS, **other})


def test_two_people_may_use_one_key(mei: User, ola: User, queue_run: Any) -> None:
    assert queue_run(mei, "k") != queue_run(ola, "k")


def test_a_repeated_key_is_no_new_run_even_when_the_queue_is_full(
    ola: User, queue_run: Any
) -> None:
    runs = [queue_run(ola, str(i)) for i in range(20)]
    assert queue_run(ola, "3") == runs[3]
    with pytest.raises(TooManyRuns):
        queue_run(ola, "20")


def test_workers_are_woken_after_commit(
    mei: User, queue_run: Any, woken_queues: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        queue_run(mei, "k")
        assert woken_queues == []
    assert woken_queues == ["labs"]


def test_settings_left_alone_are_the_labs_own(mei: User, queue_run: Any) -> None:
    run = queue_run(mei, "k", config={"depth": "3"})
    assert run.config == {"depth": 3, "scale": 0.0625, "leaky": False, "sizes": [10, 100]}
    assert run.at_defaults


def test_a_run_with_a_setting_changed_is_no_evidence(mei: User, queue_run: Any) -> None:
    assert not queue_run(mei, "k", config={"depth": 4}).at_defaults


def test_nothing_is_written_when_a_setting_is_wrong(mei: User, queue_run: Any) -> None:
    with pytest.raises(BadConfig) as refused:
        queue_run(mei, "k", config={"depth": "9", "nonsense": 1}, prediction=GUESS)
    assert set(refused.value.extra["config"]) == {"depth", "nonsense"}
    assert not Run.objects.exists() and not Prediction.objects.exists()


@pytest.mark.parametrize(
    ("outcome", "right", "points"),
    [("holds", True, 0.04), ("does_not_hold", False, 0.64), ("inconclusive", None, None)],
)
def test_a_prediction_is_scored_by_the_headline_claim(
    mei: User,
    queue_run: Any,
    lease_run: Any,
    outcome: str,
    right: bool | None,
    points: float | None,
) -> None:
    queue_run(mei, "k", prediction=GUESS)
    finish(
        lease_run(),
        verdicts=[
            wire.Verdict("dead-relu.lr-kills", outcome),
            wire.Verdict("dead-relu.leaky-fixes", "holds"),
        ],
    )
    prediction = Prediction.objects.get()
    assert prediction.was_right is right
    assert prediction.score == (pytest.approx(points) if points is not None else None)


def test_a_stopped_run_scores_nothing(mei: User, queue_run: Any, lease_run: Any) -> None:
    queue_run(mei, "k", prediction=GUESS)
    finish(lease_run(), "cancelled", verdicts=[wire.Verdict("dead-relu.lr-kills", "holds")])
    assert Prediction.objects.get().score is None


@pytest.mark.parametrize(
    ("confidence", "right", "expected"), [(95, True, 0.0025), (95, False, 0.9025), (50, True, 0.25)]
)
def test_a_score_is_the_squared_distance(confidence: int, right: bool, expected: float) -> None:
    assert score(confidence, right) == pytest.approx(expected)


def seen(worker: Worker, **capabilities: Any) -> None:
    Worker.objects.filter(pk=worker.pk).update(
        last_seen_at=Clock(), capabilities={"labs": LABS, "all_slots": 1, **capabilities}
    )


def test_a_place_says_that_nobody_works(mei: User, queue_run: Any, worker: Worker) -> None:
    place = selectors.queue_position(queue_run(mei, "k"))
    assert (place.reason, place.soonest) == ("no-worker", None)


def test_a_place_says_that_the_workers_have_other_code(
    mei: User, queue_run: Any, worker: Worker
) -> None:
    seen(worker, labs={"dead-relu": "older"})
    assert selectors.queue_position(queue_run(mei, "k")).reason == "other-code"


def test_a_place_counts_who_goes_first(
    mei: User, ola: User, queue_run: Any, worker: Worker, lease_run: Any
) -> None:
    seen(worker)
    for i in range(3):
        queue_run(ola, str(i))
    run = queue_run(mei, "k")
    lease_run()
    place = selectors.queue_position(run)
    # Ola has one running, so Mei is next, when that one ends
    assert (place.ahead, place.reason) == (0, "queue")
    assert (place.soonest, place.latest) == (pytest.approx(16, abs=1), pytest.approx(32, abs=1))
    assert (
        selectors.queue_position(Run.objects.waiting().filter(owner=ola).latest("queued_at")).ahead
        == 2
    )


@pytest.mark.parametrize(
    ("finished", "seconds"),
    [
        ([], (16, 32)),  # as the lab declares
        ([({}, 16, 10.0), ({}, 16, 20.0)], (12.5, 17.5)),  # as its runs took
        ([({}, 16, 10.0), ({"depth": 8}, 16, 60.0)], (60, 60)),  # as those took that did the same
        ([({}, 16, 10.0), ({"depth": 8}, 32, 60.0)], (22.5, 47.5)),  # as many seeds, too
    ],
)
def test_a_run_takes_as_long_as_others_at_its_settings(
    mei: User,
    ola: User,
    queue_run: Any,
    worker: Worker,
    lease_run: Any,
    finished: list[tuple[dict[str, int], int, float]],
    seconds: tuple[float, float],
) -> None:
    for n, (config, replicates, took) in enumerate(finished):
        queue_run(ola, f"finished {n}", config=config, replicates=replicates)
        finish(lease_run(), seconds=took)
    seen(worker)
    queue_run(ola, "runs", config={"depth": 8})
    lease_run()
    place = selectors.queue_position(queue_run(mei, "k"))
    assert (place.soonest, place.latest) == tuple(pytest.approx(one, abs=1) for one in seconds)


def test_a_run_of_outdated_code_is_ahead_of_nobody(
    mei: User, ola: User, lab: Lab, queue_run: Any, worker: Worker
) -> None:
    queue_run(ola, "of the old code")
    make_version(lab, "c" * 64)
    run = queue_run(mei, "of the new code")
    assert selectors.queue_length("labs") == QueueLength(waiting=1, running=0)
    assert selectors.queue_position(run).ahead == 0, "before a worker is there"
    seen(worker, labs={"dead-relu": "c" * 64})
    place = selectors.queue_position(run)
    assert (place.ahead, place.soonest, place.reason) == (0, 0, "starting")


def test_a_run_on_a_worker_with_other_code_is_in_nobodys_way(
    mei: User, ola: User, lab: Lab, queue_run: Any, worker: Worker, lease_run: Any
) -> None:
    seen(worker)
    queue_run(ola, "of the old code")
    lease_run()
    make_version(lab, "c" * 64)
    services.make_worker(name="w2", queues=["labs"])
    seen(Worker.objects.get(name="w2"), labs={"dead-relu": "c" * 64})
    place = selectors.queue_position(queue_run(mei, "of the new code"))
    assert (place.latest, place.reason) == (0, "starting")


def test_a_place_says_when_the_slots_are_ones_own(
    ola: User, queue_run: Any, worker: Worker, lease_run: Any
) -> None:
    seen(worker)
    runs = [queue_run(ola, str(i)) for i in range(3)]
    lease_run(), lease_run()
    assert selectors.queue_position(runs[2]).reason == "slots"


def silent(worker: Worker, seconds: float) -> None:
    """Have a worker not ask for work for so long."""
    silence = timedelta(seconds=seconds)
    Worker.objects.filter(pk=worker.pk).update(last_seen_at=Clock() - silence)


def test_a_busy_worker_is_heard_by_its_reports(
    mei: User, ola: User, queue_run: Any, worker: Worker, lease_run: Any
) -> None:
    seen(worker)
    queue_run(ola, "runs")
    report(lease_run(), points_done=30, points_expected=40)
    silent(worker, 600)
    RunAttempt.objects.update(started_at=Clock() - timedelta(seconds=6))
    place = selectors.queue_position(queue_run(mei, "k"))
    assert (place.reason, place.ahead) == ("queue", 0)
    assert place.seconds == pytest.approx(2, abs=0.5), "at the pace of the run that is running"


def test_a_worker_is_free_only_while_it_asks_for_work(
    mei: User, ola: User, queue_run: Any, worker: Worker, lease_run: Any
) -> None:
    seen(worker)
    queue_run(ola, "first")
    finish(lease_run())
    run = queue_run(mei, "k")
    for silence, reason in ((5, "preparing"), (0, "starting"), (15, "preparing")):
        silent(worker, silence)
        if silence == 0:
            RunAttempt.objects.update(ended_at=Clock() - timedelta(seconds=1))
        assert selectors.queue_position(run).reason == reason
    long_ago = Clock() - timedelta(seconds=60)
    RunAttempt.objects.update(ended_at=long_ago, last_heartbeat_at=long_ago)
    silent(worker, 40)
    place = selectors.queue_position(run)
    assert place.reason == "no-worker" and place.since is not None


def test_a_worker_whose_run_the_site_has_ended_is_still_there(
    mei: User, ola: User, queue_run: Any, worker: Worker, lease_run: Any
) -> None:
    queue_run(ola, "stalls")
    lease = lease_run()
    report(lease)
    seen(worker)
    silent(worker, 600)
    RunAttempt.objects.update(ended_at=Clock())
    services.end_run(lease.run, Run.State.LIMIT_EXCEEDED)
    assert selectors.queue_position(queue_run(mei, "k")).reason == "preparing"


def test_a_run_behind_a_benchmark_is_told_so(
    mei: User, ola: User, bench: Lab, queue_run: Any, worker: Worker, lease_run: Any
) -> None:
    seen(worker, all_slots=2)
    queue_run(ola, "benchmark", lab=bench)
    run = queue_run(mei, "k")
    lease_run("bench", "labs")
    place = selectors.queue_position(run)
    assert (place.reason, place.ahead, place.benches_running) == ("bench", 0, 1)


def test_who_is_passed_by_is_told_why(
    mei: User, ola: User, queue_run: Any, worker: Worker, lease_run: Any
) -> None:
    seen(worker)
    queue_run(ola, "runs")
    run = queue_run(ola, "waits")
    lease_run()
    assert selectors.queue_position(run).reason == "queue"
    queue_run(mei, "of somebody who has run nothing")
    place = selectors.queue_position(run)
    assert (place.reason, place.ahead, place.passed_by) == ("fair-share", 1, 1)
    expected = selectors.expected_place(mei, run.version.lab)
    assert (expected.reason, expected.ahead) == ("queue", 2), "as the page of the lab says"


def test_a_site_that_was_away_does_not_blame_its_workers(
    mei: User, queue_run: Any, worker: Worker
) -> None:
    listening.renew()
    seen(worker)
    run = queue_run(mei, "k")
    step_clock(600)
    assert selectors.queue_position(run).reason == "no-worker"
    listening.renew()
    place = selectors.queue_position(run)
    assert place.reason == "site-away" and place.since is not None


def test_a_run_that_was_leased_says_so_until_its_first_points(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    run.refresh_from_db()
    assert (place := selectors.run_place(run)) and place.reason == "leased"
    report(lease, points_done=1, points_expected=40)
    run.refresh_from_db()
    assert selectors.run_place(run) is None
    services.request_cancel(run=run)
    run.refresh_from_db()
    assert (place := selectors.run_place(run)) and place.reason == "cancelling"


def test_a_new_token_ends_the_old_one(worker: Worker) -> None:
    old = services.make_worker(name="w1", queues=["labs"])
    new = services.make_worker(name="w1", queues=["labs"])
    assert selectors.worker_with_token(old) is None
    assert selectors.worker_with_token(new) == worker
