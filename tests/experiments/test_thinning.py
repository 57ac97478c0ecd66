"""Points of old runs are thinned: the curves keep their shape, and all that was decided stays."""

from __future__ import annotations

import csv
import json
import math
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import PROJECT_HANDLE, User
from apps.experiments import housekeeping, selectors, series, services
from apps.experiments.models import Batch, Run
from tests.experiments.conftest import event, finish, report, step_clock
from tests.experiments.pages_cast import browser, loaded, measured, queued, started
from workers import wire

pytestmark = pytest.mark.django_db
DAY = 24 * 3600
COUNT = 1_000
PEAK = 737


def measured_at_length(run: Run) -> Run:
    """Have a run measured with COUNT points a series, one a report, and a peak in the middle."""
    lease = started(run)
    for arm in ("relu 0.01", "relu 1"):
        steps = [float(n) for n in range(1, COUNT + 1)]  # after that of `started`
        means: list[float | None] = [math.sin(n / 9) for n in steps]
        means[PEAK - 1], means[-1] = 99.0, None  # it diverged at the end
        low, high = [-5.0] * COUNT, [5.0] * COUNT
        halves = [
            wire.Event(arm, "dead", steps[part], means[part], low[part], high[part])
            for part in (slice(0, COUNT // 2), slice(COUNT // 2, None))
        ]
        report(lease, *halves, after=Run.objects.get(pk=run.pk).last_seq)
    return finish(lease)


@pytest.fixture
def old(mei: User) -> Run:
    run = measured_at_length(queued(mei, loaded()))
    services.open_verdict(user=mei, run=run)
    return run


def points(run: Run) -> list[dict[str, Any]]:
    return selectors.points_of(run)[1]


def stored(run: Run) -> list[Any]:
    return list(
        run.batches.order_by("seq").values_list("seq", "arm", "step", "mean", "low", "high")
    )


def test_an_old_run_keeps_its_curves_ends_and_peaks(old: Run) -> None:
    seq, before = selectors.points_of(old)
    assert housekeeping.thin_old_runs() == 0, "it is not old yet"
    step_clock(91 * DAY)
    assert housekeeping.thin_old_runs() == 1
    old.refresh_from_db()
    after_seq, after = selectors.points_of(old)
    assert (after_seq, old.last_seq) == (seq, seq), "who watches it is sent nothing again"
    assert [(one["arm"], one["series"]) for one in after] == [
        (one["arm"], one["series"]) for one in before
    ]
    for whole, curve in zip(before, after, strict=True):
        if len(whole["step"]) < COUNT:
            assert curve == whole
            continue
        assert len(curve["step"]) <= 2 * series.MAX_KEPT_PAIRS + 3
        rows = [whole["step"].index(step) for step in curve["step"]]
        for name in ("step", "mean", "low", "high"):
            assert curve[name] == [whole[name][row] for row in rows], name
        assert {0, PEAK, COUNT - 1, COUNT} <= set(rows), "also the last finite one"
    assert Batch.objects.filter(run=old).count() == len(after)


def test_thinning_again_changes_nothing_more(old: Run) -> None:
    step_clock(91 * DAY)
    housekeeping.thin_old_runs()
    once = stored(old)
    step_clock(900 * DAY)
    assert housekeeping.thin_old_runs() == 0 and not services.thin_points(pk=old.pk)
    assert stored(old) == once


def test_shared_recorded_and_recent_runs_are_left_whole(old: Run, settings: Any) -> None:
    ours = User.objects.filter(handle=PROJECT_HANDLE).first()
    ours = ours or User.objects.create_user("gradus@example.org", PROJECT_HANDLE)
    before = stored(old)
    Run.objects.update(shared=True)
    step_clock(91 * DAY)
    assert housekeeping.thin_old_runs() == 0
    Run.objects.update(shared=False, owner=ours)
    assert housekeeping.thin_old_runs() == 0
    Run.objects.update(owner=old.owner)
    settings.POINTS_KEEP_DAYS = 0
    assert housekeeping.thin_old_runs() == 0
    settings.POINTS_KEEP_DAYS = 92
    assert housekeeping.thin_old_runs() == 0 and stored(old) == before
    settings.POINTS_KEEP_DAYS = 90
    assert housekeeping.thin_old_runs() == 1


def test_a_round_thins_a_few_and_one_that_fails_holds_up_no_other(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = loaded()
    runs = [measured(queued(mei, lab, key)) for key in "abc"]
    monkeypatch.setattr(services, "MAX_THINNED", 2)
    step_clock(91 * DAY)
    assert [housekeeping.thin_old_runs() for _ in range(3)] == [2, 1, 0]
    assert Run.objects.filter(pk__in=[run.pk for run in runs], thinned_at=None).count() == 0


def test_its_page_and_files_say_so_in_both_languages(old: Run) -> None:
    client, page = browser(old.owner), f"/runs/{old.pk}"
    assert "thinned" not in client.get(page).content.decode()
    assert json.loads(client.get(f"{page}/points").content)["thinned"] is False
    step_clock(91 * DAY)
    housekeeping.thin_old_runs()
    text = client.get(page).content.decode()
    assert "were thinned to about a hundred" in text and "All points" not in text
    assert text.count("<polyline") + text.count("<path") > 1, "its curves are drawn"
    assert "已精简" in client.get(page, headers={"accept-language": "zh-hans"}).content.decode()
    assert json.loads(client.get(f"{page}/points").content)["thinned"] is True
    answer = client.get(f"{page}/points.csv")
    assert '-thinned.csv"' in answer["Content-Disposition"]
    rows = list(csv.reader(answer.content.decode().splitlines()))
    assert len(rows) == 1 + sum(len(one["step"]) for one in points(old))


def test_a_thinned_run_is_compared_with_no_other(old: Run) -> None:
    again = measured_at_length(queued(old.owner, loaded(), "again"))
    compared = selectors.reproduction_of(old.owner, again)
    assert compared and compared.other == old and not compared.differing
    Run.objects.filter(pk=again.pk).update(ended_at=timezone.now() + timedelta(days=91))
    step_clock(91 * DAY)
    assert housekeeping.thin_old_runs() == 1
    old.refresh_from_db()
    assert selectors.reproduction_of(old.owner, old) is None
    assert selectors.reproduction_of(old.owner, again) is None
    assert selectors.measured_before(old.owner, again) == old, "it was run before all the same"


def test_an_interval_that_is_missing_in_between_moves_no_other() -> None:
    whole = Batch(seq=1, arm="a", series="s", **series.packed(event(arm="a", series="s")))
    without = Batch(
        seq=2, arm="a", series="s", **series.packed(event(arm="a", series="s", low=[], high=[]))
    )
    (curve,) = series.joined([whole, without, whole])
    assert curve["low"] == [1.0, None, 1.0]
