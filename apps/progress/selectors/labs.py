"""Labs and runs, as the pages of a learner list them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from apps.accounts.models import User
from apps.experiments.models import Lab, Run


def labs_by_slug(slugs: Sequence[str]) -> list[Lab]:
    """Return the labs of these names that are offered, in this order."""
    labs = {lab.slug: lab for lab in Lab.objects.listed().filter(slug__in=slugs)}
    return [labs[slug] for slug in slugs if slug in labs]


def offered_slugs(slugs: Collection[str]) -> set[str]:
    """Return which of some labs are offered."""
    labs = Lab.objects.offered().filter(slug__in=slugs)
    return set(labs.values_list("slug", flat=True))


def labs_of_topic(topic: str) -> QuerySet[Lab]:
    return Lab.objects.listed().filter(topic=topic)


def lab_to_run(user: User, since: datetime) -> list[Lab]:
    """Return a lab that the learner has not run yet, in the catalogue's order; else the one that
    they ran longest ago.

    Args:
        since: a lab that they have run since is not offered.
    """
    runs = Run.objects.filter(owner=user, version__lab=OuterRef("pk")).order_by("-queued_at")
    last = Subquery(runs.values("queued_at")[:1])
    labs = Lab.objects.listed().annotate(last=last).filter(Q(last__isnull=True) | Q(last__lt=since))
    return list(labs.order_by(F("last").asc(nulls_first=True), "position", "slug")[:1])


def runs_by_lab(user: User, topic: str) -> dict[str, int]:
    """Return how many runs of each lab of a topic the learner has finished."""
    finished = Run.objects.filter(owner=user, state=Run.State.SUCCEEDED)
    runs = finished.filter(version__lab__topic=topic).order_by()
    return dict(runs.values_list("version__lab").annotate(n=Count("pk")))


def newest_runs(user: User, limit: int) -> list[Run]:
    runs = Run.objects.filter(owner=user).select_related("version__words_row")
    runs = runs.defer("version__words_row__words", "version__words_row__source", "detail")
    return list(runs.order_by("-queued_at")[:limit])
