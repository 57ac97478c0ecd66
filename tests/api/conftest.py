"""Programs of people; whatever one is answered must fit the description of the API."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.api import services
from apps.api.scopes import Scope
from tests.api.fitting import faults
from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures


class Program:
    """What a person's program sends and gets: JSON, with a token."""

    def __init__(self, person: User | None = None, *scopes: Scope) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, str] = {}
        if person is not None:
            token = services.make_token(
                user=person, name="tests", scopes=scopes or tuple(Scope), days=30
            )[1]
            self.headers["Authorization"] = f"Bearer {token}"

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        data = b"" if body is None else json.dumps(body).encode()
        url = path if path.startswith("/") else f"/api/v1/{path}"
        answer = self.client.generic(
            method.upper(),
            url,
            data,
            content_type="application/json",
            headers={**self.headers, **names},
        )
        assert not (wrong := faults(method, url, answer)), wrong
        return answer

    def get(self, path: str, **headers: str) -> Any:
        return self.send("get", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("post", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("put", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("patch", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("delete", path, **headers)


def new_key() -> str:
    return uuid4().hex


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "mei")


@pytest.fixture
def sam(db: None) -> User:
    return User.objects.create_user("sam@example.org", "sam")


@pytest.fixture
def program(mei: User) -> Program:
    return Program(mei)


@pytest.fixture
def nobody(db: None) -> Program:
    return Program()
