"""What chaos asks of the database notices each thing that may be wrong."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.experiments import housekeeping
from apps.experiments.models import Lab
from tests.chaos.invariants import missing, violations
from tests.experiments.conftest import WORDS, event, fall_silent, finish, report
from workers import wire

pytestmark = pytest.mark.django_db
VERDICTS = [
    wire.Verdict(claim=claim, outcome="holds", effect=1.0, low=0.9, high=1.1, replicates=16)
    for claim in WORDS["claims"]
]


def query(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.fixture
def run(mei: User, bench: Lab, queue_run: Any, lease_run: Any) -> Any:
    """A run that a second worker has brought to its end, after the first fell silent."""
    queue_run(mei, "k", lab=bench)
    report(lease_run("bench"), event())
    fall_silent()
    assert housekeeping.requeue_silent_runs() == 1
    lease = lease_run("bench")
    report(lease, event(), event(step=[1.0]))
    return finish(lease, verdicts=VERDICTS, seconds=40.0)


def test_a_run_that_was_requeued_and_succeeded_is_in_order(run: Any) -> None:
    assert violations(query) == []
    assert missing(query, [str(run.pk)]) == []


def test_an_acknowledged_run_that_is_not_there_is_lost(run: Any) -> None:
    (sentence,) = missing(query, [str(run.pk), "6d1fa4d5-0000-4000-8000-000000000000"])
    assert sentence == "Run 6d1fa4d5-0000-4000-8000-000000000000 was acknowledged, and is lost."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("run SET state = 'running', ended_at = NULL", "is stuck"),
        ("run SET state = 'lost'", "is lost before 3 run attempts failed"),
        ("run SET state = 'cancelled'", "is cancelled, and nobody asked"),
        ("run SET state = 'cancelled', cancel_requested = true", "was changed after its end"),
        ("run SET last_seq = last_seq + 1", "has gaps in its batches"),
        ("batch SET seq = seq + 10 WHERE seq = 4", "has gaps in its batches"),
        ("batch SET step = (SELECT step FROM experiments_batch WHERE seq = 1)", "points twice"),
        ("batch SET kind = 'points'", "does not discard what a run attempt that failed"),
        ("runattempt SET finished = true", "has more than one result"),
        ("runattempt SET finished = false", "has an outcome that no run attempt brought"),
        ("runattempt SET ended_at = NULL WHERE number = 2", "over, and a run attempt of it is not"),
        ("runattempt SET number = 5 WHERE number = 2", "not numbered 1, 2"),
        ("runattempt SET worker_id = NULL WHERE number = 1", "run attempt without a worker"),
        (
            "runattempt SET started_at = started_at - interval '1 hour' WHERE number = 2",
            "had two run attempts at once",
        ),
        ("computeusage SET seconds = seconds + 30", "mei is charged 70.0 compute-seconds for"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(run: Any, change: str, sentence: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE experiments_{change}")
    sentences = violations(query)
    assert any(sentence in line for line in sentences), sentences


def test_a_run_that_lacks_a_verdict_is_noticed(run: Any) -> None:
    run.verdicts.first().delete()
    assert any("without a verdict on each claim" in line for line in violations(query))
