"""The ledger: what is said, what was found, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from apps.accounts.models import User
from apps.experiments.models import Outcome
from tests.experiments.pages_cast import (
    HEADLINE,
    MAX_QUERIES,
    browser,
    has_opened,
    loaded,
    measured,
    queued,
    recorded,
    verdict,
)

pytestmark = pytest.mark.django_db
Most = Callable[[int], AbstractContextManager[object]]


def test_every_claim_stands_in_it_before_anything_is_recorded() -> None:
    lab = loaded()
    page = browser().get("/claims").content.decode()
    assert "This site has no recorded runs yet" in page
    for slug in lab.current.words["claims"]:
        assert f'id="{slug}"' in page


def test_an_empty_site_has_an_empty_ledger() -> None:
    assert "No labs are loaded yet" in browser().get("/claims").content.decode()


def test_it_says_what_the_recorded_run_found() -> None:
    run = recorded(loaded())
    page = has_opened(browser(), run).get("/claims").content.decode()
    assert "a further 66% of all units are dead" in page
    assert "51% to 81%" in page
    assert f"/runs/{run.pk}" in page
    assert "no recorded runs" not in page


def test_its_conditions_and_its_source_are_at_hand() -> None:
    page = has_opened(browser(), recorded(loaded())).get("/claims").content.decode()
    assert "<summary" in page
    assert "over 30% more of all units are dead" in page
    assert 'href="https://arxiv.org/abs/1903.06733"' in page


def test_the_claims_keep_the_order_of_the_lab() -> None:
    loaded()
    page = browser().get("/claims").content.decode()
    assert page.index(f'id="{HEADLINE}"') < page.index('id="dead-relu.death-is-permanent"')


def test_learners_runs_at_the_labs_settings_are_counted_by_outcome(mei: User, sam: User) -> None:
    lab = loaded()
    client = has_opened(browser(), recorded(lab))
    measured(queued(mei, lab), verdict())
    measured(queued(sam, lab), verdict("depends", effect=0.2, low=0.15, high=0.25))
    labs = client.get("/claims").context["topics"][0]["labs"]
    row = next(row for entry in labs for row in entry["rows"] if row["claim"] == HEADLINE)
    assert row["others"] == [
        ("tick", str(Outcome.HOLDS.label), 1),
        ("depends", str(Outcome.DEPENDS.label), 1),
    ]


def test_runs_at_other_settings_are_no_evidence_and_stand_apart_for_their_owner(
    mei: User, sam: User
) -> None:
    run = measured(queued(mei, loaded(), config={"width": 32}))
    mine, theirs = browser(mei).get("/claims"), browser(sam).get("/claims")
    assert not any(
        row["others"] for entry in mine.context["topics"][0]["labs"] for row in entry["rows"]
    )
    assert f"/runs/{run.pk}" in mine.content.decode()
    assert f"/runs/{run.pk}" not in theirs.content.decode()


def test_it_reads_in_chinese() -> None:
    client = has_opened(browser(headers={"accept-language": "zh-CN"}), recorded(loaded()))
    page = client.get("/claims").content.decode()
    assert "学习率过大会使 ReLU 单元死亡。" in page
    assert "成立" in page


def test_it_asks_the_database_little(mei: User, django_assert_max_num_queries: Most) -> None:
    lab = loaded()
    recorded(lab)
    measured(queued(mei, lab, config={"width": 32}))
    client = browser(mei)
    with django_assert_max_num_queries(MAX_QUERIES):
        assert client.get("/claims").status_code == 200
