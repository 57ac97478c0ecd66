"""The code of labs, as a lab has it now and as a run was measured by it."""

from __future__ import annotations

from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Output
from apps.experiments import selectors
from apps.experiments.models import LabVersion

EXAMPLE = {"code_hash": "5d0c9d2f", "code": "def run(config): ..."}


class Source(Output):
    code_hash = serializers.CharField()
    code = serializers.CharField(help_text="Python.")


class SourceEndpoint(Endpoint):
    """The code of a version of a lab."""

    scopes = {"GET": Scope.READ}
    is_public = True

    def answer(self, version: LabVersion) -> Response:
        return Response({"code_hash": version.code_hash, "code": version.source})


class LabSourceEndpoint(SourceEndpoint):
    tag = "labs"

    class LabSource(Source):
        pass

    @operation("The code of a lab", response=LabSource, example=EXAMPLE)
    def get(self, request: Request, slug: str) -> Response:
        return self.answer(selectors.lab_for(slug).current_version)


class RunSourceEndpoint(SourceEndpoint):
    tag = "runs"

    class RunSource(Source):
        pass

    @operation("The code that measured a run", response=RunSource, example=EXAMPLE)
    def get(self, request: Request, pk: UUID) -> Response:
        return self.answer(selectors.run_for(request.user, pk).version)
