"""The home page, and the table of labs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.conf import settings

from apps.accounts.models import User
from apps.experiments.services import PredictionInput
from tests.experiments.pages_cast import (
    MAX_QUERIES,
    browser,
    has_opened,
    loaded,
    measured,
    queued,
    recorded,
)

pytestmark = pytest.mark.django_db
Most = Callable[[int], AbstractContextManager[object]]
# of the labs that there are, by their slugs
KINDS = {
    path.stem.replace("_", "-"): tomllib.loads(path.read_text(encoding="utf-8"))["kind"]
    for path in settings.LABS_FOLDER.glob("*.toml")
}


def test_a_visitor_is_led_to_the_first_lab() -> None:
    loaded()
    page = browser().get("/").content.decode()
    assert 'href="/labs/dead-relu"' in page
    assert "Predict, then run" in page


MEASURED_BAR = 'class="measured"'


def test_the_home_page_shows_the_chart_to_predict_on_and_nothing_that_was_measured() -> None:
    recorded(loaded())
    html = browser().get("/").content.decode()
    assert '<svg class="figure bars"' in html and "what do you expect?" in html
    assert MEASURED_BAR not in html
    assert "66%" not in html and "holds" not in html


def test_a_visitor_who_has_opened_the_verdict_sees_what_was_measured_on_the_home_page() -> None:
    run = recorded(loaded())
    page = has_opened(browser(), run).get("/")
    assert page.context["run"] == run
    assert MEASURED_BAR in page.content.decode() and "our own recorded run" in page.content.decode()


def test_an_empty_site_says_how_to_fill_it(db: None) -> None:
    for path in ("/", "/labs"):
        assert "No labs are loaded yet" in browser().get(path).content.decode()


def test_the_table_lists_each_lab_with_its_question_and_cost() -> None:
    loaded()
    page = browser().get("/labs")
    assert {row["lab"].slug: row["lab"].kind for row in page.context["rows"]} == KINDS
    text = page.content.decode()
    assert "Activation functions" in text
    assert "closed form" in text


def test_it_filters_by_kind() -> None:
    loaded()
    for kind in set(KINDS.values()):
        rows = browser().get("/labs", {"kind": kind}).context["rows"]
        assert {row["lab"].slug for row in rows} == {slug for slug in KINDS if KINDS[slug] == kind}


@pytest.mark.parametrize(
    "value",
    [
        "nothing",
        "\x00nothing",
        "a" * 10_000,
        "'; DROP TABLE",
        "\ud800".encode("utf-8", "surrogatepass"),
    ],
)
def test_a_filter_that_fits_nothing_says_so(value: str) -> None:
    loaded()
    page = browser().get("/labs", {"topic": value})
    assert page.status_code == 200
    assert "No labs match" in page.content.decode()


def test_a_learner_sees_their_own_calibration_and_a_visitor_none(mei: User, sam: User) -> None:
    lab = loaded()
    measured(queued(mei, lab, prediction=PredictionInput("holds", 80, {})))
    assert "0.04" in browser(mei).get("/labs").content.decode()
    assert "0.04" not in browser(sam).get("/labs").content.decode()
    assert "Your calibration" not in browser().get("/labs").content.decode()


def test_it_reads_in_chinese() -> None:
    loaded()
    page = browser(headers={"accept-language": "zh-CN"}).get("/labs").content.decode()
    assert 'lang="zh-Hans"' in page
    assert "激活函数" in page


def test_it_only_reads() -> None:
    assert browser().post("/labs").status_code == 405


def test_it_asks_the_database_little(mei: User, django_assert_max_num_queries: Most) -> None:
    lab = loaded()
    recorded(lab)
    measured(queued(mei, lab))
    client = browser(mei)
    for path in ("/", "/labs"):
        with django_assert_max_num_queries(MAX_QUERIES):
            assert client.get(path).status_code == 200


def test_it_says_whose_runs_it_counts(mei: User, sam: User) -> None:
    lab = loaded()
    for n in range(2):
        measured(queued(mei, lab, f"mei {n}"))
    measured(queued(sam, lab, "sam"))
    page = browser(mei).get("/labs").content.decode()
    row = page.partition('/labs/dead-relu"')[2].partition("</tr>")[0]
    assert '<td class="num" data-label="Your runs">2</td>' in row
    assert '<td class="num" data-label="Everybody&#x27;s runs">3</td>' in row or "3</td>" in row
    page = browser().get("/labs").content.decode()
    assert "Your runs" not in page and "Everybody" in page
