"""A queued run whose lab changed: it waits only while a worker may still have its code."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.experiments import housekeeping, services, worker_services
from apps.experiments.models import Lab, Prediction, Run, Worker
from tests.connections import elsewhere
from tests.experiments.conftest import HASH, make_version, step_clock
from tests.experiments.pages_cast import browser

pytestmark = [pytest.mark.django_db, pytest.mark.services]
NEWER = "c" * 64


@pytest.fixture
def run(mei: User, queue_run: Any) -> Run:
    prediction = services.PredictionInput("holds", 80, {})
    waiting: Run = queue_run(mei, "k", prediction=prediction)
    return waiting


def change(lab: Lab) -> None:
    make_version(lab, NEWER)


def seen(name: str, code_hash: str, *queues: str) -> None:
    """Have a worker ask for work: it has the lab's code with this hash."""
    worker, _ = Worker.objects.get_or_create(name=name, defaults={"token_hash": name.encode()})
    worker.queues, worker.capabilities = (
        list(queues or ["labs"]),
        {"labs": {"dead-relu": code_hash}},
    )
    worker.save()
    Worker.objects.filter(pk=worker.pk).update(last_seen_at=Clock())


def test_a_run_whose_code_no_worker_has_any_more_is_ended_and_costs_nothing(
    lab: Lab, run: Run, ended_states: list[str]
) -> None:
    change(lab)
    seen("w1", NEWER)
    assert housekeeping.end_outdated_runs() == 1
    run.refresh_from_db()
    assert (run.state, run.is_outdated, ended_states) == (Run.State.LOST, True, ["lost"])
    assert Prediction.objects.get().score is None
    assert run.owner.compute_usage.seconds == 0
    assert housekeeping.end_outdated_runs() == 0, "once"


def test_it_waits_for_a_worker_that_may_have_the_code_and_is_busy(lab: Lab, run: Run) -> None:
    seen("w1", HASH)
    change(lab)
    step_clock(800)  # it asks for nothing while it works
    seen("w2", NEWER)
    assert housekeeping.end_outdated_runs() == 0
    step_clock(1000)
    seen("w2", NEWER)
    assert housekeeping.end_outdated_runs() == 1, "no run attempt takes so long"


def test_what_a_revoked_worker_has_helps_nobody(lab: Lab, run: Run) -> None:
    seen("w1", HASH)
    Worker.objects.update(revoked_at=Clock())
    change(lab)
    seen("w2", NEWER)
    assert housekeeping.end_outdated_runs() == 1


@pytest.mark.parametrize("queues", [["bench"], []], ids=["another queue", "no worker"])
def test_it_waits_while_no_worker_of_its_queue_is_there(
    lab: Lab, run: Run, queues: list[str]
) -> None:
    change(lab)
    if queues:
        seen("w1", NEWER, *queues)
    assert housekeeping.end_outdated_runs() == 0
    run.refresh_from_db()
    assert run.state == Run.State.QUEUED


def test_the_lab_as_it_is_waits_for_workers_that_are_behind(lab: Lab, run: Run) -> None:
    seen("w1", "older")
    assert housekeeping.end_outdated_runs() == 0


def test_a_run_of_a_withdrawn_lab_ends_and_is_not_offered_again(
    lab: Lab, run: Run, mei: User
) -> None:
    Lab.objects.update(withdrawn=True)
    seen("w1", NEWER)
    assert housekeeping.end_outdated_runs() == 1
    page = browser(mei).get(f"/runs/{run.pk}").content.decode()
    assert "The lab changed while this run was queued" in page and "Run again" not in page


def test_a_run_that_was_begun_is_none_of_them(lab: Lab, run: Run, worker: Worker) -> None:
    assert worker_services.lease_run(worker=worker, queues=["labs"], labs={"dead-relu": HASH})
    change(lab)
    seen("w2", NEWER)
    assert housekeeping.end_outdated_runs() == 0


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_claimed_at_that_moment_goes_on(lab: Lab, run: Run, worker: Worker) -> None:
    change(lab)
    seen("w2", NEWER)
    assert services.outdated_runs() == [run.pk]
    lease = elsewhere(
        lambda: worker_services.lease_run(worker=worker, queues=["labs"], labs={"dead-relu": HASH})
    ).result()
    assert lease is not None and not services.end_if_outdated(pk=run.pk)
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING


def test_its_page_says_why_and_offers_the_lab_as_it_is_now(lab: Lab, run: Run, mei: User) -> None:
    change(lab)
    seen("w1", NEWER)
    housekeeping.end_outdated_runs()
    client = browser(mei)
    page = client.get(f"/runs/{run.pk}").content.decode()
    assert "The lab changed while this run was queued" in page and "failed to finish" not in page
    assert f"/labs/dead-relu?from={run.pk}" in page and "Predict, then run" in page
    client.post(f"/runs/{run.pk}/rerun", {"replicates": "16", "key": "again"})
    assert Run.objects.exclude(pk=run.pk).get().version.code_hash == NEWER
