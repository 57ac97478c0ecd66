"""The points of a run: all of them thinned to what a screen shows, or batch by batch."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint, read_query
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Input, Output
from apps.api.streams import stream
from apps.common.text import clean
from apps.experiments import presenters, selectors, series, sse
from apps.experiments.models import Batch, Run
from apps.experiments.reader import reader_of

MAX_BATCHES = 200
Numbers = serializers.ListField(child=serializers.FloatField(allow_null=True))
CURVE = {
    "arm": "relu 1",
    "series": "dead",
    "step": [1.0, 2.0],
    "mean": [0.1, 0.4],
    "low": [0.05, 0.3],
    "high": [0.15, 0.5],
}


def readable_run(request: Request, pk: UUID) -> Run:
    """Return a run whose points its reader may see.

    Raises:
        VerdictHidden: they have neither predicted nor opened its verdicts.
    """
    run = selectors.run_for(request.user, pk)
    if not selectors.shows_verdict(reader_of(request._request), run):
        raise presenters.verdict_hidden(run)
    return run


class Curve(Output):
    arm = serializers.CharField()
    series = serializers.CharField()
    step = Numbers
    mean = serializers.ListField(child=serializers.FloatField(allow_null=True))
    low = serializers.ListField(
        child=serializers.FloatField(allow_null=True), help_text="Empty for a single replicate."
    )
    high = serializers.ListField(child=serializers.FloatField(allow_null=True))


@stream(
    "runs/{pk}/events",
    summary="What is new of a run, as it comes",
    description="Server-sent events: `points` with the number of their batch as `id`, `reset`, "
    "`state`. It ends with the run. After a cut, send the last `id` as `Last-Event-ID`.",
    tag="runs",
)
async def run_events(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    return await sse.stream_run(request, pk)


class RunPointsEndpoint(Endpoint):
    tag = "runs"
    scopes = {"GET": Scope.READ}
    is_public = True

    class PointFilters(Input):
        series = serializers.ListField(
            child=serializers.CharField(max_length=128),
            required=False,
            max_length=50,
            help_text="Of these series alone.",
        )

    class RunPoints(Output):
        last_batch = serializers.IntegerField()
        state = serializers.ChoiceField(Run.State.choices)
        is_thinned = serializers.BooleanField(help_text="Some points of an old run are gone.")
        curves = Curve(many=True)

    @operation(
        "The curves of a run",
        description="Each thinned to at most 4,003 points, with all peaks.",
        response=RunPoints,
        parameters=[PointFilters],
        example={"last_batch": 44, "state": "succeeded", "is_thinned": False, "curves": [CURVE]},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        run = readable_run(request, pk)
        names = read_query(request, self.PointFilters).get("series", [])
        last, curves = selectors.points_of(run, [clean(name) for name in names])
        return Response(
            {
                "last_batch": last,
                "state": run.state,
                "is_thinned": run.thinned_at is not None,
                "curves": curves,
            }
        )


class RunBatchesEndpoint(Endpoint):
    """As the worker reported them, in order. A batch with `keep_until` discards what came after
    that one: a later attempt of the run goes on from there.
    """

    tag = "runs"
    scopes = {"GET": Scope.READ}
    is_public = True

    class BatchRange(Input):
        after = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
        count = serializers.IntegerField(required=False, min_value=1, max_value=MAX_BATCHES)

    class Batches(Output):
        class PointBatch(Output):
            number = serializers.IntegerField()
            keep_until = serializers.IntegerField(allow_null=True)
            curve = Curve(allow_null=True)

        batches = PointBatch(many=True)
        last_batch = serializers.IntegerField(help_text="That is stored now.")
        state = serializers.ChoiceField(Run.State.choices)

    @operation(
        "The points of a run, batch by batch",
        response=Batches,
        parameters=[BatchRange],
        example={
            "batches": [{"number": 1, "keep_until": None, "curve": CURVE}],
            "last_batch": 44,
            "state": "running",
        },
    )
    def get(self, request: Request, pk: UUID) -> Response:
        run = readable_run(request, pk)
        asked = read_query(request, self.BatchRange)
        newer = run.batches.filter(seq__gt=asked.get("after", 0)).order_by("seq")
        batches = [_batch(batch) for batch in newer[: asked.get("count", MAX_BATCHES)]]
        return Response({"batches": batches, "last_batch": run.last_seq, "state": run.state})


def _batch(batch: Batch) -> dict[str, Any]:
    if batch.kind == Batch.Kind.RESET:
        return {"number": batch.seq, "keep_until": batch.reset["keep"], "curve": None}
    return {"number": batch.seq, "keep_until": None, "curve": series.message(batch)}
