"""Watching a run over real HTTP, and a broker of a test's own to break meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as site_settings
from django.test import Client
from launcher.embedded import Valkey

from apps.accounts.models import User
from apps.common.circuit_breaker import REDIS_PAUSE_SECONDS, CircuitBreaker
from apps.experiments import run_events
from apps.experiments.models import Run
from tests.serving import serving


@dataclass
class Reader:
    """One browser that watches a run; `seen` fills as events come, (event, id, data)."""

    address: str
    cookies: dict[str, str]
    seen: list[tuple[str, int | None, Any]] = field(default_factory=list)
    status: int = 0
    over: bool = False

    def read(self, path: str, **headers: str) -> Reader:
        self.thread = threading.Thread(target=self._read, args=(path, headers), daemon=True)
        self.thread.start()
        return self

    def _read(self, path: str, headers: dict[str, str]) -> None:
        with httpx.stream(
            "GET", self.address + path, cookies=self.cookies, headers=headers, timeout=120
        ) as answer:
            self.status = answer.status_code
            kind, number = "", None
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind, number = value, None
                elif name == "id":
                    number = int(value)
                elif name == "data":
                    self.seen.append((kind, number, json.loads(value)))
        self.over = True

    def numbers(self) -> list[int]:
        return [number for kind, number, _ in self.seen if kind == "points" and number]

    def states(self) -> list[str]:
        return [data["state"] for kind, _, data in self.seen if kind == "state"]


@pytest.fixture
def site() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def watch(site: str) -> Callable[..., Reader]:
    def watch(user: User, run: Run, after: str = "", **headers: str) -> Reader:
        return Reader(site, cookies_of(user)).read(
            f"/runs/{run.pk}/events?after={after}", **headers
        )

    return watch


def cookies_of(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {
        site_settings.SESSION_COOKIE_NAME: client.cookies[site_settings.SESSION_COOKIE_NAME].value
    }


def until(met: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "it did not come"
        threading.Event().wait(0.01)


@contextmanager
def own_broker(folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give the site a broker that nothing else uses; yields its process id, to freeze it by."""
    valkey = Valkey(folder)
    server = valkey.start()
    settings.REDIS_URL = valkey.url
    run_events._redis.cache_clear()
    monkeypatch.setattr(run_events, "breaker", CircuitBreaker(REDIS_PAUSE_SECONDS))
    yield server.pid
    os.kill(server.pid, signal.SIGCONT)
    server.terminate()
    server.wait()
    shutil.rmtree(valkey.folder, ignore_errors=True)
    run_events._redis.cache_clear()
