"""How long pages take beside 2,000 connections that never finish a request, against without them.

    python -m benchmarks.slow_connections [requests]

A third of the connections is silent, a third sends its headers a byte a second, a third its body;
whoever is cut off comes again. They come from 100 addresses, so that all are open at once, or from
one, whose share is bounded. Requests without and with them take turns in rounds.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext

import httpx

from benchmarks.site import machine, quantile, seconds_to_get, site_for_benchmark
from tests.slow_clients import slow_clients

PAGES = ("/claims", "/labs", "/accounts/login/")
ROUNDS = 3
CONNECTIONS = 2_000


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(machine())
    with (
        site_for_benchmark("web") as system,
        httpx.Client(base_url=system.url, timeout=60, trust_env=False) as client,
    ):
        for path in PAGES:
            seconds_to_get(client, path)
        cases = {"without": 0, "from 100 addresses": 100, "from one address": 1}
        times: dict[tuple[str, str], list[float]] = {}
        for _round in range(ROUNDS):
            for name, addresses in cases.items():
                beside = slow_clients(system.port, CONNECTIONS, addresses)
                with beside if addresses else nullcontext():
                    for path in PAGES:
                        seconds = [seconds_to_get(client, path) for _ in range(requests)]
                        times.setdefault((name, path), []).extend(seconds)
        for (name, path), seconds in times.items():
            p50, p95 = (quantile(seconds, q) for q in (0.5, 0.95))
            ratio = p50 / quantile(times["without", path], 0.5)
            print(
                f"{path:<18} {name:<20} p50 {1000 * p50:4.0f} ms, p95 {1000 * p95:4.0f} ms, "
                f"longest {1000 * max(seconds):4.0f} ms, p50 against without {ratio:.2f}"
            )


if __name__ == "__main__":
    main()
