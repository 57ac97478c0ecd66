"""The faults: each kind breaks one thing, and mends it after a while where nobody else does."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import psutil
import psycopg

from tests.chaos.people import Person
from tests.chaos.site import WORKERS, ChaosSite, resume
from tests.e2e.people import ENDED_STATES

BUSY = """
    SELECT w.name, a.run_id::text, a.number FROM experiments_runattempt a
    JOIN experiments_worker w ON w.id = a.worker_id
    WHERE a.ended_at IS NULL AND a.is_confirmed
"""
LEASED_AGAIN = """
    SELECT 1 FROM experiments_runattempt a JOIN experiments_run r ON r.id = a.run_id
    WHERE r.id = %s AND (r.ended_at IS NOT NULL OR a.number > %s AND a.is_confirmed AND EXISTS
        (SELECT 1 FROM experiments_batch b WHERE b.run_id = r.id AND b.kind = 'points' AND b.seq >
            (SELECT max(seq) FROM experiments_batch c WHERE c.run_id = r.id AND c.kind = 'reset')))
"""
END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# how often of so many faults
WEIGHTS = {
    "kill worker": 2,
    "freeze worker": 1,
    "freeze worker past its lease": 1,
    "kill lab process": 1,
    "freeze lab process": 1,
    "kill web": 2,
    "freeze web": 1,
    "web away past a lease": 1,
    "kill housekeep": 1,
    "freeze housekeep": 1,
    "kill Valkey": 1,
    "freeze Valkey": 1,
    "kill PostgreSQL": 1,
    "end database sessions": 2,
    "cancel": 3,
    "cancel what is over": 1,
    "double submit": 3,
}
KINDS = tuple(WEIGHTS)
PROGRAMS = {"web": "web", "housekeep": "housekeep", "Valkey": "valkey", "PostgreSQL": "postgres"}
# after which a run attempt may end unfinished, and count
CHARGES = (
    "kill worker",
    "freeze worker",
    "freeze worker past its lease",
    "kill lab process",
    "freeze lab process",
)


@dataclass
class Fault:
    kind: str
    target: str  # name of the program, or what was pressed
    note: str = ""
    began: float = field(default_factory=time.time)
    ended: float = 0.0  # when it was mended, or mending was left to the site; 0: not yet


@dataclass
class Repair:
    """What ends a fault, as soon as it is `due`."""

    fault: Fault
    due: Callable[[], bool]
    act: Callable[[], object]


class Faults:
    """Injects faults, and ends those that last. Everything happens in the thread of its caller,
    which looks after the programs, too; but for what people do.
    """

    def __init__(
        self, site: ChaosSite, people: list[Person], chance: random.Random, only: Iterable[str] = ()
    ) -> None:
        self._site, self._people, self._chance = site, people, chance
        often = dict.fromkeys(only, 1) or WEIGHTS
        self._at_random = not only
        self._kinds = [kind for kind, number in often.items() for _ in range(number)]
        self._lease = site.lease_seconds
        self._bag: list[str] = []
        self._repairs: list[Repair] = []
        self._away_until: dict[str, float] = {}  # monotonic
        self._presses: list[threading.Thread] = []
        self.injected: list[Fault] = []

    def inject(self) -> Fault | None:
        """Inject the next fault that is possible now; None if none is. Each kind comes as often as
        WEIGHTS says, or as each other one of `only`, in an order that the seed decides.
        """
        # at random there is always another, while some are impossible; a schedule waits for its own
        if not self._bag or (self._at_random and len(self._bag) < len(self._kinds)):
            more = list(self._kinds)
            self._chance.shuffle(more)
            self._bag += more
        for kind in dict.fromkeys(self._bag):
            if fault := self._break(kind):
                self._bag.remove(kind)
                self.injected.append(fault)
                return fault
        return None

    def tick(self) -> None:
        """End the faults that are due."""
        for name, until in list(self._away_until.items()):
            child = self._site.child(name)
            if time.monotonic() > until:
                del self._away_until[name]
            elif child.due:  # it has ended, and waits for its restart
                child.due = max(child.due, until)
        for repair in [repair for repair in self._repairs if repair.due()]:
            self._mend(repair)

    def end_all(self) -> None:
        """End what still lasts; wait until every press was answered."""
        for repair in list(self._repairs):
            self._mend(repair)
        for name in self._away_until:
            self._site.child(name).due = min(self._site.child(name).due, time.monotonic())
        self._away_until.clear()

    def are_pressed(self) -> bool:
        """Return whether every press of a button was answered."""
        return not any(press.is_alive() for press in self._presses)

    # ------------------------------------------------------------ what breaks

    def _break(self, kind: str) -> Fault | None:
        verb, _, what = kind.partition(" ")
        if kind in ("cancel", "cancel what is over", "double submit"):
            return self._press(kind)
        if kind == "end database sessions":
            return self._end_sessions(kind)
        if kind == "web away past a lease":
            seconds = self._lease * self._chance.uniform(1.1, 1.5)
            return self._take_away(kind, "web", seconds) if self._busy() else None
        if what.startswith(("worker", "lab process")):
            return self._break_worker(kind)
        if verb == "kill":
            return self._kill(kind, PROGRAMS[what])
        longest = self._lease * 1.2 if what in ("web", "housekeep") else 8.0
        return self._freeze(kind, PROGRAMS[what], self._chance.uniform(1.0, longest))

    def _kill(self, kind: str, name: str) -> Fault | None:
        process = self._site.process(name)
        if process is None or self._is_down(name):
            return None
        process.kill()
        return Fault(kind, name, ended=time.time())

    def _freeze(self, kind: str, name: str, seconds: float) -> Fault | None:
        process = self._site.process(name)
        if process is None or self._is_down(name):
            return None
        process.send_signal(signal.SIGSTOP)
        fault = Fault(kind, name, f"{seconds:.1f} s")
        self._later(fault, seconds, lambda: resume(process))
        return fault

    def _take_away(self, kind: str, name: str, seconds: float) -> Fault | None:
        process = self._site.process(name)
        if process is None or self._is_down(name):
            return None
        process.kill()
        self._away_until[name] = time.monotonic() + seconds
        fault = Fault(kind, name, f"{seconds:.1f} s")
        self._later(fault, seconds, lambda: None)
        return fault

    def _break_worker(self, kind: str) -> Fault | None:
        """Break a worker that has a run, or the process of the lab."""
        busy = [
            (program, run, number)
            for program, name in WORKERS.items()
            for worker, run, number in self._busy()
            if worker == name and not self._is_down(program)
        ]
        if not busy:
            return None
        program, run, number = self._chance.choice(busy)
        if "lab process" in kind:
            return self._break_lab(kind, program)
        if kind == "kill worker":
            return self._kill(kind, program)
        if kind == "freeze worker":
            return self._freeze(kind, program, self._chance.uniform(1.0, self._lease * 0.8))
        process = self._site.process(program)
        if process is None:
            return None
        process.send_signal(signal.SIGSTOP)
        fault = Fault(kind, program, "until its run goes on elsewhere")
        deadline = time.monotonic() + 4 * self._lease
        goes_on = self._now_and_then(lambda: bool(self._ask(LEASED_AGAIN, run, number)))
        due = lambda: goes_on() or time.monotonic() > deadline  # noqa: E731
        self._repairs.append(Repair(fault, due, lambda: resume(process)))
        return fault

    def _break_lab(self, kind: str, worker: str) -> Fault | None:
        labs = self._site.lab_processes(worker)
        if not labs:
            return None
        lab = labs[0]
        try:
            if kind.startswith("kill"):
                lab.kill()
                return Fault(kind, worker, ended=time.time())
            lab.suspend()
        except psutil.NoSuchProcess:
            return None
        seconds = self._chance.uniform(1.0, self._lease * 1.2)
        fault = Fault(kind, worker, f"{seconds:.1f} s")
        self._later(fault, seconds, lambda: resume(lab))
        return fault

    def _end_sessions(self, kind: str) -> Fault | None:
        if ended := self._ask(END_SESSIONS):
            return Fault(kind, "postgres", f"{len(ended)} of them", ended=time.time())
        return None

    def _press(self, kind: str) -> Fault | None:
        """Have somebody press a button, in a thread: the answer may be long in coming."""
        person = self._chance.choice(self._people)
        if kind == "double submit":
            return self._start_press(kind, person, lambda: person.submit(times=2))
        is_over = kind == "cancel what is over"
        runs = sorted(
            run
            for run, state in list(person.states.items())
            if (state == "succeeded" if is_over else state not in ENDED_STATES)
        )
        if not runs:
            return None
        run = self._chance.choice(runs)
        return self._start_press(kind, person, lambda: person.cancel(run))

    def _start_press(self, kind: str, person: Person, press: Callable[[], None]) -> Fault:
        self._presses.append(threading.Thread(target=press, daemon=True))
        self._presses[-1].start()
        return Fault(kind, person.handle, ended=time.time())

    # ------------------------------------------------------------ what it needs

    def _is_down(self, name: str) -> bool:
        return name in self._away_until or any(r.fault.target == name for r in self._repairs)

    def _later(self, fault: Fault, seconds: float, act: Callable[[], object]) -> None:
        at = time.monotonic() + seconds
        self._repairs.append(Repair(fault, lambda: time.monotonic() >= at, act))

    def _mend(self, repair: Repair) -> None:
        repair.act()
        repair.fault.ended = time.time()
        self._repairs.remove(repair)

    def _busy(self) -> list[tuple[str, str, int]]:
        return self._ask(BUSY)  # type: ignore[return-value]

    def _ask(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Query the database; nothing while it is away."""
        try:
            return self._site.query(sql, *values)
        except psycopg.OperationalError:
            return []

    @staticmethod
    def _now_and_then(question: Callable[[], bool]) -> Callable[[], bool]:
        """Return the question, to be called often: it is asked twice a second."""
        asked_at = 0.0

        def ask() -> bool:
            nonlocal asked_at
            if time.monotonic() - asked_at < 0.5:
                return False
            asked_at = time.monotonic()
            return question()

        return ask
