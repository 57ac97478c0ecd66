"""A web process, as it is started, beside 2,000 connections that never finish a request."""

from __future__ import annotations

import pytest

from tests.e2e.system import System
from tests.slow_clients import slow_clients

pytestmark = pytest.mark.attack


@pytest.mark.slow
@pytest.mark.parametrize("addresses", [100, 1])
def test_pages_are_answered_beside_2000_slow_connections(gallery: System, addresses: int) -> None:
    with slow_clients(gallery.port, 2_000, addresses):
        for _request in range(20):
            assert gallery.status("/claims") == 200
