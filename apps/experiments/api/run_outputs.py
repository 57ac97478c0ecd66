"""Runs as programs get them: in lists, and one with all that its reader may see of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request

from apps.api.serializers import Id, Moment, Output, utc, utc_or_none
from apps.experiments import presenters, queue_words, selectors
from apps.experiments.models import Outcome, Prediction, Queue, Run, Verdict
from apps.experiments.queue_estimate import Reason
from apps.experiments.reader import reader_of


class RunVerdict(Output):
    claim = serializers.CharField()
    statement = serializers.CharField()
    outcome = serializers.ChoiceField(Outcome.choices)
    sentence = serializers.CharField()
    effect = serializers.FloatField(allow_null=True)
    interval_low = serializers.FloatField(allow_null=True, help_text="Of the 95% interval.")
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
            "sentence": "At rate 1, 61% more of the units died than at 0.01.",
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
