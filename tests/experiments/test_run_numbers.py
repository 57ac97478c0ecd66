"""A run's numbers, as JSON and as a table."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import transaction

from apps.accounts.models import User
from apps.experiments import services
from apps.experiments.models import Lab, Run
from tests.experiments.conftest import event, report
from tests.experiments.pages_cast import browser, loaded, page_of, queued, started


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


def test_the_points_are_given_whole_or_by_series(lab: Lab, mei: User) -> None:
    run = queued(mei, lab)
    lease = started(run)
    report(lease, event(float("nan"), series="loss", low=[], high=[]), after=5)
    whole = page_of(run, mei, "/points").json()
    assert (whole["seq"], whole["state"], len(whole["series"])) == (6, "running", 6)
    assert {curve["series"] for curve in whole["series"]} == {"dead", "loss"}
    assert page_of(run, mei, "/points?series=loss").json()["series"][0]["mean"] == [None]


@pytest.mark.parametrize("name", ["\x00", "x" * 10_000, "'", "%"])
def test_a_series_that_is_not_there_has_no_points(lab: Lab, mei: User, name: str) -> None:
    run = queued(mei, lab)
    started(run)
    assert browser(mei).get(f"/runs/{run.pk}/points", {"series": name}).json()["series"] == []


def test_what_a_later_run_attempt_took_back_is_nowhere(lab: Lab, mei: User) -> None:
    run = queued(mei, lab)
    lease = started(run)
    with transaction.atomic():
        services.requeue_or_end(Run.objects.select_for_update().get(pk=run.pk), lease.run_attempt)
    started(run)
    whole = page_of(run, mei, "/points").json()
    assert whole["seq"] == 11
    assert all(len(curve["step"]) == 1 for curve in whole["series"])
    assert page_of(run, mei, "/points.csv").content.decode().count("relu 1,") == 1


def test_the_table_is_csv_that_no_spreadsheet_runs(lab: Lab, mei: User) -> None:
    run = queued(mei, lab)
    lease = started(run)
    report(lease, event(-0.5, arm="=HYPERLINK(1)", series="+loss"), after=5)
    page = page_of(run, mei, "/points.csv")
    assert page["Content-Disposition"].startswith('attachment; filename="dead-relu-')
    rows = list(csv.DictReader(io.StringIO(page.content.decode())))
    assert len(rows) == 6
    assert (rows[-1]["arm"], rows[-1]["series"], rows[-1]["mean"]) == (
        "'=HYPERLINK(1)",
        "'+loss",
        "-0.5",
    )
