"""Mei has webhooks, Ola has some too, Sam is a stranger; a target on this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_network
from typing import Any

import pytest

from apps.accounts.models import User
from apps.webhooks import services
from apps.webhooks.models import CHOSEN_EVENTS, Webhook
from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures
from tests.discussions.conftest import ada, loose_brakes, mei, ola, sam  # noqa: F401
from tests.webhooks.target import TargetServer, target_server

ALL = [event.value for event in CHOSEN_EVENTS]


def allow(settings: Any, *networks: str) -> None:
    """Have a closed network, in which this site may send to these addresses, without TLS."""
    settings.WEBHOOK_ALLOW_HTTP = True
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network(network) for network in networks]


@pytest.fixture
def target(settings: Any) -> Iterator[TargetServer]:
    """A target on this machine, to which the site may send."""
    allow(settings, "127.0.0.1/32")
    with target_server() as server:
        yield server


def make_webhook(
    owner: User, url: str = "https://hooks.example.org/gradus", **more: Any
) -> Webhook:
    values: dict[str, Any] = {"events": ALL, **more}
    return services.create_webhook(owner=owner, url=url, **values)[0]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a function that sets what the names of a domain lead to, one answer after another (the
    last one stays), and returns the list in which look-ups are noted.
    """
    real = socket.getaddrinfo

    def answer_with(*answers: Sequence[str]) -> list[str]:
        asked: list[str] = []

        def look_up(host: str, port: int, *rest: Any, **more: Any) -> Any:
            if not str(host).endswith(".example.org"):
                return real(host, port, *rest, **more)
            addresses = answers[min(len(asked), len(answers) - 1)]
            asked.append(host)
            if not addresses:
                raise socket.gaierror("no such name")
            return [row for address in addresses for row in real(address, port, *rest, **more)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return asked

    return answer_with
