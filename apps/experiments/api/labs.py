"""Labs: what can be run, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint, read_query
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, Output
from apps.common.text import in_language
from apps.experiments import lab_config, presenters, selectors, sketches
from apps.experiments.chart_specs import arm_labels
from apps.experiments.models import Lab, Prediction, Queue
from apps.experiments.reader import reader_of
from apps.experiments.selectors import VerdictAccess

ACCESS = [access.value for access in VerdictAccess]
EXAMPLE = {
    "id": "dead-relu",
    "title": "Dead units: what switches a ReLU off, and does it come back?",
    "question": "Does a large learning rate kill ReLU units, and do dead ones ever return?",
    "topic": "activation-functions",
    "lab_kind": "training",
    "queue": "labs",
    "expected_seconds": 20.0,
    "verdict_access": "none",
}


class LabSummary(Output):
    id = Id()
    title = serializers.CharField()
    question = serializers.CharField()
    topic = serializers.SlugField()
    lab_kind = serializers.ChoiceField(Lab.Kind.choices)
    queue = serializers.ChoiceField(Queue.choices)
    expected_seconds = serializers.FloatField(allow_null=True, help_text="Of a standard run.")
    verdict_access = serializers.ChoiceField(
        ACCESS, help_text="Whether you predicted, or opened, the verdicts at default settings."
    )


def summary(lab: Lab, access: VerdictAccess) -> dict[str, Any]:
    return {
        "id": lab.pk,
        "title": lab.title,
        "question": lab.question,
        "topic": lab.topic,
        "lab_kind": lab.kind,
        "queue": lab.queue,
        "expected_seconds": lab.current_version.words_row.seconds,
        "verdict_access": access.value,
    }


class LabsEndpoint(Endpoint):
    tag = "labs"
    scopes = {"GET": Scope.READ}
    is_public = True

    class LabFilters(Input):
        topic = serializers.SlugField(required=False)
        lab_kind = serializers.ChoiceField(Lab.Kind.choices, required=False)
        words = serializers.CharField(required=False, max_length=200, help_text="All of them.")

    @operation("Labs", response=LabSummary, example=EXAMPLE, pages=True, parameters=[LabFilters])
    def get(self, request: Request) -> Response:
        asked = read_query(request, self.LabFilters)
        labs = selectors.catalogue(
            topic=asked.get("topic", ""),
            kind=asked.get("lab_kind", ""),
            words=asked.get("words", ""),
        )
        reader = reader_of(request._request)

        def with_access(rows: list[Lab]) -> list[tuple[Lab, VerdictAccess]]:
            accesses = selectors.verdict_accesses(reader, map(selectors.default_subject, rows))
            return [(lab, accesses[selectors.default_subject(lab)]) for lab in rows]

        return page(
            request, labs, lambda row: summary(*row), ordering=("slug",), prepare=with_access
        )


class LabEndpoint(Endpoint):
    tag = "labs"
    scopes = {"GET": Scope.READ}
    is_public = True

    class LabDetail(LabSummary):
        class LabSetting(Output):
            name = serializers.CharField()
            title = serializers.CharField()
            value_type = serializers.CharField(help_text="`int`, `float`, `bool`, `str`, `list[…]`")
            default = serializers.JSONField()
            choices = serializers.ListField(child=serializers.JSONField(), allow_null=True)
            minimum = serializers.FloatField(allow_null=True)
            maximum = serializers.FloatField(allow_null=True)

        class LabClaim(Output):
            name = serializers.CharField()
            statement = serializers.CharField()

        class LabOutcome(Output):
            outcome = serializers.CharField()
            title = serializers.CharField()

        class LabArm(Output):
            name = serializers.CharField()
            title = serializers.CharField()

        shows = serializers.CharField(help_text="What happens in a run.")
        model = serializers.CharField()
        dataset = serializers.CharField()
        code_hash = serializers.CharField()
        lab_settings = LabSetting(many=True)
        claims = LabClaim(many=True)
        predicted_claim = serializers.CharField()
        outcomes = LabOutcome(many=True, help_text="That one may predict.")
        confidences = serializers.ListField(child=serializers.IntegerField(), help_text="Percent.")
        sketched_arms = LabArm(many=True, help_text="For which a sketch may have a value.")
        sketch_low = serializers.FloatField()
        sketch_high = serializers.FloatField()
        waiting_runs = serializers.IntegerField()
        running_runs = serializers.IntegerField()

    @operation(
        "A lab",
        response=LabDetail,
        example=EXAMPLE
        | {
            "shows": "Small ReLU networks learn to classify 8x8 digits at five learning rates.",
            "model": "Fully connected, 3 hidden layers of 64, He initialisation, plain SGD",
            "dataset": "scikit-learn digits: 1,797 images of 8x8 pixels, ten classes",
            "code_hash": "5d0c9d2f",
            "lab_settings": [
                {
                    "name": "depth",
                    "title": "hidden layers",
                    "value_type": "int",
                    "default": 3,
                    "choices": None,
                    "minimum": 1.0,
                    "maximum": 8.0,
                }
            ],
            "claims": [
                {"name": "dead-relu.lr-kills", "statement": "A large learning rate kills units."}
            ],
            "predicted_claim": "dead-relu.lr-kills",
            "outcomes": [{"outcome": "holds", "title": "Yes, it kills them"}],
            "confidences": [35, 50, 65, 80, 95],
            "sketched_arms": [{"name": "relu 0.01", "title": "ReLU, rate 0.01"}],
            "sketch_low": 0.0,
            "sketch_high": 1.0,
            "waiting_runs": 0,
            "running_runs": 1,
        },
    )
    def get(self, request: Request, slug: str) -> Response:
        lab = selectors.lab_for(slug)
        words, version = lab.current_version.words, lab.current_version
        access = selectors.verdict_access(
            reader_of(request._request), version, lab_config.defaults(words)
        )
        queue, (low, high) = selectors.queue_length(lab.queue), sketches.bounds(words)
        drawn = arm_labels(words, sketches.arms(words))
        return Response(
            summary(lab, access)
            | {
                "shows": in_language(words.get("shows", {})),
                "model": in_language(words.get("model", {})),
                "dataset": in_language(words.get("data", {})),
                "code_hash": version.code_hash,
                "lab_settings": [
                    _setting(name, setting) for name, setting in presenters.ordered(words, "config")
                ],
                "claims": [
                    {"name": name, "statement": presenters.statement(words, name)}
                    for name, _claim in presenters.ordered(words, "claims")
                ],
                "predicted_claim": presenters.headline_claim(words),
                "outcomes": [
                    {"outcome": outcome, "title": label}
                    for outcome, label in presenters.outcome_choices(words)
                ],
                "confidences": list(Prediction.Confidence.values),
                "sketched_arms": [{"name": arm, "title": drawn[arm]} for arm in drawn],
                "sketch_low": low,
                "sketch_high": high,
                "waiting_runs": queue.waiting,
                "running_runs": queue.running,
            }
        )


def _setting(name: str, setting: Mapping[str, Any]) -> dict[str, Any]:
    low, high = setting.get("range", (None, None))
    return {
        "name": name,
        "title": in_language(setting),
        "value_type": setting["type"],
        "default": setting["default"],
        "choices": setting.get("choices"),
        "minimum": low,
        "maximum": high,
    }
