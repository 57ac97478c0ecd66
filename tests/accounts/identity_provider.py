"""A small server in a thread that speaks OAuth 2 as GitHub and Google do, as far as signing in
takes it: who signs in there is set, and what it answers can be spoiled.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import pytest


@dataclass
class Person:
    """Somebody who has an account at the provider."""

    uid: int = 4711
    login: str = "mei-l"
    # address, whether it is verified; the first is the primary one
    addresses: list[tuple[str, Any]] = field(default_factory=lambda: [("mei@example.org", True)])


class Handler(BaseHTTPRequestHandler):
    server: ProviderServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.asked.append(url.path)
        if url.path == "/authorize":
            code = secrets.token_urlsafe(8)
            self.server.codes[code] = query
            back = {"code": code, "state": query["state"]}
            self.answer(302, "", Location=f"{query['redirect_uri']}?{urlencode(back)}")
            return
        token = self.headers.get("Authorization", "").split(" ")[-1]
        if token not in self.server.tokens:
            self.answer(401, '{"message": "Bad credentials"}')
            return
        self.answer(200, json.dumps(self.server.says(url.path)))

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        begun = self.server.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        is_right = (
            begun is not None
            and begun["code_challenge"] == challenge
            and begun["code_challenge_method"] == "S256"
            and begun["redirect_uri"] == form["redirect_uri"]
            and form["client_secret"] == "hush"
        )
        if not is_right:
            self.answer(200, '{"error": "bad_verification_code"}')
            return
        token = secrets.token_urlsafe(8)
        self.server.tokens.add(token)
        self.answer(200, json.dumps({"access_token": token, "id_token": "x.y.z"}))

    def answer(self, status: int, body: str, **headers: str) -> None:
        status, body = self.server.spoiled.get(urlsplit(self.path).path, (status, body))
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        pass


class ProviderServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.person = Person()
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.asked: list[str] = []  # paths
        self.spoiled: dict[str, tuple[int, str]] = {}  # by path: another status and body

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def says(self, path: str) -> Any:
        person = self.person
        if path == "/user":
            return {"id": person.uid, "login": person.login, "name": "Mei L.", "email": None}
        if path == "/emails":
            return [
                {"email": address, "verified": verified, "primary": place == 0}
                for place, (address, verified) in enumerate(person.addresses)
            ]
        address, verified = person.addresses[0]
        return {"id": str(person.uid), "email": address, "verified_email": verified}

    def providers(self) -> dict[str, dict[str, Any]]:
        """Return settings of the site by which this server is GitHub and Google."""
        keys = {"APPS": [{"client_id": "gradus", "secret": "hush"}], "OAUTH_PKCE_ENABLED": True}
        common = {
            "authorize_url": f"{self.url}/authorize",
            "access_token_url": f"{self.url}/token",
        }
        github = {"profile_url": f"{self.url}/user", "emails_url": f"{self.url}/emails"}
        return {
            "github": {**keys, "ENDPOINTS": common | github},
            "google": {**keys, "ENDPOINTS": common | {"identity_url": f"{self.url}/userinfo"}},
        }


@contextmanager
def provider_server() -> Iterator[ProviderServer]:
    server = ProviderServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def there(url: str) -> str:
    """Visit the provider as a browser does; return the path to which it sends back."""
    with pytest.raises(HTTPError) as redirect:  # urllib's, for one that is not followed
        build_opener(_Stay).open(url)
    parts = urlsplit(redirect.value.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}" == "http://127.0.0.1:8000"
    return f"{parts.path}?{parts.query}"
