"""Runs by a program: queued once whatever is cut, watched with nothing missing and nothing twice,
fetched as files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from gradus_client import (
    Client,
    ConnectionFailed,
    Invalid,
    KeyReused,
    MissingExtra,
    NotFound,
    Prediction,
    Refused,
    StateChanged,
    VerdictHidden,
)
from gradus_client.events import PointsCame, PointsReset

from apps.api.services import revoke_tokens
from apps.common.errors import TooManyAttempts
from apps.experiments import housekeeping, sse
from apps.experiments.models import Lab, Run
from tests.client.conftest import Command
from tests.e2e.proxy import Proxy
from tests.experiments.conftest import event, fall_silent, finish, report

pytestmark = pytest.mark.django_db(transaction=True)
SURE = Prediction("holds", 80, {"relu 1": 0.6})
PREDICT = ("--outcome", "holds", "--confidence", "80")


@pytest.fixture
def cable(site: str, settings: Any) -> Iterator[Proxy]:
    """The way to the site, which can be cut."""
    settings.HOST_PORTS = {"127.0.0.1": {"*"}}
    between = Proxy(urlsplit(site).port or 0)
    yield between
    between.close()


class Forgetful(httpx.HTTPTransport):
    """Carries requests, and loses the first answer to each POST."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if request.method == "POST" and not self.lost:
            answer.read()
            self.lost += 1
            raise httpx.ReadError("the connection was cut")
        return answer


def points(*means: float) -> list[Any]:
    return [event(mean, step=[float(n)]) for n, mean in enumerate(means)]


# ---------------------------------------------------------------- queued once


def test_a_lab_is_run_with_a_prediction(client: Client, lab: Lab) -> None:
    shown = client.labs["dead-relu"]
    assert [one.id for one in client.labs.list()] == [shown.id]
    run = shown.run(depth=5, prediction=SURE)
    row = Run.objects.get()
    assert (str(row.pk), row.config["depth"], run.state) == (run.id, 5, "queued")
    assert run.detail.prediction and run.detail.prediction.confidence == 80
    assert "dead-relu" in run._repr_html_() and "depth = 5" in run._repr_html_()
    assert run.cancel().is_over and client.runs[run.id].state == "cancelled"


def test_the_same_key_gives_the_same_run(client: Client, lab: Lab) -> None:
    first = client.runs.submit("dead-relu", {"depth": 5}, prediction=SURE, key="mine")
    again = client.runs.submit("dead-relu", {"depth": 5}, prediction=SURE, key="mine")
    assert first.id == again.id and Run.objects.count() == 1
    with pytest.raises(KeyReused):
        client.runs.submit("dead-relu", {"depth": 6}, prediction=SURE, key="mine")


def test_an_answer_that_is_lost_queues_no_second_run(client: Client, lab: Lab) -> None:
    carrier = Forgetful()
    headers = client.transport.http.headers
    client.transport.http = httpx.Client(transport=carrier, headers=headers)
    client.transport.sleep = lambda seconds: None
    run = client.labs["dead-relu"].run(depth=5)
    assert carrier.lost == 1 and str(Run.objects.get().pk) == run.id


def test_the_command_again_after_a_cut_gives_the_same_run(
    gradus: Command, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = ("runs", "submit", "dead-relu", "--set", "depth=5", *PREDICT)
    with monkeypatch.context() as patched:
        # no time is left in which it would be repeated
        patched.setattr("gradus_client.transport.PAUSE_SECONDS", 1e9)
        original = httpx.Client
        patched.setattr("httpx.Client", lambda **more: original(transport=Forgetful(), **more))
        assert "cannot be reached" in gradus(*submit, status=4)
    queued = str(Run.objects.get().pk)
    assert queued in gradus(*submit), "the same, not another"
    assert queued not in gradus(*submit), "this time another is meant"
    assert Run.objects.count() == 2


# ---------------------------------------------------------------- watched


def test_a_stream_that_is_cut_goes_on_where_it_was(
    client_of: Callable[..., Client], cable: Proxy, lab: Lab, lease_run: Any
) -> None:
    client = client_of(cable.url, sleep=lambda seconds: cable.mend())
    run = client.labs["dead-relu"].run(prediction=SURE)
    lease = lease_run()
    report(lease, *points(0.1, 0.2), points_done=2, points_expected=5)
    seen: list[int] = []
    states: list[str] = []
    for one in run.watch():
        if isinstance(one, StateChanged):
            states.append(one.state)
        elif isinstance(one, PointsCame):
            seen.append(one.number)
            if one.number == 2:
                assert cable.cut() >= 1, "a stream was open"
                report(lease, *points(0.3, 0.4), after=2, points_done=4, points_expected=5)
            elif one.number == 4:
                cable.cut()
                report(lease, *points(0.5), after=4, points_done=5, points_expected=5)
                finish(lease)
    assert seen == [1, 2, 3, 4, 5] and states[-1] == "succeeded"
    assert run.state == "succeeded" and len(run.arrived()[0].mean) == 5
    assert run.points().rows() and len(run.points()) == 5
    assert run.wait().is_over, "what is over is watched at once"


def test_a_second_attempt_discards_what_the_first_one_measured(
    client: Client, lab: Lab, lease_run: Any
) -> None:
    run = client.labs["dead-relu"].run(prediction=SURE)
    report(lease_run(), *points(0.7, 0.8))
    kinds: list[type] = []
    for one in run.watch():
        kinds.append(type(one))
        if isinstance(one, PointsCame) and one.number == 2:
            fall_silent()
            housekeeping.requeue_silent_runs()
            second = lease_run()
            report(second, *points(0.1))
            finish(second)
    assert PointsReset in kinds
    assert [row[3] for row in run.points().rows()] == [0.1]
    assert [row[3] for row in client.runs[run.id].points().rows()] == [0.1], "read afterwards"


def test_who_may_no_longer_see_a_run_is_told(
    client: Client, mei: Any, lab: Lab, lease_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "RECHECK_SECONDS", 0)
    run, lease = client.labs["dead-relu"].run(prediction=SURE), lease_run()
    report(lease, *points(0.1))
    client.transport.sleep = lambda seconds: None
    events = run.watch()
    assert next(events)
    revoke_tokens(user=mei)
    report(lease, *points(0.2), after=1)
    with pytest.raises(Refused) as refused:
        list(events)
    assert refused.value.code in ("not-authorised", "not-found")


def test_a_site_that_stays_away_is_given_up(
    client_of: Callable[..., Client], cable: Proxy, lab: Lab
) -> None:
    waits: list[float] = []
    client = client_of(cable.url, sleep=waits.append, patience=5)
    run = client.labs["dead-relu"].run()
    cable.cut()
    with pytest.raises(ConnectionFailed):
        run.refresh()
    assert waits and sum(waits) <= 5 and all(a <= b for a, b in pairwise(waits))


def test_a_site_that_is_busy_is_asked_again_when_it_said(
    client: Client, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, refused = TooManyAttempts(7), [True]

    def count(*args: Any, **more: Any) -> None:
        if refused:
            refused.pop()
            raise original

    waits: list[float] = []
    client.transport.sleep = waits.append
    monkeypatch.setattr("apps.api.endpoint.count_request", count)
    assert client.labs["dead-relu"].id and waits == [7.0]
    refused.append(True)
    client.transport.patience = 5
    with pytest.raises(Refused) as error:
        client.me()
    assert (error.value.code, error.value.retry_after) == ("too-many-attempts", 7.0)


# ---------------------------------------------------------------- files, faults


def test_all_points_are_written_as_files(
    client: Client, lab: Lab, lease_run: Any, tmp_path: Path, gradus: Command
) -> None:
    run = client.labs["dead-relu"].run(prediction=SURE)
    lease = lease_run()
    report(lease, *points(*(n / 7 for n in range(7))), event(float("nan"), arm="relu 2"))
    finish(lease)
    base = str(tmp_path / "points")
    gradus("runs", "fetch", run.id, "--csv", f"{base}.csv", "--npz", f"{base}.npz")
    rows = list(csv.reader(Path(f"{base}.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["arm", "series", "step", "mean", "low", "high"] and len(rows) == 9
    assert rows[3] == ["relu 1", "dead", "2.0", str(2 / 7), str(2 / 7), str(2 / 7)]
    with np.load(f"{base}.npz") as arrays:
        assert list(arrays["relu 1/dead/mean"]) == [n / 7 for n in range(7)]
        assert np.isnan(arrays["relu 2/dead/mean"]).all()
        assert json.loads(str(arrays["about"]))["id"] == run.id
    with pytest.raises(ValueError, match=r"\.csv, \.npz, \.parquet"):
        run.refresh().fetch("points.xls")
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        with pytest.raises(MissingExtra, match=r"gradus-client\[parquet\]"):
            run.fetch(f"{base}.parquet")
    else:
        assert parquet.read_table(run.fetch(f"{base}.parquet")).num_rows == 8


def test_refusals_have_a_type_a_code_and_say_what_is_wrong_where(
    client: Client, lab: Lab, gradus: Command, lease_run: Any
) -> None:
    with pytest.raises(Invalid) as refused:
        client.labs["dead-relu"].run(depth=99)
    assert refused.value.status == 422 and [one.field for one in refused.value.errors] == ["depth"]
    with pytest.raises(NotFound):
        client.labs["no-such"]
    assert "depth" in gradus(
        "runs", "submit", "dead-relu", "--set", "depth=99", "--no-prediction", status=1
    )
    run = client.labs["dead-relu"].run()
    lease = lease_run()
    report(lease, *points(0.1))
    finish(lease)
    with pytest.raises(VerdictHidden):
        run.points()
    assert "folded" in gradus("runs", "show", run.id)
    assert "gradus runs open" in gradus("runs", "fetch", run.id, "--csv", status=1)
    gradus("runs", "open", run.id)
    assert len(run.points()) == 1


def test_the_command_lists_shows_watches_compares_and_cancels(
    gradus: Command, lab: Lab, lease_run: Any
) -> None:
    assert "dead-relu" in gradus("labs") and "depth" in gradus("lab", "dead-relu")
    submitted = gradus.json("runs", "submit", "dead-relu", *PREDICT, "--sketch", "relu 1=0.6")
    lease = lease_run()
    report(lease, *points(0.1))
    finish(lease)
    watched = gradus("runs", "watch", submitted["id"])
    assert "Finished." in watched and "You predicted: holds, 80% sure." in watched
    other = gradus.json("runs", "submit", "dead-relu", "--set", "depth=5", "--no-prediction")
    assert "Stopped." in gradus("runs", "cancel", other["id"])
    assert gradus("runs", "watch", other["id"], status=1)
    listed = gradus.json("runs", "list", "--limit", "1")
    assert [run["id"] for run in listed] == [other["id"]]
    short = submitted["id"][:8]
    assert short in gradus("runs", "list", "--state", "succeeded")
    # the beginning of an id is enough, as long as it is one run's
    assert "You predicted: holds" in gradus("runs", "show", short)
    assert "begins with “abcd”" in gradus("runs", "show", "abcd", status=1) or short[:4] == "abcd"
    assert "no-such" in gradus("lab", "no-such", status=1)
    compared = gradus("runs", "compare", submitted["id"], other["id"])
    assert "depth" in compared and "cancelled" in compared


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "depth"), "NAME=VALUE"),
        (("--outcome", "holds"), "--confidence"),
        (("--confidence", "80"), "--outcome"),
        (("--outcome", "holds", "--confidence", "81"), "35, 50, 65, 80, 95"),
        ((), "Predict first"),
    ],
)
def test_a_run_that_is_not_wholly_said_is_not_queued(
    gradus: Command, lab: Lab, arguments: tuple[str, ...], words: str
) -> None:
    assert words in gradus("runs", "submit", "dead-relu", *arguments, status=1)
    assert not Run.objects.exists()


def test_one_is_asked_for_the_prediction(
    gradus: Command, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradus_client.terminal.is_interactive", lambda: True)
    # outcome 9 is none, and 7 and "x" are beyond the sketch
    gradus("runs", "submit", "dead-relu", typed="9\n3\n4\n0.1\n7\nx\n0.6")
    prediction = Run.objects.get().prediction
    assert (prediction.outcome, prediction.confidence) == ("does_not_hold", 80)
    assert prediction.sketch == {"relu 0.01": 0.1, "relu 1": 0.6}
