"""What took more than its share of the gate's time is named, by processor time; and which tests
share a process.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.budgets import Accounts, Meter
from tests.e2e.system import ROOT
from tests.sharing import TOGETHER, needs_browser, unit_of

LAB = "tests/workers/labs/test_dead_relu.py::test_"
QUESTION = "apps/questions/bank/losses/guess/checks.py::test_"
BUSY = "import time\nwhile time.process_time() < 0.5: pass"


def test_a_lab_a_question_and_a_test_over_budget_are_named_the_costliest_first() -> None:
    accounts = Accounts()
    accounts.add("tests/common/test_text.py::test_long[a]", 11.0, 10.5)
    accounts.add("tests/common/test_text.py::test_short", 12.0, 1.0)  # began what others share
    for name in "abc":
        accounts.add(LAB + name, 1.5, 1.5)
        accounts.add(QUESTION + name, 0.4, 0.4)
    assert [line.split() for line in accounts.excesses()] == [
        ["10.5", "s", "tests/common/test_text.py::test_long[a]", "(a", "test", "has", "10", "s)"],
        ["4.5", "s", "dead_relu", "(a", "lab", "has", "4", "s)"],
        ["1.2", "s", "guess", "(a", "question", "has", "1", "s)"],
    ]


def test_files_are_told_by_all_that_their_tests_took() -> None:
    accounts = Accounts()
    accounts.add("tests/common/test_text.py::test_long[a]", 2.0, 1.0)
    accounts.add("tests/common/test_text.py::test_short", 1.0, 1.0)
    accounts.add(LAB + "a", 9.0, 1.0)
    assert [line.split() for line in accounts.costliest_files()] == [
        ["9.0", "s", "75%", "tests/workers/labs/test_dead_relu.py"],
        ["3.0", "s", "25%", "tests/common/test_text.py"],
    ]


def test_what_keeps_to_its_budget_is_not_named() -> None:
    accounts = Accounts()
    accounts.add(LAB + "a", 3.9, 3.9)
    accounts.add(QUESTION + "a", 0.9, 0.9)
    assert accounts.excesses() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what runs")
def test_processes_that_a_test_starts_count_while_they_run_and_when_they_have_ended() -> None:
    meter = Meter()
    before = meter.read()
    with subprocess.Popen(
        [sys.executable, "-c", f"{BUSY}\nprint(flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        running = meter.read()
    assert running - before > 0.4
    assert meter.read() > running - 0.1  # the kernel rounds


def test_files_that_share_a_system_exist() -> None:
    assert all((ROOT / file).exists() for pair in TOGETHER.items() for file in pair)


def test_tests_of_a_file_go_together_but_for_those_in_a_browser() -> None:
    file = "tests/experiments/test_run.py"
    one, two, shown = (unit_of(f"{file}::test_{name}") for name in ("a", "b[x]", "c[chromium-x]"))
    assert one == two != shown


def test_tests_of_one_system_go_together() -> None:
    for file, first in TOGETHER.items():
        units = {unit_of(f"{name}::test_a[chromium]") for name in (file, first)}
        assert units == {first}


def test_browser_tests_are_told_by_their_names(request: pytest.FixtureRequest) -> None:
    """Of all tests of this run: who hands them out knows only their names."""
    wrong = [
        item.nodeid
        for item in request.session.items
        if needs_browser(item.name) != ("browser" in item.keywords)
    ]
    assert wrong == []
