"""A person at a browser: actions on our pages, what they show, and errors of the browser."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, Route

from tests.e2e.people import ENDED_STATES, Member
from tests.e2e.system import PASSWORD

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
LONG = 300_000  # ms; for a run on a busy machine
PATIENCE = 60_000  # ms; for a page on such a machine
# Records violations of the content security policy, and every change of the live chart: state,
# number of points, last batch, connection.
WITNESS = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (e) => {
  __violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`);
});
window.__shift = 0; // how far the page has moved by itself (cumulative layout shift)
window.__shifted = []; // what has
new PerformanceObserver((list) => {
  for (const entry of list.getEntries().filter((each) => !each.hadRecentInput)) {
    __shift += entry.value;
    for (const { node, previousRect, currentRect } of entry.sources) {
      const { localName, id, className } = (node?.id ? node : node?.parentElement) ?? {};
      const [from, to] = [previousRect, currentRect].map(({ y, height }) => [y, y + height]);
      __shifted.push(`${localName}#${id}.${className} ${from}-${to} by ${entry.value}`);
    }
  }
}).observe({ type: "layout-shift", buffered: true });
window.__seen = [];
document.addEventListener("DOMContentLoaded", () => {
  const chart = document.querySelector("#chart[data-state]");
  if (!chart) return;
  const note = () => {
    const { state, points, seq, link } = chart.dataset;
    __seen.push({ state, points: Number(points), seq: Number(seq), link });
  };
  note();
  new MutationObserver(note).observe(chart, { attributes: true });
});
"""

LATE = re.compile(r"\.woff2$|/build/(?!theme\.)[^/]+\.js$")
PAINTED = """() => new Promise((resolve) => new PerformanceObserver((list) => {
    if (list.getEntriesByName("first-contentful-paint").length) resolve();
}).observe({ type: "paint", buffered: true }))"""
DRAWN = """async () => {
    await document.fonts.ready;
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
}"""


class Visitor:
    """One browser context with one page."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        context.add_init_script(WITNESS)
        context.set_default_timeout(PATIENCE)
        self.page: Page = context.new_page()
        self.is_slow = False
        self._late: list[Route] | None = None  # what waits until the page is painted without it
        self.errors: list[str] = []
        self._expected: tuple[str, ...] = ()
        self.page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        self.page.on("console", self._on_console)
        self.page.on("requestfinished", self._on_request)
        # HTML since the last navigation, the page and parts: what has come whole, since one would
        # wait for ever for the text of an answer that a script does not read
        self.responses: list[Response] = []

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        answer = request.response()
        if answer is None:
            return
        if answer.status >= 500:
            self.errors.append(f"{answer.status}: {request.method} {request.url}")
        if "text/html" in answer.headers.get("content-type", ""):
            if request.is_navigation_request():
                self.responses.clear()
            self.responses.append(answer)

    def close(self) -> None:
        self.context.close()
        errors = [error for error in self.errors if not error.startswith(self._expected)]
        assert not errors, errors

    def expect_errors(self, *beginnings: str) -> None:
        """Allow errors that begin so: the test breaks something on purpose."""
        self._expected += beginnings

    # ------------------------------------------------------------ going about

    def go(self, path: str) -> Visitor:
        if self.is_slow:
            return self._go_slowly(path)
        self.page.goto(self.url + path)
        return self

    def slow_down(self) -> None:
        """Give pages their fonts and modules only once they have been painted without them."""
        self.is_slow = True
        self.context.route(LATE, self._hold)

    def _hold(self, route: Route) -> None:
        if self._late is None:
            route.continue_()
        else:
            self._late.append(route)

    def _go_slowly(self, path: str) -> Visitor:
        late = self._late = []
        self.page.goto(self.url + path, wait_until="commit")
        self.page.evaluate(PAINTED)
        self._late = None
        for route in late:
            route.continue_()
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate(DRAWN)
        return self

    def enter_as(self, member: Member) -> None:
        """Take over the session of somebody who signed in without a browser."""
        for cookie in member.http.cookies.jar:
            self.context.add_cookies(
                [{"name": cookie.name, "value": cookie.value or "", "url": self.url}]
            )
        member.close()

    def speak(self, language: str) -> None:
        """Press the switch in the bar, unless the page is in `language` already."""
        if self.page.locator("html").get_attribute("lang") != language:
            self.page.locator(".tools .lang").click()
            self.page.locator(f'html[lang="{language}"]').wait_for()

    def sign_up(self, handle: str) -> None:
        """Fill in and send the form of the sign-up page that is open."""
        for name, value in (
            ("email", f"{handle}@example.org"),
            ("username", handle),
            ("password1", PASSWORD),
        ):
            self.page.locator(f"[name={name}]").fill(value)
        self.page.locator("main form .btn.pencil").click()

    # ------------------------------------------------------------ the lab

    def open_lab(self, slug: str = "dead-relu", **config: Any) -> Visitor:
        query = urlencode({f"config-{name}": value for name, value in config.items()})
        return self.go(f"/labs/{slug}?{query}")

    def predict(self, outcome: str = "holds", confidence: int = 80) -> None:
        for name, value in (("outcome", outcome), ("confidence", str(confidence))):
            self.page.locator(f"label:has([name={name}][value='{value}'])").click()

    def commit(self) -> str:
        """Commit, and return the id of the run whose page opens."""
        self.page.locator("#lab .btn.pencil").click()
        return self.arrive()

    def arrive(self) -> str:
        """Wait for a run's page, and return the run's id."""
        self.page.wait_for_url("**/runs/*")
        return self.page.url.rpartition("/")[2]

    # ------------------------------------------------------------ the run

    def see_state(self, *states: str, timeout: float = LONG) -> str:
        """Wait until the panel shows one of `states`; return which."""
        panel = self.page.locator(", ".join(f"#panel[data-state={state}]" for state in states))
        panel.first.wait_for(timeout=timeout)
        return str(panel.first.get_attribute("data-state"))

    def see_end(self) -> str:
        return self.see_state(*ENDED_STATES)

    def see_link(self, state: str) -> None:
        self.page.locator(f"#chart[data-link={state}]").wait_for(timeout=LONG)

    def see_points(self, number: int) -> None:
        """Wait until the page holds `number` points."""
        self.page.wait_for_function(
            "n => +document.querySelector('#chart').dataset.points >= n",
            arg=number,
            polling=50,
            timeout=LONG,
        )

    def seen(self) -> list[dict[str, Any]]:
        """Return the changes of the chart since the page was loaded, in order.

        Each is {state, points, seq, link}.
        """
        changes: list[dict[str, Any]] = self.page.evaluate("__seen")
        return changes

    def curves(self) -> dict[tuple[str, str], list[float]]:
        """Return the steps of each curve of the page, by arm and series, as they arrived."""
        rows = self.page.evaluate(
            """series => {
              const own = document.querySelector("metric-chart, bar-chart").own;
              return series.flatMap((name) =>
                own.arms(name, ["*"]).map((arm) => [arm, name, own.curve(name, arm).step]));
            }""",
            self.page.evaluate(
                "JSON.parse(document.querySelector('#run-config').textContent)"
                ".figures.map((f) => f.series)"
            ),
        )
        return {(arm, series): steps for arm, series, steps in rows}

    def violations(self) -> list[str]:
        violations: list[str] = self.page.evaluate("__violations")
        return violations
