"""One attempt, over a real socket: what is sent, where it never goes, and what a hostile target may
do.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.webhooks import limits, sending
from apps.webhooks.failures import Failed, Failure
from apps.webhooks.sending import Answer, post, resolve
from apps.webhooks.targets import Target, read_target
from tests.webhooks.conftest import allow
from tests.webhooks.target import Handler, TargetServer, answers, make_certificate, target_server

pytestmark = pytest.mark.attack
HEADERS = {"Gradus-Event": "webhook.test"}
BODY = b'{"type": "webhook.test"}'
Names = Callable[..., list[str]]


def send(url: str) -> Answer:
    return post(read_target(url), HEADERS, BODY)


def failure_of(url: str) -> Failure:
    with pytest.raises(Failed) as caught:
        send(url)
    return caught.value.failure


def test_a_post_arrives_as_it_was_sent(target: TargetServer) -> None:
    answer = send(target.url("/hook?a=b"))
    assert answer == Answer(200, "fine") and answer.failure is None
    (received,) = target.received
    assert received.line == "POST /hook?a=b HTTP/1.1" and received.body == BODY
    assert received.headers["Host"] == f"127.0.0.1:{target.port}"
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["Gradus-Event"] == "webhook.test"
    assert "Cookie" not in received.headers and "Authorization" not in received.headers


def test_no_proxy_of_the_environment_is_asked(
    target: TargetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert send(target.url()).status == 200


# ---------------------------------------------------------------- where it never goes


@pytest.fixture
def elsewhere(target: TargetServer, settings: Any) -> Iterator[TargetServer]:
    """A second server at another address of this machine and the same port, to which the site may
    send; `target` is where it may not.
    """
    allow(settings, "127.0.0.2/32")
    try:
        with target_server("127.0.0.2", target.port) as server:
            yield server
    except OSError:
        pytest.skip("this system has no 127.0.0.2")


def test_a_name_that_changes_between_look_up_and_connection_changes_nothing(
    target: TargetServer, elsewhere: TargetServer, names: Names
) -> None:
    """DNS rebinding: the first answer is an address that is allowed, every other one is not."""
    asked = names(["127.0.0.2"], ["127.0.0.1"])
    url = elsewhere.url(host="rebind.example.org")
    assert send(url).status == 200
    assert asked == ["rebind.example.org"] and len(elsewhere.received) == 1
    assert failure_of(url) == Failure.ADDRESS, "the second attempt looks it up anew"
    assert len(asked) == 2 and target.connections == 0 and elsewhere.connections == 1


def test_one_address_among_others_that_is_not_allowed_is_one_too_many(
    target: TargetServer, elsewhere: TargetServer, names: Names
) -> None:
    names(["127.0.0.2", "127.0.0.1"])
    assert failure_of(elsewhere.url(host="both.example.org")) == Failure.ADDRESS
    assert target.connections == elsewhere.connections == 0


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fe80::1", "::ffff:10.0.0.1"],
)
def test_a_name_that_leads_to_a_private_address_is_not_connected_to(
    address: str, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(sending, "_first_open", lambda *args: opened.append(args))
    names([address])
    assert failure_of("https://sly.example.org/") == Failure.ADDRESS
    assert opened == []


def test_a_name_that_there_is_not_fails_in_the_same_words(names: Names) -> None:
    names([])
    assert failure_of("https://nothing.example.org/") == Failure.ADDRESS


def test_numbers_that_a_resolver_takes_for_an_address_are_checked_like_any_other() -> None:
    for host in ("2130706433", "0x7f000001", "127.1"):
        with pytest.raises(Failed) as caught:
            resolve(host, 80)
        assert caught.value.failure == Failure.ADDRESS


def test_public_addresses_are_resolved(names: Names) -> None:
    names(["8.8.8.8", "2606:4700::1111"])
    assert [str(address) for address in resolve("good.example.org", 443)] == [
        "8.8.8.8",
        "2606:4700::1111",
    ]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, target: TargetServer) -> None:
    target.answer = answers(status, "", f"Location: http://127.0.0.1:{target.port}/secret")
    answer = send(target.url())
    assert (answer.status, answer.failure) == (status, Failure.REDIRECT)
    assert len(target.received) == 1


def test_a_target_that_is_away_is_no_fault(settings: Any) -> None:
    allow(settings, "127.0.0.1/32")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert failure_of(f"http://127.0.0.1:{closed.getsockname()[1]}/") == Failure.CONNECTION


def test_the_next_address_is_tried_where_one_is_away(
    elsewhere: TargetServer, names: Names, settings: Any
) -> None:
    allow(settings, "127.0.0.2/31")
    names(["127.0.0.3", "127.0.0.2"])
    assert send(elsewhere.url(host="two.example.org")).status == 200


# ---------------------------------------------------------------- hostile answers


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait half a second instead of ten."""
    monkeypatch.setattr(sending, "ATTEMPT_SECONDS", 0.5)
    monkeypatch.setattr(sending, "EXCERPT_SECONDS", 0.2)


def drip(text: str) -> Callable[[Handler], None]:
    """Return an answer that begins with a text, and goes on byte by byte for long."""

    def answer(handler: Handler) -> None:
        handler.say(text)
        for _ in range(200):
            handler.say("x")
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize("start", ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nX: "])
def test_an_answer_that_drips_is_cut_off(start: str, target: TargetServer, impatient: None) -> None:
    target.answer = drip(start)
    begun = time.monotonic()
    assert failure_of(target.url()) == Failure.TIMEOUT
    assert time.monotonic() - begun < 5, "each byte does not begin a new deadline"


def test_a_body_that_drips_delays_nothing_that_was_decided(
    target: TargetServer, impatient: None
) -> None:
    target.answer = drip("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nfine")
    begun = time.monotonic()
    answer = send(target.url())
    assert answer.status == 200 and answer.excerpt.startswith("fine")
    assert time.monotonic() - begun < 5


def test_a_target_that_says_nothing_is_cut_off(target: TargetServer, impatient: None) -> None:
    target.answer = lambda handler: time.sleep(2)
    assert failure_of(target.url()) == Failure.TIMEOUT


def flood(start: str, count: list[int]) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.say(start)
        try:
            for _ in range(4_000):
                handler.say(b"y" * 65_536)
                count[0] += 65_536
        except OSError:
            pass

    return answer


@pytest.mark.parametrize(
    ("start", "is_answer"),
    [
        ("HTTP/1.1 200 OK\r\n\r\n", True),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", True),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", True),
        ("HTTP/1.1 200 OK\r\nX-Long: ", False),
        ("HTTP/1.1 200 ", False),
        ("", False),
    ],
)
def test_of_a_huge_answer_little_is_read(start: str, is_answer: bool, target: TargetServer) -> None:
    count = [0]
    target.answer = flood(start, count)
    if is_answer:
        assert len(send(target.url()).excerpt) == limits.MAX_EXCERPT_BYTES
    else:
        assert failure_of(target.url()) == Failure.PROTOCOL
    assert count[0] < 32_000_000, "the rest stayed in buffers of the system"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 99999 OK\r\n\r\n",
        "\x00\xff\x00\xff\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" + "A: b\r\n" * 300 + "\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n" * 2_000,
    ],
)
def test_what_is_no_http_is_a_failure_and_no_fault(text: str, target: TargetServer) -> None:
    target.answer = lambda handler: handler.say(text)
    assert failure_of(target.url()) in (Failure.PROTOCOL, Failure.CONNECTION)


def test_a_broken_body_leaves_what_came_of_it(target: TargetServer) -> None:
    target.answer = lambda handler: handler.say(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\nzz\r\n"
    )
    assert send(target.url()).status == 200
    target.answer = lambda handler: handler.say("HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nwhy")
    assert send(target.url()) == Answer(500, "why")


def test_an_excerpt_can_be_stored_and_shown(target: TargetServer) -> None:
    body = "a\x00b\u202ec" + "\N{COMBINING ACUTE ACCENT}" * 20
    target.answer = lambda handler: handler.say(
        b"HTTP/1.1 200 OK\r\n\r\n" + body.encode() + b"\xff\xfe"
    )
    excerpt = send(target.url()).excerpt
    assert "\x00" not in excerpt and "\u202e" not in excerpt and excerpt.startswith("abc")
    assert excerpt.count("\N{COMBINING ACUTE ACCENT}") <= 4


# ---------------------------------------------------------------- TLS


@pytest.fixture
def fresh_context() -> Iterator[None]:
    """Read anew which certificates are trusted, before and after."""
    sending.tls_context.cache_clear()
    yield
    sending.tls_context.cache_clear()


def with_tls(target: TargetServer, certificate: Path) -> None:
    target.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    target.tls.load_cert_chain(certificate)


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(
    target: TargetServer, tmp_path: Path
) -> None:
    with_tls(target, make_certificate(tmp_path))
    with pytest.raises(Failed) as caught:
        send(target.url())
    assert caught.value.failure == Failure.TLS and "CERTIFICATE" in caught.value.detail
    assert target.received == []


def test_one_that_the_operator_trusts_is_for_its_name_alone(
    target: TargetServer,
    tmp_path: Path,
    names: Names,
    monkeypatch: pytest.MonkeyPatch,
    fresh_context: None,
) -> None:
    certificate = make_certificate(tmp_path)
    with_tls(target, certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert send(target.url()).status == 200
    names(["127.0.0.1"])
    assert failure_of(target.url(host="other.example.org")) == Failure.TLS
    assert len(target.received) == 1


def test_a_target_without_tls_gets_nothing(target: TargetServer) -> None:
    url = target.url().replace("http://", "https://")
    target.answer = answers(400)
    assert failure_of(url) in (Failure.TLS, Failure.CONNECTION)
    assert all(BODY not in one.body for one in target.received)


def test_a_line_break_cannot_get_into_a_request() -> None:
    sly = Target("http", "127.0.0.1", 80, "/\r\nX: y")
    with pytest.raises(AssertionError):
        sending._head(sly, HEADERS, BODY)
