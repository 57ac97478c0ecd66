"""For every test: random numbers are the same each time, whatever ran before."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.utils import translation
from hypothesis import HealthCheck, settings

from tests.searching import SEARCH
from tests.sharing import SYSTEMS

# No deadline: the time of an example depends on the load of the machine. The gate tries the same
# examples each time; `./gradus test --all` searches for new ones.
settings.register_profile(
    "gradus", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=not SEARCH
)
settings.load_profile("gradus")


def pytest_configure() -> None:
    """Change what every test would wait for. Programs that tests start have the site's settings."""
    django_settings.PASSWORD_HASHERS = ["tests.hashing.QuickArgon2"]
    # look for a file when it is asked for: not list them all for every client of a test
    django_settings.WHITENOISE_AUTOREFRESH = True


@pytest.hookimpl(trylast=True)  # after those that mark tests, and after Django's own order
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put browser tests last: Playwright leaves a running event loop in the tests' thread, in which
    the test client cannot call an async view. With them go all that start the whole system, so that
    it does not run beside the others.
    """
    items.sort(key=lambda item: "browser" in item.keywords or item.nodeid.startswith(SYSTEMS))


@pytest.fixture(autouse=True)
def same_language_and_random_numbers() -> None:
    """Begin in English and with the same random numbers, whatever test ran before."""
    translation.activate("en")
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def empty_cache(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """Empty the cache, with the limits by time, after a test that commits: its table belongs to no
    model, so that Django does not.
    """
    yield
    marker = request.node.get_closest_marker("django_db")
    commits = marker is not None and marker.kwargs.get("transaction", False)
    if commits or {"transactional_db", "live_server"} & set(request.fixturenames):
        with django_db_blocker.unblock():
            cache.clear()


@pytest.fixture
def woken_queues(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Send no wake-ups, which need a broker; return the queues that they were for."""
    queues: list[str] = []
    monkeypatch.setattr("apps.common.wakeup.wake_workers", queues.append)
    return queues
