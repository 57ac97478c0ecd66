"""A run's page in each of its states, its numbers, and what its owner may do with it."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.experiments import services, worker_services
from apps.experiments.models import Batch, Lab, Queue, Run, Worker
from tests.experiments.conftest import finish, make_version
from tests.experiments.pages_cast import (
    MAX_QUERIES,
    RERUN_FORM,
    SURE,
    browser,
    has_opened,
    loaded,
    measured,
    page_of,
    queued,
    recorded,
    started,
    verdict,
)

Most = Callable[[int], AbstractContextManager[object]]
READING = ("", "/panel", "/points", "/points.csv")
DOING: dict[str, dict[str, str]] = {
    "/stop": {},
    "/visibility": {"shared": "1"},
    "/rerun": RERUN_FORM,
}


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


def text_of(run: Run, user: User | None = None) -> str:
    return str(page_of(run, user).content.decode())


# ---------------------------------------------------------------- who may see, who may do


def test_its_owner_sees_it_and_nobody_else(lab: Lab, mei: User, sam: User) -> None:
    run = measured(queued(mei, lab, prediction=SURE))
    for path in READING:
        assert page_of(run, mei, path).status_code == 200
        assert page_of(run, sam, path).status_code == 404
        assert page_of(run, None, path).status_code == 404


def test_a_shared_run_is_seen_by_whoever_has_the_link_until_it_is_not(
    lab: Lab, ola: User, sam: User
) -> None:
    run = measured(queued(ola, lab))
    client = browser(ola)
    client.post(f"/runs/{run.pk}/visibility", {"shared": "1"})
    assert f"http://127.0.0.1:8000/runs/{run.pk}" in text_of(run, ola)
    for path in READING:
        status = 403 if "points" in path else 200  # they would give the verdict away
        assert page_of(run, sam, path).status_code == page_of(run, None, path).status_code == status
    client.post(f"/runs/{run.pk}/visibility", {"shared": "0"})
    assert page_of(run, sam).status_code == 404


def test_a_stranger_is_offered_nothing_that_is_the_owners(lab: Lab, ola: User, sam: User) -> None:
    run = queued(ola, lab)
    started(run)
    services.set_run_visibility(run=run, shared=True)
    text = text_of(run, sam)
    assert "/stop" not in text
    assert "/visibility" not in text


def test_what_was_drawn_is_yours_only_on_your_own_run(lab: Lab, mei: User, sam: User) -> None:
    run = queued(mei, lab, prediction=SURE)
    services.set_run_visibility(run=run, shared=True)
    assert "your sketch" in text_of(run, mei)
    assert "your sketch" not in text_of(run, sam)


def test_an_exact_computation_has_neither_replicates_nor_seed(mei: User) -> None:
    text = text_of(queued(mei, loaded("activation-atlas")), mei)
    assert '<div class="f long"><dt>Functions to plot</dt>' in text, "a list stands below its label"
    assert "<dt>Replicates</dt>" not in text.partition("</aside>")[0]


def test_a_strangers_hand_changes_nothing(lab: Lab, mei: User, sam: User) -> None:
    run = queued(mei, lab)
    for path, sent in DOING.items():
        assert browser(sam).post(f"/runs/{run.pk}{path}", sent).status_code == 404
    services.set_run_visibility(run=run, shared=True)
    for path in ("/stop", "/visibility"):  # who may see may still not change
        assert browser(sam).post(f"/runs/{run.pk}{path}", DOING[path]).status_code == 404
    run.refresh_from_db()
    assert (run.state, run.cancel_requested, Run.objects.count()) == ("queued", False, 1)


def test_a_visitor_who_presses_signs_in_and_comes_back_to_the_run(lab: Lab, mei: User) -> None:
    run = queued(mei, lab)
    for path, sent in DOING.items():
        page = browser().post(f"/runs/{run.pk}{path}", sent)
        assert page["Location"] == f"/accounts/login/?next=%2Fruns%2F{run.pk}"


def test_what_is_not_there_is_not_there(mei: User) -> None:
    for path in READING:
        assert browser(mei).get(f"/runs/{uuid4()}{path}").status_code == 404
    for path, sent in DOING.items():
        assert browser(mei).post(f"/runs/{uuid4()}{path}", sent).status_code == 404
    assert browser(mei).get("/runs/not-a-run").status_code == 404


def test_looking_and_doing_are_kept_apart(lab: Lab, mei: User) -> None:
    run = queued(mei, lab)
    for path in DOING:
        assert browser(mei).get(f"/runs/{run.pk}{path}").status_code == 405
    for path in READING:
        assert browser(mei).post(f"/runs/{run.pk}{path}").status_code == 405


# ---------------------------------------------------------------- states


def test_queued_it_says_its_place_and_why_it_waits(lab: Lab, mei: User) -> None:
    text = text_of(queued(mei, lab, prediction=SURE), mei)
    assert "Queued, next in line" in text
    assert "No worker is connected at the moment" in text
    assert "Cancel" in text
    assert 'data-state="queued"' in text


def test_running_it_shows_what_came_so_far_and_how_much_is_left(lab: Lab, mei: User) -> None:
    run = queued(mei, lab, config={"width": 32}, prediction=SURE)
    started(run)
    text = text_of(run, mei)
    assert "5 of 165 points" in text
    assert "Yes, stop" in text
    assert '<path class="line a0"' in text
    assert '<path class="l-pred"' in text
    assert '<td class="num">0.4</td>' in text  # and as a table


def test_without_a_script_it_comes_again_until_it_is_over(lab: Lab, mei: User) -> None:
    run = queued(mei, lab)
    refresh = '<noscript><meta http-equiv="refresh" content="10"></noscript>'
    assert refresh in text_of(run, mei)
    measured(run)
    assert refresh not in text_of(run, mei)


def test_the_verdict_is_said_with_its_numbers_and_how_the_prediction_did(
    lab: Lab, mei: User
) -> None:
    run = measured(queued(mei, lab, prediction=SURE), verdict(diverged=1))
    text = text_of(run, mei)
    assert "a further 66% of all units are dead" in text
    assert "51% to 81%" in text
    assert "80% sure, right" in text
    assert "<dt>Brier score (0 is best)</dt><dd>0.04</dd>" in text
    assert "Excluded (diverged or undefined)" in text
    assert "Mean error of your sketch" in text
    assert "A slow machine" in text
    assert 'data-claim="dead-relu.lr-kills" data-outcome="holds"' in text


def test_the_headline_says_whether_its_reader_was_right_and_nothing_to_others(
    lab: Lab, mei: User, sam: User
) -> None:
    run = measured(queued(mei, lab, prediction=SURE))
    assert "You were right, at 80%: the answer is “Yes”" in text_of(run, mei)
    services.set_run_visibility(run=run, shared=True)
    services.open_verdict(user=sam, run=run)
    assert "You were" not in text_of(run, sam) and 'class="headline neutral"' in text_of(run, sam)
    again = measured(queued(mei, lab, "again", prediction=SURE))
    assert "Not counted: you had predicted these settings before." in text_of(again, mei)
    assert "You were" not in text_of(again, mei)
    assert 'class="headline neutral"' in text_of(measured(queued(mei, lab, "without")), mei)


def test_a_wrong_prediction_is_scored_as_wrong(lab: Lab, mei: User) -> None:
    run = measured(
        queued(mei, lab, prediction=SURE), verdict("does_not_hold", effect=0.01, low=0.0, high=0.02)
    )
    text = text_of(run, mei)
    assert "80% sure, wrong" in text
    assert "<dd>0.64</dd>" in text


def test_an_inconclusive_verdict_offers_more_replicates_and_scores_nothing(
    lab: Lab, mei: User
) -> None:
    run = measured(queued(mei, lab, prediction=SURE), verdict("inconclusive", low=0.05, high=0.4))
    text = text_of(run, mei)
    assert "80% sure, not scored" in text
    assert "Run again with 32 replicates" in text
    assert "Run again with 64 replicates" in text
    page = browser(mei).post(f"/runs/{run.pk}/rerun", {"replicates": "32", "key": "more"})
    assert Run.objects.get(pk=page["Location"].rpartition("/")[2]).replicates == 32


def test_a_claim_that_says_nothing_is_told_without_numbers(lab: Lab, mei: User) -> None:
    run = measured(
        queued(mei, lab, prediction=SURE),
        verdict("inconclusive", effect=None, low=None, high=None, replicates=1, parts=[]),
    )
    assert page_of(run, mei).status_code == 200


def test_a_closed_form_verdict_is_called_exact(lab: Lab, mei: User) -> None:
    atlas = loaded("activation-atlas")
    claim = "activation-atlas.saturation-zone"
    run = measured(
        queued(mei, atlas, prediction=SURE),
        verdict(claim=claim, exact=True, low=None, high=None, replicates=0, parts=[]),
    )
    assert "exact" in text_of(run, mei)


@pytest.mark.parametrize(
    ("state", "capabilities"),
    [
        ("failed", "The run ended with an error"),
        ("limit_exceeded", "The time limit was reached"),
        ("cancelled", "Stopped"),
    ],
)
def test_an_end_without_a_verdict_is_told_in_words(
    lab: Lab, mei: User, state: str, capabilities: str
) -> None:
    run = queued(mei, lab, prediction=SURE)
    finish(
        started(run), state=state, error="ValueError: <b>no</b>", detail="Traceback of the operator"
    )
    text = text_of(run, mei)
    assert capabilities in text
    assert "<b>no</b>" not in text
    assert "Traceback" not in text
    assert "Run again" in text
    assert 'class="line a0"' in text  # the curve so far


@pytest.mark.parametrize(
    ("attempts", "sentence"), [(1, "this run 1 time."), (3, "this run 3 times.")]
)
def test_a_lost_run_is_our_fault(
    lab: Lab, mei: User, settings: Any, attempts: int, sentence: str
) -> None:
    settings.MAX_RUN_ATTEMPTS = attempts
    run = queued(mei, lab)
    for _ in range(attempts):
        lease = started(run)
        with transaction.atomic():
            services.requeue_or_end(
                Run.objects.select_for_update().get(pk=run.pk), lease.run_attempt
            )
    text = text_of(run, mei)
    assert "The run was lost, and that is our fault" in text
    assert f"{sentence} Neither the time nor the prediction is counted" in text


def test_a_run_whose_lab_crashed_each_time_says_that_it_was_the_lab(lab: Lab, mei: User) -> None:
    run = queued(mei, lab, prediction=SURE)
    for _ in range(3):
        lease = started(run)
        worker_services.release_run_attempt(
            worker=lease.run_attempt.worker,
            run_attempt_id=lease.run_attempt.pk,
            token=lease.token,
            reason="crashed: signal 11",
        )
    text = text_of(run, mei)
    assert "The lab crashed each time" in text and "our fault" not in text
    assert "Lost (the lab crashed)" in browser(mei).get("/runs").content.decode()
    mei.is_staff = mei.is_superuser = True
    mei.save()
    page = browser(mei).get(f"/admin/experiments/run/{run.pk}/change/").content.decode()
    assert "dead-relu" in page and "run attempt 3, worker pages: crashed: signal 11" in page


def test_it_reads_in_chinese(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab, prediction=SURE))
    page = (
        browser(mei, headers={"accept-language": "zh-CN"}).get(f"/runs/{run.pk}").content.decode()
    )
    assert "学习率过大会使 ReLU 单元死亡。" in page
    assert "改动一处" in page


# ---------------------------------------------------------------- beside it


def test_the_default_run_is_drawn_beside_one_of_other_settings(lab: Lab, mei: User) -> None:
    run, beside = recorded(lab), queued(mei, lab, config={"width": 32})
    started(beside)
    page = page_of(beside, mei)
    assert page.context["beside"] is page.context["script"]["baseline"] is None, "not seen yet"
    page = has_opened(browser(mei), run).get(f"/runs/{beside.pk}")
    assert page.context["beside"] == run
    assert '<path class="l-base"' in page.content.decode()


def test_beside_a_default_run_it_waits_until_the_end(lab: Lab, mei: User) -> None:
    recorded(lab)
    run = queued(mei, lab, prediction=SURE)
    lease = started(run)
    page = page_of(run, mei)
    assert page.context["script"]["held"]
    assert '<path class="l-base"' not in page.content.decode()
    finish(lease, verdicts=[verdict()])
    page = page_of(run, mei)
    assert not page.context["script"]["held"]
    assert '<path class="l-base"' in page.content.decode()


def test_what_was_measured_before_is_offered_once_the_prediction_is_locked(
    lab: Lab, mei: User
) -> None:
    before = recorded(lab)
    assert f"/runs/{before.pk}" in text_of(queued(mei, lab, prediction=SURE), mei)


def test_a_run_that_was_repeated_says_whether_its_numbers_came_out_the_same(
    lab: Lab, mei: User, sam: User
) -> None:
    before, run = recorded(lab), measured(queued(mei, lab, prediction=SURE))
    same = "gave the same numbers in another run: 5 series, six digits."
    page = text_of(run, mei)
    assert same in page and f"/runs/{before.pk}" in page
    assert same in page_of(run, mei, "/panel").content.decode()
    batch = Batch.objects.filter(run=run, arm="relu 0.1").get()
    for change, is_same in ((1 + 4e-6, True), (1 + 4e-5, False)):
        changed = array("d", [mean * change for mean in array("d", bytes(batch.mean))])
        Batch.objects.filter(pk=batch.pk).update(mean=changed.tobytes())
        assert (same in text_of(run, mei)) is is_same
    page = text_of(run, mei)
    assert "1 series differs in the first six digits." in page
    assert "<li>relu 0.1: dead</li>" in page


def test_a_run_unlike_any_other_is_compared_with_none(lab: Lab, mei: User, ola: User) -> None:
    measured(queued(ola, lab, "of another"))
    recorded(lab)
    run = measured(queued(mei, lab, seed=1, prediction=SURE))
    assert "in another run" not in text_of(run, mei)
    Run.objects.filter(owner=mei).update(seed=0)
    Run.objects.update(queue=Queue.BENCH)
    assert "in another run" not in text_of(Run.objects.get(owner=mei), mei)


def test_a_time_that_was_measured_before_is_another_now(lab: Lab, mei: User) -> None:
    recorded(lab)
    run = queued(mei, lab, prediction=SURE)
    assert "have been run before" in text_of(run, mei)
    Run.objects.update(queue=Queue.BENCH)
    assert "have been run before" not in text_of(run, mei)


def test_nothing_is_said_of_an_interval_where_there_is_none(lab: Lab, mei: User) -> None:
    crosses = "The interval straddles a decision threshold"
    run = measured(queued(mei, lab, prediction=SURE), verdict(outcome="inconclusive"))
    assert crosses in text_of(run, mei)
    empty = verdict(outcome="inconclusive", effect=None, low=None, high=None, replicates=0)
    assert crosses not in text_of(measured(queued(mei, lab, "empty"), empty), mei)


def test_the_source_is_that_of_the_run(lab: Lab, mei: User) -> None:
    words = lab.current.words
    make_version(lab, "e" * 64, words, source="print('as it was')\n")
    run = queued(mei, lab)
    make_version(lab, "f" * 64, words, source="print('as it is')\n")
    text = text_of(run, mei)
    assert "as it was" in text and "as it is" not in text


# ---------------------------------------------------------------- fragment, queries


def test_the_panel_brings_rail_panel_and_facts(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab, prediction=SURE))
    text = page_of(run, mei, "/panel").content.decode()
    for part in (
        'id="rail"',
        'id="panel"',
        'id="facts"',
        f'data-seq="{Run.objects.get(pk=run.pk).last_seq}"',
    ):
        assert part in text
    assert "<html" not in text


def test_it_asks_the_database_little_in_every_state(
    lab: Lab, mei: User, django_assert_max_num_queries: Most
) -> None:
    recorded(lab)
    Worker.objects.update(
        last_seen_at=Clock(), capabilities={"labs": {lab.pk: lab.current.code_hash}}
    )
    client, run = browser(mei), queued(mei, lab, prediction=SURE)

    def look() -> None:
        for path in READING:
            with django_assert_max_num_queries(MAX_QUERIES):
                assert client.get(f"/runs/{run.pk}{path}").status_code == 200

    assert "A worker is free" in client.get(f"/runs/{run.pk}").content.decode()
    look()
    lease = started(run)
    look()
    with transaction.atomic():  # waiting again, with points of its first try
        services.requeue_or_end(Run.objects.select_for_update().get(pk=run.pk), lease.run_attempt)
    look()
    lease = started(run)
    finish(lease, verdicts=[verdict()])
    look()
    assert Batch.objects.filter(run=run).count() == 11


def test_each_claim_stands_once_with_one_quiet_way_to_quote_it(lab: Lab, mei: User) -> None:
    other = "dead-relu.leaky-fixes"
    run = measured(queued(mei, lab, prediction=SURE), verdict(), verdict(claim=other, parts=[]))
    page = text_of(run, mei)
    assert page.count("Quote in a thread</a>") == 0
    for claim in ("dead-relu.lr-kills", other):
        assert page.count(f'data-claim="{claim}"') == 1
        assert page.count(f"cite=%5Bclaim:{claim}@{run.pk}%5D") == 1
    result = page.partition('id="result"')[2].partition('id="facts"')[0]
    statement = lab.current.words["claims"]["dead-relu.lr-kills"]["en"]
    assert result.count(f"<b>{statement}</b>") == 1
    assert page.count(f"cite=%5Brun:{run.pk}%5D") == 1, "to discuss the run, once"
