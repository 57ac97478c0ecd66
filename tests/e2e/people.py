"""Members of the site without a browser: they sign in, queue runs, and read them."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from tests.e2e.system import PASSWORD, System
from tests.e2e.waiting import until

# Settings of dead-relu that take a few seconds.
SMALL = {"depth": "2", "width": "16", "epochs": "4"}
# Settings that take long enough for something to happen meanwhile, even if a page is slow.
LONGER = {**SMALL, "epochs": "20"}
ENDED_STATES = ("succeeded", "failed", "limit_exceeded", "cancelled", "lost")


class Member:
    """Somebody who is signed in."""

    def __init__(self, system: System, handle: str) -> None:
        self.system, self.handle = system, handle
        self.http = httpx.Client(base_url=system.url, timeout=60, trust_env=False)
        sent = self.post(
            "/accounts/login/", {"login": f"{handle}@example.org", "password": PASSWORD}
        )
        assert sent.status_code == 302, sent.text

    def post(self, path: str, data: dict[str, Any], page: str = "") -> httpx.Response:
        """Send a form as the page that has it would."""
        if "csrf" not in self.http.cookies:
            self.http.get(page or path)
        return self.http.post(path, data={**data, "csrfmiddlewaretoken": self.http.cookies["csrf"]})

    def commit(
        self, config: dict[str, str] | None = None, lab: str = "dead-relu", **fields: str
    ) -> str:
        """Predict and queue a run; return its id."""
        config = SMALL if config is None else config
        settings = {f"config-{name}": value for name, value in config.items()}
        prediction = {"outcome": "holds", "confidence": "80", "key": uuid.uuid4().hex}
        answer = self.post(f"/labs/{lab}", {**settings, **prediction, **fields})
        assert answer.status_code == 302 and "/runs/" in answer.headers["location"], (
            f"{answer.status_code} {answer.text}"
        )
        return answer.headers["location"].rpartition("/")[2]

    def points(self, run: str) -> dict[str, Any]:
        """Return the run's points: {"seq", "state", "series"}."""
        answer = self.http.get(f"/runs/{run}/points")
        assert answer.status_code == 200, answer.text
        points: dict[str, Any] = answer.json()
        return points

    def state(self, run: str) -> str:
        return str(self.points(run)["state"])

    def wait_for(self, run: str, *states: str, seconds: float = 300) -> dict[str, Any]:
        """Wait until the run is in one of `states`, by default over; return its points."""
        points: dict[str, Any] = {}

        def look() -> bool:
            try:
                points.update(self.points(run))
            except (httpx.TransportError, AssertionError):
                return False  # the site cannot be reached
            return points["state"] in (states or ENDED_STATES)

        until(
            look,
            seconds,
            lambda: (
                f"{run} {states or 'over'}; it is {points.get('state')}\n"
                f"{self.system.tail('worker')}"
            ),
        )
        return points

    def wait_for_points(self, run: str, number: int, seconds: float = 180) -> int:
        """Wait until the run has `number` points and goes on; return how many it has."""
        until(
            lambda: count(self.points(run)) >= number,
            seconds,
            lambda: f"{number} points\n{self.system.tail('worker')}",
        )
        points = self.points(run)
        state = points["state"]
        assert state == "running", f"it is {state} already: choose settings that take longer"
        return count(points)

    def close(self) -> None:
        self.http.close()


def count(points: dict[str, Any]) -> int:
    """Return the number of points of a run, over all arms and series."""
    return sum(len(curve["step"]) for curve in points["series"])


def curves(points: dict[str, Any]) -> dict[tuple[str, str], list[float]]:
    """Return the steps of each curve, by arm and series."""
    return {(curve["arm"], curve["series"]): curve["step"] for curve in points["series"]}


def check_whole(points: dict[str, Any]) -> None:
    """Check that each curve has the steps 0, 1, 2, …, none missing and none twice."""
    steps_of = curves(points)
    assert steps_of
    lengths = {len(steps) for steps in steps_of.values()}
    assert len(lengths) == 1, f"curves of different lengths: {sorted(lengths)}"
    for name, steps in steps_of.items():
        assert steps == [float(n) for n in range(len(steps))], f"{name}: {steps}"
