"""A lab: set up, predict, commit. What is wrong is said at its field; what was sent stays; nothing
is queued twice.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest

from apps.accounts.models import User
from apps.experiments.models import Lab, Prediction, Run
from tests.experiments.pages_cast import (
    COMMIT_FORM,
    MAX_QUERIES,
    SURE,
    browser,
    commit,
    has_opened,
    loaded,
    measured,
    queued,
    recorded,
)

Most = Callable[[int], AbstractContextManager[object]]


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


# ---------------------------------------------------------------- set up


def test_a_visitor_sees_settings_with_their_bounds(lab: Lab) -> None:
    page = browser().get("/labs/dead-relu").content.decode()
    assert 'name="config-depth" value="3" min="1" max="8"' in page
    assert "1 to 8" in page


def test_the_settings_stand_in_the_order_of_the_file(lab: Lab) -> None:
    fields = browser().get("/labs/dead-relu").context["form"].settings
    assert [field.name for field in fields][:2] == ["config-depth", "config-width"]


def test_the_address_carries_the_settings_and_changes_are_counted(lab: Lab) -> None:
    none = browser().get("/labs/dead-relu").content.decode()
    one = browser().get("/labs/dead-relu?config-width=32").content.decode()
    two = browser().get("/labs/dead-relu?config-width=32&config-depth=5").content.decode()
    assert 'data-n="0"' in none
    assert 'data-n="1"' in one
    assert "one thing at a time" in one
    assert 'data-n="2"' in two
    assert "cannot tell which one mattered" in two


@pytest.mark.parametrize(
    "value",
    ["99", "-1", "2.5", "NaN", "inf", "1" * 5000, "1e999", "", "three", "\x00", "٣٣", "0x10", "[]"],
)
def test_a_setting_that_cannot_be_used_is_told_at_its_field(lab: Lab, value: str) -> None:
    page = browser().get("/labs/dead-relu", {"config-depth": value})
    assert page.status_code == 200
    assert page.context["form"].config_errors.keys() == {"depth"}
    assert 'id="config-depth-e"' in page.content.decode()


def test_a_setting_the_lab_does_not_have_is_told(lab: Lab) -> None:
    page = browser().get("/labs/dead-relu", {"config-<script>": "1"}).content.decode()
    assert "There is no such setting." in page
    assert "<script>:" not in page


def test_counting_without_a_script_keeps_what_was_sent(lab: Lab, mei: User) -> None:
    page = commit(browser(mei), config__width="32", recount="1", sketch__relu_1="0.5")
    assert page.status_code == 200
    assert page.context["form"].changes == 1
    assert 'value="0.5"' in page.content.decode()
    assert not Run.objects.exists()


# ---------------------------------------------------------------- nothing is given away


def test_nothing_measured_is_shown_before_the_prediction(lab: Lab, sam: User) -> None:
    run = recorded(lab)
    for client in (browser(), browser(sam)):
        page = client.get("/labs/dead-relu")
        text = page.content.decode()
        assert 'class="base"' not in text
        assert "66%" not in text
        assert lab.current.words["claims"]["dead-relu.lr-kills"]["why"]["en"] not in text
        assert f"/runs/{run.pk}" in text  # by an explicit link alone


def test_what_was_measured_before_is_drawn_once_the_new_prediction_is_committed(
    lab: Lab, mei: User
) -> None:
    ours, earlier = recorded(lab), measured(queued(mei, lab))
    client = has_opened(browser(mei), earlier)
    for path in ("/labs/dead-relu", f"/labs/dead-relu?from={earlier.pk}"):
        text = client.get(path).content.decode()
        assert 'class="base"' not in text and "/points" not in text, path
    page = commit(client, config__width="32", key="another")
    script = client.get(page["Location"]).context["script"]
    assert f"/runs/{ours.pk}/points" in script["baseline"]


# ---------------------------------------------------------------- commit


def test_committing_queues_a_run_with_its_prediction(lab: Lab, mei: User) -> None:
    page = commit(browser(mei), config__width="32", sketch__relu_1="0.75")
    run = Run.objects.get()
    assert page["Location"] == f"/runs/{run.pk}"
    assert (run.owner, run.state, run.config["width"], run.at_defaults) == (
        mei,
        "queued",
        32,
        False,
    )
    prediction = Prediction.objects.get()
    assert (prediction.claim, prediction.outcome, prediction.confidence, prediction.sketch) == (
        "dead-relu.lr-kills",
        "holds",
        80,
        {"relu 1": 0.75},
    )


def test_the_same_form_twice_is_one_run(lab: Lab, mei: User) -> None:
    client = browser(mei)
    assert commit(client)["Location"] == commit(client)["Location"]
    assert Run.objects.count() == 1


def test_a_form_that_was_sent_and_then_changed_gets_a_key_of_its_own(lab: Lab, mei: User) -> None:
    client = browser(mei)
    commit(client)
    page = commit(client, config__width="32")
    assert page.status_code == 422
    assert page.context["form"].fresh_key != COMMIT_FORM["key"]
    assert commit(client, config__width="32", key=page.context["form"].fresh_key).status_code == 302
    assert Run.objects.count() == 2


@pytest.mark.parametrize(
    "text", ["0.75", "०.७५", "٠٫٧٥", "0,75", "7.5×10⁻¹", "75 %", " ３/４\u200e"]
)
def test_a_bar_is_read_in_every_script(lab: Lab, mei: User, text: str) -> None:
    assert commit(browser(mei), sketch__relu_1=text).status_code == 302
    assert Prediction.objects.get().sketch == {"relu 1": 0.75}


def test_a_run_without_a_prediction_needs_none(lab: Lab, mei: User) -> None:
    assert commit(browser(mei), outcome=None, confidence=None, skip="1").status_code == 302
    assert Run.objects.count() == 1
    assert not Prediction.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outcome", None), ("outcome", ""), ("outcome", "inconclusive"), ("outcome", "\x00"),
        ("outcome", "x" * 100_000),
        ("confidence", None), ("confidence", "81"), ("confidence", "NaN"),
        ("confidence", "1" * 5000),
        ("key", None), ("key", ""), ("key", "k" * 65), ("key", "a\x00b"),
        ("config-depth", "99"), ("config-depth", "NaN"), ("config-depth", "9" * 5000),
        ("config-none", "1"), ("config-depth", "\x00"),
        ("sketch-relu 1", "1.5"), ("sketch-relu 1", "-0.1"), ("sketch-relu 1", "nan"),
        ("sketch-relu 1", "much"), ("sketch-relu 1", "0.5е0"), ("sketch-relu 1", "1" * 5000),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_queued(
    lab: Lab, mei: User, field: str, value: str | None
) -> None:
    sent = {
        name: text
        for name, text in (COMMIT_FORM | {"config-width": "32", field: value}).items()
        if text is not None
    }
    page = browser(mei).post("/labs/dead-relu", sent)
    assert page.status_code == 422
    assert 'role="alert"' in page.content.decode()
    assert page.context["form"].raw["width"] == "32"
    assert not Run.objects.exists()


def test_a_body_that_is_too_large_is_refused(lab: Lab, mei: User) -> None:
    page = browser(mei).post(
        "/labs/dead-relu",
        COMMIT_FORM | {"outcome": "x" * 2_000_000},
        content_type="application/x-www-form-urlencoded",
    )
    assert page.status_code in (400, 413, 422)
    page = browser(mei).post(
        "/labs/dead-relu", "a=" + "x" * 2_000_000, content_type="application/x-www-form-urlencoded"
    )
    assert page.status_code in (400, 413)
    assert not Run.objects.exists()


def test_too_many_fields_are_refused(lab: Lab, mei: User) -> None:
    fields = {f"config-{n}": "1" for n in range(1000)}
    assert browser(mei).post("/labs/dead-relu", COMMIT_FORM | fields).status_code == 413
    assert browser().get("/labs/dead-relu", fields).status_code == 413


def test_a_full_queue_is_said_in_the_form(lab: Lab, mei: User, settings: Any) -> None:
    settings.MAX_QUEUED = 1
    client = browser(mei)
    commit(client)
    page = commit(client, key="another", config__width="32")
    assert page.status_code == 429
    assert "You have 1 runs in the queue" in page.content.decode()
    assert 'value="32"' in page.content.decode()
    assert Run.objects.count() == 1


def test_it_needs_the_token_of_the_form(lab: Lab, mei: User) -> None:
    assert commit(browser(mei, enforce_csrf_checks=True)).status_code == 403


# ---------------------------------------------------------------- begin from a run


def test_change_one_thing_begins_from_the_runs_settings(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab, config={"width": 32}, prediction=SURE))
    page = browser(mei).get(f"/labs/dead-relu?from={run.pk}")
    settings = f'Settings of <a href="/runs/{run.pk}">this run</a>. <a'
    assert settings in " ".join(page.content.decode().split())
    assert 'name="config-width" value="32"' in page.content.decode()


def test_what_the_address_names_wins_over_the_run_it_begins_from(lab: Lab, mei: User) -> None:
    run = queued(mei, lab, config={"width": 32, "depth": 5})
    form = browser(mei).get(f"/labs/dead-relu?from={run.pk}&config-width=16").context["form"]
    assert (form.config["width"], form.config["depth"]) == (16, 5)


def test_it_begins_from_no_run_that_one_may_not_see(lab: Lab, mei: User, sam: User) -> None:
    run = queued(mei, lab)
    for begin in (run.pk, uuid4(), "nonsense", "\x00"):
        assert browser(sam).get("/labs/dead-relu", {"from": begin}).status_code == 404
    assert browser(mei).get(f"/labs/activation-cost?from={run.pk}").status_code == 404


# ---------------------------------------------------------------- what is not there


def test_an_unknown_or_withdrawn_lab_is_not_there(lab: Lab) -> None:
    Lab.objects.filter(slug="activation-cost").update(withdrawn=True)
    for path in (
        "/labs/none",
        "/labs/" + "a" * 3000,
        "/labs/activation-cost",
        "/labs/none/prediction",
        "/labs/%00",
    ):
        assert browser().get(path).status_code == 404
        assert browser().post(path).status_code == 404


def test_the_source_is_printed(lab: Lab) -> None:
    page = browser().get("/labs/dead-relu").content.decode()
    assert '<div class="code">' in page
    assert "large_learning_rates_kill" in page


def test_every_lab_reads_in_both_languages(lab: Lab) -> None:
    for slug in Lab.objects.offered().values_list("slug", flat=True):
        for language in ("en", "zh-CN"):
            assert (
                browser(headers={"accept-language": language}).get(f"/labs/{slug}").status_code
                == 200
            )


def test_it_asks_the_database_little(
    lab: Lab, mei: User, django_assert_max_num_queries: Most
) -> None:
    recorded(lab)
    run = measured(queued(mei, lab, config={"width": 32}))
    client = browser(mei)
    for path in ("/labs/dead-relu", f"/labs/dead-relu?from={run.pk}"):
        with django_assert_max_num_queries(MAX_QUERIES):
            assert client.get(path).status_code == 200
