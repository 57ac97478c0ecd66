"""Break a site of its own at random, and check that nothing is lost, doubled, stuck or gapped.

    ./gradus chaos --faults 200 --seconds 900 --seed 7

The seed decides which faults come in which order and how long they last; what they hit depends on
the moment. The exit status is 1 if something is wrong; then data and logs stay.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg
from launcher.say import Problem

from tests.chaos import invariants, people, report
from tests.chaos.faults import KINDS, Fault, Faults
from tests.chaos.mutants import MUTANTS
from tests.chaos.people import Person
from tests.chaos.report import Attempt
from tests.chaos.site import ChaosSite, Probe, chaos_site, left_over, remove

POINTS = (5, 250)  # of a run; the longer ones take some ten seconds
OPEN = "SELECT count(*) FROM experiments_run WHERE state IN ('queued', 'running')"


def main(arguments: list[str]) -> int:
    chosen = parser().parse_args(arguments)
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1, 10**6)
    say(f"{chosen.faults} faults in about {chosen.seconds:g} s, seed {seed}.")
    handles = [f"person-{number}" for number in range(chosen.people)]
    with chaos_site(chosen.mutant) as site:
        wrong = Chaos(site, handles, seed, chosen).run()
    wrong += [f"A process outlives the site: {process}" for process in left_over()]
    if wrong:
        say(f"\n{len(wrong)} things are wrong:")
        for sentence in wrong:
            say(f"  {sentence}")
        say(f"Logs: {site.home.logs}   Seed: {seed}")
    else:
        say("Nothing is lost, doubled, stuck or gapped.")
    if chosen.discard or not wrong:
        remove(site.home)
    return int(bool(wrong))


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="./gradus chaos", allow_abbrev=False)
    options.add_argument("--faults", type=int, default=40)
    options.add_argument("--seconds", type=float, default=180.0)
    options.add_argument("--seed", type=int)
    # for schedules that must hit
    options.add_argument("--only", action="append", choices=KINDS, default=[])
    options.add_argument("--people", type=int, default=3)
    options.add_argument("--runs", type=int, default=2, help="that each has open")
    options.add_argument("--points", type=int, nargs=2, default=POINTS)
    options.add_argument("--patience", type=float, default=300.0, help="until all is over")
    options.add_argument("--mutant", choices=MUTANTS, default="")
    options.add_argument("--discard", action="store_true", help="data and logs in any case")
    return options


class Chaos:
    """One run of chaos: faults while people use the site, then calm, then questions."""

    def __init__(
        self, site: ChaosSite, handles: list[str], seed: int, chosen: argparse.Namespace
    ) -> None:
        self.site, self.chosen = site, chosen
        self.chance = random.Random(seed)
        self.people = [
            Person(site, handle, f"{seed} {handle}", tuple(chosen.points), chosen.runs)
            for handle in handles
        ]
        self.faults = Faults(site, self.people, self.chance, chosen.only)
        self.probe = Probe(site.url)

    def run(self) -> list[str]:
        """Return what is wrong in the end, as sentences."""
        self.probe.start()
        for person in self.people:
            person.start()
        self._break_things()
        self.faults.end_all()
        calm_at = time.time()
        for person in self.people:
            person.close()
        drained_in = self._wait_until_drained(calm_at)
        strays = self._wait_for_no_strays()
        self.probe.close()
        try:
            return self._ask_what_is_wrong(drained_in) + [
                f"A process has lost its parent: {stray}" for stray in strays
            ]
        except psycopg.OperationalError as error:
            return [f"The database did not come back: {error}"]

    def _ask_what_is_wrong(self, drained_in: float | None) -> list[str]:
        attempts = [Attempt(*row) for row in self.site.query(report.ATTEMPTS) if row[4]]
        self._print_result(attempts, drained_in)
        return [
            *self._lost_and_doubled(),
            *report.without_cause(attempts, self.faults.injected),
            *(f"A result was never taken: {path}" for path in self.site.undelivered()),
            *(people.complaints(self.people) if drained_in is not None else ()),
        ]

    def _break_things(self) -> None:
        """Inject the faults, at random moments over the whole time."""
        began = time.monotonic()
        moments = sorted(
            self.chance.uniform(0, self.chosen.seconds) for _ in range(self.chosen.faults)
        )
        for number, moment in enumerate(moments, start=1):
            self._look_until(lambda moment=moment: time.monotonic() >= began + moment)
            if self._look_until(lambda: self.faults.inject() is not None):
                say(self._progress(number, self.faults.injected[-1]))

    def _look_until(self, is_met: Callable[[], bool], seconds: float = 600.0) -> bool:
        """Look after the programs until a condition is met; return whether it was in time."""
        deadline = time.monotonic() + seconds
        while not is_met():
            if time.monotonic() > deadline:
                return False
            self.faults.tick()
            self.site.look()
        return True

    def _wait_until_drained(self, calm_at: float) -> float | None:
        """Wait until every form is answered and every run is over; return how long it took after
        the last fault, None if it did not come to that.
        """
        if self._look_until(self._is_drained, self.chosen.patience):
            return time.time() - calm_at
        return None

    def _is_drained(self) -> bool:
        if any(person.is_alive() for person in self.people) or not self.faults.are_pressed():
            return False
        with suppress(psycopg.OperationalError):
            return self.site.query(OPEN)[0][0] == 0 and not self.site.undelivered()
        return False

    def _wait_for_no_strays(self) -> list[str]:
        self._look_until(lambda: not self.site.strays(), 20.0)
        return self.site.strays()

    def _lost_and_doubled(self) -> list[str]:
        acknowledged = [run for person in self.people for run in person.states]
        return [
            *invariants.missing(self.site.query, acknowledged),
            *invariants.violations(self.site.query),
        ]

    def _progress(self, number: int, fault: Fault) -> str:
        states = [state for person in self.people for state in list(person.states.values())]
        waiting = sum(len(person.open_runs) for person in self.people)
        clock = time.strftime("%H:%M:%S")
        what = f"{fault.kind}: {fault.target} {fault.note}".rstrip()
        return (
            f"{clock}  {number:>3}/{self.chosen.faults}  {what:<55} "
            f"{len(states)} runs, {waiting} open"
        )

    def _print_result(self, attempts: list[Attempt], drained_in: float | None) -> None:
        states = self.site.query(
            "SELECT state, count(*) FROM experiments_run r JOIN experiments_runattempt a "
            "ON a.run_id = r.id AND a.number = 1 GROUP BY state ORDER BY state"
        )
        say()
        for line in report.table(self.faults.injected, attempts, self.probe):
            say(line)
        ends = ", ".join(f"{number} {state}" for state, number in states)
        say(f"\nRuns that were begun: {ends}; {len(attempts)} run attempts.")
        say(
            f"Drained {drained_in:.1f} s after the last fault."
            if drained_in is not None
            else f"Not drained in {self.chosen.patience:g} s."
        )


def say(line: str = "") -> None:
    """Print a line; the launcher's own go to a log."""
    assert sys.__stdout__
    print(line, file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit(f"{problem}")
    except KeyboardInterrupt:
        sys.exit("Stopped.")
