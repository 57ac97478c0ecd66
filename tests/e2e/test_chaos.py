"""A site under faults: the short form of `./gradus chaos`, and that chaos notices what is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.chaos.faults import KINDS
from tests.e2e.system import ROOT

pytestmark = pytest.mark.attack

# leases that are short, and still long beside the pauses of a busy machine
QUICK = {
    "LEASE_SECONDS": "10",
    "HEARTBEAT_SECONDS": "0.5",
    "TICK_SECONDS": "0.5",
    "GRADUS_POLL_SECONDS": "0.5",
}
BRIEFLY = (
    *("kill worker", "kill lab process", "web away past a lease", "freeze Valkey"),
    *("kill PostgreSQL", "end database sessions", "cancel", "double submit"),
)
# for each rule that a site goes without: faults that need it, and what is then said
MUTANTS = {
    "no token check": ("freeze worker past its lease", "is over, and a run attempt of it is not"),
    "no reconciler": ("kill worker", "is stuck"),
    "no state guard": ("cancel what is over", "was changed after its end"),
    "no listening mark": ("web away past a lease", "nothing has happened to its worker"),
}


def chaos(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Break a site of its own, whatever servers these tests have."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "COV_", "DJANGO_"))
    }
    environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}", **QUICK, **settings}
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def schedule(*kinds: str, seconds: float, seed: int) -> list[str]:
    """Return the arguments for each of these faults once."""
    only = [argument for kind in kinds for argument in ("--only", kind)]
    return ["--faults", str(len(kinds)), "--seconds", str(seconds), "--seed", str(seed), *only]


@pytest.fixture(scope="module")
def brief() -> Iterator[subprocess.CompletedProcess[str]]:
    few = ("--people", "1", "--points", "150", "200")
    # at this seed a worker is killed early, the site goes away last
    yield chaos(*schedule(*BRIEFLY, seconds=10, seed=343), *few)


def test_no_run_is_lost_doubled_or_stuck_whatever_fails(
    brief: subprocess.CompletedProcess[str],
) -> None:
    assert brief.returncode == 0, brief.stdout + brief.stderr


def test_chaos_says_what_followed_on_each_fault(brief: subprocess.CompletedProcess[str]) -> None:
    table = dict(re.findall(r"^(\w[\w ]+?) {2,}(\d+) ", brief.stdout, re.MULTILINE))
    assert table == dict.fromkeys(BRIEFLY, "1")
    assert re.search(r"^kill PostgreSQL .* \d+\.\d, \d+\.\d", brief.stdout, re.MULTILINE)
    assert "seed 343" in brief.stdout
    assert set(BRIEFLY) < set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_site_without_one_of_its_rules_is_noticed(mutant: str) -> None:
    kind, sentence = MUTANTS[mutant]
    few = (
        "--people",
        "1",
        "--runs",
        "1",
        "--points",
        "150",
        "200",
        "--patience",
        "60",
        "--discard",
    )
    done = chaos(*schedule(kind, kind, seconds=4, seed=1), *few, "--mutant", mutant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert sentence in done.stdout
