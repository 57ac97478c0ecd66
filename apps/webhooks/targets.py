"""Where a webhook may lead: an address that its owner types, to which this site will connect.

Whether the text is an address of the right form is decided when it is saved; to which IP addresses
its name leads, each time a socket is opened (`sending`), since names change.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.common.networks import Address, is_in
from apps.webhooks.limits import MAX_URL_CHARS

PORTS = {"https": 443, "http": 80}
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
MAX_HOST_CHARS = 253
PATH_SAFE = "/%:@!$&'()*+,;=-._~"
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as a last label: programs take such a name for IPv4
LOCAL_NAMES = ("localhost", "local", "internal", "home.arpa")  # of networks that are not public

# where clouds answer their machines' questions: each address in the others' tests is private, too
METADATA = {
    ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",  # Azure's, of a public network
        "100.100.100.200",
        "fd00:ec2::254",
    )
}
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
# what is routed specially although Python may call it global
SPECIAL = (
    IPv4Network("100.64.0.0/10"),  # shared by customers of a provider
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv6Network("2001::/23"),  # protocols, Teredo among them
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
)


@dataclass(frozen=True)
class Target:
    """The parts of a webhook's address, in ASCII."""

    scheme: str
    host: str  # a name, or an IP address without brackets
    port: int
    path: str  # with the query

    @property
    def authority(self) -> str:
        """The header Host: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def read_target(url: str) -> Target:
    """Return the parts of an address.

    Raises:
        ValidationError: it is not one to which this site would ever send; says why.
    """
    text = url.strip()
    if len(text) > MAX_URL_CHARS:
        raise ValidationError(
            _("An address has at most %(max)s characters."), params={"max": MAX_URL_CHARS}
        )
    if re.search(r"[\s\x00-\x1f\x7f\\]", text):
        raise ValidationError(_("An address has no spaces, line breaks or backslashes."))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _malformed() from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise _malformed()
    if parts.scheme == "http" and not settings.WEBHOOK_ALLOW_HTTP:
        raise ValidationError(
            _("Write https://: without encryption anybody on the way reads and changes it.")
        )
    if "@" in parts.netloc:
        raise ValidationError(
            _("Leave user and password out of the address: deliveries are signed instead.")
        )
    if parts.fragment:
        raise ValidationError(_("Leave out what follows the #: it is never sent."))
    path = quote(parts.path or "/", safe=PATH_SAFE)
    query = f"?{quote(parts.query, safe=PATH_SAFE + '?')}" if parts.query else ""
    target = Target(
        parts.scheme, _ascii_host(parts.hostname), port or PORTS[parts.scheme], path + query
    )
    if len(target.url) > MAX_URL_CHARS:  # quoting makes it longer
        raise ValidationError(
            _("An address has at most %(max)s characters."), params={"max": MAX_URL_CHARS}
        )
    _check_host(target.host)
    return target


def _malformed() -> ValidationError:
    return ValidationError(_("Write a whole address, such as https://example.org/hooks/gradus."))


def _ascii_host(host: str) -> str:
    """Return a host in lower case and ASCII, without the dot of a complete name."""
    if ":" in host:
        try:
            address = IPv6Address(host)
        except ValueError:
            raise _malformed() from None
        if address.scope_id is not None:  # of a network of one machine: fe80::1%eth0
            raise _malformed()
        return str(address)
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise _malformed() from None
    name = name.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > MAX_HOST_CHARS or not all(map(LABEL.fullmatch, labels)):
        raise _malformed()
    if NUMBER.fullmatch(labels[-1]) and _literal(name) is None:  # 127.1, 2130706433
        raise _malformed()
    return name


def _check_host(host: str) -> None:
    """Refuse what can be told without asking anybody for addresses.

    Raises:
        ValidationError: the host is not of the public internet, or this site itself.
    """
    literal = _literal(host)
    if literal is not None and may_connect(literal):
        return
    is_local = host.rpartition(".")[2] in LOCAL_NAMES or host.endswith(".home.arpa")
    if literal is not None or (is_local and not settings.WEBHOOK_ALLOWED_NETWORKS):
        raise ValidationError(
            _("This address is not on the public internet, so this site does not connect to it.")
        )
    own_names = (settings.SITE_HOST, *settings.ALLOWED_HOSTS)
    if host in {name.strip("[]").lower() for name in own_names}:
        raise ValidationError(_("This is the address of this site itself."))


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


# ---------------------------------------------------------------- IP addresses


def may_connect(host: Address) -> bool:
    """Return whether this site may open a socket to an IP address: one of the public internet and
    of another machine, or one of WEBHOOK_ALLOWED_NETWORKS.
    """
    mapped = getattr(host, "ipv4_mapped", None) or host
    if is_in(settings.WEBHOOK_ALLOWED_NETWORKS, mapped):
        return True
    return all(map(_is_public, [host, *_embedded(host)])) and not is_of_this_machine(host)


def _is_public(host: Address) -> bool:
    if host in METADATA or is_in(SPECIAL, host):
        return False
    if isinstance(host, IPv6Address):
        if host.ipv4_mapped is not None or host in NAT64:
            return True  # what is embedded in it decides
        return host in GLOBAL_UNICAST and host.is_global
    return host.is_global and not (host.is_multicast or host.is_reserved)


def _embedded(host: Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses to which a gateway on the way would translate an IPv6 address."""
    if not isinstance(host, IPv6Address):
        return
    if host.ipv4_mapped is not None:
        yield host.ipv4_mapped
    if host.sixtofour is not None:
        yield host.sixtofour
    if host.teredo is not None:
        yield from host.teredo
    if host in NAT64:
        yield IPv4Address(int(host) & 0xFFFF_FFFF)


def is_of_this_machine(host: Address) -> bool:
    """Return whether an address is one of this machine: packets to it would come from itself.
    Nothing is sent.
    """
    family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(host), 9))
            return ip_address(probe.getsockname()[0]) == host
    except (OSError, ValueError):
        return False  # there is no way to it at all
