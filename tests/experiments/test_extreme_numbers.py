"""Numbers at the edge of what a double holds: a run that measured them has its page, its points and
its table, and the page stays alive.
"""

from __future__ import annotations

import csv
import io
import json
import math
import random
import re
import struct
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.experiments import chart_specs, series, svg_charts
from apps.experiments.models import Lab, Run
from tests.common.browsing import (  # noqa: F401 - fixtures
    Open,
    browser_type_launch_args,
    needs_browser,
    open_page,
    site,
)
from tests.experiments.conftest import finish, report
from tests.experiments.pages_cast import SURE, browser, loaded, page_of, queued, started, verdict
from tests.experiments.simulated_worker import LEASE_REQUEST, SimulatedWorker
from tests.experiments.watching import Reader, cookies_of, until
from tests.searching import examples
from workers import wire

pytestmark = pytest.mark.attack

MAX, TINY = 1.7976931348623157e308, 5e-324
SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)
BROKEN = re.compile(r"nan|inf(?:inity)?\b", re.IGNORECASE)
MEANS: dict[str, list[float]] = {
    "one large value": [1e16] * 3,
    "both ends": [1e308, -1e308],
    "the largest": [MAX, -MAX, MAX],
    "the smallest": [0.0, TINY],
    "two neighbours": [0.9, 0.9000000000000001],
    "all sizes": [1e-300, 1.0, 1e300],
    "one value": [-MAX],
}
STEPS: dict[str, list[float | None]] = {
    "ordinary": [0.0, 1.0, 2.0],
    "far apart": [0.0, 1e18, MAX],
    "neighbours": [1e18, 1e18 + 128, 1e18 + 256],
    "one": [1e18, 1e18, 1e18],
    "below zero": [-MAX, 0.0, MAX],
    "without a number": [0.0, None, 2.0],
}
CASES = [(mean, "ordinary") for mean in MEANS] + [("both ends", step) for step in STEPS]


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


def measure(run: Run, mean: list[float], step: list[float | None], state: str = "") -> None:
    """Have the run measure the same numbers in every series, and end if a state is named."""
    lease = started(run)
    end = len(mean)
    events = [
        wire.Event(
            arm=arm,
            series=series,
            step=step[:end],  # type: ignore[arg-type]
            mean=list(mean),
            low=list(mean),
            high=[MAX] * end,  # type: ignore[arg-type]
        )
        for arm in ("relu 0.1", "relu 1")
        for series in run.version.words["series"]
    ]
    report(lease, *events, after=5)
    if state:
        small = verdict(effect=3.3306690738754696e-16, low=-MAX, high=TINY)
        finish(lease, state, verdicts=[small], seconds=1e300, summary={"loss": TINY})


def charts(page: Any) -> list[str]:
    return [svg for svg in SVG.findall(page.content.decode()) if 'class="figure' in svg]


def attributes(svg: str) -> list[str]:
    return [
        value
        for element in ET.fromstring(svg.replace("&nbsp;", " ")).iter()
        for name, value in element.items()
        if name != "aria-label"
    ]


@pytest.mark.parametrize(("mean", "step"), CASES)
def test_a_run_that_measured_them_has_its_page(lab: Lab, mei: User, mean: str, step: str) -> None:
    run = queued(mei, lab, prediction=SURE)
    measure(run, MEANS[mean], STEPS[step])
    page = page_of(run, mei)
    assert page.status_code == 200
    drawings = charts(page)
    assert drawings and not [a for svg in drawings for a in attributes(svg) if BROKEN.search(a)]
    assert page_of(run, mei, "/panel").status_code == 200
    points = page_of(run, mei, "/points")
    assert points.status_code == 200 and json.loads(points.content)["series"]
    table = page_of(run, mei, "/points.csv").content.decode()
    rows = [row for row in csv.DictReader(io.StringIO(table)) if row["series"] == "loss"]
    assert [float(row["mean"]) for row in rows] == 2 * MEANS[mean]


EDGES = [0.0, -0.0, MAX, -MAX, TINY, -TINY, 2.2250738585072014e-308, 1.0, math.nextafter(1.0, 2.0)]
DOUBLE = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(EDGES)
CURVE = st.lists(st.tuples(DOUBLE, DOUBLE | st.none()), min_size=1, max_size=8)


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(curves=st.lists(CURVE, min_size=1, max_size=3), state=st.sampled_from(["", "succeeded"]))
def test_whatever_doubles_a_run_measures_every_answer_shows_them(
    lab: Lab, mei: User, curves: list[list[tuple[float, float | None]]], state: str
) -> None:
    with transaction.atomic():
        run = queued(mei, lab, prediction=SURE)
        lease = started(run)
        sent = [
            wire.Event(arm=arm, series=name, step=list(step), mean=list(mean), low=list(mean))
            for arm, curve in zip(("relu 0.1", "relu 1", "=1"), curves, strict=False)
            for name in run.version.words["series"]
            for step, mean in [zip(*curve, strict=True)]
        ]
        report(lease, *sent, after=5)
        if state:
            value = curves[0][0][0]
            finish(lease, state, verdicts=[verdict(effect=value, low=-MAX, high=MAX)])
        page = page_of(run, mei)
        assert page.status_code == 200
        assert not [a for svg in charts(page) for a in attributes(svg) if BROKEN.search(a)]
        assert page_of(run, mei, "/panel").status_code == 200
        shown = json.loads(page_of(run, mei, "/points").content, parse_constant=pytest.fail)
        means = [curve["mean"] for curve in shown["series"] if curve["arm"] == "relu 0.1"]
        assert all(mean[-len(curves[0]) :] == [m for _, m in curves[0]] for mean in means) and means
        table = page_of(run, mei, "/points.csv").content.decode()
        rows = list(csv.DictReader(io.StringIO(table)))
        assert {"nan", "inf", "-inf"}.isdisjoint(cell for row in rows for cell in row.values())
        for batch in run.batches.all():
            json.dumps(series.message(batch), allow_nan=False)  # as the stream sends it
        transaction.set_rollback(True)


def doubles(count: int) -> list[float]:
    """Return random finite doubles: every bit is thrown, so all sizes come, subnormal ones, too."""
    finite = list[float]()
    while len(finite) < count:
        [value] = struct.unpack("<d", random.randbytes(8))
        finite += [value] if math.isfinite(value) else []
    return finite


@pytest.mark.django_db(transaction=True)
def test_ten_thousand_random_doubles_are_drawn_listed_and_streamed(
    site: str,  # noqa: F811
    mei: User,
) -> None:
    run = queued(mei, loaded(), prediction=SURE)
    lease = started(run)
    values = doubles(10_000)
    for start in range(0, len(values), 1_000):
        block = values[start : start + 1_000]
        steps: list[float | None] = [float(start + n) for n in range(len(block))]
        sent = wire.Event(arm="relu 1", series="loss", step=steps, mean=list(block))
        report(lease, sent, after=5 + start // 1_000)
    reader = Reader(site, cookies_of(mei)).read(f"/runs/{run.pk}/events?after=0")
    until(lambda: max(reader.numbers(), default=0) == 15)
    streamed = [
        mean
        for kind, _number, data in reader.seen
        if kind == "points" and data["series"] == "loss"
        for mean in data["mean"]
    ]
    assert streamed == values
    page = page_of(run, mei)
    assert page.status_code == 200
    assert not [a for svg in charts(page) for a in attributes(svg) if BROKEN.search(a)]
    assert page_of(run, mei, "/panel").status_code == 200
    shown = json.loads(page_of(run, mei, "/points").content, parse_constant=pytest.fail)
    [curve] = [curve for curve in shown["series"] if curve["series"] == "loss"]
    assert set(curve["mean"]) <= set(values) and len(curve["mean"]) > 1_000  # thinned
    table = page_of(run, mei, "/points.csv").content.decode()
    rows = [row for row in csv.DictReader(io.StringIO(table)) if row["series"] == "loss"]
    means = [float(row["mean"]) for row in rows]
    assert set(means) <= set(values) and len(means) > 1_000
    finish(lease, "cancelled")
    until(lambda: reader.over)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "-1e999"])
def test_what_is_no_finite_double_is_refused_wherever_it_stands(
    client: Client, lab: Lab, mei: User, value: str
) -> None:
    run = queued(mei, lab)
    worker = SimulatedWorker(client)
    lease = worker.post(
        "lease", LEASE_REQUEST | {"labs": {run.version.lab_id: run.version.code_hash}}
    ).json()
    worker.run_attempt_token = lease["token"]
    path = f"run-attempts/{lease['run_attempt_id']}"
    point = {"arm": "relu 1", "series": "loss"}
    for column in ("step", "mean", "low", "high"):
        numbers = {"step": [1.5], "mean": [1.5], "low": [1.5], "high": [1.5]} | {column: ["here"]}
        body = json.dumps({"after": 0, "events": [point | numbers]}).replace('"here"', value)
        answer = worker.post(f"{path}/events", body.encode())
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-request"), column
    for column in ("effect", "low", "high"):
        numbers = {"effect": 0.5, "low": 0.4, "high": 0.6} | {column: "here"}
        verdict = {"claim": "dead-relu.lr-kills", "outcome": "holds", "replicates": 16} | numbers
        body = json.dumps({"state": "succeeded", "verdicts": [verdict]}).replace('"here"', value)
        answer = worker.post(f"{path}/result", body.encode())
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-request"), column
    run.refresh_from_db()
    assert (run.state, run.last_seq) == ("running", 0)


def test_what_it_came_to_is_said_in_a_few_digits(lab: Lab, mei: User) -> None:
    run = queued(mei, lab, prediction=SURE)
    measure(run, [1e308, -1e308], [0.0, 1e18], "succeeded")
    for path in (f"/runs/{run.pk}", "/runs", "/claims"):
        page = browser(mei).get(path)
        assert page.status_code == 200
        text = re.sub(r"<[^>]*>", " ", re.sub(r"<script.*?</script>", "", page.content.decode()))
        assert not re.findall(r"\d{17,}", text), path


def test_an_administrator_reads_them_in_a_few_digits(lab: Lab, mei: User) -> None:
    run = queued(mei, lab, prediction=SURE)
    measure(run, [1.0], [0.0], "succeeded")
    mei.is_staff = mei.is_superuser = True
    mei.save()
    page = browser(mei).get("/admin/experiments/verdict/", follow=True)
    assert "3.33067e-16" in page.content.decode()
    assert "0.000000000" not in page.content.decode()
    one = browser(mei).get(f"/admin/experiments/run/{run.pk}/change/")
    assert one.status_code == 200 and "3.33067e-16" in one.content.decode()


@pytest.mark.parametrize("log_x", [False, True])
def test_an_axis_of_decades_holds_for_every_step_above_zero(log_x: bool) -> None:
    spec = {
        **chart_specs.figure_specs({"figures": [{"series": "loss"}]}, {})[0],
        "log_x": log_x,
    }
    for step in ([0.0, TINY, 1.0, MAX], [1.0, 10.0], [2.0, 3.0], [MAX], [1e18], [0.0]):
        curve = {"arm": "a", "series": "loss", "step": step, "mean": step, "low": [], "high": []}
        svg = str(svg_charts.curves(spec, [curve]))
        assert not [a for a in attributes(svg) if BROKEN.search(a)]
        assert 'class="tick mid"' in svg


PAINTED = """async (n) => {
  for (let k = 0; k < n; k++) await new Promise(requestAnimationFrame);
  return [...document.querySelectorAll("bar-chart svg *")].flatMap((element) =>
    [...element.attributes].map((a) => a.value)).filter((value) => /NaN|Infinity/.test(value));
}"""


@needs_browser[0]
@needs_browser[1]
@needs_browser[2]
@pytest.mark.parametrize(("mean", "step"), CASES)
def test_its_page_stays_alive(
    transactional_db: None,
    open_page: Open,  # noqa: F811
    mei: User,
    mean: str,
    step: str,
) -> None:
    run = queued(mei, loaded())
    measure(run, MEANS[mean], STEPS[step])
    page = open_page(f"/runs/{run.pk}", mei)
    page.locator("#chart[data-seq]:not([data-seq='0'])").wait_for()
    for n in range(page.locator("#figure option").count()):
        page.locator("#figure").select_option(str(n))
        assert page.evaluate(PAINTED, 3) == []
        figure = page.locator(f"#figure-{n}")
        expect(figure.locator("metric-chart canvas, bar-chart svg")).to_be_visible()
