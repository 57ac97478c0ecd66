"""Reads of runs and their points."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.http import Http404

from apps.accounts.models import User
from apps.experiments import series
from apps.experiments.models import Batch, Queue, Run

# begins the key of a run that was copied from a recorded one: such a run is not counted as evidence
COPY_KEY_PREFIX = "copy-of-"


def visible_to(user: User | AnonymousUser) -> QuerySet[Run]:
    """Return the runs that `user` may see, with what a page shows of one: their own, and those that
    are shared.
    """
    runs = Run.objects.visible_to(user).select_related(
        "owner", "version__lab", "version__words_row", "prediction"
    )
    return runs.prefetch_related("verdicts")


def run_for(user: User | AnonymousUser, pk: UUID) -> Run:
    """Return a run that `user` may see: their own, or one that is shared.

    Raises:
        Http404: there is no such run, or `user` may not see it.
    """
    run = visible_to(user).filter(pk=pk).first()
    if run is None:
        raise Http404("No such run.")
    return run


def visible_runs(user: User | AnonymousUser, ids: Sequence[str]) -> list[UUID]:
    """Return the keys of those runs among `ids` that `user` may see.

    Raises:
        Http404: there are none, or an id is malformed.
    """
    try:
        pks = [UUID(text) for text in ids]
    except ValueError:
        raise Http404("No such runs.") from None
    visible = list(Run.objects.visible_to(user).filter(pk__in=pks).values_list("pk", flat=True))
    if not visible:
        raise Http404("No such runs.")
    return visible


def own_run(user: User | AnonymousUser, pk: UUID) -> Run:
    """Return a run that `user` may change: their own.

    Raises:
        Http404: it is not theirs.
    """
    run = run_for(user, pk)
    if run.owner_id != user.pk:
        raise Http404("No such run.")
    return run


def runs_of(user: User) -> QuerySet[Run]:
    """Return a person's runs, newest first, with what a list of them shows."""
    return (
        Run.objects.filter(owner=user)
        .select_related("version__lab", "version__words_row", "prediction")
        .prefetch_related("verdicts")
        .defer("detail", "version__words_row__source")
        .order_by("-queued_at", "pk")
    )


def measured_before(
    user: User | AnonymousUser, run: Run, *, with_all_points: bool = False
) -> Run | None:
    """Return the newest finished run with the same code, settings, seed and replicates that is
    `user`'s own or the project's: its numbers are the same, to six digits.

    None for benchmarks: times differ from run to run.

    Args:
        with_all_points: pass over those whose points were thinned.
    """
    if run.queue == Queue.BENCH:
        return None
    same = Run.objects.filter(
        version=run.version_id,
        config=run.config,
        seed=run.seed,
        replicates=run.replicates,
        state=Run.State.SUCCEEDED,
    )
    if with_all_points:
        same = same.with_all_points()
    return (
        (same.filter(owner_id=user.pk) | same.shared_by_project())
        .exclude(pk=run.pk)
        .order_by("-ended_at")
        .first()
    )


@dataclass(frozen=True)
class Reproduction:
    """How the numbers of a run compare with those of an earlier or later one that was the same."""

    other: Run
    is_same: dict[tuple[str, str], bool]  # by arm and series

    @property
    def differing(self) -> list[tuple[str, str]]:
        return [key for key, same in self.is_same.items() if not same]


def reproduction_of(user: User | AnonymousUser, run: Run) -> Reproduction | None:
    """Compare a finished run, series by series, with the one that `measured_before` returns; None
    if there is none, or the points of this one were thinned.
    """
    if run.state != Run.State.SUCCEEDED or run.thinned_at:
        return None
    other = measured_before(user, run, with_all_points=True)
    if other is None:
        return None
    batches: dict[UUID, list[Batch]] = {run.pk: [], other.pk: []}
    for batch in Batch.objects.filter(run__in=batches).order_by("seq"):
        batches[batch.run_id].append(batch)
    return Reproduction(other, series.compared(batches[run.pk], batches[other.pk]))


def points_of(run: Run, names: Sequence[str] = ()) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of the last stored batch, and every arm's points, of the series in `names`
    (empty: of all).
    """
    wanted = Q(kind=Batch.Kind.RESET) | Q(series__in=names) if names else Q()
    batches = list(Batch.objects.filter(wanted, run=run).order_by("seq"))
    last = run.last_seq
    if batches and not names:  # some may have been stored after the run was read
        last = max(last, batches[-1].seq)
    return last, series.joined(batch for batch in batches if batch.seq <= last)


def whole_curves(wanted: Collection[tuple[UUID, str]]) -> dict[UUID, list[dict[str, Any]]]:
    """Return all points of some series of some runs, by the run's key (one query).

    Args:
        wanted: keys of runs, each with the name of a series.
    """
    if not wanted:
        return {}
    of_series = reduce(or_, (Q(run=pk, series=name) for pk, name in wanted))
    resets = Q(run__in={pk for pk, _name in wanted}, kind=Batch.Kind.RESET)
    batches: dict[UUID, list[Batch]] = {}
    for batch in Batch.objects.filter(of_series | resets).order_by("run", "seq"):
        batches.setdefault(batch.run_id, []).append(batch)
    return {pk: list(series.whole(of_run).values()) for pk, of_run in batches.items()}


def batches_after(last_known: Mapping[UUID, int]) -> dict[UUID, list[Batch]]:
    """Return for each run the batches that were stored after the given one, in order, without those
    that a later reset discards.
    """
    newer = reduce(or_, (Q(run=pk, seq__gt=seq) for pk, seq in last_known.items()), Q(pk=None))
    batches_by_run: dict[UUID, list[Batch]] = {}
    for batch in Batch.objects.filter(newer).order_by("run", "seq"):
        batches = batches_by_run.setdefault(batch.run_id, [])
        if batch.kind == Batch.Kind.RESET:
            batches[:] = [earlier for earlier in batches if earlier.seq <= batch.reset["keep"]]
        batches.append(batch)
    return batches_by_run
