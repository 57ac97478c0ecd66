"""What followed on the faults: how long it took until things went on, by kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.site import quantile
from tests.chaos.faults import CHARGES, Fault
from tests.chaos.site import WORKERS, Probe

ATTEMPTS = """
    SELECT r.id::text, a.number, w.name, extract(epoch FROM coalesce(
               lag(a.ended_at) OVER (PARTITION BY a.run_id ORDER BY a.number), r.queued_at))::float,
           extract(epoch FROM a.ended_at)::float, extract(epoch FROM
               lead(a.started_at) OVER (PARTITION BY a.run_id ORDER BY a.number))::float,
           a.finished, a.released, a.is_confirmed
    FROM experiments_runattempt a JOIN experiments_run r ON r.id = a.run_id
    LEFT JOIN experiments_worker w ON w.id = a.worker_id ORDER BY a.started_at
"""
COLUMNS = ("queued again", "leased again", "web back")
WEB = ("kill web", "freeze web", "web away past a lease", "kill PostgreSQL")


@dataclass(frozen=True)
class Attempt:
    """A run attempt that is over. Times are seconds since 1970, by the database's clock, which is
    that of this machine.
    """

    run: str
    number: int
    worker: str | None
    since: float  # it has begun after this
    ended: float
    again: float | None  # when the next one began
    finished: bool
    released: bool
    confirmed: bool

    def could_be_ended_by(self, fault: Fault) -> bool:
        return (
            fault.kind in CHARGES
            and WORKERS[fault.target] == self.worker
            and self.since <= (fault.ended or self.ended)
            and fault.began <= self.ended
        )


def without_cause(attempts: Iterable[Attempt], faults: Sequence[Fault]) -> Iterator[str]:
    """Yield a sentence for each run attempt that counts as failed although nothing has happened to
    its worker or its lab process: the site was away, say, or its lease reached nobody.
    """
    for attempt in attempts:
        if attempt.finished or attempt.released:
            continue
        causes = {fault.kind for fault in faults if attempt.could_be_ended_by(fault)}
        if not attempt.confirmed:  # then its worker has given it back
            causes &= {"kill lab process", "freeze lab process"}
        if not causes:
            yield (
                f"Run {attempt.run}, run attempt {attempt.number} counts as failed, and nothing "
                f"has happened to its worker ({attempt.worker})."
            )


def table(faults: Sequence[Fault], attempts: Sequence[Attempt], probe: Probe) -> list[str]:
    """Return the lines of a table: faults by kind, and in seconds after the fault, or after its end
    if it lasted, what followed.
    """
    lines = [f"{'fault':<31}{'number':>7}" + "".join(f"{name:>20}" for name in COLUMNS)]
    lines.append(f"{'':<38}" + f"{'p50, worst':>20}" * len(COLUMNS))
    for kind in sorted({fault.kind for fault in faults}):
        of_kind = [fault for fault in faults if fault.kind == kind]
        followed: dict[str, list[float]] = defaultdict(list)
        for fault in of_kind:
            for column, seconds in _followed(fault, faults, attempts, probe):
                followed[column].append(seconds)
        cells = [_cell(followed[column]) for column in COLUMNS]
        lines.append(f"{kind:<31}{len(of_kind):>7}" + "".join(f"{cell:>20}" for cell in cells))
    return lines


def _cause(attempt: Attempt, faults: Sequence[Fault]) -> Fault | None:
    """Return the first fault that hit an attempt: later ones met what that had left."""
    return next((fault for fault in faults if attempt.could_be_ended_by(fault)), None)


def _followed(
    fault: Fault, faults: Sequence[Fault], attempts: Sequence[Attempt], probe: Probe
) -> Iterator[tuple[str, float]]:
    if fault.kind in WEB and (back := probe.back_after(fault.ended)):
        yield "web back", back - fault.ended
    for attempt in attempts:
        if attempt.finished or _cause(attempt, faults) is not fault:
            continue
        yield "queued again", attempt.ended - fault.began
        if attempt.again:
            yield "leased again", attempt.again - fault.began


def _cell(seconds: list[float]) -> str:
    return f"{quantile(seconds, 0.5):.1f}, {max(seconds):.1f}" if seconds else "–"
