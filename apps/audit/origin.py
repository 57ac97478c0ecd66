"""Who does something, and from where: the request that is being answered, if there is one. Services
need not be given it; `middleware` sets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

from apps.common import networks

# an address is kept as its network only: enough to tell places apart, too little to tell people
IPV4_PREFIX, IPV6_PREFIX = 24, 48

_request: ContextVar[HttpRequest | None] = ContextVar("audited_request", default=None)


@contextmanager
def of(request: HttpRequest) -> Iterator[None]:
    """Take what happens within for done by this request."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def actor() -> Any:
    """Return who is signed in; None for a stranger, a worker, or without a request."""
    user = getattr(_request.get(), "user", None)
    return user if user is not None and user.is_authenticated else None


def network() -> str:
    """Return the network of the request; empty without one, and behind a socket."""
    request = _request.get()
    return network_of(request.META.get("REMOTE_ADDR", "")) if request else ""


def agent() -> str:
    """Return what the request's browser or program says it is."""
    request = _request.get()
    return str(request.META.get("HTTP_USER_AGENT", "")) if request else ""


def network_of(address: str) -> str:
    """Return the network of an address, such as `203.0.113.0/24`; empty if it is none."""
    host = networks.address(address.partition("%")[0])  # without the scope of IPv6
    if host is None:
        return ""
    return str(networks.network_of(host, ipv4_prefix=IPV4_PREFIX, ipv6_prefix=IPV6_PREFIX))
