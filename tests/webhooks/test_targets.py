"""Where a webhook may lead: addresses as they are typed, and IP addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from apps.webhooks.targets import is_of_this_machine, may_connect, read_target

pytestmark = pytest.mark.attack
PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "168.63.129.16",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:c0a8:101::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_of_the_public_internet_is_not_connected_to(address: str) -> None:
    assert not may_connect(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is(address: str) -> None:
    assert may_connect(ip_address(address))


@given(st.sampled_from([*map(ip_address, PRIVATE[:20])]))
def test_an_address_in_another_counts_as_itself(inner: IPv4Address) -> None:
    bits = int(inner)
    for outer in (0xFFFF << 32 | bits, 0x64_FF9B << 96 | bits, 0x2002 << 112 | bits << 80 | 1):
        assert not may_connect(IPv6Address(outer))


@given(st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="fc00::/7"))
def test_a_private_network_is_refused_from_end_to_end(address: Any) -> None:
    assert not may_connect(address)


def test_an_operator_may_allow_a_network(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("10.1.0.0/16"), ip_network("127.0.0.1/32")]
    for address in ("10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3"):
        assert may_connect(ip_address(address))
    for address in ("10.2.0.1", "127.0.0.2", "::1"):
        assert not may_connect(ip_address(address))


def test_an_address_of_this_machine_is_known_as_one() -> None:
    assert is_of_this_machine(ip_address("127.0.0.1"))
    assert not is_of_this_machine(ip_address("8.8.8.8"))


# ---------------------------------------------------------------- as they are typed


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://example.org", "https://example.org/"),
        ("  https://Example.ORG./a?b=c  ", "https://example.org/a?b=c"),
        ("HTTPS://example.org:443/x", "https://example.org/x"),
        ("https://example.org:8443/x", "https://example.org:8443/x"),
        ("https://bücher.example/ü?q=ü", "https://xn--bcher-kva.example/%C3%BC?q=%C3%BC"),
        ("https://例子.example/", "https://xn--fsqu00a.example/"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("https://8.8.8.8/hook", "https://8.8.8.8/hook"),
        ("https://example.org/%0d%0aX:%20y", "https://example.org/%0d%0aX:%20y"),
        ("https://a_b.example.org/", "https://a_b.example.org/"),
    ],
)
def test_an_address_is_stored_in_one_form(typed: str, url: str) -> None:
    target = read_target(typed)
    assert target.url == url and read_target(url) == target
    assert (target.authority + target.path).isascii()


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "whole address"),
        ("example.org/hook", "whole address"),
        ("ftp://example.org/", "whole address"),
        ("file:///etc/passwd", "whole address"),
        ("gopher://127.0.0.1:6379/_", "whole address"),
        ("javascript:alert(1)", "whole address"),
        ("https://", "whole address"),
        ("https:///x", "whole address"),
        ("https://example.org:0/", "whole address"),
        ("https://example.org:99999/", "whole address"),
        ("https://example.org:x/", "whole address"),
        ("https://[::1", "whole address"),
        ("https://[fe80::1%25eth0]/", "whole address"),
        ("https://-x.example/", "whole address"),
        ("https://a..b/", "whole address"),
        ("https://2130706433/", "whole address"),
        ("https://127.1/", "whole address"),
        ("https://0x7f.0.0.1/", "whole address"),
        ("https://0x7f000001/", "whole address"),
        ("https://017700000001/", "whole address"),
        ("https://" + "a" * 64 + ".org/", "whole address"),
        ("http://example.org/", "https://"),
        ("https://mei:secret@example.org/", "user and password"),
        ("https://example.org@127.0.0.1/", "user and password"),
        ("https://example.org/#x", "what follows the #"),
        ("https://example.org/a b", "no spaces"),
        ("https://example.org/\r\nX-Y: z", "no spaces"),
        ("https://example.org\\@evil.example/", "no spaces"),
        ("https://example.org/\x00", "no spaces"),
        ("https://example.org/" + "x" * 500, "at most 500"),
        ("https://example.org/" + "ü" * 200, "at most 500"),
        ("https://127.0.0.1/", "public internet"),
        ("https://[::1]/", "public internet"),
        ("https://[::ffff:169.254.169.254]/", "public internet"),
        ("https://169.254.169.254/latest/meta-data", "public internet"),
        ("https://localhost:8443/", "public internet"),
        ("https://db.internal/", "public internet"),
        ("https://printer.local/", "public internet"),
        ("https://router.home.arpa/", "public internet"),
        ("https://１２７.0.0.1/", "public internet"),
        ("https://127。0。0。1/", "public internet"),
        ("https://gradus.example/hook", "this site itself"),
        ("https://GRADUS.example./hook", "this site itself"),
    ],
)
def test_another_one_is_refused_and_says_why(typed: str, why: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["gradus.example"]
    with pytest.raises(ValidationError, match=why):
        read_target(typed)


def test_http_is_for_closed_networks(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_HTTP = True
    assert read_target("http://example.org/").port == 80


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,20}[/?#:@].{0,20}", fullmatch=True))
def test_no_text_is_a_fault_or_breaks_a_line(text: str) -> None:
    try:
        target = read_target(text)
    except ValidationError:
        return
    assert target.url.isascii() and not any(c.isspace() for c in target.url)
