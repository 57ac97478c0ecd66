"""Addresses and networks, as they stand in settings, headers and sockets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPV6_PREFIX = 64  # what one subscriber has, at least: each of its addresses costs them nothing


def address(text: str) -> Address | None:
    """Return the address in `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::7` or
    `[2001:db8::7]:4711`, an IPv4 address in IPv6 as the former; None if there is none.
    """
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        result = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(result, "ipv4_mapped", None) or result


def is_in(networks: Iterable[Network], host: Address) -> bool:
    return any(host in network for network in networks)


def network_of(host: Address, *, ipv4_prefix: int = 32, ipv6_prefix: int = IPV6_PREFIX) -> Network:
    """Return the network of an address; by default that by which a client is counted: an IPv4
    address, or the /64 of an IPv6 one.
    """
    prefix = ipv6_prefix if host.version == 6 else ipv4_prefix
    return ipaddress.ip_network(f"{host}/{prefix}", strict=False)


def client_network(text: str) -> Network | None:
    """Return by what the client at an address (`REMOTE_ADDR`) is counted; None behind a socket."""
    host = address(text)
    return network_of(host) if host else None
