"""Reads that join models, or check who may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import Avg, Count, Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.common.tokens import hashed
from apps.experiments import series
from apps.experiments.models import Batch, ComputeUsage, Lab, Run, Verdict, Worker
from apps.experiments.queue_estimate import Place, WaitingRun, fair_order, start_range

FIRST_LAB = "dead-relu"  # the lab at the door, and of a first day
PROJECT_HANDLE = "gradus"  # the handle of the account that owns the recorded standard runs
# begins the key of a run that was copied from a recorded one: it is no evidence of its own
COPY_KEY_PREFIX = "copy-of-"
LOOK_AHEAD = 500  # runs of a queue that a place is counted among
ONLINE_WINDOW = timedelta(seconds=30)  # a machine that asked for work so recently is there


# ---------------------------------------------------------------- runs


def run_for(user: User | AnonymousUser, pk: UUID) -> Run:
    """Return a run that `user` owns or that was shared. What one may not see does not exist."""
    whole = Run.objects.visible_to(user).select_related("owner", "version__lab", "prediction")
    run = whole.prefetch_related("verdicts").filter(pk=pk).first()
    if run is None:
        raise Http404("No such run.")
    return run


def visible_runs(user: User | AnonymousUser, names: Sequence[str]) -> list[UUID]:
    """Return those of some runs, named by their ids, that `user` may see; 404 where there is
    none.
    """
    try:
        found = list(
            Run.objects.visible_to(user)
            .filter(pk__in=[UUID(name) for name in names])
            .values_list("pk", flat=True)
        )
    except ValueError:
        found = []
    if not found:
        raise Http404("No such runs.")
    return found


def own_run(user: User | AnonymousUser, pk: UUID) -> Run:
    """Return a run that `user` may change: their own."""
    run = run_for(user, pk)
    if run.owner_id != user.pk:
        raise Http404("No such run.")
    return run


def runs_of(user: User) -> QuerySet[Run]:
    """Return a person's runs, newest first, with what a list of them shows."""
    return (
        Run.objects.filter(owner=user)
        .select_related("version__lab", "prediction")
        .prefetch_related("verdicts")
        .defer("detail", "version__source")
        .order_by("-queued_at")
    )


def points_of(run: Run, names: Sequence[str] = ()) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of the last stored batch, and each arm's series whole (those in `names`, or
    all).
    """
    wanted = Q(kind=Batch.Kind.RESET) | Q(series__in=names) if names else Q()
    batches = list(Batch.objects.filter(wanted, run=run).order_by("seq"))
    last = max(run.last_seq, batches[-1].seq if batches else 0) if not names else run.last_seq
    return last, series.joined(batch for batch in batches if batch.seq <= last)


def batches_after(known: Mapping[UUID, int]) -> dict[UUID, list[Batch]]:
    """Return what was stored for each run after the batch that is known of it, in order, less what
    a later reset took away.
    """
    result: dict[UUID, list[Batch]] = {}
    wanted = reduce(or_, (Q(run=pk, seq__gt=after) for pk, after in known.items()), Q(pk=None))
    for batch in Batch.objects.filter(wanted).order_by("run", "seq"):
        before = result.setdefault(batch.run_id, [])
        if batch.kind == Batch.Kind.RESET:
            before[:] = [b for b in before if b.seq <= batch.reset["keep"]]
        before.append(batch)
    return result


# ---------------------------------------------------------------- labs


def lab_for(slug: str) -> Lab:
    """Return a lab that is offered; 404 otherwise."""
    lab = Lab.objects.offered().select_related("current").filter(slug=slug).first()
    if lab is None:
        raise Http404("No such lab.")
    return lab


def catalogue(user: User | AnonymousUser) -> QuerySet[Lab]:
    """Return the labs, each with `runs_done` (by anybody) and `mean_score` (the mean Brier score of
    the reader's predictions; less is better).
    """
    done = Q(versions__runs__state=Run.State.SUCCEEDED)
    mine = Q(versions__runs__owner_id=user.pk)
    return (
        Lab.objects.offered()
        .filter(current__isnull=False)
        .select_related("current")
        .defer("current__source")
        .annotate(
            runs_done=Count("versions__runs", filter=done, distinct=True),
            mean_score=Avg("versions__runs__prediction__score", filter=mine),
        )
    )


def standard_run(slug: str) -> Run | None:
    """Return the project's own run of a lab at its default settings: of its current code if there
    is one, else the newest.
    """
    recorded = Run.objects.filter(
        owner__handle=PROJECT_HANDLE,
        at_defaults=True,
        state=Run.State.SUCCEEDED,
        version__lab=slug,
        shared=True,
    )
    lab = Lab.objects.filter(slug=slug).first()
    found = (
        recorded.select_related("owner", "version__lab")
        .prefetch_related("verdicts")
        .order_by("-ended_at")
    )
    return found.filter(version=lab.current_id).first() or found.first() if lab else None


def standard_runs() -> dict[str, Run]:
    """Return the project's newest standard run of every lab's current code, by the lab's slug."""
    recorded = Run.objects.filter(
        owner__handle=PROJECT_HANDLE, at_defaults=True, state=Run.State.SUCCEEDED, shared=True
    )
    current = recorded.filter(version__in=Lab.objects.values("current")).order_by("ended_at")
    return {
        run.version.lab_id: run
        for run in current.select_related("version")
        .defer("version__source")
        .prefetch_related("verdicts")
    }


def evidence_counts() -> dict[str, dict[str, int]]:
    """Return per claim how many default-settings runs of learners came to which outcome, the
    project's own and copies not counted.
    """
    found = (
        Verdict.objects.filter(run__at_defaults=True)
        .exclude(run__owner__handle=PROJECT_HANDLE)
        .exclude(run__key__startswith=COPY_KEY_PREFIX)
        .values("claim", "outcome")
        .annotate(n=Count("pk"))
    )
    counts: dict[str, dict[str, int]] = {}
    for row in found.order_by():
        counts.setdefault(row["claim"], {})[row["outcome"]] = row["n"]
    return counts


# ---------------------------------------------------------------- the queue


def queue_position(run: Run) -> Place:
    """Return where a waiting run stands in its queue: a count, a range for its start, and the
    reason it waits.
    """
    here = Run.objects.filter(queue=run.queue)
    fields = ("pk", "owner", "version__lab", "version__sha256")
    waiting = [
        WaitingRun(str(pk), owner, lab)
        for pk, owner, lab, _sha in here.waiting()
        .order_by("queued_at")
        .values_list(*fields)[:LOOK_AHEAD]
    ]
    running = list(here.running().values_list("owner", "version__lab"))
    going = {owner: sum(1 for o, _lab in running if o == owner) for owner, _lab in running}
    used = dict(
        ComputeUsage.objects.filter(owner__in={w.owner for w in waiting})
        .annotate(lately=ComputeUsage.DECAYED_SECONDS)
        .values_list("owner", "lately")
    )
    order = fair_order(waiting, going, used)
    ahead = next((i for i, w in enumerate(order) if w.run == str(run.pk)), len(order))
    workers = [
        m
        for m in Worker.objects.filter(revoked_at=None, last_seen_at__gt=Clock() - ONLINE_WINDOW)
        if run.queue in m.queues
    ]
    able = [
        m
        for m in workers
        if m.capabilities.get("labs", {}).get(run.version.lab_id) == run.version.sha256
    ]
    if not able:
        return Place(ahead, None, None, "other-code" if workers else "no-worker")
    labs_ahead, labs_running = [w.lab for w in order[:ahead]], [lab for _owner, lab in running]
    soonest, latest = start_range(
        labs_ahead,
        labs_running,
        durations({*labs_ahead, *labs_running}),
        sum(_slots(m) for m in able),
    )
    reason = (
        "slots"
        if going.get(run.owner_id, 0) >= settings.MAX_RUNNING
        else "queue"
        if ahead or latest
        else "starting"
    )
    return Place(ahead, soonest, latest, reason)


def _slots(worker: Worker) -> int:
    return int(worker.capabilities.get("all_slots") or 1)


def durations(slugs: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Return the quartiles of seconds that each lab's last 50 finished runs took; what it says of
    itself where there are none.
    """
    took = {slug: (float(seconds), 2.0 * float(seconds)) for slug, seconds in _declared(slugs)}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT lab_id,
                   percentile_cont(0.25) WITHIN GROUP (ORDER BY seconds),
                   percentile_cont(0.75) WITHIN GROUP (ORDER BY seconds)
            FROM (SELECT v.lab_id, r.seconds,
                         row_number() OVER (PARTITION BY v.lab_id ORDER BY r.ended_at DESC) AS place
                  FROM experiments_run r JOIN experiments_labversion v ON v.id = r.version_id
                  WHERE r.state = 'succeeded' AND r.seconds IS NOT NULL
                    AND v.lab_id = ANY(%s)) AS recent
            WHERE place <= 50 GROUP BY lab_id
            """,
            [list(slugs)],
        )
        took |= {slug: (low, high) for slug, low, high in cursor.fetchall()}
    return took


def _declared(slugs: Iterable[str]) -> list[tuple[str, float]]:
    rows = Lab.objects.filter(slug__in=list(slugs)).values_list(
        "slug", "current__words__profile__standard__seconds"
    )
    return [(slug, seconds or 30.0) for slug, seconds in rows]


def waiting_reason(place: Place) -> str:
    """Return why a run waits, as a sentence."""
    return {
        "starting": _("A worker is free; the run will start in a moment."),
        "queue": _("Other people's runs are next in turn."),
        "slots": _(
            "You have reached the limit of runs at the same time; this one starts when "
            "another ends."
        ),
        "no-worker": _("No worker is connected at the moment. The run starts as soon as one is."),
        "other-code": _(
            "The connected workers have a different version of this lab. The run starts as "
            "soon as one has this version."
        ),
    }[place.reason]


# ---------------------------------------------------------------- machines


def worker_with_token(token: str) -> Worker | None:
    """Return the machine whose token this is, unless it was revoked."""
    return Worker.objects.filter(token_hash=hashed(token), revoked_at=None).first()
