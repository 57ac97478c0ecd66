"""What operators see of workers, queues and everybody's runs."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint, read_query
from apps.api.paging import list_of, page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, Moment, Output, utc, utc_or_none
from apps.experiments import selectors, services
from apps.experiments.models import Queue, Run, Worker


class WorkersEndpoint(Endpoint):
    tag = "operators"
    scopes = {"GET": Scope.OPERATE}
    permission = "experiments.view_worker"

    class OperatedWorker(Output):
        id = Id()
        name = serializers.CharField()
        queues = serializers.ListField(child=serializers.CharField())
        created_at = Moment()
        last_seen_at = Moment(allow_null=True)
        revoked_at = Moment(allow_null=True)

    @operation(
        "Workers",
        response=OperatedWorker,
        pages=True,
        example={
            "id": "3",
            "name": "basement",
            "queues": ["labs", "bench"],
            "created_at": "2026-11-02T08:15:00.000Z",
            "last_seen_at": "2026-11-02T09:15:00.000Z",
            "revoked_at": None,
        },
    )
    def get(self, request: Request) -> Response:
        return page(request, Worker.objects.all(), self.show)

    @staticmethod
    def show(worker: Worker) -> dict[str, object]:
        return {
            "id": str(worker.pk),
            "name": worker.name,
            "queues": worker.queues,
            "created_at": utc(worker.created_at),
            "last_seen_at": utc_or_none(worker.last_seen_at),
            "revoked_at": utc_or_none(worker.revoked_at),
        }


class QueuesEndpoint(Endpoint):
    tag = "operators"
    scopes = {"GET": Scope.OPERATE}
    permission = "experiments.view_run"

    class OperatedQueue(Output):
        name = serializers.ChoiceField(Queue.choices)
        waiting_runs = serializers.IntegerField()
        running_runs = serializers.IntegerField()

    @operation(
        "Queues",
        response=OperatedQueue,
        pages=True,
        example={"name": "labs", "waiting_runs": 2, "running_runs": 1},
    )
    def get(self, request: Request) -> Response:
        return list_of(Queue, self.show)

    @staticmethod
    def show(queue: Queue) -> dict[str, object]:
        length = selectors.queue_length(queue.value)
        return {
            "name": queue.value,
            "waiting_runs": length.waiting,
            "running_runs": length.running,
        }


class OperatedRun(Output):
    id = Id()
    lab_id = Id()
    owner = serializers.CharField()
    state = serializers.ChoiceField(Run.State.choices)
    queue = serializers.ChoiceField(Queue.choices)
    queued_at = Moment()
    started_at = Moment(allow_null=True)
    ended_at = Moment(allow_null=True)
    work_seconds = serializers.FloatField(allow_null=True)
    error = serializers.CharField()
    detail = serializers.CharField(help_text="Of the failure, for operators.")


RUN_EXAMPLE = {
    "id": "4f2a0000-0000-4000-8000-00000000beef",
    "lab_id": "dead-relu",
    "owner": "mei",
    "state": "failed",
    "queue": "labs",
    "queued_at": "2026-11-02T08:15:00.000Z",
    "started_at": "2026-11-02T08:15:02.000Z",
    "ended_at": "2026-11-02T08:15:03.000Z",
    "work_seconds": None,
    "error": "The lab raised an error.",
    "detail": "Traceback …",
}


def show(run: Run) -> dict[str, object]:
    return {
        "id": str(run.pk),
        "lab_id": run.version.lab_id,
        "owner": run.owner.handle,
        "state": run.state,
        "queue": run.queue,
        "queued_at": utc(run.queued_at),
        "started_at": utc_or_none(run.started_at),
        "ended_at": utc_or_none(run.ended_at),
        "work_seconds": run.seconds,
        "error": run.error,
        "detail": run.detail,
    }


class OperatedRunsEndpoint(Endpoint):
    tag = "operators"
    scopes = {"GET": Scope.OPERATE}
    permission = "experiments.view_run"

    class OperatedRunFilters(Input):
        state = serializers.ChoiceField(Run.State.choices, required=False)

    @operation(
        "Everybody's runs, the newest first",
        response=OperatedRun,
        pages=True,
        parameters=[OperatedRunFilters],
        example=RUN_EXAMPLE,
    )
    def get(self, request: Request) -> Response:
        runs = Run.objects.select_related("owner", "version")
        if state := read_query(request, self.OperatedRunFilters).get("state"):
            runs = runs.filter(state=state)
        return page(request, runs, show, ordering=("-queued_at", "id"))


class OperatedRunEndpoint(Endpoint):
    tag = "operators"
    scopes = {"DELETE": Scope.OPERATE}
    permission = "experiments.change_run"
    limits = {"DELETE": "stops"}

    @operation("Stop somebody's run", description="It stays, and ends as stopped.")
    def delete(self, request: Request, pk: UUID) -> Response:
        run = Run.objects.filter(pk=pk).first()
        if run is None:
            raise Http404("No such run.")
        services.stop_by_operator(run=run)
        return Response(status=204)
