"""Functions that are called in processes of their own."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from workers.engine import ProcessDied, median_seconds, processes
from workers.engine.own_processes import Process


def own_pid() -> int:
    return os.getpid()


def seconds_of_sums(seed: int) -> dict[str, float]:
    works = {str(n): lambda n=n: lambda: sum(range(n)) for n in (100, 100_000)}
    return median_seconds(works, seed, max_turns=3)


def refuse(what: str) -> None:
    raise ValueError(f"no {what}")


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_processes_compute_in_turn_and_are_gone_after_the_block() -> None:
    with processes(2) as there:
        pids = [process.call(own_pid) for process in there]
        assert len({os.getpid(), *pids}) == 3
        assert there[0].call(own_pid) == pids[0]
        for seed, process in enumerate(there):
            seconds = process.call(seconds_of_sums, seed)
            assert seconds["100"] < seconds["100000"]
    assert not any(map(is_there, pids))


def test_an_error_is_raised_where_the_call_was_made_and_the_process_lives_on() -> None:
    process = Process()
    with pytest.raises(ValueError, match="no inputs"):
        process.call(refuse, "inputs")
    assert process.call(own_pid) > 0
    process.kill()


def test_a_process_that_dies_says_so() -> None:
    process = Process()
    os.kill(process.call(own_pid), signal.SIGKILL)
    with pytest.raises(ProcessDied, match="status -9"):
        process.call(own_pid)
    process = Process()
    with pytest.raises(ProcessDied, match="status 3"):
        process.call(sys.exit, 3)


def test_a_call_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.engine.own_processes.CALL_SECONDS", 1)
    process = Process()
    with pytest.raises(ProcessDied, match="no result after 1 s"):
        process.call(time.sleep, 60)
    with pytest.raises(ProcessDied, match="status -9"):
        process.call(own_pid)
