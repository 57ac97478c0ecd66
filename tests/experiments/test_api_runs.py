"""Labs, runs and the ledger for programs: the same rules as on the pages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.api.models import IdempotentRequest
from apps.api.scopes import Scope
from apps.experiments.models import Lab, OpenedVerdict, Prediction, Run
from tests.api.conftest import Program
from tests.experiments.pages_cast import SURE, browser, loaded, measured, queued, recorded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
NEW = {
    "lab_id": "dead-relu",
    "settings": {"depth": 5},
    "prediction": {"outcome": "holds", "confidence": 80, "sketch": {"relu 1": 0.6}},
}


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "mei")


@pytest.fixture
def sam(db: None) -> User:
    return User.objects.create_user("sam@example.org", "sam")


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# ---------------------------------------------------------------- labs


def test_labs_are_listed_for_everybody_in_both_languages(lab: Lab) -> None:
    visitor = Program()
    english = visitor.get("labs").json()["results"]
    chinese = visitor.get("labs", Accept_Language="zh-hans").json()["results"]
    assert [row["id"] for row in english] == sorted(row["id"] for row in english)
    assert "dead-relu" in [row["id"] for row in english]
    assert all(a["title"] != b["title"] for a, b in zip(english, chinese, strict=True))
    assert {row["verdict_access"] for row in english} == {"none"}


def test_labs_come_in_pages(lab: Lab) -> None:
    visitor, url, ids = Program(), "labs?limit=1", []
    while url:
        page = visitor.get(url).json()
        ids += [row["id"] for row in page["results"]]
        url = page["next"] and page["next"].replace("http://testserver", "")
    assert len(ids) == len(set(ids)) == Lab.objects.with_code().count() > 1


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=nonsense"])
def test_a_page_that_is_none_is_refused(lab: Lab, query: str) -> None:
    assert code(Program().get(f"labs?{query}")) == (400, "bad-cursor")


def test_an_unknown_filter_is_refused(lab: Lab) -> None:
    answer = Program().get("labs?kinds=training")
    assert code(answer) == (400, "bad-request") and answer.json()["errors"][0]["field"] == "kinds"


def test_a_lab_says_all_that_one_needs_to_queue_it(lab: Lab) -> None:
    shown = Program().get("labs/dead-relu").json()
    assert {setting["name"] for setting in shown["lab_settings"]} == set(
        lab.current_version.words["config"]
    )
    assert shown["predicted_claim"] == "dead-relu.lr-kills"
    assert next(arm["name"] for arm in shown["sketched_arms"]) == "relu 0.01"
    assert Program().get("labs/dead-relu/source").json()["code"] == lab.current_version.source


# ---------------------------------------------------------------- submitting


def test_a_run_is_queued_with_its_prediction(lab: Lab, mei: User) -> None:
    program = Program(mei)
    answer = program.post("runs", NEW)
    shown = answer.json()
    run = Run.objects.get()
    assert answer.status_code == 201 and answer["Location"] == f"/api/v1/runs/{run.pk}"
    assert (run.config["depth"], run.owner, run.replicates) == (5, mei, 16)
    prediction = Prediction.objects.get()
    assert (prediction.outcome, prediction.confidence) == ("holds", 80)
    assert prediction.sketch == {"relu 1": 0.6}
    assert shown["state"] == "queued" and shown["place"]["runs_ahead"] == 0
    assert program.get(answer["Location"]).json()["id"] == str(run.pk)


def test_the_same_key_queues_one_run_and_is_told_so(lab: Lab, mei: User) -> None:
    program, key = Program(mei), uuid4().hex
    first = program.post("runs", NEW, Idempotency_Key=key)
    again = program.post("runs", NEW, Idempotency_Key=key)
    assert Run.objects.count() == 1
    assert again.json() == first.json() and again["Location"] == first["Location"]
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    other = program.post("runs", NEW | {"settings": {"depth": 6}}, Idempotency_Key=key)
    assert code(other) == (422, "key-reused") and Run.objects.count() == 1


def test_a_key_outlives_the_answer_that_was_kept(lab: Lab, mei: User) -> None:
    program, key = Program(mei), uuid4().hex
    first = program.post("runs", NEW, Idempotency_Key=key)
    IdempotentRequest.objects.all().delete()
    assert program.post("runs", NEW, Idempotency_Key=key).json()["id"] == first.json()["id"]


def test_a_refused_request_does_not_use_its_key_up(lab: Lab, mei: User) -> None:
    program, key = Program(mei), uuid4().hex
    wrong = NEW | {"settings": {"depth": 99}}
    answer = program.post("runs", wrong, Idempotency_Key=key)
    assert code(answer) == (422, "bad-config") and "depth" in answer.json()["config"]
    assert program.post("runs", NEW, Idempotency_Key=key).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_once_queues_one_run() -> None:
    lab, mei = loaded(), User.objects.create_user("mei@example.org", "mei")
    program, key = Program(mei), uuid4().hex

    def submit(_n: int) -> tuple[int, str]:
        try:
            answer = program.post("runs", NEW, Idempotency_Key=key)
            return answer.status_code, answer.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(submit, range(4)))
    assert len(answers) == 1 and Run.objects.filter(version__lab=lab).count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lab_id": "nothing"}, "lab_id"),
        ({"lab_id": None}, "lab_id"),
        ({"replicates": 7}, "replicates"),
        ({"seed": 3}, "seed"),
        ({"prediction": {"outcome": "holds"}}, "prediction.confidence"),
        ({"prediction": {"outcome": "holds", "confidence": 51}}, "prediction.confidence"),
        (
            {"prediction": {"outcome": "inconclusive", "confidence": 50}},
            "prediction.outcome",
        ),
        (
            {"prediction": {"outcome": "holds", "confidence": 50, "sketch": {"relu 1": 2}}},
            "prediction.sketch.relu 1",
        ),
        (
            {"prediction": {"outcome": "holds", "confidence": 50, "sketch": {"gelu": 0.2}}},
            "prediction.sketch.gelu",
        ),
        ({"settings": [1]}, "settings"),
    ],
)
def test_what_is_wrong_is_named(lab: Lab, mei: User, change: Any, field: str) -> None:
    answer = Program(mei).post("runs", NEW | change)
    assert code(answer) == (400, "bad-request")
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not Run.objects.exists()


def test_it_takes_the_scope_and_a_token(lab: Lab, mei: User) -> None:
    assert code(Program(mei, Scope.READ).post("runs", NEW)) == (403, "scope-missing")
    assert code(Program().post("runs", NEW)) == (401, "not-authorised")


# ---------------------------------------------------------------- who sees what


def test_what_was_not_predicted_stays_folded(lab: Lab, mei: User, sam: User) -> None:
    run = measured(queued(sam, lab, prediction=SURE))
    Run.objects.update(shared=True)
    program = Program(mei)
    shown = program.get(f"runs/{run.pk}").json()
    assert shown["is_folded"] and shown["verdicts"] == [] and shown["summary"] == {}
    assert (shown["prediction"]["was_right"], shown["prediction"]["brier_score"]) == (None, None)
    for part in ("points", "batches"):
        assert code(program.get(f"runs/{run.pk}/{part}")) == (403, "verdict-hidden")
    opened = program.post(f"runs/{run.pk}/verdict").json()
    assert opened["verdicts"] and not opened["is_folded"]
    assert OpenedVerdict.objects.get().user == mei
    assert program.get(f"runs/{run.pk}/points").json()["curves"]
    assert program.get(f"runs/{run.pk}/batches").json()["batches"]


def test_a_run_that_is_not_shared_is_nothing_to_others(lab: Lab, mei: User, sam: User) -> None:
    run = measured(queued(sam, lab))
    for who in (Program(mei), Program()):
        for part in ("", "/points", "/batches", "/source"):
            assert code(who.get(f"runs/{run.pk}{part}")) == (404, "not-found")
    program = Program(mei)
    for part in ("cancel", "rerun", "verdict"):
        assert code(program.post(f"runs/{run.pk}/{part}", {})) == (404, "not-found")
    assert code(program.patch(f"runs/{run.pk}", {"is_shared": True})) == (404, "not-found")


def test_points_are_those_of_the_page(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab, prediction=SURE))
    program = Program(mei)
    of_page = browser(mei).get(f"/runs/{run.pk}/points").json()
    of_api = program.get(f"runs/{run.pk}/points").json()
    assert of_api["curves"] == of_page["series"] and of_api["last_batch"] == of_page["seq"]
    only = program.get(f"runs/{run.pk}/points?series=dead").json()["curves"]
    assert {curve["series"] for curve in only} == {"dead"}


def test_batches_come_in_chunks(lab: Lab, mei: User) -> None:
    run = measured(queued(mei, lab, prediction=SURE))
    program, after, numbers = Program(mei), 0, []
    while True:
        answer = program.get(f"runs/{run.pk}/batches?after={after}&count=2").json()
        if not answer["batches"]:
            break
        numbers += [batch["number"] for batch in answer["batches"]]
        after = numbers[-1]
    assert numbers == list(run.batches.order_by("seq").values_list("seq", flat=True))


# ---------------------------------------------------------------- one's own


def test_one_stops_shares_and_repeats_ones_own_run(lab: Lab, mei: User) -> None:
    program = Program(mei)
    run = queued(mei, lab)
    assert program.post(f"runs/{run.pk}/cancel").json()["state"] == "cancelled"
    assert program.patch(f"runs/{run.pk}", {"is_shared": True}).json()["is_shared"]
    again = program.post(f"runs/{run.pk}/rerun", {"replicates": 32}).json()
    assert (again["replicates"], again["settings"]) == (32, run.config)


def test_runs_are_ones_own_the_newest_first_in_few_queries(lab: Lab, mei: User, sam: User) -> None:
    runs = [measured(queued(mei, lab, key=str(n), prediction=SURE)) for n in range(3)]
    queued(sam, lab)
    program = Program(mei)
    program.get("runs")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        rows = program.get("runs").json()["results"]
    assert [row["id"] for row in rows] == [str(run.pk) for run in reversed(runs)]
    assert len(queries) <= 14, [query["sql"][:80] for query in queries]
    assert program.get("runs?state=queued").json()["results"] == []


def test_runs_beside_each_other_say_which_settings_differ(lab: Lab, mei: User, sam: User) -> None:
    one = measured(queued(mei, lab, key="1", prediction=SURE))
    two = queued(mei, lab, key="2", config={"depth": 5})
    program = Program(mei)
    answer = program.get(f"runs/compare?run_id={one.pk}&run_id={two.pk}").json()
    assert answer["differing_settings"] == ["depth"]
    assert [run["id"] for run in answer["runs"]] == [str(one.pk), str(two.pk)]
    assert code(program.get(f"runs/compare?run_id={one.pk}")) == (400, "bad-request")
    strange = queued(sam, lab)
    both = f"runs/compare?run_id={one.pk}&run_id={strange.pk}"
    assert code(program.get(both)) == (404, "not-found")


# ---------------------------------------------------------------- the ledger, operators


def test_the_ledger_hides_what_was_not_predicted(lab: Lab, mei: User) -> None:
    recorded(lab)
    program = Program(mei)
    before = {row["name"]: row for row in program.get("claims?lab_id=dead-relu").json()["results"]}
    row = before["dead-relu.lr-kills"]
    assert (row["verdict"], row["effect"], row["sentence"]) == ("hidden", None, "")
    program.post(f"runs/{row['recorded_run_id']}/verdict")
    after = {row["name"]: row for row in program.get("claims?lab_id=dead-relu").json()["results"]}
    assert after["dead-relu.lr-kills"]["verdict"] != "hidden"
    assert program.get("claims?verdict=hidden&lab_id=dead-relu").json()["results"] == []


def test_operators_see_and_stop_everybodys_runs(lab: Lab, mei: User) -> None:
    run = queued(mei, lab)
    boss = Program(User.objects.create_superuser("boss@example.org", "boss"))
    assert [row["id"] for row in boss.get("operator/runs").json()["results"]] == [str(run.pk)]
    assert {row["name"] for row in boss.get("operator/queues").json()["results"]} == {
        "labs",
        "bench",
    }
    assert boss.get("operator/workers").status_code == 200
    assert boss.delete(f"operator/runs/{run.pk}").status_code == 204
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    learner = Program(mei)
    for path in ("operator/runs", "operator/queues", "operator/workers"):
        assert code(learner.get(path)) == (403, "forbidden")
