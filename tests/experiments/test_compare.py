"""Runs of one lab beside each other: what was set, what came out, one chart, and who sees what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.experiments import services
from apps.experiments.models import Batch, Lab, Run
from apps.experiments.selectors import MAX_COMPARED
from tests.experiments.pages_cast import (
    MAX_QUERIES,
    SURE,
    browser,
    has_opened,
    loaded,
    measured,
    queued,
    recorded,
    started,
    verdict,
)

Most = Callable[[int], AbstractContextManager[object]]


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


def address(*runs: Run | str, **more: str) -> str:
    query = [f"run={getattr(run, 'pk', run)}" for run in runs]
    return "/runs/compare?" + "&".join([*query, *(f"{k}={v}" for k, v in more.items())])


def short(run: Run) -> str:
    return str(run.pk)[:8]


def several(owner: User, lab: Lab, count: int) -> list[Run]:
    """Measure runs at widths that differ, whose verdicts their owner has predicted."""
    return [
        measured(
            queued(owner, lab, f"k{n}", config={"width": 16 * (n + 1)}, prediction=SURE),
            verdict(effect=0.1 * (n + 1)),
        )
        for n in range(count)
    ]


def row_of(page: str, heading: str) -> str:
    """Return the cells of the row of a table whose heading begins so."""
    return page.partition(f'<th scope="row">{heading}')[2].partition("</tr>")[0]


# ---------------------------------------------------------------- what it shows


def test_settings_verdicts_and_lines_of_several_runs_stand_side_by_side(
    lab: Lab, mei: User
) -> None:
    recorded(lab, verdict(effect=0.77))
    one, two = several(mei, lab, 2)
    client = has_opened(browser(mei), Run.objects.get(owner__handle="gradus"))
    page = client.get(address(one, two)).content.decode()
    assert "baseline</a>" in page and page.count(f">run {short(two)}</a>") == 2, "in both tables"
    assert ">10%<" in page.replace("</b>", "<") and "20%" in page and "77%" in page
    width = row_of(page, "Units in each layer")
    assert "differs" in width and "<td>16</td>" in width and "<td>32</td>" in width
    assert "differs" not in row_of(page, "Hidden layers")
    assert "differs" not in row_of(page, "Seed")
    chart = page.partition("<metric-chart")[2].partition("</metric-chart>")[0]
    assert f"<tspan>run {short(one)}</tspan>" in chart and f"run {short(two)}" in chart
    assert chart.count('<path class="line a') == 2 and '<path class="l-base"' in chart
    assert page.index('class="differs"') < page.index(">Hidden layers"), "what differs is first"


def test_another_arm_is_drawn_when_it_is_chosen(lab: Lab, mei: User) -> None:
    runs = several(mei, lab, 2)
    client = browser(mei)
    context = client.get(address(*runs)).context
    keys = {chart.key: chart for chart in context["charts"]}
    bars = next(key for key, chart in keys.items() if chart.spec["kind"] == "bars")
    answer = client.get(address(*runs, curve=bars.replace(" ", "%20")))
    assert answer.context["chart"].key == bars
    assert "<bar-chart" in answer.content.decode()
    assert [row["name"] for row in answer.context["rows"]] == [f"run {short(run)}" for run in runs]
    assert client.get(address(*runs, curve="nonsense")).context["chart"].key == next(iter(keys))


def test_eight_runs_have_eight_colours_and_as_many_queries_as_two(
    lab: Lab, mei: User, django_assert_max_num_queries: Most
) -> None:
    recorded(lab)
    runs = several(mei, lab, MAX_COMPARED)
    client = has_opened(browser(mei), Run.objects.get(owner__handle="gradus"))
    client.get(address(*runs))
    for some in (runs[:2], runs):
        with django_assert_max_num_queries(MAX_QUERIES):
            page = client.get(address(*some)).content.decode()
        for n in range(len(some)):
            assert f'class="line a{n}"' in page


def test_a_runs_mark_over_the_tables_is_that_of_its_line_in_the_chart(lab: Lab, mei: User) -> None:
    """A fold before it, and a run that has measured nothing yet, have none, and take none away."""
    hidden = measured(queued(mei, lab, "hidden", config={"width": 8}), verdict())
    one, two = several(mei, lab, 2)
    waiting = queued(mei, lab, "waiting", config={"width": 128})
    client = has_opened(browser(mei), recorded(lab))
    answer = client.get(address(hidden, waiting, one, two))
    page = answer.content.decode()
    chart = page.partition("<metric-chart")[2].partition("</metric-chart>")[0]
    heads = page.partition("<thead>")[2].partition("</thead>")[0].split("<th ")
    for n, run in enumerate((one, two)):
        assert f"t{n}" in chart.partition(f"<tspan>run {short(run)}</tspan>")[0].split("<text")[-1]
        assert any(f"k k{n}" in head and short(run) in head for head in heads)
    for run in (hidden, waiting):
        assert not any('class="k' in head and short(run) in head for head in heads)
    legend = page.partition('<ul class="legend')[2].partition("</ul>")[0]
    assert short(one) in legend and short(two) in legend and short(waiting) not in legend


def test_a_chart_of_bars_has_no_lines_to_tell_apart(lab: Lab, mei: User) -> None:
    runs = several(mei, lab, 2)
    client = browser(mei)
    charts = client.get(address(*runs)).context["charts"]
    bars = next(chart.key for chart in charts if chart.spec["kind"] == "bars")
    page = client.get(address(*runs, curve=bars.replace(" ", "%20"))).content.decode()
    assert "<bar-chart" in page and 'class="k k' not in page


def test_a_run_alone_stands_beside_the_baseline_and_offers_others(lab: Lab, mei: User) -> None:
    one, two = several(mei, lab, 2)
    page = browser(mei).get(address(one)).content.decode()
    assert "One run alone: choose another" in page and f'value="{two.pk}"' in page
    base = recorded(lab)
    page = has_opened(browser(mei), base).get(address(one)).content.decode()
    assert "One run alone" not in page and "baseline" in page


def test_a_run_that_is_named_twice_is_shown_once(lab: Lab, mei: User) -> None:
    one, two = several(mei, lab, 2)
    answer = browser(mei).get(address(one, two, one))
    assert [column.run.pk for column in answer.context["of_runs"]] == [one.pk, two.pk]


def test_what_was_discarded_is_not_drawn(lab: Lab, mei: User) -> None:
    one, two = several(mei, lab, 2)
    last = Batch.objects.filter(run=one).count()
    Batch.objects.create(run=one, seq=last + 1, kind=Batch.Kind.RESET, reset={"try": 2, "keep": 0})
    chart = browser(mei).get(address(one, two)).context["figure"]
    assert f"run {short(two)}" in chart and f"run {short(one)}" not in chart


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Settings that differ", "differs", "baseline", "Choose the runs")),
        ("zh-CN", ("不同的设置", "不同", "基线", "选择运行")),
    ],
)
def test_it_speaks_both_languages(
    lab: Lab, mei: User, language: str, words: tuple[str, ...]
) -> None:
    base = recorded(lab)
    client = has_opened(browser(mei, headers={"accept-language": language}), base)
    page = client.get(address(*several(mei, lab, 2))).content.decode()
    assert [word for word in words if word not in page] == []


# ---------------------------------------------------------------- who sees what


def test_a_verdict_one_may_not_see_is_folded_and_neither_drawn_nor_told(
    lab: Lab, mei: User
) -> None:
    one = measured(queued(mei, lab, "1", prediction=SURE), verdict(effect=0.11))
    hidden = measured(queued(mei, lab, "2", config={"width": 32}), verdict(effect=0.44))
    client = browser(mei)
    answer = client.get(address(one, hidden))
    page = answer.content.decode()
    assert (
        "11%" in page and "44%" not in page and str(hidden.pk) not in str(answer.context["script"])
    )
    assert f'data-folded="{hidden.pk}"' in page and f"run {short(hidden)}" in page
    assert page.count('<path class="line a') == 1
    client.post(f"/runs/{hidden.pk}/verdict", {"next": address(one, hidden)})
    page = client.get(address(one, hidden)).content.decode()
    assert "44%" in page and "data-folded" not in page


def test_the_baseline_waits_while_a_run_at_the_same_settings_goes_on(lab: Lab, mei: User) -> None:
    base = recorded(lab)
    client = has_opened(browser(mei), base)
    run = queued(mei, lab, "mine")
    started(run)
    answer = client.get(address(run))
    assert answer.context["baseline"] is None
    assert "66%" not in answer.content.decode()


def test_shared_runs_of_others_are_compared_and_private_ones_are_not(
    lab: Lab, mei: User, ola: User, sam: User
) -> None:
    mine = measured(queued(mei, lab, prediction=SURE))
    theirs = measured(queued(ola, lab, "theirs", prediction=SURE))
    answer = browser(mei).get(address(mine, theirs))
    assert answer.status_code == 404
    assert f"Not found, or not shared with you: {short(theirs)}." in answer.content.decode()
    services.set_run_visibility(run=theirs, shared=True)
    assert browser(mei).get(address(mine, theirs)).status_code == 200
    for reader in (Client(), browser(sam)):  # a visitor, a stranger
        page = reader.get(address(theirs))
        assert page.status_code == 200 and 'class="line a' not in page.content.decode()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 400, "Choose the runs to compare: 2 to 8 of one lab."),
        ("?run=", 400, "Choose the runs to compare"),
        ("?run=nonsense", 400, "“nonsense” is not the ID of a run"),
        ("?run=%00%F0%9F", 400, "is not the ID of a run"),
        ("?run=<script>alert(1)</script>", 400, "&lt;script&gt;"),
        ("?run=00000000-0000-4000-8000-000000000000", 404, "not shared with you: 00000000."),
    ],
)
def test_what_names_no_run_is_refused_in_words(
    mei: User, query: str, status: int, words: str
) -> None:
    answer = browser(mei).get(f"/runs/compare{query}")
    assert (answer.status_code, words in answer.content.decode()) == (status, True)


def test_more_than_eight_are_refused_before_any_is_read(mei: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = browser(mei).get(address(*(str(uuid4()) for _ in range(MAX_COMPARED + 1))))
    assert answer.status_code == 400
    assert "9 runs are too many to compare: 8 at most." in answer.content.decode()
    assert not any("experiments_run" in query["sql"] for query in queries)


def test_runs_of_different_labs_are_not_compared(lab: Lab, mei: User) -> None:
    one = measured(queued(mei, lab, prediction=SURE))
    other = queued(mei, loaded("activation-atlas"), "other")
    answer = browser(mei).get(address(one, other))
    assert answer.status_code == 400
    assert "These runs are of different labs." in answer.content.decode()


# ---------------------------------------------------------------- ways there


def test_runs_are_ticked_in_the_list_and_on_a_runs_page(lab: Lab, mei: User) -> None:
    one, two = several(mei, lab, 2)
    client = browser(mei)
    for path, values in (("/runs", (one.pk, two.pk)), (f"/runs/{one.pk}", (two.pk,))):
        page = client.get(path).content.decode()
        form = page.partition('action="/runs/compare"')[2].partition("</form>")[0]
        for value in values:
            assert f'type="checkbox" name="run" value="{value}"' in form, path


def test_a_run_without_others_leads_to_the_comparison_with_its_baseline(
    lab: Lab, mei: User
) -> None:
    run = measured(queued(mei, lab, prediction=SURE))
    assert 'id="compare"' not in browser(mei).get(f"/runs/{run.pk}").content.decode()
    base = recorded(lab)
    page: Any = has_opened(browser(mei), base).get(f"/runs/{run.pk}").content.decode()
    assert f'href="/runs/compare?run={run.pk}"' in page
