"""Points from event to page: nothing that counts is lost on the way, and nothing that was taken
back is shown.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.experiments import housekeeping, selectors, series
from apps.experiments.models import Batch
from tests.experiments.conftest import event, report, step_clock
from workers import wire


@given(st.lists(st.none() | st.floats(), min_size=1, max_size=50))
def test_packing_keeps_every_finite_number(values: list[float | None]) -> None:
    packed = series.packed(wire.Event("a", "s", step=[0.0] * len(values), mean=values))
    assert series.unpacked(packed["mean"]) == [
        v if v is not None and math.isfinite(v) else None for v in values
    ]


def batch(seq: int, **more: Any) -> Batch:
    sent = wire.Event(
        **{"arm": "relu 1", "series": "dead", "mean": [float(seq)], "step": [float(seq)], **more}
    )
    return Batch(seq=seq, arm=sent.arm, series=sent.series, **series.packed(sent))


def reset(seq: int, keep: int) -> Batch:
    return Batch(seq=seq, kind=Batch.Kind.RESET, reset={"run_attempt": 2, "keep": keep})


def test_a_reset_takes_away_what_its_checkpoint_does_not_cover() -> None:
    kept = series.without_discarded(
        [batch(1), batch(2), reset(3, keep=1), batch(4), reset(5, keep=4), batch(6)]
    )
    assert [b.seq for b in kept] == [1, 4, 6]


def test_series_come_whole_in_the_order_of_their_first_points() -> None:
    joined = series.joined([batch(1, arm="b"), batch(2, arm="a"), batch(3, arm="b")])
    assert [(one["arm"], one["step"]) for one in joined] == [("b", [1.0, 3.0]), ("a", [2.0])]


def test_a_long_series_is_thinned_but_keeps_its_peaks_and_ends() -> None:
    count = 20_000
    mean = [float(i % 100) for i in range(count)]
    mean[13_337] = 1e6
    one = series.joined([batch(1, step=[float(i) for i in range(count)], mean=mean)])[0]
    assert len(one["step"]) <= 2 * series.MAX_PAIRS + 2
    assert max(one["mean"]) == 1e6
    assert (one["step"][0], one["step"][-1]) == (0, count - 1)


def test_a_series_of_nothing_finite_is_thinned_too() -> None:
    count = 10_000
    one = series.joined([batch(1, step=[float(i) for i in range(count)], mean=[None] * count)])[0]
    assert len(one["step"]) <= 2 * series.MAX_PAIRS + 2


@pytest.mark.django_db
def test_points_of_a_run_attempt_that_was_given_up_are_gone(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    run = queue_run(mei, "k")
    report(lease_run(), event(1.0), event(2.0))
    step_clock(30)
    housekeeping.requeue_silent_runs()
    report(lease_run(), event(3.0))
    run.refresh_from_db()
    assert selectors.points_of(run) == (
        4,
        [
            {
                "arm": "relu 1",
                "series": "dead",
                "step": [0.0],
                "mean": [3.0],
                "low": [3.0],
                "high": [3.0],
            }
        ],
    )
    assert selectors.points_of(run, ["loss"]) == (4, [])
