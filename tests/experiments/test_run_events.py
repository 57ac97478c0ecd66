"""What viewers are sent when the run was read before the batches that go with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.experiments import run_events, selectors
from apps.experiments.models import Run
from apps.experiments.sse import Viewer
from apps.experiments.worker_services import Lease
from tests.experiments.conftest import event, report

pytestmark = pytest.mark.django_db


def test_batches_stored_between_two_readings_are_told_once(
    mei: User, queue_run: Callable[..., Run], lease_run: Callable[[], Lease]
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    report(lease, event(1.0))
    earlier = Run.objects.get()
    report(lease, event(2.0), after=1)
    viewer = Viewer(earlier.pk, after=0)
    run_event = run_events.run_event(
        earlier, selectors.batches_after({earlier.pk: 0})[earlier.pk], since=0, state_json=""
    )
    assert len(viewer.take(run_event)) == 2

    later = Run.objects.get()
    again = run_events.run_event(
        later,
        selectors.batches_after({later.pk: earlier.last_seq})[later.pk],
        since=earlier.last_seq,
        state_json="",
    )
    assert viewer.take(again) == []
