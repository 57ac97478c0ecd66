"""A visitor who commits signs up, and returns with the prediction kept: never lost, never queued
twice.
"""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import User
from apps.experiments.models import Lab, Run
from tests.experiments.pages_cast import PASSWORD, browser, commit, loaded


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


def test_a_visitor_signs_up_and_returns_with_the_prediction_kept(lab: Lab) -> None:
    client = browser()
    page = commit(client, config__width="32", sketch__relu_1="0.75")
    assert page["Location"] == "/accounts/signup/?next=%2Flabs%2Fdead-relu%2Fprediction"
    assert not Run.objects.exists()
    sent = {
        "email": "new@example.org",
        "username": "new",
        "password1": PASSWORD,
        "next": "/labs/dead-relu/prediction",
    }
    assert client.post("/accounts/signup/", sent)["Location"] == "/labs/dead-relu/prediction"
    assert "Your prediction is saved" in client.get("/labs/dead-relu/prediction").content.decode()
    assert not Run.objects.exists()  # nothing runs that nobody confirmed
    page = client.post("/labs/dead-relu/prediction")
    run = Run.objects.get()
    assert page["Location"] == f"/runs/{run.pk}"
    assert (run.owner.handle, run.config["width"], run.prediction.confidence) == ("new", 32, 80)
    assert run.prediction.sketch == {"relu 1": 0.75}


def test_it_survives_signing_in_too(lab: Lab, mei: User) -> None:
    mei.set_password(PASSWORD)
    mei.save()
    client = browser()
    commit(client)
    client.post(
        "/accounts/login/",
        {"login": mei.email, "password": PASSWORD, "next": "/labs/dead-relu/prediction"},
    )
    client.post("/labs/dead-relu/prediction")
    assert Run.objects.get().owner == mei


def test_what_is_kept_is_queued_once(lab: Lab, mei: User) -> None:
    client = browser()
    commit(client)
    client.force_login(mei)
    client.post("/labs/dead-relu/prediction")
    assert client.post("/labs/dead-relu/prediction")["Location"] == "/labs/dead-relu"
    assert Run.objects.count() == 1


def test_other_pages_remind_of_what_is_kept(lab: Lab) -> None:
    client = browser()
    commit(client)
    for path in ("/", "/labs", "/labs/dead-relu"):
        assert "/labs/dead-relu/prediction" in client.get(path).content.decode()
        assert "/labs/dead-relu/prediction" not in browser().get(path).content.decode()


def test_a_visitor_who_confirms_too_early_is_sent_to_sign_up_and_loses_nothing(lab: Lab) -> None:
    client = browser()
    commit(client)
    assert client.post("/labs/dead-relu/prediction")["Location"].startswith("/accounts/signup/")
    assert "Sign up and queue" in client.get("/labs/dead-relu/prediction").content.decode()


def test_it_can_be_thrown_away(lab: Lab) -> None:
    client = browser()
    commit(client)
    client.post("/labs/dead-relu/prediction", {"drop": "1"})
    assert client.get("/labs/dead-relu/prediction")["Location"] == "/labs/dead-relu"


def test_a_full_queue_keeps_what_is_kept(lab: Lab, mei: User, settings: Any) -> None:
    settings.MAX_QUEUED = 0
    client = browser()
    commit(client)
    client.force_login(mei)
    assert client.post("/labs/dead-relu/prediction")["Location"] == "/labs/dead-relu/prediction"
    assert "runs in the queue" in client.get("/labs/dead-relu/prediction").content.decode()
    assert not Run.objects.exists()


def test_settings_the_lab_no_longer_takes_are_told_with_what_was_kept(lab: Lab, mei: User) -> None:
    client = browser()
    commit(client, config__width="32")
    lab.current.words["config"]["width"]["range"] = [64, 256]
    lab.current.words_row.save()
    client.force_login(mei)
    client.post("/labs/dead-relu/prediction")
    assert (
        "These settings are not valid" in client.get("/labs/dead-relu/prediction").content.decode()
    )
    assert not Run.objects.exists()


def test_what_was_drawn_is_told_by_the_names_that_readers_know(lab: Lab) -> None:
    client = browser()
    commit(client, sketch__relu_1="0.75")
    page = client.get("/labs/dead-relu/prediction").content.decode()
    assert "Your sketch: ReLU, rate 1</dt>" in page
    assert "relu 1" not in page


def test_who_signs_up_reads_that_the_prediction_is_kept(lab: Lab) -> None:
    client, kept = browser(), "Your prediction is saved."
    assert kept not in client.get("/accounts/signup/").content.decode()
    commit(client)
    assert kept in client.get("/accounts/signup/").content.decode()
