"""A pytest plugin that tells, at the end of a run, which files took most of the time, and names
what took more than its share.

The gate has 15 minutes for the whole suite, and every lab and question adds to it. Measured is
processor time: of the tests' process, its threads and, on Linux, every process that descends from
it. So waiting costs nothing, and a busy machine names nobody. Starting what several tests share (a
fixture of a module or of the session) counts for the lab or the question, not for the test that
happened to be first. The tests marked `slow` have no budget. Nothing fails.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

TEST = "a test"
LAB = "a lab"
QUESTION = "a question"
BUDGETS = {TEST: 10.0, LAB: 4.0, QUESTION: 1.0}  # seconds of processor time
LAB_FILE = re.compile(r"tests/workers/labs/test_(\w+)\.py::")
QUESTION_FILE = re.compile(r"apps/questions/bank/[\w-]+/([\w-]+)/checks\.py::")
FILES = 20  # that are told at the end of a run
MIN_TESTS = 100  # of a run whose files are told
PROPERTY = "processor seconds"  # of a report: of all, and without what is shared
TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """The processor time of this process and of its descendants, but for those that it has now."""

    def __init__(self) -> None:
        self._others = frozenset(_children(os.getpid()))

    def read(self) -> float:
        """Return the seconds until now, those of descendants that have ended included."""
        times = os.times()
        used = times.user + times.system + times.children_user + times.children_system
        return used + sum(map(_seconds, self._descendants(os.getpid())))

    def _descendants(self, pid: int) -> Iterator[int]:
        for child in _children(pid):
            if child not in self._others:
                yield child
                yield from self._descendants(child)


def _children(pid: int) -> list[int]:
    """Return the processes that a process started; none where the system does not say."""
    children: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children


def _seconds(pid: int) -> float:
    """Return the processor time of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


class Recorder:
    """In each process that runs tests: tells with a report what its test took."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.began = 0.0
        self.shared = 0.0  # seconds, of the fixtures that outlive the test
        self.depth = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        self.began, self.shared = self.meter.read(), 0.0
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
        if fixturedef.scope == "function" or self.depth:
            return (yield)
        self.depth, began = 1, self.meter.read()
        try:
            return (yield)
        finally:
            self.depth = 0
            self.shared += self.meter.read() - began

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[Any]:
        report = yield
        if call.when == "teardown" and "slow" not in item.keywords:
            seconds = max(0.0, self.meter.read() - self.began)
            report.user_properties.append((PROPERTY, [seconds, max(0.0, seconds - self.shared)]))
        return report


class Accounts:
    """In the process that reports: what every test, lab and question took."""

    def __init__(self) -> None:
        self.seconds: dict[str, Counter[str]] = {kind: Counter() for kind in BUDGETS}
        self.files: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, list):
                self.add(report.nodeid, *value)

    def add(self, test: str, seconds: float, alone: float) -> None:
        """Count a test: all of it for its lab or question, what is its own for itself."""
        self.seconds[TEST][test] += alone
        self.files[test.partition("::")[0]] += seconds
        for kind, file in ((LAB, LAB_FILE), (QUESTION, QUESTION_FILE)):
            if match := file.match(test):
                self.seconds[kind][match[1]] += seconds

    def excesses(self) -> list[str]:
        """Return a line for each that passed its budget, the costliest first."""
        over = [
            (seconds, f"{seconds:6.1f} s  {name}  ({kind} has {BUDGETS[kind]:g} s)")
            for kind, counter in self.seconds.items()
            for name, seconds in counter.items()
            if seconds > BUDGETS[kind]
        ]
        return [line for _seconds, line in sorted(over, reverse=True)]

    def costliest_files(self) -> list[str]:
        """Return a line for each of the files that took most, with what they share."""
        total = sum(self.files.values()) or 1.0
        return [
            f"{seconds:6.1f} s  {seconds / total:4.0%}  {file}"
            for file, seconds in self.files.most_common(FILES)
        ]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if len(self.seconds[TEST]) >= MIN_TESTS:
            total = sum(self.files.values())
            terminalreporter.section(f"processor time by file, of {total:.0f} s")
            for line in self.costliest_files():
                terminalreporter.write_line(line)
        if lines := self.excesses():
            terminalreporter.section("over budget (processor time; nothing fails)")
            for line in lines:
                terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Recorder(), "budgets-recorder")
    if not hasattr(config, "workerinput"):  # of pytest-xdist
        config.pluginmanager.register(Accounts(), "budgets-accounts")
