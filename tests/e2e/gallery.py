"""Fills a site with every state of every page; prints the keys of runs and threads by name.

Run it with the site's settings, after `fill`. Each run goes through the services that workers and
people use; points and verdicts are those of the recorded runs.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
django.setup()

from apps.accounts.models import User  # noqa: E402
from apps.experiments import selectors, series, services, worker_services  # noqa: E402
from apps.experiments.models import Lab, Run, Worker  # noqa: E402
from apps.progress import demo  # noqa: E402
from tests.e2e import gallery_threads  # noqa: E402
from workers import wire  # noqa: E402

SKETCH_PREFIX = {"relu 0.01": 0.03, "relu 0.1": 0.1, "relu 1": 0.5}


@dataclass
class LeasedRun:
    """A run that the worker has leased."""

    lease: worker_services.Lease
    recorded: Run

    @property
    def _ids(self) -> dict[str, Any]:
        return {
            "worker": self.lease.run_attempt.worker,
            "run_attempt_id": self.lease.run_attempt.pk,
            "token": self.lease.token,
        }

    def report(self, part: float = 1.0) -> LeasedRun:
        """Report the first part of the points of the recorded run."""
        batches = list(self.recorded.batches.order_by("seq"))
        some = batches[: round(part * len(batches))]
        events = [
            wire.Event(
                arm=b.arm, series=b.series, **{n: series.unpacked(getattr(b, n)) for n in ARRAYS}
            )
            for b in some
        ]
        after = Run.objects.get(pk=self.lease.run.pk).last_seq
        for begin in range(0, len(events), 500):
            report = wire.EventsRequest(
                after + begin,
                events[begin : begin + 500],
                round(part * self.recorded.points_expected),
                self.recorded.points_expected,
            )
            worker_services.store_events(**self._ids, report=report)
        return self

    def end(self, state: str = "succeeded", outcome: str = "", error: str = "") -> Run:
        """Report the result: the recorded verdicts, the first of them with `outcome` if given."""
        verdicts = []
        if state == "succeeded":
            verdicts = [_verdict(row) for row in self.recorded.verdicts.all()]
        if outcome:
            verdicts[0] = wire.Verdict(**{**_fields(verdicts[0]), "outcome": outcome})
        software = {
            "versions": self.recorded.versions,
            "engine": self.recorded.engine,
            "summary": self.recorded.summary,
        }
        device = wire.Device(**self.recorded.device)
        result = wire.Result(
            state=state, verdicts=verdicts, error=error, seconds=16.2, device=device, **software
        )  # type: ignore[arg-type]
        return worker_services.finish_run(**self._ids, result=result)

    def crash(self) -> None:
        worker_services.release_run_attempt(**self._ids, reason="crashed: signal 9")


ARRAYS = ("step", "mean", "low", "high")


def _fields(verdict: wire.Verdict) -> dict[str, Any]:
    return {name: getattr(verdict, name) for name in verdict.__struct_fields__}


def _verdict(row: Any) -> wire.Verdict:
    names = ("claim", "outcome", "effect", "low", "high", "replicates", "diverged", "exact")
    return wire.Verdict(
        **{name: getattr(row, name) for name in names},
        parts=[wire.Part(**part) for part in row.parts],
    )


class Gallery:
    def __init__(self) -> None:
        self.worker = Worker.objects.get(name="local")
        self.labs = {lab.pk: lab for lab in Lab.objects.offered().select_related("current")}
        self.hashes = {
            slug: lab.current.code_hash for slug, lab in self.labs.items() if lab.current
        }
        self.recorded = {slug: run for slug in self.labs if (run := selectors.standard_run(slug))}

    def queue(
        self,
        handle: str = "mei",
        slug: str = "dead-relu",
        config: dict[str, Any] | None = None,
        outcome: str = "holds",
    ) -> Run:
        sketch = SKETCH_PREFIX if slug == "dead-relu" else {}
        prediction = services.PredictionInput(outcome, 80, sketch) if outcome else None
        owner = User.objects.get(handle=handle)
        return services.queue_run(
            owner=owner,
            lab=self.labs[slug],
            config=config or {},
            key=uuid.uuid4().hex,
            prediction=prediction,
        )

    def lease(self, run: Run) -> LeasedRun:
        """Lease `run`, the only one in the queues."""
        lease = worker_services.lease_run(
            worker=self.worker, queues=["bench", "labs"], labs=self.hashes
        )
        assert lease is not None and lease.run.pk == run.pk
        return LeasedRun(lease, self.recorded[run.version.lab_id])

    def make(self, **options: Any) -> LeasedRun:
        return self.lease(self.queue(**options))

    def fill(self) -> dict[str, str]:
        """Make everything in every state; return keys by name."""
        runs = dict(self.recorded)
        runs["right"] = self.make().report().end()
        runs["wrong"] = self.make(outcome="does_not_hold", config={"depth": 8}).report().end()
        runs["inconclusive"] = self.make().report().end(outcome="inconclusive")
        runs["unpredicted"] = self.make(outcome="").report().end()
        runs["atlas"] = self.make(slug="activation-atlas").report().end()
        runs["cost"] = self.make(slug="activation-cost").report().end()
        runs["failed"] = (
            self.make()
            .report(0.2)
            .end("failed", error="ValueError: expected a positive width, got -1")
        )
        runs["limit"] = self.make().report(0.4).end("limit_exceeded")
        runs["stopped"] = self.make().report(0.5).end("cancelled")
        lost = runs["lost"] = self.queue()
        for _ in range(3):
            self.lease(lost).report(0.1).crash()
        runs["shared"] = self.make(handle="ola", config={"bias": -1}).report().end()
        services.set_run_visibility(run=runs["shared"], shared=True)
        runs["stopping"] = self.make(handle="kay").report(0.3).lease.run
        services.request_cancel(run=runs["stopping"])
        runs["running"] = self.make().report(0.45).lease.run
        for handle in ("ola", "kay"):
            self.queue(handle=handle)
        runs["queued"] = self.queue()
        User.objects.filter(handle="ola").update(profile=User.ProfilePart.values)
        demo.fill(user=User.objects.get(handle="sam"))
        demo.fill(user=User.objects.get(handle="ada"), rest=60)
        keys = {name: str(run.pk) for name, run in runs.items()}
        return keys | gallery_threads.fill(runs)


if __name__ == "__main__":
    print(json.dumps(Gallery().fill()))
