"""Seconds of the lists of 72 labs, 413 claims and 228 questions.

    python -m benchmarks.lists [requests]

Each request goes over HTTP to one web process. A visitor, a learner who has just signed up, and one
who has predicted and opened verdicts and has runs take turns. Target: at most 100 ms a page; that a
page asks the database at most 12 times is asserted by `tests/experiments/test_large_lists.py`.
"""

from __future__ import annotations

import sys

import httpx

from benchmarks.site import machine, quantile, seconds_to_get, site_for_benchmark
from tests.e2e.people import Member

PAGES = (
    "/claims",
    "/claims?page=9",
    "/claims?topic=losses",
    "/claims?verdict=holds",
    "/claims?verdict=hidden",
    "/claims?words=dead+units",
    "/claims?lab=made-07",
    "/labs",
    "/labs?topic=losses",
    "/labs?words=question",
    "/questions",
    "/questions?page=3",
    "/questions?words=relu",
    "/questions/about/made-07.lr-kills",
    "/topics/losses",
    "/",
)


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(machine())
    with site_for_benchmark("web") as system:
        system.manage_script("tests/experiments/large_lists.py", "mei", "relu-pros-cons")
        members = [Member(system, handle) for handle in ("ola", "mei")]
        visitor = httpx.Client(base_url=system.url, timeout=60, trust_env=False)
        clients = [visitor, *(member.http for member in members)]
        print(f"{'p50 and p95 in ms':<36} {'visitor':>10} {'new learner':>14} {'learner':>14}")
        for path in PAGES:
            for client in clients:
                seconds_to_get(client, path)
            turns = [[seconds_to_get(client, path) for client in clients] for _ in range(requests)]
            columns = [[1000 * turn[n] for turn in turns] for n in range(len(clients))]
            figures = [f"{quantile(of, 0.5):5.0f} {quantile(of, 0.95):5.0f}" for of in columns]
            print(f"{path:<36} {figures[0]:>10} {figures[1]:>14} {figures[2]:>14}", flush=True)
        for client in clients:
            client.close()


if __name__ == "__main__":
    main()
