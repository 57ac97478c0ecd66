"""My runs: one's own, newest first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from apps.accounts.models import User
from apps.experiments import services
from apps.experiments.models import Run
from apps.experiments.services import PredictionInput
from tests.experiments.pages_cast import (
    MAX_QUERIES,
    SURE,
    browser,
    loaded,
    measured,
    queued,
    verdict,
)

pytestmark = pytest.mark.django_db
Most = Callable[[int], AbstractContextManager[object]]


def many(owner: User, count: int) -> None:
    """Give `owner` runs that were stopped: copies of one."""
    run = queued(owner, loaded(), "first")
    services.request_cancel(run=run)
    run.refresh_from_db()
    for n in range(count - 1):
        run.pk, run.key, run._state.adding = None, f"copy {n}", True
        run.id = Run._meta.pk.get_default()
        run.save()


def test_it_needs_sign_in() -> None:
    assert browser().get("/runs")["Location"] == "/accounts/login/?next=/runs"


def test_who_has_run_nothing_is_shown_where_to_begin(mei: User) -> None:
    page = browser(mei).get("/runs").content.decode()
    assert "run anything yet" in page
    assert 'href="/labs"' in page


def test_it_tells_what_was_changed_found_and_said(mei: User) -> None:
    measured(
        queued(mei, loaded(), config={"width": 32}, prediction=PredictionInput("holds", 80, {}))
    )
    page = browser(mei).get("/runs").content.decode()
    assert "units in each layer 32" in page
    assert "holds" in page
    assert "Yes</span>, 80%" in page, "in brief"
    assert "0.04" in page


@pytest.mark.parametrize(
    ("language", "waits", "changed", "late"),
    [
        ("en", "no worker connected", "the lab changed while", "it took longer than allowed"),
        ("zh-CN", "没有已连接的计算节点", "排队期间实验有改动", "超出了允许的时间"),
    ],
)
def test_it_tells_why_a_run_has_no_result(
    mei: User, language: str, waits: str, changed: str, late: str
) -> None:
    lab, state = loaded(), Run.State
    for key, to, error in (
        ("fails", state.FAILED, "ValueError: no such shape\nTraceback"),
        ("is outdated", state.LOST, Run.OUTDATED),
        ("is slow", state.LIMIT_EXCEEDED, ""),
    ):
        run = queued(mei, lab, key)
        run.error = error
        services.end_run(run, to)
    queued(mei, lab, "waits")
    client = browser(mei, headers={"accept-language": language})
    page, today = (client.get(path).content.decode() for path in ("/runs", "/"))
    for words in (waits, changed, late, "ValueError: no such shape"):
        assert words in page
        assert words in today or words.startswith("ValueError"), "Today has the newest three"
    assert "Traceback" not in page


def test_others_runs_are_not_in_it_even_when_shared(mei: User, ola: User) -> None:
    run = queued(ola, loaded())
    services.set_run_visibility(run=run, shared=True)
    assert f"/runs/{run.pk}" not in browser(mei).get("/runs").content.decode()
    assert f"/runs/{run.pk}" in browser(ola).get("/runs").content.decode()


def test_it_has_pages(mei: User) -> None:
    many(mei, 30)
    first, second = browser(mei).get("/runs"), browser(mei).get("/runs?page=2")
    assert len(first.context["rows"]) == 25
    assert len(second.context["rows"]) == 5
    assert 'href="?page=2" aria-current="page"' in second.content.decode()


@pytest.mark.parametrize("number", ["0", "-1", "99", "NaN", "1" * 5000])
def test_a_page_that_does_not_exist_says_so(mei: User, number: str) -> None:
    queued(mei, loaded())
    answer = browser(mei).get("/runs", {"page": number})
    assert answer.status_code == 404
    assert "There is no page" in answer.content.decode()


def test_it_asks_the_database_little_however_many_there_are(
    mei: User, django_assert_max_num_queries: Most
) -> None:
    many(mei, 30)
    for n in range(3):
        queued(mei, loaded(), f"waits {n}")
    client = browser(mei)
    with django_assert_max_num_queries(MAX_QUERIES):
        assert client.get("/runs").status_code == 200


def test_the_title_block_sums_up_how_predictions_came_out(mei: User) -> None:
    lab = loaded()
    measured(queued(mei, lab, "right", prediction=SURE))
    measured(queued(mei, lab, "wrong", config={"width": 32}, prediction=SURE), verdict("depends"))
    measured(queued(mei, lab, "none", config={"width": 16}))
    block = browser(mei).get("/runs").content.decode().partition("<dl")[2].partition("</dl>")[0]
    values = [text.partition("</dd>")[0] for text in block.split("<dd>")[1:]]
    assert [value.strip() for value in values] == ["3", "3", "1 of 2", "0.34"]
