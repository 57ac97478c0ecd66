"""The loop beside the web processes: one at a time does a housekeeping job, and what goes wrong in
one round leaves nothing to the next.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from apps.accounts.models import User
from apps.common.locks import try_lock
from apps.experiments.management.commands import housekeep
from apps.experiments.models import Run
from tests.connections import elsewhere
from tests.experiments.conftest import fall_silent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
def jobs(done: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def jobs(*them: Callable[[], int]) -> None:
        monkeypatch.setattr(housekeep, "RUN_JOBS", them)

    return jobs


def test_two_at_once_do_a_job_once(done: list[str], jobs: Any) -> None:
    def job() -> int:
        done.append("done")
        if len(done) == 1:
            elsewhere(lambda: call_command("housekeep", once=True)).result()
        return 1

    jobs(job)
    call_command("housekeep", once=True)
    assert done == ["done"]
    call_command("housekeep", once=True)
    assert done == ["done", "done"]


def test_a_connection_that_dies_in_a_job_takes_its_lock_with_it(done: list[str], jobs: Any) -> None:
    def dies() -> int:
        done.append("dies")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return 1

    def follows() -> int:
        done.append("follows")
        return 1

    jobs(dies, follows)
    for _ in range(2):
        call_command("housekeep", once=True)
    assert done == ["dies", "follows"] * 2


def test_a_connection_that_died_within_a_job_that_went_on_is_no_trouble(
    done: list[str], jobs: Any
) -> None:
    def dies() -> int:
        with pytest.raises(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        connection.close()
        done.append(str(Run.objects.count()))
        return 1

    jobs(dies)
    for _ in range(2):
        call_command("housekeep", once=True)
    assert done == ["0", "0"]
    with try_lock(f"housekeeping job {dies.__name__}") as ours:
        assert ours


def test_two_at_once_give_a_silent_run_attempt_up_once(
    mei: User, queue_run: Any, lease_run: Any, woken_queues: list[str]
) -> None:
    run = queue_run(mei, "k")
    lease_run()
    fall_silent()
    rounds = [elsewhere(lambda: call_command("housekeep", once=True)) for _ in range(2)]
    call_command("housekeep", once=True)
    for future in rounds:
        future.result()
    run.refresh_from_db()
    assert (
        run.state,
        run.run_attempts.filter(ended_at=None).count(),
        run.run_attempts.count(),
    ) == (
        Run.State.QUEUED,
        0,
        1,
    )


# ---------------------------------------------------------------- signs of life


@pytest.fixture
def mark(tmp_path: Path, settings: Any) -> Path:
    settings.ALIVE_FILE = str(tmp_path / "alive")
    return tmp_path / "alive"


def is_touched(mark: Path) -> bool:
    """Return whether the mark was touched since this was last called."""
    touched = mark.exists() and mark.stat().st_mtime > 1
    if touched:
        os.utime(mark, (1, 1))
    return touched


def test_a_long_job_gives_signs_of_life_between_its_queries(
    jobs: Any, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs: list[bool] = []

    def job() -> int:
        is_touched(mark)
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            signs.append(is_touched(mark))
        raise SystemExit

    jobs(job)
    monkeypatch.setattr(housekeep, "ACCOUNT_JOBS", ())
    with pytest.raises(SystemExit):
        elsewhere(lambda: call_command("housekeep")).result()
    assert signs == [True, True, True]


class Waits:
    """Stands for the end of housekeep, which comes after some waits."""

    def __init__(self, number: int, mark: Path) -> None:
        self.left, self.mark = number, mark
        self.seconds: list[float] = []
        self.signs: list[bool] = []

    def is_set(self) -> bool:
        return not self.left

    def wait(self, seconds: float) -> None:
        self.left -= 1
        self.seconds.append(seconds)
        self.signs.append(is_touched(self.mark))


def test_signs_of_life_go_on_while_it_waits_and_while_the_database_is_away(
    mark: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TICK_SECONDS = 3600
    in_jobs: list[bool] = []

    def away(name: str) -> Any:
        in_jobs.append(is_touched(mark))
        raise OperationalError("the database is away")

    monkeypatch.setattr(housekeep, "try_lock", away)
    waits = Waits(5, mark)
    jobs = [lambda: 0] * 4
    housekeep.Command().repeat(jobs, waits, housekeep.give_sign)  # type: ignore[arg-type]
    assert in_jobs == [True] * 4
    assert waits.signs[1:] == [True] * 4 and max(waits.seconds) <= 1


def test_a_mark_that_cannot_be_written_stops_nothing(settings: Any, tmp_path: Path) -> None:
    settings.ALIVE_FILE = str(tmp_path / "no folder" / "alive")
    housekeep.give_sign()
