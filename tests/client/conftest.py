"""Mei's program against the site under uvicorn, with a worker that the tests play."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gradus_client import Client
from gradus_client.cli import main

from apps.accounts.models import User
from apps.api.scopes import Scope
from apps.api.services import make_token
from tests.experiments.conftest import lab, lease_if_any, lease_run, worker  # noqa: F401 - fixtures
from tests.experiments.watching import site  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def no_broker(woken_queues: list[str]) -> None:
    """Send no wake-ups in any of these tests."""


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what the command stores in a folder of the test."""
    monkeypatch.setenv("GRADUS_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("GRADUS_API_URL", "GRADUS_API_TOKEN", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "config"


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "mei")


@pytest.fixture
def token(mei: User) -> str:
    return make_token(user=mei, name="tests", scopes=tuple(Scope), days=30)[1]


@pytest.fixture
def client_of(site: str, token: str) -> Iterator[Callable[..., Client]]:  # noqa: F811
    clients: list[Client] = []

    def connect(url: str = "", **options: Any) -> Client:
        clients.append(Client(url or site, token, **options))
        return clients[-1]

    yield connect
    for one in clients:
        one.close()


@pytest.fixture
def client(client_of: Callable[..., Client]) -> Client:
    return client_of()


class Command:
    """The command `gradus`, by who is signed in."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str, status: int = 0, typed: str = "") -> str:
        """Carry out a command; return what it printed, faults included."""
        lines = iter(typed.split("\n")) if typed else iter(())
        answers = {"input": lambda words="": _next(lines), "_press": lambda: _pressed(lines)}
        self.monkeypatch.setattr("builtins.input", answers["input"])
        self.monkeypatch.setattr("gradus_client.terminal._press", answers["_press"])
        try:
            ended = main(arguments)
        except SystemExit as stopped:
            ended = int(stopped.code or 0)
        printed = self.capsys.readouterr()
        assert ended == status, f"{ended}: {printed.out}{printed.err}"
        return printed.out + printed.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


def _next(lines: Iterator[str]) -> str:
    try:
        return next(lines)
    except StopIteration:
        raise EOFError from None


def _pressed(lines: Iterator[str]) -> str:
    line = next(lines, None)
    return "" if line is None else line or "\n"


@pytest.fixture
def gradus(
    site: str,  # noqa: F811
    token: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """Sign in by the token, and return the command."""
    command = Command(capsys, monkeypatch)
    monkeypatch.setattr("sys.stdin", _Input(token + "\n"))
    assert "as mei" in command("login", site, "--token")
    return command


class _Input:
    def __init__(self, line: str) -> None:
        self.line = line

    def isatty(self) -> bool:
        return False

    def readline(self) -> str:
        line, self.line = self.line, ""
        return line
