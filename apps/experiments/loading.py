"""Labs and their recorded runs, from files into tables. Idempotent, one transaction each; an error
names its file.
"""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction
from django.utils.dateparse import parse_datetime

from apps.accounts.models import PROJECT_HANDLE, User
from apps.common import toml
from apps.common.clock import Clock
from apps.common.locks import lock
from apps.experiments import lab_columns, lab_config, recording, services
from apps.experiments.lab_words import Words
from apps.experiments.models import (
    Batch,
    Claim,
    ComputeUsage,
    Lab,
    LabVersion,
    LabWords,
    Run,
    Verdict,
)
from apps.experiments.series import unpacked
from workers.code_hash import code_hash

VERDICT_FIELDS = (
    "claim",
    "outcome",
    "effect",
    "low",
    "high",
    "replicates",
    "diverged",
    "exact",
    "parts",
)
RUN_FIELDS = ("config", "replicates", "seed", "seconds", "device", "versions", "engine", "summary")
ARRAYS = ("step", "mean", "low", "high")


class BadFile(Exception):
    """A file cannot be loaded. Names the file, and what is wrong in it."""


@transaction.atomic
def load_labs(folder: Path) -> list[str]:
    """Load every `<lab>.toml` with the code beside it; labs whose files are gone are withdrawn.
    Returns a line for each change.

    Raises:
        BadFile: nothing was loaded then.
    """
    changes, slugs = list[str](), list[str]()
    for position, path in enumerate(sorted(folder.glob("*.toml"))):
        words, source = _read(path)
        slug = path.stem.replace("_", "-")
        slugs.append(slug)
        columns = {
            "topic": words["topic"],
            "kind": words["kind"],
            "queue": words["queue"],
            "withdrawn": False,
        }
        lab, _ = Lab.objects.update_or_create(
            slug=slug, defaults={**columns, "position": words.get("position", position)}
        )
        version, is_new = LabVersion.objects.get_or_create(
            lab=lab, code_hash=_hash(path.with_suffix(".py"), source)
        )
        change = store_words(version, words, source)
        if lab.current_id != version.pk:
            lab.current = version
            lab.save(update_fields=["current"])
        if is_new:
            changes.append(f"{slug}: code {version.code_hash[:8]}")
        elif change:
            changes.append(f"{slug}: {change}")
    for lab in Lab.objects.offered().exclude(slug__in=slugs):
        Lab.objects.filter(pk=lab.pk).update(withdrawn=True)
        changes.append(f"{lab.slug}: withdrawn, its runs stay")
    return changes


def store_words(version: LabVersion, words: dict[str, Any], source: str) -> str:
    """Store words and printed code of a version, in place of those it has, with the columns and the
    claims that lists show. Returns what changed, or an empty text.
    """
    stored = LabWords.objects.filter(version=version).first()
    if stored and (stored.words, stored.source) == (words, source):
        return ""
    columns = lab_columns.words_columns(words)
    LabWords.objects.update_or_create(
        version=version,
        defaults={"words": words, "source": source, "updated_at": Clock(), **columns},
    )
    version.claims.all().delete()
    Claim.objects.bulk_create(
        Claim(version=version, **columns) for columns in lab_columns.claim_columns(words)
    )
    return "words" if stored is None or stored.words != words else "code as printed"


def _hash(path: Path, source: str) -> str:
    try:
        return code_hash(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # NUL; nested deep
        raise BadFile(f"{path}: {type(error).__name__}: {error}") from None


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """Return the words of a lab as its file has them, and its code."""
    try:
        text = path.read_text(encoding="utf-8")
        toml.read(text, Words)
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{path}: {error}") from None
    except toml.BadToml as error:
        raise BadFile(f"{path}:{error.line}: {error.message}") from None
    words = toml.parse(text)
    code = path.with_suffix(".py")
    if not code.exists():
        raise BadFile(f"{path}: there is no {code.name} beside it.")
    # PostgreSQL's jsonb does not keep the order of keys
    words["order"] = {table: list(words[table]) for table in ("config", "series", "claims")}
    try:
        return words, code.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{code}: {error}") from None


def evidence_of(run: Run) -> dict[str, Any]:
    """Return a finished run with its points and verdicts, to be written to a file."""
    return {
        "lab": run.version.lab_id,
        "code_hash": run.version.code_hash,
        "run": {"id": str(run.pk), **{name: getattr(run, name) for name in RUN_FIELDS}},
        "times": {
            name: getattr(run, name).isoformat() for name in ("queued_at", "started_at", "ended_at")
        },
        "progress": {"points_done": run.points_done, "points_expected": run.points_expected},
        "verdicts": [
            {name: getattr(v, name) for name in VERDICT_FIELDS} for v in run.verdicts.all()
        ],
        "batches": [
            {
                "arm": b.arm,
                "series": b.series,
                **{name: unpacked(getattr(b, name)) for name in ARRAYS},
            }
            for b in run.batches.filter(kind=Batch.Kind.POINTS).order_by("seq")
        ],
    }


@transaction.atomic
def load_evidence(path: Path) -> str:
    """Load a recorded run, unless it was loaded before; it belongs to the project's account and is
    shared. Returns a line that says what was done.

    Raises:
        BadFile: it is malformed, or a value does not fit its column.
    """
    lock("evidence")  # two processes at once would both find it missing
    try:
        recorded = recording.read(path)
        slug, name, pk = recorded["lab"], recorded["code_hash"], recorded["run"]["id"]
        version = LabVersion.objects.filter(lab=slug, code_hash=name).select_related("lab").first()
        if version is None:
            return (
                f"{slug}: its recorded run was made with other code ({name[:8]}); record it "
                f"again: ./gradus evidence {slug}"
            )
        if Run.objects.filter(pk=pk).exists():
            return ""
        services.open_where_all_are_shown(run=_store(recorded, version))
    except (KeyError, TypeError, ValueError, ValidationError, DataError, IntegrityError) as error:
        raise BadFile(f"{path}: {type(error).__name__}: {error}") from None
    return f"{slug}: recorded run {pk}"


def _store(recorded: dict[str, Any], version: LabVersion) -> Run:
    owner = User.objects.get(handle=PROJECT_HANDLE)
    ComputeUsage.objects.get_or_create(owner=owner)
    times = {name: parse_datetime(value) for name, value in recorded["times"].items()}
    run = Run.objects.create(
        **{"pk" if name == "id" else name: value for name, value in recorded["run"].items()},
        **times,
        **recorded["progress"],
        owner=owner,
        key=recorded["run"]["id"],
        version=version,
        queue=version.lab.queue,
        config_hash=lab_config.config_hash(recorded["run"]["config"]),
        at_defaults=True,
        shared=True,
        state=Run.State.SUCCEEDED,
        last_seq=len(recorded["batches"]),
    )
    Verdict.objects.bulk_create(Verdict(run=run, **verdict) for verdict in recorded["verdicts"])
    Batch.objects.bulk_create(
        Batch(
            run=run,
            seq=seq,
            arm=b["arm"],
            series=b["series"],
            **{name: _packed(b[name]) for name in ARRAYS},
        )
        for seq, b in enumerate(recorded["batches"], start=1)
    )
    return run


def _packed(values: list[float | None]) -> bytes:
    return array("d", (math.nan if value is None else value for value in values)).tobytes()
