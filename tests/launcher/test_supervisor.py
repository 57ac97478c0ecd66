"""The supervisor, with real processes: restarts, and a stop that leaves no process behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import psutil
import pytest
from launcher import watcher
from launcher.embedded import Valkey
from launcher.home import Home
from launcher.processes import spawn, stop
from launcher.running import answers
from launcher.say import Problem
from launcher.signs import HUNG_SECONDS, START_SECONDS, Mark, Report
from launcher.supervisor import Child, Supervisor

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
    now += 11
    supervisor.look()
    assert child.failures == 0


def test_what_has_lived_is_restarted_at_once(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    child = start_sleeper(supervisor)
    first = child.process.pid
    now += 60
    os.kill(first, signal.SIGKILL)
    child.process.wait()
    supervisor.look()
    supervisor.look()
    assert child.process.pid != first and lives(child.process.pid)


# ---------------------------------------------------------------- signs of life


def start_sleeper(supervisor: Supervisor, sign: Callable[[], bool] | None = None) -> Child:
    return supervisor.start(
        "sleeper", lambda output: spawn([sys.executable, "-c", SLEEPER], output=output), sign=sign
    )


class Clock:
    """The supervisor's clock; the programs that it runs have the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, supervisor: Supervisor) -> None:
        self.now = time.monotonic()
        self.supervisor = supervisor
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def pass_by(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass, in which the supervisor looks as often as it does."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + step, end)
            self.supervisor.look()


def test_a_program_that_hangs_is_replaced_although_it_hears_nothing(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    child = start_sleeper(supervisor, sign=lambda: False)
    child.hear()
    frozen = child.process
    frozen.send_signal(signal.SIGSTOP)
    clock = Clock(monkeypatch, supervisor)
    monkeypatch.setattr("launcher.supervisor.HUNG_END_SECONDS", 0.1)
    clock.pass_by(HUNG_SECONDS - 1)
    assert frozen.poll() is None
    clock.pass_by(2)
    assert child.process is not frozen and frozen.poll() == -signal.SIGKILL
    assert lives(child.process.pid)
    until(lambda: capsys_holds(capsys, r"sleeper +\| hangs: no sign of life for 15 s"))
    assert "[launcher] hangs: no sign of life for 15 s" in child.log.path.read_text()


def test_a_program_that_gives_signs_of_life_is_left_alone(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start_sleeper(supervisor, sign=lambda: True)
    process = child.process
    until(lambda: child.heard_at)
    clock = Clock(monkeypatch, supervisor)
    for _ in range(10):
        clock.pass_by(HUNG_SECONDS - 5)
        child.hear()
    assert child.process is process and process.poll() is None


def test_a_program_without_signs_is_never_taken_for_hung(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start_sleeper(supervisor)
    process = child.process
    Clock(monkeypatch, supervisor).pass_by(10 * START_SECONDS, step=5)
    assert child.process is process and process.poll() is None


def test_a_slow_start_is_no_hang_until_it_takes_minutes(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start_sleeper(supervisor, sign=lambda: False)
    process = child.process
    clock = Clock(monkeypatch, supervisor)
    clock.pass_by(START_SECONDS - 1)
    assert child.process is process and process.poll() is None
    clock.pass_by(2)
    assert child.process is not process


def test_a_machine_that_slept_ends_nobody(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start_sleeper(supervisor, sign=lambda: False)
    child.hear()
    process = child.process
    clock = Clock(monkeypatch, supervisor)
    for _ in range(3):
        clock.pass_by(8 * 3600, step=8 * 3600)
    assert child.process is process and process.poll() is None


def test_a_sign_of_the_last_process_does_not_count_for_the_next(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launcher.signs.ASK_SECONDS", 0.01)
    mark, asked = Mark(tmp_path / "alive"), []

    def sign() -> bool:
        asked.append(child.process)
        if len(asked) == 1:  # the first process gives a sign, and dies while it is asked
            mark.path.touch()
            os.utime(mark.path, (1, 1))
            child.process = spawn([sys.executable, "-c", SLEEPER], output=subprocess.DEVNULL)
        return mark()

    child = supervisor.start(
        "sleeper", lambda output: spawn([sys.executable, "-c", SLEEPER], output=output), sign=None
    )
    first = child.process
    supervisor.watcher.add(first, signal.SIGTERM)
    Thread(target=supervisor._listen, args=(child, sign), daemon=True).start()
    until(lambda: len(asked) > 5)
    assert not child.heard_at
    os.utime(mark.path, (2, 2))
    until(lambda: child.heard_at)
    stop(first)


def test_a_server_that_is_frozen_is_told_from_one_that_is_busy() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/healthz"
        assert not answers(url, 0.2), "the system takes the connection, and nobody answers"

        def answer_once(reply: bytes) -> None:
            connection, _address = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(reply)

        server.accept()[0].close()  # who asked has gone
        for reply in (b"HTTP/1.0 503 Busy\r\n\r\n", b""):
            answering = Thread(target=answer_once, args=(reply,), daemon=True)
            answering.start()
            assert answers(url, 60), reply
            answering.join()
    assert not answers(url, 60), "nobody listens"


def test_a_frozen_broker_is_told_from_one_that_works(home: Home) -> None:
    valkey = Valkey(home.path)
    server = valkey.start(output=subprocess.DEVNULL)
    try:
        assert valkey.answers(60)
        server.send_signal(signal.SIGSTOP)
        until(lambda: psutil.Process(server.pid).status() == psutil.STATUS_STOPPED)
        assert valkey.listens() and not valkey.answers(0.2)
    finally:
        server.kill()
        stop(server)


def test_what_the_launcher_knows_is_there_to_read_until_it_ends(supervisor: Supervisor) -> None:
    child = start_sleeper(supervisor, sign=lambda: False)
    until(lambda: supervisor.look() or Report.read(supervisor.home.report))
    report = Report.read(supervisor.home.report)
    assert report and report.pid == os.getpid()
    (program,) = report.programs
    assert (program.name, program.pid, program.runs) == ("sleeper", child.process.pid, True)
    assert program.is_asked and program.is_starting
    supervisor.stop()
    assert Report.read(supervisor.home.report) is None


# ---------------------------------------------------------------- order and ends


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
