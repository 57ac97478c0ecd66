"""The supervisor, with real processes: restarts, and a stop that leaves no process behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from launcher import watcher
from launcher.home import Home
from launcher.processes import spawn, stop
from launcher.say import Problem
from launcher.supervisor import Supervisor

from tests.launcher.conftest import ROOT, lives, naming, until

SLEEPER = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_DFL); print('awake', "
    "flush=True); time.sleep(600)"
)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('awake', "
    "flush=True); time.sleep(600)"
)

# A launcher with one child, and a grandchild that is in the child's group.
LAUNCHER = """
import subprocess, sys, time; sys.path.insert(0, 'platform')
from pathlib import Path
from launcher import watcher
from launcher.home import Home
from launcher.processes import spawn
from launcher.supervisor import Supervisor
home = Home(Path(sys.argv[1]))
child = [sys.executable, '-c', sys.argv[2], sys.argv[1]]
try:
    with Supervisor(home, home.lock()) as supervisor:
        supervisor.start('child', lambda output: spawn(child, output=output), seconds=2)
        print('started', flush=True)
        supervisor.run()
except KeyboardInterrupt:
    print('interrupted', flush=True)
"""


@pytest.fixture
def supervisor(home: Home) -> Iterator[Supervisor]:
    handlers = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    with Supervisor(home, home.lock()) as running:
        yield running
    for number, handler in handlers.items():
        signal.signal(number, handler)


def launcher(folder: Path, child: str) -> subprocess.Popen[str]:
    """Start a launcher whose child runs `child`; it is running when this returns."""
    started = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(folder), child],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    log = folder / "logs" / "child.log"
    until(lambda: log.exists() and "awake" in log.read_text())
    return started


def test_a_child_that_dies_is_restarted(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    child = supervisor.start(
        "sleeper", lambda output: spawn([sys.executable, "-c", SLEEPER], output=output)
    )
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.look() or child.process.pid != first)
    until(lambda: capsys_holds(capsys, r"sleeper +\| was ended by signal 9; restarting in 0\.5 s"))
    assert lives(child.process.pid) and not lives(first)


SEEN: list[str] = []


def capsys_holds(capsys: pytest.CaptureFixture[str], pattern: str) -> bool:
    SEEN.append(capsys.readouterr().out)
    return bool(re.search(pattern, "".join(SEEN)))


def test_the_pause_grows_with_every_failure_and_ends_with_health(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    child = supervisor.start(
        "failing",
        lambda output: spawn([sys.executable, "-c", "raise SystemExit(3)"], output=output),
    )
    pauses = []
    for _ in range(8):
        child.process.wait()
        supervisor.look()
        pauses.append(child.due - now)
        now = child.due
        supervisor.look()
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]
    child.process.wait()
    child.launch = lambda output: spawn([sys.executable, "-c", SLEEPER], output=output)
    supervisor.look()
    now = child.due
    supervisor.look()
    now += 21
    supervisor.look()
    assert child.failures == 0


def test_what_must_be_done_before_a_restart_is_done(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    child = supervisor.start(
        "server",
        lambda output: spawn([sys.executable, "-c", SLEEPER], output=output),
        before_restart=lambda: "made room",
    )
    first = child.process.pid
    child.process.kill()
    until(lambda: supervisor.look() or child.process.pid != first)
    until(lambda: capsys_holds(capsys, r"server +\| made room"))


def test_a_child_that_cannot_start_is_reported_with_its_output(supervisor: Supervisor) -> None:
    child = supervisor.start(
        "web",
        lambda output: spawn(
            [sys.executable, "-c", "raise SystemExit('no such setting')"], output=output
        ),
    )
    with pytest.raises(Problem, match=r"(?s)web is not responding:.*no such setting"):
        supervisor.wait_for(lambda: False, child, seconds=120)


def test_children_end_in_the_reverse_of_their_order(supervisor: Supervisor) -> None:
    ended: list[str] = []
    for name in ("first", "second", "third"):
        supervisor.start(name, lambda output: spawn([sys.executable, "-c", SLEEPER], output=output))
    watched = supervisor.watcher.remove
    names = {child.process.pid: child.name for child in supervisor.children}
    supervisor.watcher.remove = lambda process: (
        ended.append(names[process.pid]),
        watched(process),
    )[1]  # type: ignore[method-assign]
    supervisor.stop()
    assert ended == ["third", "second", "first"]


def test_an_interrupt_while_a_child_is_being_started_does_not_lose_it(
    supervisor: Supervisor,
) -> None:
    def launch(output: object) -> subprocess.Popen[bytes]:
        process = spawn([sys.executable, "-c", SLEEPER], output=output)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGTERM)
        return process

    with pytest.raises(KeyboardInterrupt):
        supervisor.start("sleeper", launch)
    assert [child.name for child in supervisor.children] == ["sleeper"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_everybody(tmp_path: Path, number: int) -> None:
    started = launcher(tmp_path / "data", SLEEPER)
    assert len(naming(str(tmp_path / "data"))) == 2
    started.send_signal(number)
    assert started.wait(120) == 0
    assert naming(str(tmp_path / "data")) == []


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    started = launcher(tmp_path / "data", STUBBORN)
    started.send_signal(signal.SIGINT)
    assert started.wait(120) == 0
    assert naming(str(tmp_path / "data")) == []


def test_nobody_is_left_after_kill_9_of_the_launcher(tmp_path: Path) -> None:
    started = launcher(tmp_path / "data", SLEEPER)
    started.kill()
    started.wait()
    until(lambda: not naming(str(tmp_path / "data")))
    Home(tmp_path / "data").lock(seconds=60).release()


def test_the_watcher_stops_children_without_a_parent_death_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # like macOS, without a parent-death signal; one child that handles SIGTERM, one that ignores it
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(watcher, "GRACE_SECONDS", 4)
    children = {}
    for code in (SLEEPER, STUBBORN):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdout and process.stdout.readline() == b"awake\n"
        children[process] = signal.SIGTERM
    watcher.end({process.pid: number for process, number in children.items()})
    assert [process.wait(60) for process in children] == [-signal.SIGTERM, -signal.SIGKILL]


def test_the_watcher_acts_when_its_pipe_closes(tmp_path: Path) -> None:
    # a launcher without the parent-death signal is killed: only the watcher stops its child
    code = (
        "import sys, subprocess; sys.path.insert(0, 'platform'); from launcher import watcher\n"
        # what the child says is not what we read below
        "quiet = {'start_new_session': True, 'stdout': subprocess.DEVNULL}\n"
        "child = subprocess.Popen([sys.executable, '-c', "
        f"{STUBBORN!r}, {str(tmp_path)!r}], **quiet)\n"
        "seen = watcher.Watcher(); seen.add(child, 15); print(seen.process.pid, flush=True); "
        "sys.stdin.read()"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout
    watching = int(started.stdout.readline())
    until(lambda: naming(str(tmp_path)))
    started.kill()
    started.wait()
    until(lambda: not naming(str(tmp_path)), seconds=watcher.GRACE_SECONDS + 120)
    until(lambda: not lives(watching))


def test_stop_kills_stragglers_of_the_group() -> None:
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}, "
        f"'straggler-of-{os.getpid()}']); {SLEEPER}"
    )
    process = spawn([sys.executable, "-c", code], output=subprocess.PIPE)
    until(lambda: len(naming(f"straggler-of-{os.getpid()}")) >= 2)
    stop(process, signal.SIGTERM, seconds=10)
    until(lambda: not naming(f"straggler-of-{os.getpid()}"))
