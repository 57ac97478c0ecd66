"""Which cluster a data folder has, wherever that lies: the folder names it, and a cluster outside
the folder names the folder. So a folder that was moved, copied or half lost is noticed before a
new, empty database takes the place of the old one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from launcher.say import Problem

FILE = "cluster.json"  # in the data folder
OWNER_FILE = "data-folder"  # beside a cluster that lies elsewhere; has the data folder's path
BACKUP_INSTEAD = "To have the site in two places: ./gradus backup FILE, then ./gradus restore FILE"


@dataclass(frozen=True)
class ClusterRecord:
    """What a data folder says about its cluster."""

    folder: Path  # has the cluster, in `cluster`
    data: Path  # the data folder's own path when this was written
    made: bool  # whether the cluster has ever been complete

    @property
    def cluster(self) -> Path:
        return self.folder / "cluster"

    @property
    def is_outside(self) -> bool:
        return self.folder != self.data


def read(data: Path) -> ClusterRecord | None:
    """Return what a data folder says; None if it says nothing.

    Raises:
        Problem: the file is damaged.
    """
    file = data / FILE
    try:
        fields = json.loads(file.read_text())
        written_at = Path(fields["data"])
        folder = written_at if fields["folder"] == "." else Path(fields["folder"])
        return ClusterRecord(folder, written_at, bool(fields["made"]))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (ValueError, KeyError, TypeError):
        raise Problem(
            f"{file}, which names the folder's database, is damaged.",
            f"remove {file} if the folder is where it always was; otherwise restore a backup "
            "(./gradus restore FILE --data DIR).",
        ) from None


def folder_of(data: Path, default: Path) -> Path:
    """Return the folder of a data folder's cluster: what it names, else `default`."""
    record = read(data)
    if record is None:
        return default
    return record.folder if record.is_outside else data


def has_cluster(folder: Path) -> bool:
    try:
        return (folder / "cluster" / "PG_VERSION").exists()
    except PermissionError:  # of another account
        return False


def has_secrets(data: Path) -> bool:
    """Return whether the folder belongs to a site: it has a key, or a worker's token."""
    return (data / "secret-key").exists() or any(data.glob("token-*"))


def belongs_to_another(folder: Path, data: Path) -> bool:
    """Return whether a folder has the cluster of another data folder, which is there and names
    it.
    """
    owner = _owner(folder)
    if owner in (None, data):
        return False
    assert owner is not None
    other = read(owner)
    return other is not None and other.folder == folder


def check(data: Path, default: Path) -> tuple[ClusterRecord, list[str]]:
    """Find the cluster of a data folder. Changes nothing.

    Args:
        data: the data folder, an absolute path.
        default: the folder in which the cluster of a new site would be made.
    Returns: the record as it should be, and sentences for the operator.
    Raises:
        Problem: the cluster is missing, belongs to another folder, or to another account.
    """
    record = read(data)
    if record is None:
        return _without_record(data, default)
    notes: list[str] = []
    if record.data != data:
        record, notes = _moved_or_copied(record, data)
    if record.is_outside != (default != data):
        account = "root" if record.is_outside else "an ordinary account"
        raise Problem(
            f"The site in {data} was made by {account}: its database is {record.cluster}.",
            "start Gradus as that account, or, as that account, save it with ./gradus backup FILE, "
            "and restore it as this one with ./gradus restore FILE --data DIR.",
        )
    if record.is_outside:
        _check_owner(record)
    if has_cluster(record.folder):
        return replace(record, made=True), notes
    if record.made:
        raise Problem(*_missing(data, f"its database {record.cluster} is missing"))
    return record, notes


def settle(data: Path, default: Path) -> list[str]:
    """Find the cluster of a data folder as `check` does, and write down what was found. Returns
    sentences for the operator.
    """
    record, notes = check(data, default)
    write(record)
    return notes


def write(record: ClusterRecord) -> None:
    """Store the record in its data folder, and the folder's path beside a cluster elsewhere."""
    if record != read(record.data):
        fields = {
            "folder": str(record.folder) if record.is_outside else ".",
            "data": str(record.data),
            "made": record.made,
        }
        _write(record.data / FILE, json.dumps(fields, indent=2))
    if record.is_outside and record.folder.is_dir() and _owner(record.folder) != record.data:
        _write(record.folder / OWNER_FILE, str(record.data))


def _without_record(data: Path, default: Path) -> tuple[ClusterRecord, list[str]]:
    there, is_outside = has_cluster(default), default != data
    if not there and has_secrets(data):
        raise Problem(*_missing(data, "no database"))
    notes = []
    if there and is_outside and not has_secrets(data):
        notes.append(
            f"{data} is new, but there is a database of an earlier folder of that name in "
            f"{default / 'cluster'}: it is used. For an empty site, name another --data DIR."
        )
    return ClusterRecord(default, data, there), notes


def _moved_or_copied(record: ClusterRecord, data: Path) -> tuple[ClusterRecord, list[str]]:
    other = read(record.data)
    is_copy = other is not None and other.folder == record.folder
    if record.is_outside:
        if is_copy:
            raise Problem(
                f"{data} is a copy of {record.data}, and the database {record.cluster} is not part "
                "of the copy.",
                f"{BACKUP_INSTEAD} --data DIR. If {data} is to replace {record.data}, move that "
                "one away first.",
            )
        moved = replace(record, data=data)
        note = f"{data} was {record.data} before; its database stays in {record.cluster}."
        return moved, [note]
    moved = replace(record, data=data, folder=data)
    was_running = (moved.cluster / "postmaster.pid").exists()
    if is_copy and was_running:
        raise Problem(
            f"{data} is a copy of {record.data} that was made while its database ran, and may be "
            "damaged.",
            f"{BACKUP_INSTEAD} --data DIR. Or stop Gradus, and copy the folder again.",
        )
    if is_copy:
        return moved, [
            f"{data} is a copy of {record.data}, with a database of its own: what is done in one "
            "is not seen in the other."
        ]
    note = f"{data} was {record.data} before; its database came with it."
    if was_running:
        note += (
            " It was not stopped before: if the folder was copied while Gradus ran, the copy may "
            "be damaged; ./gradus backup saves running sites."
        )
    return moved, [note]


def _check_owner(record: ClusterRecord) -> None:
    if belongs_to_another(record.folder, record.data):
        owner = _owner(record.folder)
        raise Problem(
            f"The database {record.cluster} of {record.data} now belongs to {owner}.",
            f"{BACKUP_INSTEAD} --data DIR. If {record.data} is to go on with it, move {owner} away "
            "first.",
        )


def _missing(data: Path, what: str) -> tuple[str, str]:
    """Return the problem, and its remedy."""
    keys = f"{data} has the keys of a site, but {what}"
    return (
        f"{keys}. Nothing was started: that would be a new, empty site.",
        "with a PostgreSQL of your own, set DATABASE_URL as before. If the folder was moved, or "
        "copied without its database, bring the database back or restore a backup: "
        "./gradus restore FILE --replace --data DIR. For an empty site, name a new --data DIR.",
    )


def _owner(folder: Path) -> Path | None:
    try:
        return Path((folder / OWNER_FILE).read_text().strip())
    except OSError:
        return None


def _write(file: Path, text: str) -> None:
    temporary = file.with_name(file.name + ".new")
    with temporary.open("w") as opened:
        opened.write(text + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    temporary.rename(file)
