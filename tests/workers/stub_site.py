"""A stub of the site's worker API: it records requests, and answers as the test has asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from workers import wire

TOKEN = "a worker's token"


@dataclass
class StubRun:
    """A queued run, and what workers have reported about it since."""

    lease: wire.Lease
    waiting: bool = True
    stop: bool = False
    stale: bool = False
    events: list[wire.Event] = field(default_factory=list)
    reports: list[wire.EventsRequest] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # monotonic, of the reports
    result: wire.Result | None = None
    results: int = 0  # how often it came
    released: str | None = None
    leased_at: float = 0.0  # monotonic

    def steps(self, series: str = "count", arm: str = "arm") -> list[float]:
        return [
            step
            for event in self.events
            if (event.arm, event.series) == (arm, series)
            for step in event.step
        ]

    def means(self, series: str = "count", arm: str = "arm") -> list[float | None]:
        return [
            mean
            for event in self.events
            if (event.arm, event.series) == (arm, series)
            for mean in event.mean
        ]

    @property
    def pid(self) -> int:
        return int(self.means("pid")[0] or 0)

    @property
    def is_over(self) -> bool:
        return self.result is not None or self.released is not None


class StubSite:
    """Serves on a free port until closed. `away`: connections are cut without an answer."""

    def __init__(self) -> None:
        self.runs: list[StubRun] = []
        self.lease_requests: list[wire.LeaseRequest] = []
        self.away = self.refuses_token = self.refuses_results = False
        self.cut = 0  # requests that were cut while it was away
        self.changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def queue_run(
        self,
        lab: str = "odd",
        *,
        queue: str = "labs",
        replicates: int = 3,
        after: int = 0,
        **more: Any,
    ) -> StubRun:
        """Queue a run. Further arguments are fields of the lease (`*_seconds`) or lab settings."""
        times = {
            "lease_seconds": 20.0,
            "heartbeat_seconds": 5.0,
            "kill_seconds": 5.0,
            "limit_seconds": 60.0,
        }
        times |= {name: more.pop(name) for name in list(more) if name in times}
        with self.changed:
            number = len(self.runs)
            names = {
                "run": f"run-{number}",
                "run_attempt_id": number + 1,
                "number": 1,
                "token": f"run-attempt-{number}",
                "after": after,
            }
            lease = wire.Lease(
                **names,
                **times,
                queue=queue,
                lab=lab,
                code_hash="",
                config=more,
                replicates=replicates,
                seed=0,
            )
            self.runs.append(StubRun(lease, events=[wire.Event("before", "it", [], [])] * after))
            return self.runs[-1]

    def until(self, condition: Callable[[], Any], seconds: float = 120) -> None:
        """Wait until a request makes `condition` true.

        Raises:
            AssertionError: it took too long.
        """
        with self.changed:
            assert self.changed.wait_for(condition, seconds), (
                f"nothing came in {seconds} s: {self.runs[-1:]}"
            )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, body: bytes, authorization: str, token: str) -> tuple[int, Any]:
        """Return status and record of the answer."""
        if authorization != f"Worker {TOKEN}" or self.refuses_token:
            return 401, {"code": "not-authorised", "detail": "Who are you?"}
        if path == f"{wire.PREFIX}/lease":
            return self._lease(msgspec.json.decode(body, type=wire.LeaseRequest))
        *_, number, action = path.split("/")
        run = self.runs[int(number) - 1]
        if run.stale or token != run.lease.token or run.released is not None:
            return 409, {"code": "stale-run-attempt", "detail": "Another run attempt has the run."}
        return getattr(self, f"_{action}")(run, body)

    def _lease(self, request: wire.LeaseRequest) -> tuple[int, Any]:
        self.lease_requests.append(request)
        for queue in request.queues:
            for run in self.runs:
                if run.waiting and run.lease.queue == queue and run.lease.lab in request.labs:
                    run.waiting = False
                    run.leased_at = time.monotonic()
                    return 200, run.lease
        return 204, None

    def _events(self, run: StubRun, body: bytes) -> tuple[int, Any]:
        assert len(body) <= wire.MAX_BODY
        report = msgspec.json.decode(body, type=wire.EventsRequest)
        if report.after > len(run.events):
            return 409, {"code": "gap", "detail": "Events are missing.", "last": len(run.events)}
        run.events += report.events[len(run.events) - report.after :]
        run.reports.append(report)
        run.times.append(time.monotonic())
        return 200, wire.EventsReply(stop=run.stop, lease_seconds=run.lease.lease_seconds)

    def _result(self, run: StubRun, body: bytes) -> tuple[int, Any]:
        result = msgspec.json.decode(body, type=wire.Result)
        if self.refuses_results and result.verdicts:
            return 400, {"code": "bad-request", "detail": "Verdicts must name claims of the lab."}
        run.result, run.results = result, run.results + 1
        return 200, {}

    def _release(self, run: StubRun, body: bytes) -> tuple[int, Any]:
        run.released = msgspec.json.decode(body, type=wire.Release).reason
        return 200, {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with site.changed:
                    if site.away:
                        site.cut += 1
                        site.changed.notify_all()
                        self.close_connection = True
                        return
                    status, record = site.answer(
                        self.path,
                        body,
                        self.headers["Authorization"],
                        self.headers.get(wire.RUN_ATTEMPT_HEADER, ""),
                    )
                    site.changed.notify_all()
                content = b"" if record is None else msgspec.json.encode(record)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
