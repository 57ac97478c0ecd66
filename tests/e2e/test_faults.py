"""What happens when a part of the system is killed in the middle of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx

from tests.e2e.browsing import Visitor
from tests.e2e.conftest import Servers
from tests.e2e.people import LONGER, Member, check_whole, count, curves
from tests.e2e.processes import is_alive
from tests.e2e.system import System
from tests.e2e.waiting import until

Visit = Callable[..., Visitor]
PATIENCE = 20.0  # seconds; who waits for Redis waits for as long as it is away
PAGES = (
    "/",
    "/labs/dead-relu",
    "/claims",
    "/labs",
    "/runs/00000000-0000-0000-0000-000000000000/points",
)


def begin(
    system: System, visit: Visit, handle: str, points: int = 60
) -> tuple[Member, Visitor, str]:
    """Have somebody watch their run, which has points already."""
    member = Member(system, handle)
    run = member.commit(LONGER)
    visitor = visit(system, handle).go(f"/runs/{run}")
    visitor.see_points(points)
    return member, visitor, run


def check_end(member: Member, visitor: Visitor, run: str) -> dict[str, Any]:
    """Wait for the end; check that the run is complete, and that the page which watched it has the
    same.
    """
    points_json = member.wait_for(run)
    assert points_json["state"] == "succeeded"
    assert visitor.see_end() == "succeeded"
    check_whole(points_json)
    assert {len(steps) for steps in curves(points_json).values()} == {int(LONGER["epochs"]) + 1}
    until(
        lambda: visitor.seen()[-1]["points"] == count(points_json),
        60,
        lambda: f"the page has {visitor.seen()[-1]}, of {count(points_json)}",
    )
    for name, steps in visitor.curves().items():
        assert steps == curves(points_json)[name]
    return points_json


def run_attempts(system: System, run: str) -> list[tuple[int, bool]]:
    return system.query(
        "SELECT number, finished FROM experiments_runattempt WHERE run_id = %s ORDER BY number", run
    )  # type: ignore[return-value]


def test_a_killed_worker_costs_a_try_and_leaves_nothing_of_it_behind(
    fragile: System, visit: Visit
) -> None:
    mei, visitor, run = begin(fragile, visit, "mei")
    labs = fragile.lab_processes()
    assert labs
    fragile.kill("worker")
    until(
        lambda: not any(map(is_alive, labs)),
        60,
        "the lab processes of the killed worker end with it",
    )
    fragile.start("worker")
    check_end(mei, visitor, run)
    assert run_attempts(fragile, run) == [(1, False), (2, True)]
    counts = [change["points"] for change in visitor.seen()]
    assert any(after < before for before, after in pairwise(counts)), (
        "the points of the first run attempt leave the page"
    )


def test_without_redis_points_arrive_and_new_runs_start(
    fragile: System, servers: Servers, visit: Visit
) -> None:
    ola, visitor, run = begin(fragile, visit, "ola")
    servers.kill("valkey")
    already = visitor.seen()[-1]["points"]
    visitor.see_points(already + 200)
    assert visitor.seen()[-1]["state"] == "running"
    queued_at = time.monotonic()
    second = ola.commit()
    assert time.monotonic() - queued_at < PATIENCE, "queueing does not wait for Redis"
    check_end(ola, visitor, run)
    assert ola.wait_for(second)["state"] == "succeeded", "the worker polls for it"
    assert run_attempts(fragile, run) == run_attempts(fragile, second) == [(1, True)]


def test_a_site_that_is_away_for_longer_than_a_lease_loses_nothing(
    fragile: System, visit: Visit
) -> None:
    sam, visitor, run = begin(fragile, visit, "sam")
    fragile.stop("web")
    visitor.see_link("lost")
    # as if it had been away for a minute; housekeep looks at leases meanwhile
    minute = "interval '1 minute'"
    fragile.query(
        f"UPDATE experiments_listeningmark SET listened_at = listened_at - {minute} RETURNING id"
    )
    fragile.query(
        f"UPDATE experiments_runattempt SET last_heartbeat_at = last_heartbeat_at - {minute} "
        "WHERE ended_at IS NULL RETURNING id"
    )
    fragile.start("web").wait_for_web()
    visitor.see_link("open")
    check_end(sam, visitor, run)
    assert run_attempts(fragile, run) == [(1, True)]


def test_a_killed_postgresql_is_said_with_a_reason_and_loses_nothing(
    fragile: System, servers: Servers, visit: Visit
) -> None:
    kay, visitor, run = begin(fragile, visit, "kay")
    visitor.expect_errors("503")
    servers.kill("postgres")
    with httpx.Client(base_url=fragile.url, timeout=60, trust_env=False) as http:
        for path in PAGES:
            answer = http.get(path)
            assert answer.status_code == 503, f"{path}: {answer.status_code}"
            assert int(answer.headers["Retry-After"]) > 0
            assert "database" in answer.text
    servers.start("postgres")
    until(lambda: fragile.status("/claims") == 200, what="the site has its database again")
    check_end(kay, visitor, run)
