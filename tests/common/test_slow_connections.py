"""The site itself beside connections that never finish a request: pages go on being answered."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.system import ROOT
from tests.serving import serving
from tests.slow_clients import SlowClients, loopback_addresses

pytestmark = pytest.mark.attack


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("addresses", [loopback_addresses(20), ["127.0.0.1"]], ids=["many", "own"])
def test_pages_are_answered_beside_300_slow_connections(addresses: list[str]) -> None:
    with serving() as site:
        port = urlsplit(site).port
        assert port
        with SlowClients(port, 300, addresses) as slow:
            assert slow.all_open.wait(120)
            for _request in range(5):
                assert httpx.get(f"{site}/claims", timeout=60).status_code == 200


def test_a_web_process_allows_itself_as_many_files_as_it_may() -> None:
    script = """
import resource
from gradus.file_limit import file_limit, raise_file_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
raise_file_limit()
print(file_limit(), hard)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "platform")},
        capture_output=True,
        text=True,
        check=True,
    )
    limit, hard = map(int, done.stdout.split())
    assert limit == (min(hard, 10_240) if hard > 0 else 10_240)
