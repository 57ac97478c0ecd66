"""Runs: submit, look at, stop, repeat, share, compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid4

from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.conditional import etag_of, tagged
from apps.api.endpoint import Endpoint, read, read_query
from apps.api.idempotency import creates, key_of
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, Moment, Output, utc, utc_or_none
from apps.common.errors import BadRequest
from apps.experiments import (
    lab_config,
    presenters,
    queue_words,
    selectors,
    services,
    sketches,
)
from apps.experiments.models import Lab, Outcome, Prediction, Queue, Run, Verdict
from apps.experiments.presenters import PREDICTABLE_OUTCOMES
from apps.experiments.queue_estimate import Reason
from apps.experiments.reader import reader_of
from apps.experiments.services import PredictionInput

MAX_COMPARED = 5
REPLICATES = (Run.STANDARD_REPLICATES, *Run.MORE_REPLICATES)


# ---------------------------------------------------------------- what goes out


class RunVerdict(Output):
    claim = serializers.CharField()
    statement = serializers.CharField()
    outcome = serializers.ChoiceField(Outcome.choices)
    sentence = serializers.CharField()
    effect = serializers.FloatField(allow_null=True)
    interval_low = serializers.FloatField(allow_null=True, help_text="Of the 95 % interval.")
    interval_high = serializers.FloatField(allow_null=True)
    finite_replicates = serializers.IntegerField()
    diverged_replicates = serializers.IntegerField()


class RunPrediction(Output):
    claim = serializers.CharField()
    outcome = serializers.ChoiceField(Outcome.choices)
    confidence = serializers.ChoiceField(Prediction.Confidence.choices, help_text="Percent.")
    sketch = serializers.DictField(child=serializers.FloatField(), help_text="By arm.")
    was_right = serializers.BooleanField(allow_null=True, help_text="Null: not decided.")
    brier_score = serializers.FloatField(allow_null=True, help_text="0 is best.")
    not_counted = serializers.CharField(help_text="Why it does not count; empty: it does.")


class RunSummary(Output):
    id = Id()
    lab_id = Id()
    owner = serializers.CharField()
    state = serializers.ChoiceField(Run.State.choices)
    queue = serializers.ChoiceField(Queue.choices)
    settings = serializers.DictField(help_text="All of them, with the defaults.")
    is_default = serializers.BooleanField(help_text="All settings are at their defaults.")
    replicates = serializers.IntegerField()
    seed = serializers.IntegerField()
    is_shared = serializers.BooleanField()
    queued_at = Moment()
    started_at = Moment(allow_null=True)
    ended_at = Moment(allow_null=True)
    points_done = serializers.IntegerField()
    points_expected = serializers.IntegerField(help_text="0: not known yet.")
    is_folded = serializers.BooleanField(
        help_text="The verdicts are hidden until you predict them, or choose to see them."
    )
    verdicts = RunVerdict(many=True)
    prediction = RunPrediction(allow_null=True)
    url = serializers.URLField(help_text="Its page.")


class RunPlace(Output):
    runs_ahead = serializers.IntegerField(help_text="Queued runs that go first, benchmarks too.")
    earliest_seconds = serializers.FloatField(allow_null=True)
    latest_seconds = serializers.FloatField(allow_null=True)
    seconds = serializers.FloatField(
        allow_null=True, help_text="Until a worker takes it, about. Null: nobody can tell."
    )
    reason = serializers.CharField(help_text="Why it waits, in sentences.")
    reason_code = serializers.ChoiceField([(one.value, one.name) for one in Reason])


class RunReproduction(Output):
    other_id = Id(help_text="The run that was the same.")
    is_identical = serializers.BooleanField(help_text="All numbers agree to six digits.")
    differing_series = serializers.ListField(child=serializers.CharField())


class RunDetail(RunSummary):
    place = RunPlace(allow_null=True, help_text="Until its first points, or its end.")
    last_batch = serializers.IntegerField(help_text="Of its points; `events` go on after it.")
    code_hash = serializers.CharField()
    work_seconds = serializers.FloatField(allow_null=True)
    device = serializers.DictField()
    versions = serializers.DictField(help_text="Of the libraries that measured it.")
    summary = serializers.DictField()
    error = serializers.CharField()
    is_thinned = serializers.BooleanField(help_text="Some points of an old run are gone.")
    reproduction = RunReproduction(allow_null=True)


RUN = "4f2a0000-0000-4000-8000-00000000beef"
SUMMARY_EXAMPLE = {
    "id": RUN,
    "lab_id": "dead-relu",
    "owner": "mei",
    "state": "succeeded",
    "queue": "labs",
    "settings": {"depth": 5, "width": 64, "bias": 0.0, "scale": 0.0625, "epochs": 10},
    "is_default": False,
    "replicates": 16,
    "seed": 0,
    "is_shared": False,
    "queued_at": "2026-11-02T08:15:00.000Z",
    "started_at": "2026-11-02T08:15:02.000Z",
    "ended_at": "2026-11-02T08:15:21.000Z",
    "points_done": 1210,
    "points_expected": 1210,
    "is_folded": False,
    "verdicts": [
        {
            "claim": "dead-relu.lr-kills",
            "statement": "A large learning rate kills ReLU units.",
            "outcome": "holds",
            "sentence": "At rate 1, 61 % more of the units died than at 0.01.",
            "effect": 0.61,
            "interval_low": 0.55,
            "interval_high": 0.67,
            "finite_replicates": 16,
            "diverged_replicates": 0,
        }
    ],
    "prediction": {
        "claim": "dead-relu.lr-kills",
        "outcome": "holds",
        "confidence": 80,
        "sketch": {"relu 0.01": 0.05, "relu 1": 0.6},
        "was_right": True,
        "brier_score": 0.04,
        "not_counted": "",
    },
    "url": f"https://gradus.example/runs/{RUN}",
}
DETAIL_EXAMPLE = SUMMARY_EXAMPLE | {
    "place": None,
    "last_batch": 44,
    "code_hash": "5d0c9d2f",
    "work_seconds": 18.4,
    "device": {"kind": "cpu", "name": "AMD EPYC"},
    "versions": {"torch": "2.13.0"},
    "summary": {},
    "error": "",
    "is_thinned": False,
    "reproduction": None,
}


def run_summary(request: Request, run: Run, *, is_shown: bool) -> dict[str, Any]:
    """Return what a list says of a run. With `is_shown` false, nothing that tells its verdicts."""
    words = run.version.words
    return {
        "id": str(run.pk),
        "lab_id": run.version.lab_id,
        "owner": run.owner.handle,
        "state": run.state,
        "queue": run.queue,
        "settings": run.config,
        "is_default": run.at_defaults,
        "replicates": run.replicates,
        "seed": run.seed,
        "is_shared": run.shared,
        "queued_at": utc(run.queued_at),
        "started_at": utc_or_none(run.started_at),
        "ended_at": utc_or_none(run.ended_at),
        "points_done": run.points_done,
        "points_expected": run.points_expected,
        "is_folded": not is_shown,
        "verdicts": [verdict_data(words, verdict) for verdict in run.verdicts.all()]
        if is_shown
        else [],
        "prediction": _prediction(presenters.prediction_of(run), is_shown=is_shown),
        "url": request.build_absolute_uri(reverse("experiments:run", args=[run.pk])),
    }


def verdict_data(words: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
    """Return a verdict that its reader may see (`RunVerdict`)."""
    return {
        "claim": verdict.claim,
        "statement": presenters.statement(words, verdict.claim),
        "outcome": verdict.outcome,
        "sentence": presenters.present_verdict(words, verdict).sentence,
        "effect": verdict.effect,
        "interval_low": verdict.low,
        "interval_high": verdict.high,
        "finite_replicates": verdict.replicates,
        "diverged_replicates": verdict.diverged,
    }


def _prediction(prediction: Prediction | None, *, is_shown: bool) -> dict[str, Any] | None:
    if prediction is None:
        return None
    return {
        "claim": prediction.claim,
        "outcome": prediction.outcome,
        "confidence": prediction.confidence,
        "sketch": prediction.sketch,
        "was_right": prediction.was_right if is_shown else None,
        "brier_score": prediction.score if is_shown else None,
        "not_counted": prediction.not_counted,
    }


def run_detail(request: Request, run: Run) -> dict[str, Any]:
    is_shown = selectors.shows_verdict(reader_of(request._request), run)
    place = selectors.run_place(run)
    reproduction = selectors.reproduction_of(request.user, run) if is_shown else None
    return run_summary(request, run, is_shown=is_shown) | {
        "place": None
        if place is None
        else {
            "runs_ahead": place.ahead,
            "earliest_seconds": place.soonest,
            "latest_seconds": place.latest,
            "seconds": place.seconds,
            "reason": queue_words.reason(place),
            "reason_code": place.reason.value,
        },
        "last_batch": run.last_seq,
        "code_hash": run.version.code_hash,
        "work_seconds": run.seconds,
        "device": run.device,
        "versions": run.versions,
        "summary": run.summary if is_shown else {},
        "error": run.error,
        "is_thinned": run.thinned_at is not None,
        "reproduction": None
        if reproduction is None
        else {
            "other_id": str(reproduction.other.pk),
            "is_identical": not reproduction.differing,
            "differing_series": [f"{arm}/{series}" for arm, series in reproduction.differing],
        },
    }


# ---------------------------------------------------------------- what comes in


class NewPrediction(Input):
    outcome = serializers.ChoiceField(
        [(outcome.value, outcome.label) for outcome in PREDICTABLE_OUTCOMES]
    )
    confidence = serializers.ChoiceField(Prediction.Confidence.choices, help_text="Percent.")
    sketch = serializers.DictField(child=serializers.JSONField(), required=False)


def _read_prediction(lab: Lab, data: Mapping[str, Any] | None) -> PredictionInput | None:
    """Return a prediction as the lab takes it; None if there is none.

    Raises:
        BadRequest: the sketch has an arm that is not drawn, or a value out of bounds.
    """
    if data is None:
        return None
    words, errors, sketch = lab.current_version.words, [], dict[str, float]()
    drawn = sketches.arms(words)
    for arm, value in data.get("sketch", {}).items():
        field = f"prediction.sketch.{arm}"[:100]
        if arm not in drawn:
            text = _("There is no such arm to draw. Arms are: %(names)s.")
            errors.append({"field": field, "message": text % {"names": ", ".join(drawn)}})
            continue
        try:
            sketch[arm] = sketches.read_mark(words, value)
        except ValueError as error:
            errors.append({"field": field, "message": str(error)})
    if errors:
        raise BadRequest(f"{errors[0]['field']}: {errors[0]['message']}", errors=errors)
    return PredictionInput(data["outcome"], int(data["confidence"]), sketch)


class RunsEndpoint(Endpoint):
    tag = "runs"
    scopes = {"GET": Scope.READ, "POST": Scope.RUN}

    class RunFilters(Input):
        lab_id = serializers.SlugField(required=False)
        state = serializers.ChoiceField(Run.State.choices, required=False)

    class NewRun(Input):
        lab_id = serializers.SlugField()
        settings = serializers.DictField(
            child=serializers.JSONField(), required=False, help_text="The rest have their defaults."
        )
        replicates = serializers.ChoiceField(REPLICATES, required=False)
        prediction = NewPrediction(
            required=False, allow_null=True, help_text="Without one, what you see does not count."
        )

    @operation(
        "Your runs, the newest first",
        response=RunSummary,
        example=SUMMARY_EXAMPLE,
        pages=True,
        parameters=[RunFilters],
    )
    def get(self, request: Request) -> Response:
        asked = read_query(request, self.RunFilters)
        runs = selectors.runs_of(self.person()).select_related("owner")
        if "lab_id" in asked:
            runs = runs.filter(version__lab=asked["lab_id"])
        if "state" in asked:
            runs = runs.filter(state=asked["state"])
        return page(
            request,
            runs,
            lambda row: run_summary(request, row[0], is_shown=row[1]),
            ordering=("-queued_at", "id"),
            prepare=lambda rows: with_access(request, rows),
        )

    @operation(
        "Queue a run",
        request=NewRun,
        request_example={
            "lab_id": "dead-relu",
            "settings": {"depth": 5},
            "prediction": {"outcome": "holds", "confidence": 80, "sketch": {"relu 1": 0.6}},
        },
        response=RunDetail,
        example=DETAIL_EXAMPLE,
        status=201,
    )
    @creates
    def post(self, request: Request) -> Response:
        data = read(request, self.NewRun)
        try:
            lab = selectors.lab_for(data["lab_id"])
        except Http404:
            text = _("There is no such lab.")
            error = {"field": "lab_id", "message": text}
            raise BadRequest(f"lab_id: {text}", errors=[error]) from None
        run = services.queue_run(
            owner=self.person(),
            lab=lab,
            config=data.get("settings", {}),
            key=key_of(request) or uuid4().hex,
            replicates=int(data.get("replicates", Run.STANDARD_REPLICATES)),
            prediction=_read_prediction(lab, data.get("prediction")),
        )
        return created(request, run)


def created(request: Request, run: Run) -> Response:
    run = selectors.run_for(request.user, run.pk)
    where = reverse("experiments_api:run", args=[run.pk])
    return Response(run_detail(request, run), status=201, headers={"Location": where})


def with_access(request: Request, runs: Iterable[Run]) -> list[tuple[Run, bool]]:
    runs = list(runs)
    readable = selectors.readable_runs(reader_of(request._request), runs)
    return [(run, run.pk in readable) for run in runs]


# ---------------------------------------------------------------- one run


class RunEndpoint(Endpoint):
    tag = "runs"
    scopes = {"GET": Scope.READ, "PATCH": Scope.RUN}
    limits = {"PATCH": "shares"}
    is_public = True

    class RunChange(Input):
        is_shared = serializers.BooleanField(help_text="Whether anybody with the link sees it.")

    @operation("A run", response=RunDetail, example=DETAIL_EXAMPLE)
    def get(self, request: Request, pk: UUID) -> Response:
        data = run_detail(request, selectors.run_for(request.user, pk))
        return tagged(request, data, etag_of(data))

    @operation(
        "Share a run, or stop sharing it",
        request=RunChange,
        request_example={"is_shared": True},
        response=RunDetail,
        example=DETAIL_EXAMPLE,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        run = selectors.own_run(request.user, pk)
        services.set_run_visibility(run=run, shared=read(request, self.RunChange)["is_shared"])
        return Response(run_detail(request, selectors.run_for(request.user, pk)))


class RunCancelEndpoint(Endpoint):
    tag = "runs"
    scopes = {"POST": Scope.RUN}
    limits = {"POST": "stops"}

    @operation(
        "Stop a run",
        description="A queued run stops at once, a running one when its worker has heard of it.",
        response=RunDetail,
        example=DETAIL_EXAMPLE | {"state": "cancelled", "verdicts": []},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        services.request_cancel(run=selectors.own_run(request.user, pk))
        return Response(run_detail(request, selectors.run_for(request.user, pk)))


class RunRerunEndpoint(Endpoint):
    tag = "runs"
    scopes = {"POST": Scope.RUN}

    class Rerun(Input):
        replicates = serializers.ChoiceField(REPLICATES, required=False)

    @operation(
        "Run the same settings again",
        description="With the lab's present code, and the same seed.",
        request=Rerun,
        request_example={"replicates": 32},
        response=RunDetail,
        example=DETAIL_EXAMPLE,
        status=201,
    )
    @creates
    def post(self, request: Request, pk: UUID) -> Response:
        run = selectors.run_for(request.user, pk)
        data = read(request, self.Rerun)
        again = services.queue_run(
            owner=self.person(),
            lab=selectors.lab_for(run.version.lab_id),
            config=run.config,
            key=key_of(request) or uuid4().hex,
            replicates=int(data.get("replicates", run.replicates)),
            seed=run.seed,
        )
        return created(request, again)


class RunVerdictEndpoint(Endpoint):
    tag = "runs"
    scopes = {"POST": Scope.RUN}
    limits = {"POST": "predictions"}

    @operation(
        "See a verdict without predicting it",
        description="Your predictions of these settings do not count from then on.",
        response=RunDetail,
        example=DETAIL_EXAMPLE,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        run = selectors.run_for(request.user, pk)
        services.open_verdict(user=self.person(), run=run)
        return Response(run_detail(request, run))


class RunSourceEndpoint(Endpoint):
    tag = "runs"
    scopes = {"GET": Scope.READ}
    is_public = True

    class RunSource(Output):
        code_hash = serializers.CharField()
        code = serializers.CharField(help_text="Python.")

    @operation(
        "The code that measured a run",
        response=RunSource,
        example={"code_hash": "5d0c9d2f", "code": "def run(config): ..."},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        version = selectors.run_for(request.user, pk).version
        return Response({"code_hash": version.code_hash, "code": version.source})


class CompareEndpoint(Endpoint):
    tag = "runs"
    scopes = {"GET": Scope.READ}
    is_public = True

    class Compared(Input):
        run_id = serializers.ListField(
            child=serializers.UUIDField(), min_length=2, max_length=MAX_COMPARED
        )

    class Comparison(Output):
        differing_settings = serializers.ListField(
            child=serializers.CharField(), help_text="Names of settings that are not the same."
        )
        runs = RunSummary(many=True)

    @operation(
        "Runs of one lab beside each other",
        response=Comparison,
        parameters=[Compared],
        example={"differing_settings": ["depth"], "runs": [SUMMARY_EXAMPLE, SUMMARY_EXAMPLE]},
    )
    def get(self, request: Request) -> Response:
        asked = read_query(request, self.Compared)
        runs = [selectors.run_for(request.user, pk) for pk in asked["run_id"]]
        if len({run.version.lab_id for run in runs}) > 1:
            text = _("These runs are of different labs. Compare runs of one lab.")
            raise BadRequest(text, errors=[{"field": "run_id", "message": text}])
        names = sorted({name for run in runs for name in run.config})
        differing = [
            name
            for name in names
            if len({lab_config.config_hash({name: run.config.get(name)}) for run in runs}) > 1
        ]
        rows = with_access(request, runs)
        return Response(
            {
                "differing_settings": differing,
                "runs": [run_summary(request, run, is_shown=shown) for run, shown in rows],
            }
        )
