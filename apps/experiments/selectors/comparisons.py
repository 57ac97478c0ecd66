"""Reads of runs of one lab that are shown beside each other. What each costs does not depend on how
many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Min, Q
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.errors import BadRequest, NotFound
from apps.common.text import join_list
from apps.experiments import series
from apps.experiments.models import Batch, Run
from apps.experiments.selectors.runs import visible_to

MIN_COMPARED, MAX_COMPARED = 2, 8


def runs_together(user: User | AnonymousUser, pks: Sequence[UUID]) -> list[Run]:
    """Return runs of one lab that `user` may see, each once, in the order of `pks` (two queries).

    Raises:
        BadRequest: there are too many, or they are of different labs.
        NotFound: one of them does not exist, or `user` may not see it.
    """
    pks = list(dict.fromkeys(pks))
    if len(pks) > MAX_COMPARED:
        text = _("%(n)s runs are too many to compare: %(most)s at most.")
        raise BadRequest(text % {"n": len(pks), "most": MAX_COMPARED})
    runs = {run.pk: run for run in visible_to(user).filter(pk__in=pks)}
    if missing := [str(pk)[:8] for pk in pks if pk not in runs]:
        text = _("Not found, or not shared with you: %(ids)s. The link works without it.")
        raise NotFound(text % {"ids": join_list(missing)})
    if len({run.version.lab_id for run in runs.values()}) > 1:
        text = _("These runs are of different labs. Compare runs of one lab.")
        raise BadRequest(text, errors=[{"field": "run_id", "message": text}])
    return [runs[pk] for pk in pks]


def arms_of(runs: Sequence[Run], names: Sequence[str]) -> dict[str, list[str]]:
    """Return for each series in `names` the arms that any of the runs has points of, in the order
    in which they came (one query).
    """
    rows = (
        Batch.objects.filter(run__in=runs, kind=Batch.Kind.POINTS, series__in=names)
        .values_list("series", "arm")
        .annotate(first=Min("seq"))
        .order_by("first", "arm")
    )
    arms: dict[str, list[str]] = {name: [] for name in names}
    for name, arm, _first in rows:
        arms[name].append(arm)
    return arms


def points_together(runs: Sequence[Run], name: str, arm: str) -> dict[UUID, list[dict[str, Any]]]:
    """Return the points of one series and arm of each run, by the run's key (one query)."""
    wanted = Q(series=name, arm=arm) | Q(kind=Batch.Kind.RESET)
    batches: dict[UUID, list[Batch]] = {run.pk: [] for run in runs}
    for batch in Batch.objects.filter(wanted, run__in=runs).order_by("run", "seq"):
        batches[batch.run_id].append(batch)
    return {pk: series.joined(of_run) for pk, of_run in batches.items()}
