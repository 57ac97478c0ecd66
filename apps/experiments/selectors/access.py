"""Who may see a verdict. Every page, fragment, file and stream that could give one away asks here.

A verdict belongs to a lab's version at some settings. Whoever has predicted it may see it, and so
may who has opened it without predicting. To anybody else a page shows the claim alone: no outcome,
no number, no point of a curve.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, QuerySet, Value

from apps.accounts.models import User
from apps.experiments import lab_config
from apps.experiments.models import (
    Lab,
    LabVersion,
    OpenedVerdict,
    Prediction,
    PredictionQuerySet,
    Run,
    RunQuerySet,
)
from apps.experiments.opened_verdicts import Subject


class VerdictAccess(Enum):
    PREDICTED = "predicted"
    OPENED = "opened"  # without a prediction, or before it
    NONE = "none"

    @property
    def is_granted(self) -> bool:
        return self is not VerdictAccess.NONE


@dataclass(frozen=True)
class Reader:
    """Who reads a page."""

    user: User | AnonymousUser
    opened: Mapping[Subject, str] = field(default_factory=dict)  # by this visitor's session
    # lazy text, for forms on the page, such as the one that opens a verdict
    csrf_token: Any = field(default="", compare=False, repr=False)


def verdict_access(reader: Reader, version: LabVersion, config: Mapping[str, Any]) -> VerdictAccess:
    """Return whether `reader` may see the verdicts of a lab's version at these settings (all of
    them, defaults included).
    """
    subject = (version.pk, lab_config.config_hash(config))
    return verdict_accesses(reader, [subject])[subject]


def verdict_accesses(reader: Reader, subjects: Iterable[Subject]) -> dict[Subject, VerdictAccess]:
    """Return the same for several: one query for a member, none for a visitor."""
    accesses = dict.fromkeys(subjects, VerdictAccess.NONE)
    if not isinstance(reader.user, User):
        opened = dict.fromkeys(reader.opened, VerdictAccess.OPENED)
        return {subject: opened.get(subject, access) for subject, access in accesses.items()}
    if not accesses:
        return accesses
    versions = {version for version, _hash in accesses}
    hashes = {config_hash for _version, config_hash in accesses}
    opened_rows = (
        _opened_by(reader.user)
        .filter(version__in=versions, config_hash__in=hashes)
        .values_list("version", "config_hash", Value("opened"))
    )
    predicted_rows = (
        _predicted_by(reader.user)
        .filter(run__version__in=versions, run__config_hash__in=hashes)
        .values_list("run__version", "run__config_hash", Value("predicted"))
    )
    # what was predicted is never recorded as opened: where there are both, it was opened before
    for version, config_hash, name in sorted(opened_rows.union(predicted_rows), key=_opened_last):
        if (version, config_hash) in accesses:
            accesses[version, config_hash] = VerdictAccess(name)
    return accesses


def _opened_by(user: User) -> QuerySet[OpenedVerdict]:
    return OpenedVerdict.objects.filter(user=user)


def _predicted_by(user: User) -> PredictionQuerySet:
    return Prediction.objects.standing().filter(run__owner=user)


def _opened_last(row: tuple[int, str, str]) -> bool:
    return row[2] == VerdictAccess.OPENED.value


def subject_of(run: Run) -> Subject:
    """Return what a run's verdicts are known by: its lab's version and its settings."""
    return run.version_id, run.config_hash


def default_subject(lab: Lab) -> Subject:
    """Return what the verdicts of a lab's current code at its default settings are known by."""
    version = lab.current_version
    return version.pk, version.words_row.defaults_hash


def readable_versions(reader: Reader) -> set[int]:
    """Return the keys of those current versions of labs whose verdicts at default settings `reader`
    may see (two queries).
    """
    subjects = Lab.objects.with_code().values_list("current", "current__words_row__defaults_hash")
    accesses = verdict_accesses(reader, subjects)
    return {version for (version, _hash), access in accesses.items() if access.is_granted}


def readable_runs(reader: Reader, runs: Iterable[Run]) -> set[UUID]:
    """Return the keys of those runs whose verdicts and points `reader` may see, of runs that they
    may see at all (`run_for`). One query at most; none if all came `with_access`.

    A learner watches their own run live; once it has a verdict, that is asked for like any other.
    """
    runs = list(runs)
    readable = {run.pk for run in runs if _is_watched(reader, run) or _came_granted(reader, run)}
    rest = [run for run in runs if run.pk not in readable and not _came_asked(reader, run)]
    accesses = verdict_accesses(reader, map(subject_of, rest))
    return readable | {run.pk for run in rest if accesses[subject_of(run)].is_granted}


def runs_to_compare(reader: Reader, runs: Sequence[Run], limit: int) -> list[Run]:
    """Return the reader's newest other finished runs of the lab of `runs` whose points they may
    see, for a list of `limit` (one query).
    """
    if not isinstance(reader.user, User):
        return []
    rows = Run.objects.filter(
        owner=reader.user, version__lab=runs[0].version.lab_id, state=Run.State.SUCCEEDED
    ).exclude(pk__in=[run.pk for run in runs])
    rows = rows.select_related("version__words_row").order_by("-queued_at")
    rows = rows.defer("detail", "version__words_row__source")
    return [row for row in with_access(rows, reader)[: 2 * limit] if _came_granted(reader, row)][
        :limit
    ]


def with_access(runs: RunQuerySet, reader: Reader) -> RunQuerySet:
    """Return runs that come with the answer for a member, so that `readable_runs` asks nothing."""
    if not isinstance(reader.user, User):
        return runs
    same = {"version": OuterRef("version"), "config_hash": OuterRef("config_hash")}
    of_runs = {f"run__{name}": value for name, value in same.items()}
    opened = Exists(_opened_by(reader.user).filter(**same))
    predicted = Exists(_predicted_by(reader.user).filter(**of_runs))
    return runs.annotate(asked_for=Value(reader.user.pk), is_granted=opened | predicted)


def _came_asked(reader: Reader, run: Run) -> bool:
    return reader.user.pk is not None and getattr(run, "asked_for", None) == reader.user.pk


def _came_granted(reader: Reader, run: Run) -> bool:
    return _came_asked(reader, run) and bool(getattr(run, "is_granted", False))


def _is_watched(reader: Reader, run: Run) -> bool:
    return run.owner_id == reader.user.pk and run.state != Run.State.SUCCEEDED


def shows_verdict(reader: Reader, run: Run) -> bool:
    """Return whether `reader` may see the verdicts and the points of a run."""
    return run.pk in readable_runs(reader, [run])


def why_not_counted(user: User, lab: Lab, config_hash: str) -> str:
    """Return why a prediction of these settings would not count for calibration
    (`Prediction.NotCounted`); empty if it would (one query).

    The first one counts, if nothing of the result was there to be seen before: no verdict that was
    opened, and no point of a run of the learner's own, which they can watch live. Of any version of
    the lab: another version may well come to the same result.
    """
    runs = Run.objects.filter(owner=user, version__lab=lab, config_hash=config_hash)
    opened = OpenedVerdict.objects.filter(user=user, version__lab=lab, config_hash=config_hash)
    predicted = Prediction.objects.standing().filter(run__in=runs)
    reasons = Prediction.NotCounted
    rows = opened.values_list(Value(reasons.OPENED.value)).union(
        predicted.values_list(Value(reasons.PREDICTED.value)),
        runs.filter(last_seq__gt=0).values_list(Value(reasons.WATCHED.value)),
    )
    reasons_given = {reason for (reason,) in rows}
    return next((reason.value for reason in reasons if reason.value in reasons_given), "")
