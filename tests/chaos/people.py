"""People who use the site while it breaks: they submit runs, watch and cancel them."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.e2e.people import ENDED_STATES, Member, curves
from tests.e2e.system import PASSWORD

TIMEOUT_SECONDS = 10.0  # of a request; a page of a site that hangs comes no sooner
PAUSE_SECONDS = 0.5
MAX_SUBMITS_SECONDS = 300.0  # that somebody goes on sending a form that nobody answers


class Newcomer(Member):
    """Somebody who signs up, and is signed in."""

    def __init__(self, site: Any, handle: str) -> None:
        self.system, self.handle = site, handle
        self.http = httpx.Client(base_url=site.url, timeout=60, trust_env=False)
        fields = {"email": f"{handle}@example.org", "username": handle, "password1": PASSWORD}
        answer = self.post("/accounts/signup/", fields)
        assert answer.status_code == 302, answer.text
        self.http.timeout = httpx.Timeout(TIMEOUT_SECONDS)


class Person(threading.Thread):
    """Somebody who always has a few runs that are not over, and looks at what becomes of them."""

    def __init__(
        self, site: Any, handle: str, seed: str, points: tuple[int, int], runs: int
    ) -> None:
        super().__init__(name=handle, daemon=True)
        self.handle = handle
        self._member = Newcomer(site, handle)
        self._chance = random.Random(seed)
        self._points, self._runs = points, runs
        self._lock = threading.Lock()
        self.states: dict[str, str] = {}  # of every acknowledged run, as seen last
        self.watchers: list[Watcher] = []
        self.complaints: list[str] = []  # what no fault excuses
        self._closing = threading.Event()

    @property
    def open_runs(self) -> list[str]:
        with self._lock:
            return [run for run, state in self.states.items() if state not in ENDED_STATES]

    def run(self) -> None:
        while not self._closing.wait(PAUSE_SECONDS * (0.5 + self._chance.random())):
            self.look()
            if len(self.open_runs) < self._runs:
                self.submit()

    def close(self) -> None:
        """Begin nothing new."""
        self._closing.set()

    def look(self) -> None:
        """Look at the runs that were not over."""
        for run in self.open_runs:
            answer = self._ask(lambda run=run: self._member.http.get(f"/runs/{run}/points"))  # type: ignore[misc]
            if answer is not None and answer.status_code == 200:
                with self._lock:
                    self.states[run] = answer.json()["state"]

    def submit(self, times: int = 1) -> None:
        """Send one form, by so many presses at once, until the site has answered."""
        key = uuid.uuid4().hex
        points = str(self._chance.randint(*self._points))
        form = {"config-points": points, "outcome": "holds", "confidence": "80", "key": key}
        with ThreadPoolExecutor(times) as pool:
            runs = set(pool.map(lambda _: self._send("/labs/waiting", form), range(times))) - {None}
        if len(runs) > 1:
            self.complaints.append(f"{self.handle}: one form made the runs {runs}.")
        for run in runs:
            with self._lock:
                self.states.setdefault(str(run), "queued")
            if self._chance.random() < 0.5:
                self.watch(str(run))

    def watch(self, run: str) -> None:
        self.watchers.append(Watcher(self._member, run))
        self.watchers[-1].start()

    def cancel(self, run: str) -> None:
        """Press "stop", until the site has answered."""
        self._send(f"/runs/{run}/stop", {})

    def _send(self, path: str, form: dict[str, str]) -> str | None:
        """Send a form until it is answered; return the run that the answer leads to."""
        for _ in range(int(MAX_SUBMITS_SECONDS / PAUSE_SECONDS)):
            answer = self._ask(lambda: self._member.post(path, form, page="/labs"))
            if answer is None or answer.status_code >= 500:
                threading.Event().wait(PAUSE_SECONDS)
                continue
            if answer.status_code == 302 and "/runs/" in answer.headers["location"]:
                return str(answer.headers["location"]).rpartition("/")[2].partition("?")[0]
            if answer.status_code != 429:
                self.complaints.append(f"{self.handle}: {path} answered {answer.status_code}.")
            return None
        return None

    def _ask(self, request: Callable[[], httpx.Response]) -> httpx.Response | None:
        try:
            answer = request()
        except (httpx.HTTPError, KeyError):  # no answer; no cookie, since there was no answer
            return None
        if answer.status_code >= 500 and not _says_why(answer):
            path = answer.request.url.path
            self.complaints.append(f"{self.handle}: {path} answered {answer.status_code}.")
        return answer


class Watcher(threading.Thread):
    """A viewer of a run, who connects again as a browser does, and in the end must have seen what
    the database has: every point, none twice.
    """

    def __init__(self, member: Member, run: str) -> None:
        super().__init__(name=f"watcher of {run}", daemon=True)
        self._member, self.watched = member, run
        self._curves: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._after = ""
        self.state = ""

    def run(self) -> None:
        while self.state not in ENDED_STATES:
            try:
                self._read()
            except httpx.HTTPError:
                threading.Event().wait(PAUSE_SECONDS)

    def complaints(self) -> list[str]:
        """Return what is wrong with what was seen, once the run is over."""
        self.join(30)
        if self.is_alive():
            return [f"Who watches run {self.watched} is never told of its end."]
        stored = curves(self._member.points(self.watched))
        seen = {name: steps for name, steps in self._curves.items() if steps}
        if seen != stored:
            return [f"Who watched run {self.watched} has seen other points than it has."]
        return []

    def _read(self) -> None:
        headers = {"Last-Event-ID": self._after} if self._after else {}
        path, event, number = f"/runs/{self.watched}/events", "", ""
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=20.0)  # the site sends a ping before
        with self._member.http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.status_code != 200:
                raise httpx.HTTPError(f"{answer.status_code}")
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event, number = value, ""
                elif name == "id":
                    number = value
                elif name == "data":
                    self._take(event, number, json.loads(value))

    def _take(self, event: str, number: str, data: Any) -> None:
        if event == "state":
            self.state = str(data["state"])
            return
        if event == "reset":
            self._curves.clear()
        elif event == "points":
            self._curves[data["arm"], data["series"]] += data["step"]
        self._after = number or self._after


def _says_why(answer: httpx.Response) -> bool:
    """Whether it is the answer of a site without its database: that, and when to come again."""
    is_away = answer.status_code == 503 and "database" in answer.text
    return is_away and int(answer.headers.get("Retry-After", 0)) > 0


def complaints(people: Iterable[Person]) -> list[str]:
    """Return what no fault excuses: of what people and viewers have seen, when all is over."""
    lines = []
    for person in people:
        lines += sorted(set(person.complaints))
        for watcher in person.watchers:
            lines += watcher.complaints()
    return lines
