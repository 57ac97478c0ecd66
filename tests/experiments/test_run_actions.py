"""What one may do with a run: stop, share, run again. Each repeats safely."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.experiments import services
from apps.experiments.models import Lab, Run
from tests.experiments.pages_cast import AGAIN, browser, loaded, measured, page_of, queued, started


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
    assert "Yes, stop it" not in text


def test_again_is_one_run_for_each_key(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab, knobs={"width": 32}))
    first = browser(mei).post(f"/runs/{run.pk}/again", AGAIN)
    second = browser(mei).post(f"/runs/{run.pk}/again", AGAIN)
    assert first["Location"] == second["Location"]
    assert Run.objects.exclude(pk=run.pk).get().knobs["width"] == 32


def test_whoever_may_see_a_run_may_run_it_again_for_themselves(lab: Lab, ola: User, sam: User) -> None:
    run = measured(queued(ola, lab))
    services.share_run(run=run, shared=True)
    browser(sam).post(f"/runs/{run.pk}/again", AGAIN)
    assert Run.objects.exclude(pk=run.pk).get().owner == sam


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/share", {}), ("/share", {"shared": "maybe"}), ("/share", {"shared": "\x00"}),
        ("/again", {}), ("/again", {"replicates": "17", "key": "k"}), ("/again", {"replicates": "1" * 5000, "key": "k"}),
        ("/again", {"replicates": "16"}), ("/again", {"replicates": "16", "key": "k" * 65}),
        ("/again", {"replicates": "NaN", "key": "\x00"}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words(lab: Lab, mei: User, path: str, sent: dict[str, str]) -> None:
    run = measured(queued(mei, lab))
    page = browser(mei).post(f"/runs/{run.pk}{path}", sent)
    assert page.status_code == 400
    assert "`" in page.content.decode()  # it names what was wrong
    run.refresh_from_db()
    assert (run.shared, Run.objects.count()) == (False, 1)


def test_settings_the_lab_no_longer_takes_cannot_run_again(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab, knobs={"width": 16}))
    lab.current.words["knobs"]["width"]["range"] = [64, 256]
    lab.current.save()
    assert browser(mei).post(f"/runs/{run.pk}/again", AGAIN).status_code == 422
    assert page_of(run, mei).status_code == 200
