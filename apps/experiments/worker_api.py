"""The worker API: one endpoint per message of `workers.wire`."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.audit import origin
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.errors import BadRequest, NotAuthorised, TooLarge
from apps.common.networks import address
from apps.experiments import selectors, worker_services
from apps.experiments.models import Worker
from workers import wire

Record = TypeVar("Record")
encode = msgspec.json.Encoder().encode


class WorkerToken(BaseAuthentication):
    """`Authorization: Worker <token>`: one token for each worker, revocable."""

    def authenticate(self, request: Request) -> tuple[None, Worker] | None:
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            raise NotAuthorised("Use https. This token could be read on its way: make a new one.")
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        worker = selectors.worker_with_token(token) if kind == "Worker" and token else None
        if worker is None and token:
            record(Kind.WORKER_TOKEN_REFUSED)
        if worker is None:
            raise NotAuthorised(
                "Send `Authorization: Worker <token>` with a "
                "token made by `./gradus manage make_worker`."
            )
        worker_services.record_place(worker, origin.network())
        return None, worker


class IsWorker(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Worker)


class WorkerView(APIView):
    authentication_classes = [WorkerToken]
    permission_classes = [IsWorker]

    @staticmethod
    def read(request: Request, kind: type[Record]) -> Record:
        """Return the body as a record.

        Raises:
            TooLarge: it is larger than `wire.MAX_BODY`.
            BadRequest: it is no such record; says where.
        """
        body = request._request.read(wire.MAX_BODY + 1)
        if len(body) > wire.MAX_BODY:
            raise TooLarge(f"At most {wire.MAX_BODY} bytes a request. Send fewer events at once.")
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(f"This is no {kind.__name__}: {error}") from None

    @staticmethod
    def answer(record: Any, status: int = 200) -> HttpResponse:
        return HttpResponse(encode(record), status=status, content_type="application/json")

    @staticmethod
    def worker(request: Request) -> Worker:
        assert isinstance(request.auth, Worker), "IsWorker has checked it"
        return request.auth

    @staticmethod
    def token(request: Request) -> str:
        return str(request.headers.get(wire.RUN_ATTEMPT_HEADER, ""))


class LeaseEndpoint(WorkerView):
    def post(self, request: Request) -> HttpResponse:
        asked = self.read(request, wire.LeaseRequest)
        worker = self.worker(request)
        worker_services.record_contact(worker, asked, address(request.META["REMOTE_ADDR"]))
        if not asked.slots:
            return HttpResponse(status=204)
        lease = worker_services.lease_run(
            worker=worker, queues=asked.queues, labs=asked.labs, key=asked.key
        )
        if lease is None:
            return HttpResponse(status=204)
        run = lease.run
        record = wire.Lease(
            run=str(run.pk),
            run_attempt_id=lease.run_attempt.pk,
            number=lease.run_attempt.number,
            token=lease.token,
            lease_seconds=settings.LEASE_SECONDS,
            heartbeat_seconds=settings.HEARTBEAT_SECONDS,
            kill_seconds=settings.KILL_SECONDS,
            limit_seconds=settings.RUN_LIMIT_SECONDS,
            after=run.last_seq,
            queue=run.queue,
            lab=run.version.lab_id,
            code_hash=run.version.code_hash,
            config=run.config,
            replicates=run.replicates,
            seed=run.seed,
        )
        return self.answer(record)


class EventsEndpoint(WorkerView):
    def post(self, request: Request, run_attempt_id: int) -> HttpResponse:
        report = self.read(request, wire.EventsRequest)
        stop = worker_services.store_events(
            worker=self.worker(request),
            run_attempt_id=run_attempt_id,
            token=self.token(request),
            report=report,
        )
        return self.answer(wire.EventsReply(stop=stop, lease_seconds=settings.LEASE_SECONDS))


class ResultEndpoint(WorkerView):
    def post(self, request: Request, run_attempt_id: int) -> HttpResponse:
        result = self.read(request, wire.Result)
        run = worker_services.finish_run(
            worker=self.worker(request),
            run_attempt_id=run_attempt_id,
            token=self.token(request),
            result=result,
        )
        return self.answer({"run": str(run.pk), "state": run.state})


class ReleaseEndpoint(WorkerView):
    def post(self, request: Request, run_attempt_id: int) -> HttpResponse:
        asked = self.read(request, wire.Release)
        worker_services.release_run_attempt(
            worker=self.worker(request),
            run_attempt_id=run_attempt_id,
            token=self.token(request),
            reason=asked.reason,
        )
        return self.answer({})
