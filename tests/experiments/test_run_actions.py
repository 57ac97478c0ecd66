"""What one may do with a run: stop, share, run again. Each repeats safely."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from apps.accounts.models import User
from apps.experiments import services
from apps.experiments.models import Lab, Run
from tests.experiments.pages_cast import (
    COMMIT_FORM,
    RERUN_FORM,
    browser,
    loaded,
    measured,
    page_of,
    queued,
    started,
)

BACK = "?back=%2Fquestions%2Fdead-relu"


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


def test_stopping_a_waiting_run_stops_it_and_twice_is_once(lab: Lab, mei: User) -> None:
    run = queued(mei, lab)
    for _ in range(2):
        assert browser(mei).post(f"/runs/{run.pk}/stop")["Location"] == f"/runs/{run.pk}"
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_stopping_a_running_one_says_that_it_is_being_stopped(lab: Lab, mei: User) -> None:
    run = queued(mei, lab)
    started(run)
    browser(mei).post(f"/runs/{run.pk}/stop")
    text = page_of(run, mei).content.decode()
    assert "Stopping" in text
    assert "Yes, stop" not in text


def test_again_is_one_run_for_each_key(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab, config={"width": 32}))
    first = browser(mei).post(f"/runs/{run.pk}/rerun", RERUN_FORM)
    second = browser(mei).post(f"/runs/{run.pk}/rerun", RERUN_FORM)
    assert first["Location"] == second["Location"]
    assert Run.objects.exclude(pk=run.pk).get().config["width"] == 32


def test_whoever_may_see_a_run_may_run_it_again_for_themselves(
    lab: Lab, ola: User, sam: User
) -> None:
    run = measured(queued(ola, lab))
    services.set_run_visibility(run=run, shared=True)
    browser(sam).post(f"/runs/{run.pk}/rerun", RERUN_FORM)
    assert Run.objects.exclude(pk=run.pk).get().owner == sam


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/visibility", {}), ("/visibility", {"shared": "maybe"}),
        ("/visibility", {"shared": "\x00"}),
        ("/rerun", {}), ("/rerun", {"replicates": "17", "key": "k"}),
        ("/rerun", {"replicates": "1" * 5000, "key": "k"}),
        ("/rerun", {"replicates": "16"}), ("/rerun", {"replicates": "16", "key": "k" * 65}),
        ("/rerun", {"replicates": "NaN", "key": "\x00"}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words(
    lab: Lab, mei: User, path: str, sent: dict[str, str]
) -> None:
    run = measured(queued(mei, lab))
    page = browser(mei).post(f"/runs/{run.pk}{path}", sent)
    assert page.status_code == 400
    assert "`" in page.content.decode()  # it names what was wrong
    run.refresh_from_db()
    assert (run.shared, Run.objects.count()) == (False, 1)


def test_settings_the_lab_no_longer_takes_cannot_run_again(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab, config={"width": 16}))
    lab.current.words["config"]["width"]["range"] = [64, 256]
    lab.current.words_row.save()
    assert browser(mei).post(f"/runs/{run.pk}/rerun", RERUN_FORM).status_code == 422
    assert page_of(run, mei).status_code == 200


def test_the_way_back_survives_whatever_is_pressed(lab: Lab, mei: User) -> None:
    run, client = queued(mei, lab), browser(mei)
    assert (
        f'action="/runs/{run.pk}/stop{BACK}"'
        in client.get(f"/runs/{run.pk}{BACK}").content.decode()
    )
    assert client.post(f"/runs/{run.pk}/stop{BACK}")["Location"] == f"/runs/{run.pk}{BACK}"
    page = client.get(f"/runs/{run.pk}{BACK}").content.decode()
    for path in ("visibility", "rerun"):
        assert f'action="/runs/{run.pk}/{path}{BACK}"' in page
    assert 'href="/questions/dead-relu"' in page, "back to the question"
    assert (
        client.post(f"/runs/{run.pk}/visibility{BACK}", {"shared": "1"})["Location"]
        == f"/runs/{run.pk}{BACK}#sharing"
    )
    assert client.post(f"/runs/{run.pk}/rerun{BACK}", RERUN_FORM)["Location"].endswith(BACK)
    assert (
        browser()
        .post(f"/runs/{run.pk}/stop{BACK}")["Location"]
        .endswith(f"%2Fruns%2F{run.pk}%3Fback%3D%252Fquestions%252Fdead-relu")
    )


@pytest.mark.parametrize(
    "back",
    ["//evil.example", "https://evil.example/", "javascript:alert(1)", "/\\evil.example", "evil"],
)
def test_a_way_back_that_leads_elsewhere_is_none(lab: Lab, mei: User, back: str) -> None:
    run, client = measured(queued(mei, lab)), browser(mei)
    for page in (f"/runs/{run.pk}", f"/runs/{run.pk}/panel", "/labs/dead-relu"):
        html = client.get(page, {"back": back}).content.decode()
        assert "Back to the question" not in html and f'href="{back}"' not in html
    assert (
        client.post(f"/runs/{run.pk}/visibility?{urlencode({'back': back})}", {"shared": "1"})[
            "Location"
        ]
        == f"/runs/{run.pk}#sharing"
    )


def test_a_prediction_that_is_thrown_away_leaves_the_way_back(lab: Lab, mei: User) -> None:
    visitor = browser()
    visitor.post(f"/labs/dead-relu{BACK}", COMMIT_FORM)
    assert (
        visitor.post("/labs/dead-relu/prediction", {"drop": "1"})["Location"]
        == f"/labs/dead-relu{BACK}"
    )


def test_a_runs_page_belongs_to_the_labs(lab: Lab, mei: User) -> None:
    run, client = queued(mei, lab), browser(mei)
    for path in (f"/runs/{run.pk}", "/runs", "/labs/dead-relu"):
        assert re.findall(
            r'<a href="([^"]+)"[^>]*aria-current="true"', client.get(path).content.decode()
        ) == ["/labs"]
