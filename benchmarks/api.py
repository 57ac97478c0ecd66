"""The API: what an endpoint adds to the service that it calls, and a walk over 100,000 attempts.

    python -m benchmarks.api [pairs]

The first in one process, without HTTP, endpoint and bare call in turn; the second over HTTP to one
web process, 100 attempts a page. A page must cost the same at the end of the walk as at its start.
"""

from __future__ import annotations

import json
import sys
import time

import httpx
import psycopg

from benchmarks.site import machine, quantile, site_for_benchmark
from tests.e2e.people import Member
from tests.e2e.system import System

ATTEMPTS, LIMIT = 100_000, 100
COMPARED = 50  # pages at either end of the walk
SLUG = "relu-pros-cons"
FILL = """
    INSERT INTO progress_attempt (id, user_id, question_id, revision_id, number, seed, day, hints,
                                  started_at, over, ratings_given)
    SELECT gen_random_uuid(), u.id, q.id, q.current_id, n, n %% 1000, current_date - n / 300, '{}',
           now() - n * interval '5 minutes', true, 0
    FROM accounts_user u, questions_question q, generate_series(1000, 999 + %(count)s) n
    WHERE u.handle = %(handle)s AND q.slug = %(slug)s;
    ANALYZE progress_attempt;
"""


def fill_attempts(system: System, handle: str) -> None:
    values = {"count": ATTEMPTS, "handle": handle, "slug": SLUG}
    with psycopg.connect(
        system.environment["DATABASE_URL"], cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(FILL, values)


def compare(calls: dict[str, dict[str, list[float]]]) -> None:
    for name, taken in calls.items():
        bare, api = quantile(taken["bare"], 0.5), quantile(taken["api"], 0.5)
        print(
            f"{name:<28} p50 {1000 * api:6.1f} ms, bare call {1000 * bare:6.1f} ms: "
            f"{api / bare:.1f} times, {1000 * (api - bare):.1f} ms more"
        )


def walk(client: httpx.Client) -> list[float]:
    """Return the seconds of each page of the attempts, from the newest to the oldest."""
    url, seconds, count = f"/api/v1/attempts?limit={LIMIT}", [], 0
    while url:
        start = time.perf_counter()
        answer = client.get(url)
        seconds.append(time.perf_counter() - start)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        count += len(page["results"])
        url = page["next"]
    assert count >= ATTEMPTS, count
    return seconds


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print(machine())
    with site_for_benchmark("web") as system:
        Member(system, "mei").close()
        output = system.manage_script("benchmarks/api_calls.py", "mei", SLUG, str(pairs))
        inside = json.loads(output.splitlines()[-1])
        compare(inside["endpoints"])
        fill_attempts(system, "mei")
        headers = {"Authorization": f"Bearer {inside['token']}"}
        with httpx.Client(
            base_url=system.url, headers=headers, timeout=60, trust_env=False
        ) as client:
            seconds = walk(client)
        first, last = seconds[1 : 1 + COMPARED], seconds[-COMPARED:]
        print(
            f"{len(seconds)} pages of {LIMIT} attempts, "
            f"{len(seconds) / sum(seconds):.0f} a second: "
            f"p50 {1000 * quantile(seconds, 0.5):.1f} ms, "
            f"p95 {1000 * quantile(seconds, 0.95):.1f} ms; "
            f"the last {COMPARED} against the first "
            f"{quantile(last, 0.5) / quantile(first, 0.5):.2f}"
        )


if __name__ == "__main__":
    main()
