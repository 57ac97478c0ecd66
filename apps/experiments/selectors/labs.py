"""Reads of labs, of the runs of them, and of their recorded standard runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Avg, Case, Count, F, Q, QuerySet, When
from django.http import Http404

from apps.accounts.models import User
from apps.common.topics import TOPICS
from apps.experiments.models import Lab, Prediction, Run

FIRST_LAB = "dead-relu"  # the lab of the home page, and of a learner's first day


def lab_for(slug: str) -> Lab:
    """Return a lab that is offered.

    Raises:
        Http404: it is unknown or withdrawn.
    """
    lab = Lab.objects.offered().select_related("current__words_row").filter(slug=slug).first()
    if lab is None:
        raise Http404("No such lab.")
    return lab


def catalogue(*, topic: str = "", kind: str = "", words: str = "") -> QuerySet[Lab]:
    """Return the labs that match the filters, with what lists show of them, in a total order. A
    filter with an unknown value matches none.
    """
    labs = Lab.objects.listed()
    if topic:
        labs = labs.filter(topic=topic)
    if kind:
        labs = labs.filter(kind=kind)
    return labs.search(words) if words else labs


def lab_topics() -> list[str]:
    """Return the topics that labs are offered of, in the order of `TOPICS`."""
    labs = Lab.objects.with_code().order_by()
    topics = set(labs.values_list("topic", flat=True).distinct())
    return [slug for slug in TOPICS if slug in topics] + sorted(topics - TOPICS.keys())


def first_lab() -> Lab | None:
    """Return the lab that a visitor begins with: `FIRST_LAB`, else the first of the catalogue; None
    where there are no labs.
    """
    labs = Lab.objects.with_code().select_related("current__words_row")
    labs = labs.defer("current__words_row__source")
    others_later = Case(When(slug=FIRST_LAB, then=0), default=1)
    return labs.order_by(others_later, "position", "slug").first()


def next_lab(lab: Lab) -> Lab | None:
    """Return the lab after this one in the catalogue, after the last the first; None where there is
    no other.
    """
    is_later = Q(position__gt=lab.position) | Q(position=lab.position, slug__gt=lab.slug)
    earlier_last = Case(When(is_later, then=0), default=1)
    others = Lab.objects.listed().exclude(pk=lab.pk)
    return others.order_by(earlier_last, "position", "slug").first()


@dataclass(frozen=True)
class RunsDone:
    """How many runs of a lab were finished."""

    by_all: int = 0  # the recorded ones included
    own: int = 0


def runs_done(user: User | AnonymousUser, labs: Iterable[Lab]) -> dict[str, RunsDone]:
    """Return how many runs of each lab anybody, and `user`, has finished, by the lab's slug."""
    done = Run.objects.filter(state=Run.State.SUCCEEDED, version__lab__in=list(labs)).order_by()
    of_user = Count("pk", filter=Q(owner_id=user.pk))
    rows = done.values_list("version__lab").annotate(by_all=Count("pk"), by_user=of_user)
    return {slug: RunsDone(by_all, by_user) for slug, by_all, by_user in rows}


def mean_scores(user: User | AnonymousUser, labs: Iterable[Lab]) -> dict[str, float | None]:
    """Return the mean Brier score of `user`'s predictions that count, by the lab's slug; less is
    better. Nothing for a visitor.
    """
    if not isinstance(user, User):
        return {}
    counted = Prediction.objects.counted().filter(run__owner=user, run__version__lab__in=list(labs))
    return dict(counted.order_by().values_list("run__version__lab").annotate(Avg("score")))


@dataclass(frozen=True)
class PredictionRecord:
    """How a learner's predictions that count have come out."""

    finished: int  # of their runs
    scored: int  # predictions
    right: int
    mean_score: float | None  # Brier score; less is better


def prediction_record(user: User) -> PredictionRecord:
    """Return how many runs of all labs `user` has finished, and how well they predicted them."""
    counts = Q(prediction__not_counted="", prediction__was_right__isnull=False)
    mine = Run.objects.filter(owner=user)
    return PredictionRecord(
        **mine.aggregate(
            finished=Count("pk", filter=Q(state=Run.State.SUCCEEDED)),
            scored=Count("pk", filter=counts),
            right=Count("pk", filter=counts & Q(prediction__was_right=True)),
            mean_score=Avg("prediction__score", filter=counts),
        )
    )


@dataclass(frozen=True)
class OwnRuns:
    """What a learner has done in a lab."""

    count: int
    mean_score: float | None  # Brier score of their predictions that count; less is better


def own_runs(user: User | AnonymousUser, lab: Lab) -> OwnRuns:
    """Return how many runs of a lab `user` has queued, and how well they predicted them."""
    mine = Run.objects.filter(owner_id=user.pk, version__lab=lab)
    score = Avg("prediction__score", filter=Q(prediction__not_counted=""))
    return OwnRuns(**mine.aggregate(count=Count("pk"), mean_score=score))


def standard_run(slug: str) -> Run | None:
    """Return the project's recorded run of a lab: of its current code if there is one, else the
    newest.
    """
    of_old_code = Case(When(version=F("version__lab__current"), then=0), default=1)
    runs = Run.objects.recorded().filter(version__lab=slug).order_by(of_old_code, "-ended_at")
    return runs.select_related("owner", "version__words_row").first()
