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
from apps.api.serializers import Input, Output
from apps.common.errors import BadRequest
from apps.experiments import lab_config, selectors, services, sketches
from apps.experiments.api.run_outputs import (
    DETAIL_EXAMPLE,
    SUMMARY_EXAMPLE,
    RunDetail,
    RunSummary,
    run_detail,
    run_summary,
)
from apps.experiments.models import Lab, Prediction, Run
from apps.experiments.presenters import PREDICTABLE_OUTCOMES
from apps.experiments.reader import reader_of
from apps.experiments.services import PredictionInput

REPLICATES = (Run.STANDARD_REPLICATES, *Run.MORE_REPLICATES)


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


class CompareEndpoint(Endpoint):
    tag = "runs"
    scopes = {"GET": Scope.READ}
    is_public = True

    class Compared(Input):
        run_id = serializers.ListField(
            child=serializers.UUIDField(),
            min_length=selectors.MIN_COMPARED,
            max_length=selectors.MAX_COMPARED,
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
        runs = selectors.runs_together(request.user, asked["run_id"])
        differing = sorted(lab_config.differing([run.config for run in runs]))
        rows = with_access(request, runs)
        return Response(
            {
                "differing_settings": differing,
                "runs": [run_summary(request, run, is_shown=shown) for run, shown in rows],
            }
        )
