"""Seconds of pages of a learner with 20,000 cards and 300,000 reviews.

Compared with the same pages of a learner who has just signed up.

    python -m benchmarks.large_history [requests]

Each request goes over HTTP to one web process; the two learners take turns. Target: at most 100 ms
for a page of the learner with many cards.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import psycopg

from benchmarks.site import machine, quantile, seconds_to_get, site_for_benchmark
from tests.e2e.people import Member
from tests.e2e.system import System
from tests.progress.large_history import CARDS, FILL, REVIEWS

PAGES = ("/review", "/", "/progress", "/questions/made-1", "/questions", "/topics/losses", "/plan")


def fill_history(system: System, handle: str) -> None:
    user = system.query("SELECT id FROM accounts_user WHERE handle = %s", handle)[0][0]
    values = {
        "cards": CARDS,
        "each": REVIEWS // CARDS,
        "user": user,
        "now": datetime.now(UTC),
        "like": "relu-pros-cons",
    }
    with psycopg.connect(
        system.environment["DATABASE_URL"], cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(FILL, values)


def compare(learner: Member, fresh: Member, path: str, requests: int) -> None:
    for member in (learner, fresh):
        seconds_to_get(member.http, path)
    both = [
        (seconds_to_get(learner.http, path), seconds_to_get(fresh.http, path))
        for _ in range(requests)
    ]
    milliseconds = [1000 * many for many, _few in both]
    ratio = quantile([many / few for many, few in both], 0.5)
    print(
        f"{path:<20} p50 {quantile(milliseconds, 0.5):6.0f} ms  "
        f"p95 {quantile(milliseconds, 0.95):6.0f} ms  "
        f"against a new learner {ratio:.2f}"
    )


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(machine())
    with site_for_benchmark("web") as system:
        fill_history(system, "mei")
        learner, fresh = Member(system, "mei"), Member(system, "ola")
        for path in PAGES:
            compare(learner, fresh, path, requests)
        learner.post("/review/start", {}, "/review")
        taken = [seconds_to_get(learner.http, "/review") for _ in range(requests + 1)]
        milliseconds = [1000 * seconds for seconds in taken[1:]]
        print(
            f"{'/review, in a session':<20} p50 {quantile(milliseconds, 0.5):6.0f} ms  "
            f"p95 {quantile(milliseconds, 0.95):6.0f} ms"
        )
        for member in (learner, fresh):
            member.close()


if __name__ == "__main__":
    main()
