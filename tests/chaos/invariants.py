"""What must hold of every run, whatever has failed: read from the database, when nothing waits or
runs any more.

Nothing is lost, doubled, stuck or gapped; no run attempt is without a worker; compute is returned.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

Query = Callable[..., list[tuple[Any, ...]]]
MAX_RUN_ATTEMPTS = 3
# how many points each curve of a lab has, whose steps are 0, 1, 2, …
COUNTED: dict[str, Callable[[dict[str, Any]], int]] = {
    "waiting": lambda config: config["points"],
    "dead-relu": lambda config: config["epochs"] + 1,
}
ENTRY_PENALTY_SECONDS, HALF_LIFE_SECONDS = 30.0, 86_400.0  # of scheduling.py
# recorded runs, which the project has loaded from files, had no worker here
RUNS = """
    WITH run AS (SELECT r.* FROM experiments_run r JOIN accounts_user u ON u.id = r.owner_id
                 WHERE u.handle <> 'gradus'),
    attempt AS (SELECT a.*, lag(a.ended_at) OVER (PARTITION BY a.run_id ORDER BY a.number) AS before
                FROM experiments_runattempt a),
    attempts AS (SELECT run_id, count(*) AS all, count(*) FILTER (WHERE finished) AS results,
                        count(*) FILTER (WHERE NOT released) AS charged, max(number) AS last,
                        count(*) FILTER (WHERE ended_at IS NULL) AS live
                 FROM experiments_runattempt GROUP BY run_id),
    batch AS (SELECT run_id, count(*) AS all, min(seq) AS first, max(seq) AS last,
                     count(*) FILTER (WHERE kind = 'reset') AS resets
              FROM experiments_batch GROUP BY run_id),
    verdicts AS (SELECT run_id, count(*) AS all FROM experiments_verdict GROUP BY run_id),
    claims AS (SELECT version_id, count(*) AS all FROM experiments_claim GROUP BY version_id)
"""
JOINED = """
    FROM run LEFT JOIN attempts t ON t.run_id = run.id LEFT JOIN batch b ON b.run_id = run.id
    LEFT JOIN verdicts v ON v.run_id = run.id LEFT JOIN claims c ON c.version_id = run.version_id
"""
# what is wrong of a run, by a condition on its joined row
WRONG = {
    "is stuck: neither over nor worked on to its end": "run.state IN ('queued', 'running')",
    "is over, and a run attempt of it is not": "run.ended_at IS NOT NULL AND t.live > 0",
    "has more than one result": "t.results > 1",
    "has an outcome that no run attempt brought": (
        "run.state IN ('succeeded', 'failed') AND coalesce(t.results, 0) <> 1"
    ),
    "was changed after its end: its result is not its state": (
        "run.state IN ('cancelled', 'lost', 'queued', 'running') AND v.all > 0"
    ),
    "succeeded without a verdict on each claim": (
        "run.state = 'succeeded' AND coalesce(v.all, 0) <> c.all"
    ),
    "has gaps in its batches": (
        "run.last_seq <> coalesce(b.all, 0) OR run.last_seq <> coalesce(b.last, 0) OR b.first <> 1"
    ),
    "does not discard what a run attempt that failed had reported": (
        "coalesce(b.resets, 0) <> greatest(coalesce(t.all, 0) - 1, 0)"
    ),
    "has run attempts that are not numbered 1, 2, …": "t.last <> t.all",
    f"has used more than {MAX_RUN_ATTEMPTS} run attempts": f"t.charged > {MAX_RUN_ATTEMPTS}",
    f"is lost before {MAX_RUN_ATTEMPTS} run attempts failed": (
        f"run.state = 'lost' AND coalesce(t.charged, 0) < {MAX_RUN_ATTEMPTS}"
    ),
    "is cancelled, and nobody asked for it": "run.state = 'cancelled' AND NOT run.cancel_requested",
}
WRONG_ATTEMPTS = {
    "has a run attempt without a worker": "attempt.worker_id IS NULL",
    "had two run attempts at once": (
        "attempt.before IS NULL AND attempt.number > 1 OR attempt.before > attempt.started_at"
    ),
}


def violations(query: Query) -> list[str]:
    """Return a sentence for each invariant and run for which it does not hold."""
    return [
        *(f"Run {run} {sentence}." for run, sentence in _wrong_runs(query)),
        *(f"Run {run} has a curve with points twice or missing." for run in _torn_runs(query)),
        *_wrong_usage(query),
    ]


def missing(query: Query, acknowledged: Iterable[str]) -> list[str]:
    """Return a sentence for each acknowledged run that the database does not have."""
    stored = {str(run) for (run,) in query("SELECT id FROM experiments_run")}
    return [f"Run {run} was acknowledged, and is lost." for run in set(acknowledged) - stored]


def _wrong_runs(query: Query) -> Iterator[tuple[Any, str]]:
    for sentence, condition in WRONG.items():
        for run, state in query(f"{RUNS} SELECT run.id, run.state {JOINED} WHERE {condition}"):
            yield run, f"({state}) {sentence}"
    for sentence, condition in WRONG_ATTEMPTS.items():
        joined = "FROM attempt JOIN run ON run.id = attempt.run_id"
        for run in query(f"{RUNS} SELECT DISTINCT run.id {joined} WHERE {condition}"):
            yield run[0], sentence


def _torn_runs(query: Query) -> list[Any]:
    """Return the runs that succeeded with curves whose steps do not rise from one point to the
    next; or, since the lab counts them, do not come to the number that its settings ask for.
    """
    rows = query(
        f"{RUNS} SELECT run.id, l.lab_id, run.config, b.kind, b.arm, b.series, b.step "
        "FROM run JOIN experiments_labversion l ON l.id = run.version_id "
        "JOIN experiments_batch b ON b.run_id = run.id WHERE run.state = 'succeeded' "
        "ORDER BY run.id, b.seq"
    )
    curves: dict[Any, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    expected: dict[Any, int | None] = {}
    for run, lab, config, kind, arm, series, step in rows:
        expected[run] = COUNTED[lab](config) if lab in COUNTED else None
        if kind == "reset":
            curves[run].clear()
        else:
            curves[run][arm, series] += struct.unpack(f"<{len(step) // 8}d", step)
    return [
        run
        for run, number in expected.items()
        if not curves[run] or any(_is_torn(steps, number) for steps in curves[run].values())
    ]


def _is_torn(steps: list[float], number: int | None) -> bool:
    if number is not None:
        return steps != [float(step) for step in range(number)]
    return any(after <= before for before, after in pairwise(steps))


def _wrong_usage(query: Query) -> Iterator[str]:
    """Yield who was charged other compute than their runs used: a lease adds a penalty, which the
    end of its run attempt settles. Usage decays meanwhile, by less than the tolerance.
    """
    rows = query(
        f"""{RUNS} SELECT u.handle, usage.seconds,
            sum(CASE WHEN coalesce(t.results, 0) > 0 AND run.state = 'cancelled' THEN run.seconds
                     WHEN t.results > 0 THEN greatest(run.seconds, {ENTRY_PENALTY_SECONDS})
                     WHEN run.state = 'limit_exceeded' THEN {ENTRY_PENALTY_SECONDS}
                     ELSE 0 END),
            sum(coalesce(t.all, 0)),
            extract(epoch FROM max(run.ended_at) - min(run.queued_at))
        {JOINED} JOIN experiments_computeusage usage ON usage.owner_id = run.owner_id
        JOIN accounts_user u ON u.id = run.owner_id
        GROUP BY u.handle, usage.seconds HAVING bool_and(run.ended_at IS NOT NULL)"""
    )
    for handle, charged, used, attempts, seconds in rows:
        decay = 1 - 0.5 ** (float(seconds) / HALF_LIFE_SECONDS)
        tolerance = 0.5 + decay * (used + ENTRY_PENALTY_SECONDS * float(attempts))
        if abs(charged - used) > tolerance:
            yield (
                f"{handle} is charged {charged:.1f} compute-seconds for runs that used {used:.1f}."
            )
