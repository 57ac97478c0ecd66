"""What the tests of pages need: the labs of the repository, signed-in browsers, finished runs."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client

from apps.accounts.models import PROJECT_HANDLE, User
from apps.experiments import selectors, services, worker_services
from apps.experiments.loading import load_labs
from apps.experiments.models import Lab, Run, Worker
from apps.experiments.services import PredictionInput
from tests.experiments.conftest import event, finish, report
from workers import wire

RATES = ("0.01", "0.03", "0.1", "0.3", "1")
HEADLINE = "dead-relu.lr-kills"
MAX_QUERIES = 14  # of a page; one of a member's counts unread notices, three tell of the queue
PASSWORD = "correct horse battery"
LABS = ("dead_relu", "activation_atlas", "activation_cost")
SURE = PredictionInput("holds", 80, {"relu 0.01": 0.1, "relu 1": 0.9})
COMMIT_FORM = {"outcome": "holds", "confidence": "80", "key": "a-key"}  # a form that commits
RERUN_FORM = {"replicates": "16", "key": "again"}


@cache
def page_labs() -> tempfile.TemporaryDirectory[str]:
    """Return a folder with the labs of `LABS`, removed when the tests end."""
    folder = tempfile.TemporaryDirectory(prefix=f"gradus-tests-{os.getpid()}-labs-")
    for path in Path(settings.LABS_FOLDER).iterdir():
        if path.stem in LABS:
            (Path(folder.name) / path.name).symlink_to(path)
    return folder


def loaded(slug: str = "dead-relu") -> Lab:
    """Load a few labs of the repository, as many as ever there are, and return one."""
    load_labs(Path(page_labs().name))
    return selectors.lab_for(slug)


def browser(user: User | None = None, **more: Any) -> Client:
    client = Client(**more)
    if user is not None:
        client.force_login(user)
    return client


def queued(owner: User, lab: Lab, key: str = "k", **more: Any) -> Run:
    return services.queue_run(**{"owner": owner, "lab": lab, "config": {}, "key": key, **more})


def started(run: Run) -> worker_services.Lease:
    """Have a worker lease the run, which must be the only one that waits, and report a point of
    each rate.
    """
    services.make_worker(name="pages", queues=["labs", "bench"])
    lease = worker_services.lease_run(
        worker=Worker.objects.get(name="pages"),
        queues=["labs", "bench"],
        labs={run.version.lab_id: run.version.code_hash},
    )
    assert lease is not None
    assert lease.run.pk == run.pk
    points = [
        event(0.1 * n, arm=f"relu {rate}", low=[0.05 * n], high=[0.15 * n])
        for n, rate in enumerate(RATES)
    ]
    report(lease, *points, points_done=5, points_expected=165)
    return lease


def verdict(outcome: str = "holds", **more: Any) -> wire.Verdict:
    numbers: dict[str, Any] = {"effect": 0.66, "low": 0.51, "high": 0.81, "replicates": 16}
    parts = [
        wire.Part(name="kills", outcome="holds", effect=0.66, low=0.51, high=0.81, replicates=16)
    ]
    return wire.Verdict(
        **{"claim": HEADLINE, "outcome": outcome, "parts": parts, **numbers, **more}
    )


def measured(run: Run, *verdicts: wire.Verdict) -> Run:
    """Have the run come to an end, with a verdict."""
    device = wire.Device(kind="cpu", name="A slow machine", cores=2)
    return finish(
        started(run),
        verdicts=list(verdicts or [verdict()]),
        seconds=11.4,
        device=device,
        versions={"torch": "2.13.0"},
    )


def recorded(lab: Lab, *verdicts: wire.Verdict) -> Run:
    """Record the project's own run of a lab at its own settings."""
    ours = User.objects.filter(handle=PROJECT_HANDLE).first() or User.objects.create_user(
        "gradus@example.org", PROJECT_HANDLE
    )
    run = measured(queued(ours, lab, "recorded"), *verdicts)
    services.set_run_visibility(run=run, shared=True)
    return run


def has_opened(client: Client, run: Run) -> Client:
    """Return a browser that has opened the verdict of a run."""
    client.post(f"/runs/{run.pk}/verdict")
    return client


def page_of(run: Run, user: User | None = None, path: str = "") -> Any:
    return browser(user).get(f"/runs/{run.pk}{path}")


def commit(client: Client, **more: Any) -> Any:
    """Send the form of dead-relu; `config__width` is its field config-width, `sketch__relu_1`
    sketch-relu 1; None leaves one out.
    """
    sent = COMMIT_FORM | {
        name.replace("__", "-").replace("_", " "): value for name, value in more.items()
    }
    return client.post(
        "/labs/dead-relu", {name: value for name, value in sent.items() if value is not None}
    )
