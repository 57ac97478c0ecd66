"""A site on which every state of every page can be seen. Run with the site's settings, after
`fill`; prints the runs by name.

Each run goes through the services that real workers and people use; points and verdicts are those
of the recorded runs.
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
from workers import wire  # noqa: E402

LABS = ("dead-relu", "activation-atlas", "activation-cost")
SKETCH_PREFIX = {"relu 0.01": 0.03, "relu 0.1": 0.1, "relu 1": 0.5}


@dataclass
class Taken:
    """A run that a machine has claimed."""

    claim: worker_services.Lease
    recorded: Run

    @property
    def _who(self) -> dict[str, Any]:
        return {
            "worker": self.claim.run_attempt.worker,
            "run_attempt_id": self.claim.run_attempt.pk,
            "token": self.claim.token,
        }

    def report(self, part: float = 1.0) -> Taken:
        """Bring the first part of the points of the recorded run."""
        batches = list(self.recorded.batches.order_by("seq"))
        some = batches[: round(part * len(batches))]
        events = [
            wire.Event(
                arm=b.arm, series=b.series, **{n: series.unpacked(getattr(b, n)) for n in ARRAYS}
            )
            for b in some
        ]
        after = Run.objects.get(pk=self.claim.run.pk).last_seq
        for begin in range(0, len(events), 500):
            text_row = wire.EventsRequest(
                after + begin,
                events[begin : begin + 500],
                round(part * self.recorded.points_expected),
                self.recorded.points_expected,
            )
            worker_services.store_events(**self._who, report=text_row)
        return self

    def end(self, state: str = "succeeded", outcome: str = "", error: str = "") -> Run:
        """Bring the result: the recorded verdicts, the headline's with another outcome when that is
        said.
        """
        verdicts = (
            [_verdict(each) for each in self.recorded.verdicts.all()]
            if state == "succeeded"
            else []
        )
        if outcome:
            verdicts[0] = wire.Verdict(**{**_fields(verdicts[0]), "outcome": outcome})
        known = {
            "versions": self.recorded.versions,
            "engine": self.recorded.engine,
            "summary": self.recorded.summary,
        }
        device = wire.Device(**self.recorded.device)
        result = wire.Result(
            state=state, verdicts=verdicts, error=error, seconds=16.2, device=device, **known
        )  # type: ignore[arg-type]
        return worker_services.finish_run(**self._who, result=result)

    def crash(self) -> None:
        worker_services.release_run_attempt(**self._who, reason="crashed: signal 9")


ARRAYS = ("step", "mean", "low", "high")


def _fields(verdict: wire.Verdict) -> dict[str, Any]:
    return {name: getattr(verdict, name) for name in verdict.__struct_fields__}


def _verdict(found: Any) -> wire.Verdict:
    names = ("claim", "outcome", "effect", "low", "high", "replicates", "diverged", "exact")
    return wire.Verdict(
        **{name: getattr(found, name) for name in names},
        parts=[wire.Part(**part) for part in found.parts],
    )


class Gallery:
    def __init__(self) -> None:
        self.worker = Worker.objects.get(name="local")
        self.labs = {
            lab.pk: lab for lab in Lab.objects.select_related("current").filter(pk__in=LABS)
        }
        self.hashes = {slug: lab.current.sha256 for slug, lab in self.labs.items() if lab.current}
        self.recorded = {slug: run for slug in LABS if (run := selectors.standard_run(slug))}
        missing = set(LABS) - set(self.recorded)
        assert not missing, f"no recorded run of {', '.join(sorted(missing))}: ./gradus evidence"

    def queue(
        self,
        handle: str = "mei",
        slug: str = "dead-relu",
        config: dict[str, Any] | None = None,
        said: str = "holds",
    ) -> Run:
        sketch = SKETCH_PREFIX if slug == "dead-relu" else {}
        made = services.PredictionInput(said, 80, sketch) if said else None
        owner = User.objects.get(handle=handle)
        return services.queue_run(
            owner=owner,
            lab=self.labs[slug],
            config=config or {},
            key=uuid.uuid4().hex,
            prediction=made,
        )

    def take(self, run: Run) -> Taken:
        """Have the machine claim `run`, the only one that waits."""
        claim = worker_services.lease_run(
            worker=self.worker, queues=["bench", "labs"], labs=self.hashes
        )
        assert claim is not None and claim.run.pk == run.pk
        return Taken(claim, self.recorded[run.version.lab_id])

    def make(self, **options: Any) -> Taken:
        return self.take(self.queue(**options))

    def hang(self) -> dict[str, str]:
        """Make every state; return the runs by name."""
        found = {slug: self.recorded[slug] for slug in LABS}
        found["right"] = self.make().report().end()
        found["wrong"] = self.make(said="does_not_hold", config={"depth": 8}).report().end()
        found["inconclusive"] = self.make().report().end(outcome="inconclusive")
        found["unpredicted"] = self.make(said="").report().end()
        found["atlas"] = self.make(slug="activation-atlas").report().end()
        found["cost"] = self.make(slug="activation-cost").report().end()
        found["failed"] = (
            self.make()
            .report(0.2)
            .end("failed", error="ValueError: expected a positive width, got -1")
        )
        found["limit"] = self.make().report(0.4).end("limit_exceeded")
        found["stopped"] = self.make().report(0.5).end("cancelled")
        lost = found["lost"] = self.queue()
        for _ in range(3):
            self.take(lost).report(0.1).crash()
        found["shared"] = self.make(handle="ola", config={"bias": -1}).report().end()
        services.set_run_visibility(run=found["shared"], shared=True)
        found["stopping"] = self.make(handle="kay").report(0.3).claim.run
        services.request_cancel(run=found["stopping"])
        found["running"] = self.make().report(0.45).claim.run
        for handle in ("ola", "kay"):
            self.queue(handle=handle)
        found["queued"] = self.queue()
        demo.fill(user=User.objects.get(handle="sam"))
        demo.fill(user=User.objects.get(handle="ada"), rest=60)
        return {name: str(run.pk) for name, run in found.items()}


if __name__ == "__main__":
    print(json.dumps(Gallery().hang()))
