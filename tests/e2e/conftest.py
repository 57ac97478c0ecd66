"""The whole system, the people who use it, and a browser."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import FLAGS, PATIENCE, Visitor
from tests.e2e.people import Member
from tests.e2e.proxy import Proxy
from tests.e2e.system import ROOT, System

CHROMIUM = os.environ.get("GRADUS_CHROMIUM") or shutil.which("chromium")
NO_CHROMIUM = (
    "no Chromium on PATH. Debian: apt install chromium. macOS: brew install --cask chromium"
)
# It logs every request.
logging.getLogger("httpx").setLevel(logging.WARNING)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a browser, by their fixture; skip them without Chromium."""
    for item in items:
        if "visit" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


# ---------------------------------------------------------------- systems


@pytest.fixture(scope="session")
def assets() -> None:
    """Build the front end, unless it is built."""
    if not (ROOT / "platform/static/build/app.css").exists():
        environment = os.environ | {"SECRET_KEY": "only for building"}
        subprocess.run(
            [shutil.which("python") or "python", "manage.py", "assets"],
            cwd=ROOT,
            env=environment,
            check=True,
        )


@pytest.fixture(scope="session")
def database() -> Iterator[Callable[[str], str]]:
    """Make databases on the session's PostgreSQL; returns their URLs."""
    server, names = os.environ["DATABASE_URL"], list[str]()

    def make(name: str) -> str:
        name = f"gradus_{name}_{os.getpid()}"
        with psycopg.connect(_with_database(server, "postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        names.append(name)
        return _with_database(server, name)

    yield make
    with psycopg.connect(_with_database(server, "postgres"), autocommit=True) as connection:
        for name in names:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]


def _with_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def site(
    assets: None, database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """The system that most tests share; nothing in it is broken on purpose."""
    system = System(tmp_path_factory.mktemp("site"), database("site"), os.environ["REDIS_URL"])
    system.make_ready()
    try:
        yield system.start().wait_for_web().wait_for_worker()
    finally:
        system.stop()


@pytest.fixture(scope="session")
def gallery(
    assets: None, database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """A site without worker and housekeep: its runs stay in the states in which they are left."""
    keys = {"GITHUB_CLIENT_ID": "gradus", "GITHUB_SECRET": "hush"}  # which show their buttons
    system = System(
        tmp_path_factory.mktemp("gallery"), database("gallery"), os.environ["REDIS_URL"], **keys
    )
    system.make_ready()
    try:
        yield system.start("web").wait_for_web()
    finally:
        system.stop()


@pytest.fixture(scope="session")
def empty_site(
    assets: None, database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """A site on which nobody has done anything yet, where Noa moderates."""
    system = System(tmp_path_factory.mktemp("empty"), database("empty"), os.environ["REDIS_URL"])
    system.make_ready()
    system.query(
        "INSERT INTO accounts_user_groups (user_id, group_id) SELECT u.id, g.id"
        " FROM accounts_user u, auth_group g WHERE u.handle = 'noa' AND g.name = 'moderator'"
        " RETURNING id"
    )
    try:
        yield system.start("web").wait_for_web()
    finally:
        system.stop()


@pytest.fixture(scope="session")
def runs(gallery: System) -> dict[str, str]:
    """The keys of the gallery's runs, threads and appeals, by name."""
    output = gallery.manage_script("tests/e2e/gallery.py")
    names: dict[str, str] = json.loads(output.splitlines()[-1])
    return names


# ---------------------------------------------------------------- people


@pytest.fixture
def member() -> Iterator[Callable[[System, str], Member]]:
    """Sign somebody in, without a browser."""
    members: list[Member] = []

    def sign_in(system: System, handle: str = "mei") -> Member:
        members.append(Member(system, handle))
        return members[-1]

    yield sign_in
    for member in members:
        member.close()


@pytest.fixture
def proxy() -> Iterator[Callable[[System], Proxy]]:
    proxies: list[Proxy] = []

    def before(system: System) -> Proxy:
        proxies.append(Proxy(system.port))
        return proxies[-1]

    yield before
    for proxy in proxies:
        proxy.close()


# ---------------------------------------------------------------- browsers


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": FLAGS, "timeout": 5 * PATIENCE}


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Open a browser window for somebody; a test fails if the browser has logged an error."""
    visitors: list[Visitor] = []

    def visit(system: System, handle: str = "", *, url: str = "", **options: Any) -> Visitor:
        context = browser.new_context(
            **{"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **options}
        )
        visitors.append(Visitor(context, url or system.url))
        if handle:
            visitors[-1].enter_as(Member(system, handle))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.close()
