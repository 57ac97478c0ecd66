"""Who may see a verdict, and which prediction counts for calibration."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.experiments import lab_config, opened_verdicts, selectors, services
from apps.experiments.models import Lab, OpenedVerdict, Prediction, Run
from apps.experiments.selectors import Reader, VerdictAccess
from apps.experiments.services import PredictionInput
from tests.experiments.conftest import finish, make_version
from tests.experiments.pages_cast import (
    COMMIT_FORM,
    PASSWORD,
    browser,
    commit,
    loaded,
    measured,
    queued,
    recorded,
    started,
    verdict,
)

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
WRONG, RIGHT = PredictionInput("does_not_hold", 95, {}), PredictionInput("holds", 95, {})
WIDE = {"width": 32}
ON, OFF = 'role="switch" aria-checked="true"', 'role="switch" aria-checked="false"'


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


def access_of(user: User, run: Run) -> VerdictAccess:
    return selectors.verdict_access(Reader(user), run.version, run.config)


def reason(run: Run) -> str:
    return Prediction.objects.get(run=run).not_counted


def recorded_later(ours: Run) -> Run:
    """Give the lab of a recorded run other code, and record that as `load_evidence` does."""
    version = make_version(ours.version.lab, "e" * 64, ours.version.words)
    run = measured(queued(ours.owner, version.lab, "recorded later"))
    services.set_run_visibility(run=run, shared=True)
    services.open_where_all_are_shown(run=run)
    return run


def sign_in(client: Client, user: User) -> None:
    user.set_password(PASSWORD)
    user.save()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})


def opens(client: Client, run: Run, **sent: str) -> Any:
    return client.post(f"/runs/{run.pk}/verdict", sent)


# ---------------------------------------------------------------- access


def test_nothing_is_open_until_it_is_predicted_or_opened(lab: Lab, mei: User, sam: User) -> None:
    ours = recorded(lab)
    assert access_of(mei, ours) is VerdictAccess.NONE
    queued(mei, lab, prediction=RIGHT)
    assert access_of(mei, ours) is VerdictAccess.PREDICTED
    services.open_verdict(user=sam, run=ours)
    assert access_of(sam, ours) is VerdictAccess.OPENED


@pytest.mark.parametrize("is_member", [True, False], ids=["member", "visitor"])
def test_the_ledgers_switch_shows_every_verdict_and_says_what_it_costs(
    lab: Lab, mei: User, is_member: bool
) -> None:
    recorded(lab)
    client = browser(mei if is_member else None)
    assert OFF in client.get("/claims").content.decode()
    page = client.post("/claims/verdicts", {"shown": "1"}, follow=True).content.decode()
    assert "66%" in page and "will not count" in page and ON in page
    again = client.get("/claims").content.decode()
    assert "66%" in again and ON in again, "it is remembered"
    assert "Not counted: you had opened the verdict before" in again
    run = queued(mei, lab, prediction=RIGHT)
    assert reason(run) == ("opened" if is_member else ""), "a visitor is nobody's account yet"


@pytest.mark.parametrize("is_member", [True, False], ids=["member", "visitor"])
def test_the_ledgers_switch_goes_off_and_hides_only_what_is_recorded_later(
    lab: Lab, mei: User, is_member: bool
) -> None:
    ours, client = recorded(lab), browser(mei if is_member else None)
    client.post("/claims/verdicts", {"shown": "1"})
    page = client.post("/claims/verdicts", {"shown": "0"}, follow=True).content.decode()
    assert OFF in page and "What was shown stays open" in page
    page = client.get("/claims").content.decode()
    assert OFF in page and "66%" in page, "it was shown"
    recorded_later(ours)
    assert "66%" not in client.get("/claims").content.decode()


@pytest.mark.parametrize("is_member", [True, False], ids=["member", "visitor"])
def test_what_is_recorded_while_the_ledgers_switch_is_on_is_shown_and_does_not_count(
    lab: Lab, mei: User, is_member: bool
) -> None:
    ours, client = recorded(lab), browser(mei if is_member else None)
    client.post("/claims/verdicts", {"shown": "1"})
    later = recorded_later(ours)
    assert "66%" in client.get("/claims").content.decode()
    client.post("/claims/verdicts", {"shown": "0"})
    assert "66%" in client.get("/claims").content.decode(), "it was shown"
    if not is_member:
        sign_in(client, mei)
    assert access_of(mei, later) is VerdictAccess.OPENED


def test_the_ledgers_switch_of_an_account_stays_as_it_was_when_a_visitor_signs_in(
    lab: Lab, mei: User
) -> None:
    recorded(lab)
    client = browser()
    client.post("/claims/verdicts", {"shown": "1"})
    sign_in(client, mei)
    page = client.get("/claims").content.decode()
    assert OFF in page and "66%" in page, "what was opened is theirs"


def test_the_ledgers_switch_reads_in_chinese(lab: Lab, mei: User) -> None:
    recorded(lab)
    client = browser(mei, headers={"accept-language": "zh-CN"})
    assert "显示全部结论" in client.get("/claims").content.decode()
    page = client.post("/claims/verdicts", {"shown": "1"}, follow=True).content.decode()
    assert "“未计入：你此前已查看过结论”" in page
    page = client.post("/claims/verdicts", {"shown": "0"}, follow=True).content.decode()
    assert "已关闭" in page


def test_who_opens_a_verdict_is_told_that_a_later_prediction_will_not_count(
    lab: Lab, mei: User
) -> None:
    run, client = recorded(lab), browser(mei)
    assert "Predict it first" in client.get(f"/runs/{run.pk}").content.decode()
    for told in (True, False):  # once
        page = client.post(f"/runs/{run.pk}/verdict", follow=True).content.decode()
        assert ("A later prediction of these settings will not count." in page) is told


def test_access_is_to_a_version_at_some_settings(lab: Lab, mei: User) -> None:
    wide = measured(queued(mei, lab, "wide", config=WIDE, prediction=RIGHT))
    ours = recorded(lab)
    assert access_of(mei, wide) is VerdictAccess.PREDICTED
    assert access_of(mei, ours) is VerdictAccess.NONE
    services.open_verdict(user=mei, run=ours)
    later = make_version(lab, "e" * 64, lab.current_version.words)
    subject = (later.pk, ours.config_hash)
    assert selectors.verdict_accesses(Reader(mei), [subject])[subject] is VerdictAccess.NONE


def test_a_run_without_a_prediction_gives_no_access(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab))
    assert access_of(mei, run) is VerdictAccess.NONE
    assert not selectors.shows_verdict(Reader(mei), run)


def test_ones_own_run_is_watched_until_it_has_a_verdict(lab: Lab, mei: User, sam: User) -> None:
    run = queued(mei, lab)
    lease = started(run)
    run.refresh_from_db()
    assert selectors.shows_verdict(Reader(mei), run)
    services.set_run_visibility(run=run, shared=True)
    assert not selectors.shows_verdict(Reader(sam), run)
    assert not selectors.shows_verdict(Reader(mei), finish(lease, verdicts=[verdict()]))


def test_the_prediction_of_a_lost_run_opens_nothing(lab: Lab, mei: User) -> None:
    run = queued(mei, lab, prediction=RIGHT)
    services.end_run(run, Run.State.LOST)
    assert access_of(mei, run) is VerdictAccess.NONE


def test_several_are_asked_for_at_once(lab: Lab, mei: User, django_assert_num_queries: Any) -> None:
    ours, wide = recorded(lab), queued(mei, lab, config=WIDE, prediction=RIGHT)
    services.open_verdict(user=mei, run=ours)
    subjects = [(ours.version_id, ours.config_hash), (wide.version_id, wide.config_hash), (0, "")]
    with django_assert_num_queries(1):
        accesses = selectors.verdict_accesses(Reader(mei), subjects)
    assert [access.value for access in accesses.values()] == ["opened", "predicted", "none"]


def test_equal_settings_have_one_hash() -> None:
    assert lab_config.config_hash({"a": 1.0, "b": [2, 3.5]}) == lab_config.config_hash(
        {"b": [2.0, 3.5], "a": 1}
    )
    assert lab_config.config_hash({"a": True}) != lab_config.config_hash({"a": 1})


# ---------------------------------------------------------------- opening


def test_opening_is_recorded_once_and_leads_back(lab: Lab, mei: User) -> None:
    ours, client = recorded(lab), browser(mei)
    for _again in range(2):
        assert opens(client, ours, next="/claims")["Location"] == "/claims"
    opened = OpenedVerdict.objects.get()
    assert (opened.user, opened.version, opened.config_hash) == (
        mei,
        lab.current,
        ours.config_hash,
    )
    assert opens(client, ours, next="//elsewhere.example")["Location"] == f"/runs/{ours.pk}"


def test_what_was_predicted_is_not_opened(lab: Lab, mei: User) -> None:
    ours = recorded(lab)
    queued(mei, lab, prediction=RIGHT)
    opens(browser(mei), ours)
    assert not OpenedVerdict.objects.exists()


def test_nobody_opens_what_they_may_not_see(lab: Lab, mei: User, sam: User) -> None:
    run = measured(queued(mei, lab))
    assert opens(browser(sam), run).status_code == 404
    assert opens(browser(), run).status_code == 404
    assert not OpenedVerdict.objects.exists()


def test_a_visitor_has_a_session_only_once_they_open(lab: Lab) -> None:
    ours, client = recorded(lab), browser()
    for path in ("/claims", f"/runs/{ours.pk}", "/labs"):
        client.get(path)
    assert "sid" not in client.cookies
    opens(client, ours)
    assert list(opened_verdicts.opened_in(client.session)) == [selectors.subject_of(ours)]


def test_what_a_visitor_opened_is_theirs_once_they_sign_in(lab: Lab, mei: User) -> None:
    ours, client = recorded(lab), browser()
    opens(client, ours)
    sign_in(client, mei)
    assert access_of(mei, ours) is VerdictAccess.OPENED
    assert not opened_verdicts.opened_in(client.session)
    assert reason(queued(mei, lab, prediction=RIGHT)) == "opened"


def test_what_a_visitor_opened_is_theirs_once_they_sign_up(lab: Lab) -> None:
    ours, client = recorded(lab), browser()
    opens(client, ours)
    sent = {"email": "new@example.org", "username": "new"}
    client.post("/accounts/signup/", {**sent, "password1": PASSWORD})
    assert access_of(User.objects.get(handle="new"), ours) is VerdictAccess.OPENED


def test_a_visitors_session_does_not_grow_for_ever(lab: Lab) -> None:
    session = browser().session
    for n in range(opened_verdicts.MAX_OPENED + 5):
        opened_verdicts.add_opened(session, [(n, "a")], f"2026-11-28T12:{n // 60:02}:{n % 60:02}")
    opened = opened_verdicts.opened_in(session)
    assert len(opened) == opened_verdicts.MAX_OPENED and (0, "a") not in opened


def test_a_session_may_name_a_version_that_is_gone(lab: Lab, mei: User) -> None:
    services.adopt_opened_verdicts(user=mei, opened={(0, "a"): "2026-11-28T12:00:00+00:00"})
    assert not OpenedVerdict.objects.exists()


# ---------------------------------------------------------------- what counts


def test_the_first_prediction_counts_and_later_ones_are_kept(lab: Lab, mei: User) -> None:
    """Wrong at 95%, then the known outcome at 95%: calibration stays where it was."""
    first = measured(queued(mei, lab, "first", prediction=WRONG))
    second = measured(queued(mei, lab, "second", prediction=RIGHT))
    assert (reason(first), reason(second)) == ("", "predicted")
    assert Prediction.objects.get(run=second).score == pytest.approx(0.0025)
    assert selectors.own_runs(mei, lab).mean_score == pytest.approx(0.9025)
    score = selectors.mean_scores(mei, [lab])[lab.pk]
    assert score == pytest.approx(0.9025)
    page = browser(mei).get(f"/runs/{second.pk}").content.decode()
    assert "Not counted: you had predicted these settings before." in page
    assert "Not counted" not in browser(mei).get(f"/runs/{first.pk}").content.decode()
    assert browser(mei).get("/runs").content.decode().count(">not counted<") == 1


def test_after_opening_no_prediction_counts(lab: Lab, mei: User) -> None:
    services.open_verdict(user=mei, run=recorded(lab))
    assert reason(queued(mei, lab, prediction=RIGHT)) == "opened"


def test_after_a_run_that_could_be_watched_no_prediction_counts(lab: Lab, mei: User) -> None:
    finish(started(queued(mei, lab, "skipped")), state="cancelled")
    assert reason(queued(mei, lab, prediction=RIGHT)) == "watched"


def test_what_was_cancelled_before_it_showed_anything_hides_nothing(lab: Lab, mei: User) -> None:
    services.request_cancel(run=queued(mei, lab, "skipped"))
    assert reason(queued(mei, lab, prediction=RIGHT)) == ""


def test_a_cancelled_prediction_was_made(lab: Lab, mei: User) -> None:
    """It opens the ledger: who cancels and predicts again has seen the verdict."""
    services.request_cancel(run=queued(mei, lab, "first", prediction=WRONG))
    assert reason(queued(mei, lab, prediction=RIGHT)) == "predicted"


def test_a_lost_run_costs_no_prediction(lab: Lab, mei: User) -> None:
    services.end_run(queued(mei, lab, "first", prediction=WRONG), Run.State.LOST)
    assert reason(queued(mei, lab, prediction=RIGHT)) == ""


def test_other_settings_and_other_people_count_for_themselves(
    lab: Lab, mei: User, sam: User
) -> None:
    queued(mei, lab, "first", prediction=WRONG)
    assert reason(queued(mei, lab, "wide", config=WIDE, prediction=RIGHT)) == ""
    assert reason(queued(sam, lab, prediction=RIGHT)) == ""


def test_the_same_settings_of_another_version_count_no_second_time(lab: Lab, mei: User) -> None:
    queued(mei, lab, "first", prediction=WRONG)
    make_version(lab, "e" * 64, lab.current_version.words)
    assert reason(queued(mei, selectors.lab_for(lab.pk), prediction=RIGHT)) == "predicted"


def test_the_lab_says_beforehand_that_a_prediction_would_not_count(lab: Lab, mei: User) -> None:
    client, line = browser(mei), 'id="not-counted"'
    assert line not in client.get("/labs/dead-relu").content.decode()
    commit(client)
    assert line in client.get("/labs/dead-relu").content.decode()
    assert line not in client.get("/labs/dead-relu?config-width=32").content.decode()
    assert line not in client.get("/labs/dead-relu?config-width=x").content.decode()
    assert line not in browser().get("/labs/dead-relu").content.decode()
    assert COMMIT_FORM["outcome"] == Prediction.objects.get().outcome
