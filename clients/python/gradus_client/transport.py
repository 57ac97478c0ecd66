"""Requests: whose they are, what is repeated and for how long, and what comes of an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import msgspec

from gradus_client.errors import (
    ConnectionFailed,
    InsecureAddress,
    NotUnderstood,
    Refused,
    refusal,
)
from gradus_client.words import tr

Answer = TypeVar("Answer")
PREFIX = "/api/v1"
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
PATIENCE_SECONDS = 60.0  # in all, that a request waits for a site that is busy or away
PAUSE_SECONDS = 0.5  # before the first repeat after a cut; then twice as long each time
MAX_PAUSE_SECONDS = 10.0
ROWS_A_PAGE = 100
SAFE = ("GET", "HEAD", "PUT", "DELETE")  # repeating these does no harm


def agent() -> str:
    try:
        return f"gradus-client/{version('gradus-client')}"
    except PackageNotFoundError:  # run from its sources
        return "gradus-client"


def site_address(url: str, *, allow_http: bool = False) -> str:
    """Return the address of a site, without a slash at its end.

    Raises:
        InsecureAddress: it is no https, and not this machine.
        ValueError: it is no address.
    """
    text = url.strip()
    text = (text if "://" in text else f"https://{text}").removesuffix("/")
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ValueError(
            tr("“{url}” is no address of a site, such as https://gradus.example").format(url=url)
        )
    if parts.username or parts.password:
        raise ValueError(tr("An address must not contain a password."))
    if parts.scheme == "http" and not allow_http and not _is_this_machine(host):
        raise InsecureAddress(
            tr(
                "{url} is not https: whoever is on the way could read your token. Use https, or "
                "allow http explicitly if you trust the whole way."
            ).format(url=text)
        )
    return text


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def segment(name: object) -> str:
    """Return an id as a part of an address: whatever it holds, it leads nowhere else."""
    text = quote(str(name), safe="")
    if text in ("", ".", ".."):
        raise ValueError(tr("“{name}” is no id.").format(name=name))
    return text


class Transport:
    """Sends requests to one site.

    Args:
        patience: seconds in which a request is repeated while the site is busy (429), away (503),
            or cannot be reached. What could be carried out twice is repeated only with an
            idempotency key.
        sleep: how it waits; tests wait otherwise.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        language: str = "",
        patience: float = PATIENCE_SECONDS,
        allow_http: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = site_address(url, allow_http=allow_http)
        self.patience, self.sleep = patience, sleep
        headers = {"User-Agent": agent(), "Accept": "application/json"}
        if language:
            headers["Accept-Language"] = language
        if token:
            headers["Authorization"] = f"Bearer {token}"
        # redirects are not followed: a token goes to no other address
        self.http = httpx.Client(headers=headers, timeout=TIMEOUT, follow_redirects=False)

    def close(self) -> None:
        self.http.close()

    # ------------------------------------------------------------ requests

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        key: str = "",
        etag: str = "",
    ) -> httpx.Response:
        """Send a request, and repeat it as long as that helps and does no harm.

        Args:
            path: below `/api/v1/`.
            params: those that are None are left out.
            key: of idempotency.
            etag: of what was read, for a change (`If-Match`).
        Raises:
            Refused: by the site.
            ConnectionFailed, NotUnderstood: there is no answer, or none of Gradus.
        """
        headers = {}
        if key:
            headers["Idempotency-Key"] = key
        if etag:
            headers["If-Match"] = etag
        may_repeat = method in SAFE or bool(key)
        patience = Patience(self, self.patience)
        while True:
            try:
                answer = self.http.request(
                    method,
                    self.address(path),
                    content=None if body is None else msgspec.json.encode(body),
                    params=_query(params),
                    headers=headers
                    | ({} if body is None else {"Content-Type": "application/json"}),
                )
                return self.checked(answer)
            except Refused as error:
                if error.status not in (429, 503):  # of these nothing was carried out
                    raise
                patience.wait(error)
            except httpx.TransportError as error:
                if not may_repeat:
                    raise self.cut(error) from error
                patience.wait(error)

    def read(self, kind: type[Answer], method: str, path: str, **more: Any) -> Answer:
        """Send a request, and return what is answered as a model."""
        return decoded(self.request(method, path, **more), kind)

    def create(self, kind: type[Answer], path: str, body: Any = None, key: str = "") -> Answer:
        """Have something created, once, however often the request must be repeated."""
        return self.read(kind, "POST", path, body=body, key=key or new_key())

    @contextmanager
    def stream(
        self, path: str, headers: Mapping[str, str], silence: float, *, method: str = "GET"
    ) -> Iterator[httpx.Response]:
        """Open an answer that is read as it comes: events, or a file. It is over when nothing comes
        for `silence` seconds.
        """
        timeout = httpx.Timeout(silence, connect=10.0)
        with self.http.stream(
            method, self.address(path), headers=headers, timeout=timeout
        ) as answer:
            if not answer.is_success:
                answer.read()
                self.checked(answer)
            yield answer

    def address(self, path: str) -> str:
        return f"{self.url}{PREFIX}/{path.lstrip('/')}"

    def cut(self, error: Exception | None) -> ConnectionFailed:
        if error is None:
            return ConnectionFailed(tr("{url} is not answering any more.").format(url=self.url))
        return ConnectionFailed(
            tr("{url} cannot be reached: {reason}").format(
                url=self.url, reason=str(error) or type(error).__name__
            )
        )

    def checked(self, answer: httpx.Response) -> httpx.Response:
        """Return an answer that is no refusal."""
        if answer.is_success:
            return answer
        if answer.is_redirect:
            raise NotUnderstood(
                tr(
                    "{url} leads elsewhere, to {target}. Use the address of the site itself, with "
                    "https if it has that."
                ).format(url=self.url, target=answer.headers.get("Location", "?"))
            )
        try:
            document = msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.MsgspecError:
            document = {}
        if "code" not in document:
            if answer.status_code in (502, 503, 504):  # a proxy before a site that restarts
                detail = tr("{url} is not answering just now.").format(url=self.url)
                document = {"code": "away", "detail": detail}
            else:
                raise NotUnderstood(
                    tr(
                        "{url} answered {status}, and not as Gradus does. Is this the address of a "
                        "Gradus site?"
                    ).format(url=self.url, status=answer.status_code)
                )
        status = 503 if document["code"] == "away" else answer.status_code
        wait = _seconds(answer.headers.get("Retry-After", ""))
        if wait is None and document["code"] == "away":
            wait = MAX_PAUSE_SECONDS / 2
        raise refusal(status, document, wait)


class Patience:
    """How long something is asked for again, and how long is waited between: as the site says, else
    twice as long each time.

    Args:
        seconds: in all, without any progress.
    """

    def __init__(self, transport: Transport, seconds: float) -> None:
        self.transport, self.seconds = transport, seconds
        self.renew()

    def renew(self) -> None:
        """Begin to count anew: there was progress."""
        self.waited, self.pause = 0.0, PAUSE_SECONDS

    def wait(self, reason: Refused | httpx.TransportError | None) -> None:
        """Wait before it is asked for again.

        Args:
            reason: why it must be; None: a stream came to its end.
        Raises:
            Refused: it is of no use to wait.
            ConnectionFailed: all was waited in vain.
        """
        if isinstance(reason, Refused):
            if reason.retry_after is None or self.waited + reason.retry_after > self.seconds:
                raise reason
            seconds = reason.retry_after
        else:
            seconds, self.pause = self.pause, min(2 * self.pause, MAX_PAUSE_SECONDS)
            if self.waited + seconds > self.seconds:
                raise self.transport.cut(reason) from reason
        self.transport.sleep(seconds)
        self.waited += seconds


class Resource:
    """A part of the site, with its methods."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport


def new_key() -> str:
    return str(uuid4())


def decoded(answer: httpx.Response, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.MsgspecError as error:
        raise not_understood(error) from error


def not_understood(reason: object) -> NotUnderstood:
    return NotUnderstood(
        tr(
            "The site's answer is not what this client expects ({reason}). Update gradus-client."
        ).format(reason=reason)
    )


def _query(params: Mapping[str, Any] | None) -> httpx.QueryParams | None:
    """Return parameters as the API reads them; None for none, which leaves those of an address."""
    pairs: list[tuple[str, str]] = []
    for name, value in (params or {}).items():
        values = value if isinstance(value, list | tuple) else [value]
        for one in values:
            if one is not None:
                text = str(one).lower() if isinstance(one, bool) else str(one)
                pairs.append((name, text))
    return httpx.QueryParams(tuple(pairs)) if pairs else None


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


# ---------------------------------------------------------------- pages


class Page(msgspec.Struct, Generic[Answer]):
    results: list[Answer]
    next: str | None = None
    previous: str | None = None


class Pages(Generic[Answer]):
    """A list that comes page by page: iterating reads one page after the other, as far as needed,
    and each time anew.
    """

    def __init__(
        self, transport: Transport, kind: type[Answer], path: str, params: Mapping[str, Any]
    ) -> None:
        self._transport, self._kind = transport, kind
        self._path, self._params = path, params

    def pages(self) -> Iterator[list[Answer]]:
        """Yield the rows of each page."""
        path, params = self._path, dict(self._params) | {"limit": ROWS_A_PAGE}
        kind: Any = Page[self._kind]  # type: ignore[name-defined]
        while True:
            page = self._transport.read(kind, "GET", path, params=params)
            yield page.results
            if not page.next:
                return
            # of the address only what names the page: a token goes to no other host
            path, params = f"{self._path}?{urlsplit(page.next).query}", {}

    def __iter__(self) -> Iterator[Answer]:
        for rows in self.pages():
            yield from rows

    def first(self, count: int) -> list[Answer]:
        """Return at most `count` rows."""
        rows: list[Answer] = []
        if count > 0:
            for row in self:
                rows.append(row)
                if len(rows) == count:
                    break
        return rows
