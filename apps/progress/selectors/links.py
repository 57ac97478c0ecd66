"""What the links of texts lead to, of that which exists on this site."""

from __future__ import annotations

from collections.abc import Collection

from apps.experiments.selectors import existing_claims
from apps.progress.selectors.labs import offered_slugs
from apps.questions.links import CLAIM, LAB, QUESTION, Target
from apps.questions.models import Question


def missing(targets: Collection[Target]) -> set[Target]:
    """Return those of `targets` that no page shows (a query for each kind of them)."""
    names = {
        kind: [target.name for target in targets if target.kind == kind]
        for kind in (QUESTION, LAB, CLAIM)
    }
    there: dict[str, set[str]] = {QUESTION: set(), LAB: set(), CLAIM: set()}
    if names[QUESTION]:
        questions = Question.objects.offered().filter(slug__in=names[QUESTION])
        there[QUESTION] = set(questions.values_list("slug", flat=True))
    if names[LAB]:
        there[LAB] = offered_slugs(names[LAB])
    if names[CLAIM]:
        there[CLAIM] = existing_claims(names[CLAIM])
    return {target for target in targets if target.name not in there[target.kind]}
