"""The ledger."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint, read_query
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, Output
from apps.experiments import presenters, selectors
from apps.experiments.models import Claim, Lab, Outcome
from apps.experiments.reader import reader_of
from apps.experiments.selectors import HIDDEN, NOT_RECORDED


class ClaimsEndpoint(Endpoint):
    """A claim's verdict at default settings, from the project's recorded run, and what learners'
    runs came to. Both are hidden until you predict it, or choose to see it.
    """

    tag = "ledger"
    scopes = {"GET": Scope.READ}
    is_public = True

    class ClaimFilters(Input):
        topic = serializers.SlugField(required=False)
        lab_id = serializers.SlugField(required=False)
        verdict = serializers.ChoiceField([HIDDEN, *Outcome.values, NOT_RECORDED], required=False)
        words = serializers.CharField(required=False, max_length=200, help_text="All of them.")

    class LedgerClaim(Output):
        name = serializers.CharField()
        lab_id = Id()
        topic = serializers.SlugField()
        statement = serializers.CharField()
        verdict = serializers.ChoiceField([HIDDEN, *Outcome.values, NOT_RECORDED])
        sentence = serializers.CharField(help_text="Empty while hidden.")
        effect = serializers.FloatField(allow_null=True)
        interval_low = serializers.FloatField(allow_null=True)
        interval_high = serializers.FloatField(allow_null=True)
        recorded_run_id = Id(allow_null=True)
        learners_runs = serializers.DictField(
            child=serializers.IntegerField(), help_text="By outcome; empty while hidden."
        )

    @operation(
        "The ledger of claims",
        response=LedgerClaim,
        pages=True,
        parameters=[ClaimFilters],
        example={
            "name": "dead-relu.lr-kills",
            "lab_id": "dead-relu",
            "topic": "activation-functions",
            "statement": "A large learning rate kills ReLU units.",
            "verdict": "holds",
            "sentence": "At rate 1, 61% more of the units died than at 0.01.",
            "effect": 0.61,
            "interval_low": 0.55,
            "interval_high": 0.67,
            "recorded_run_id": "4f2a0000-0000-4000-8000-00000000beef",
            "learners_runs": {"holds": 12},
        },
    )
    def get(self, request: Request) -> Response:
        asked = read_query(request, self.ClaimFilters)
        reader = reader_of(request._request)
        claims = selectors.ledger(
            reader,
            topic=asked.get("topic", ""),
            lab=asked.get("lab_id", ""),
            verdict=asked.get("verdict", ""),
            words=asked.get("words", ""),
        )

        def with_verdicts(rows: list[Claim]) -> list[dict[str, Any]]:
            return _with_verdicts(reader, rows)

        return page(
            request, claims, lambda row: row, ordering=("name", "pk"), prepare=with_verdicts
        )


def _with_verdicts(reader: selectors.Reader, claims: list[Claim]) -> list[dict[str, Any]]:
    labs: dict[str, Lab] = {}
    for claim in claims:
        claim.version.lab.current = claim.version  # as loaded: saves a query
        labs[claim.version.lab_id] = claim.version.lab
    accesses = selectors.verdict_accesses(reader, map(selectors.default_subject, labs.values()))
    readable = {
        slug for slug, lab in labs.items() if accesses[selectors.default_subject(lab)].is_granted
    }
    runs = selectors.standard_runs(list(labs))
    counts = selectors.evidence_counts(
        [claim.name for claim in claims if claim.version.lab_id in readable]
    )
    rows = []
    for claim in claims:
        slug = claim.version.lab_id
        run = runs.get(slug)
        of_claim = {verdict.claim: verdict for verdict in run.verdicts.all()} if run else {}
        verdict = of_claim.get(claim.name) if slug in readable else None
        hidden = HIDDEN if run and slug not in readable else NOT_RECORDED
        rows.append(
            {
                "name": claim.name,
                "lab_id": slug,
                "topic": claim.version.lab.topic,
                "statement": claim.statement,
                "verdict": verdict.outcome if verdict else hidden,
                "sentence": presenters.present_claim_verdict(claim.words, verdict).sentence
                if verdict
                else "",
                "effect": verdict.effect if verdict else None,
                "interval_low": verdict.low if verdict else None,
                "interval_high": verdict.high if verdict else None,
                "recorded_run_id": str(run.pk) if run else None,
                "learners_runs": counts.get(claim.name, {}),
            }
        )
    return rows
