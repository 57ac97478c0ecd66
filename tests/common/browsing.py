"""A browser on the site, in the test's process: script errors, violations of the policy, what axe
finds, horizontal scrolling.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import TimeoutError as BrowserTimeout

from apps.accounts.models import User
from tests.common.reauthenticating import enter_password
from tests.serving import serving

CHROMIUM = os.environ.get("GRADUS_CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
BUILT = (settings.PLATFORM / "static" / "build" / "app.css").exists()
AXE = settings.PLATFORM / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 60_000  # ms, on a machine that is busy with other things
expect.set_options(timeout=PATIENCE)
WITNESS = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
    __violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""
FAULTS = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
    .map((v) => [v.id, v.nodes.map((n) => n.target.join(" ") + " " + n.failureSummary)])
    .map(([id, nodes]) => `${id}: ${nodes.join(" | ")}`)"""
# a number, or what stands for one, and a percent sign that is no part of a tag or of a placeholder
SPACED_PERCENT = re.compile(r"(?:[0-9]|\)s|\})[^\S\n]+%%?(?![A-Za-z0-9_(}-])")
needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on PATH"),
    pytest.mark.skipif(not BUILT, reason="the front end is not built: manage.py assets"),
]
Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": FLAGS, "timeout": 5 * PATIENCE}


@pytest.fixture
def site(transactional_db: None) -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def open_page(site: str, browser: Browser) -> Iterator[Open]:
    """Open a window, signed in or not; a script that fails or a policy that is broken fails the
    test.
    """
    opened: list[tuple[BrowserContext, Page, list[str]]] = []

    def open_page(
        path: str = "/",
        who: User | None = None,
        cookies: dict[str, str] | None = None,
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            **{
                "base_url": site,
                "locale": "en-GB",
                "viewport": {"width": 1280, "height": 800},
                **options,
            }
        )
        context.set_default_timeout(PATIENCE)
        for name, value in {**(cookies or {}), **(session_of(who) if who else {})}.items():
            context.add_cookies([{"name": name, "value": value, "url": site}])
        context.add_init_script(WITNESS)
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        opened.append((context, page, complaints))
        page.goto(path)
        return page

    yield open_page
    try:
        for _context, page, complaints in opened:
            assert complaints == []
            assert violations(page) == []
    finally:
        for context, _page, _complaints in opened:
            context.close()


def session_of(user: User) -> dict[str, str]:
    client = Client()
    if user.is_staff:
        enter_password(client, user)
    else:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def violations(page: Page) -> list[str]:
    page.wait_for_load_state()
    try:
        policy_violations: list[str] = page.evaluate("window.__violations ?? []")
    except BrowserError as error:
        if "context was destroyed" not in str(error):
            raise
        return violations(page)  # the page has just reloaded
    return policy_violations


def press(page: Page, *keys: str) -> None:
    """Press keys, once the page has loaded: its scripts listen then."""
    page.wait_for_load_state()
    for key in keys:
        page.keyboard.press(key)


def go_by_keys(page: Page, letter: str, url: str) -> None:
    """Press G and a letter until their page has come: they belong together for a second, which a
    busy machine may miss.
    """
    for _again in range(PATIENCE // 5_000):
        press(page, "g", letter)
        with suppress(BrowserTimeout):
            page.wait_for_url(url, timeout=5_000)
            return
    raise AssertionError(f"G and {letter} do not lead to {url}")


def go_offline(page: Page) -> None:
    """Take the connection away, once all of the page has come."""
    page.wait_for_load_state()
    page.context.set_offline(True)


def look_over(page: Page) -> None:
    """Check what every page must keep: axe finds nothing, nothing scrolls sideways, the policy
    holds, a percentage has no space.
    """
    page.wait_for_load_state()
    page.evaluate("document.fonts.ready.then(() => null)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(FAULTS) == [], page.url
    assert (
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        <= 0
    ), page.url
    assert violations(page) == [], page.url
    assert SPACED_PERCENT.findall(page.locator("body").inner_text()) == [], page.url
