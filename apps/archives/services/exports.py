"""Archives that are made. One is ordered by its owner and made by housekeep: an attempt begins with
a lease, and every note of progress renews it, in one statement that holds only while the attempt is
still the one. So a process that was given up, or whose archive was deleted meanwhile, stops.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.db import transaction
from django.db.models import Min, QuerySet

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.archives import archive_file, files
from apps.archives.errors import ArchiveUnderway, TooManyArchives
from apps.archives.limits import (
    EXPORT_DAYS,
    EXPORT_LEASE_SECONDS,
    MAX_EXPORT_ATTEMPTS,
    MAX_EXPORTS_A_DAY,
    PROGRESS_SECONDS,
)
from apps.archives.models import MAX_ERROR_LENGTH, Export
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock
from apps.common.text import clean

log = logging.getLogger(__name__)
State = Export.State
DAY = timedelta(days=1)
LEASE = timedelta(seconds=EXPORT_LEASE_SECONDS)


class GivenUp(Exception):
    """Another process has the archive, or its owner deleted it."""


# ---------------------------------------------------------------- what its owner does


@transaction.atomic
def order(*, owner: User) -> Export:
    """Have an archive of all that is a person's made.

    Raises:
        AccountGone: the person was deleted meanwhile.
        ArchiveUnderway: one is being made.
        TooManyArchives: as many as one may have within a day were.
    """
    lock_user(owner)
    if Export.objects.underway().filter(owner=owner).exists():
        raise ArchiveUnderway
    of_today = Export.objects.filter(owner=owner, created_at__gt=Clock() - DAY)
    of_today = of_today.exclude(state=State.FAILED)
    if of_today.count() >= MAX_EXPORTS_A_DAY:
        left = of_today.aggregate(left=Min("created_at") + DAY - Clock())["left"]
        raise TooManyArchives(seconds=max(1, int(left.total_seconds())))
    record(Kind.ARCHIVE_ORDERED, person=owner)
    return Export.objects.create(owner=owner)


@transaction.atomic
def note_download(*, export: Export) -> None:
    """Record that an archive is downloaded: it holds everything that somebody has here."""
    record(Kind.ARCHIVE_DOWNLOADED, person=export.owner)


def delete(*, export: Export) -> None:
    """Delete an archive, or stop its making. The row stays for as long as it counts. Idempotent;
    what is cut off between the two is done by `delete_strays`.
    """
    ended = Export.objects.with_file().filter(pk=export.pk)
    ended.update(state=State.DELETED, ended_at=Clock(), next_attempt_at=None, expires_at=None)
    files.delete(export.file_name)


# ---------------------------------------------------------------- what housekeep does


@transaction.atomic
def lease() -> Export | None:
    """Return an archive that is to be made, and count the attempt. Nobody else gets it while it
    makes progress.
    """
    export = Export.objects.due().select_for_update(skip_locked=True).first()
    if export is None:
        return None
    export.attempts += 1
    export.state = State.RUNNING
    Export.objects.filter(pk=export.pk).update(
        state=State.RUNNING,
        attempts=export.attempts,
        done=0,
        next_attempt_at=Clock() + LEASE,
    )
    return export


def make(*, export: Export) -> bool:
    """Make a leased archive. Returns whether it is ready."""
    if export.attempts > MAX_EXPORT_ATTEMPTS:  # the last one ended without a word
        _fail(export, "every attempt ended with its process")
        return False
    try:
        with files.written_whole(export.file_name, export.attempts) as path:
            progress = _Progress(export, archive_file.count(export.owner))
            archive_file.write(path, export.owner, progress.step)
            progress.note()  # that nobody else has it: the file takes its name now
            size = path.stat().st_size
        return _finish(export, size)
    except GivenUp:
        return False
    except Exception as error:
        log.exception("attempt %s at archive %s failed", export.attempts, export.pk)
        _note_error(export, error)
        return False


class _Progress:
    """Counts steps, and notes now and then how many there were, which renews the lease."""

    def __init__(self, export: Export, of: int) -> None:
        self.export, self.done, self.of = export, 0, of
        self.note()

    def step(self) -> None:
        self.done += 1
        if time.monotonic() - self.noted_at >= PROGRESS_SECONDS:
            self.note()

    def note(self) -> None:
        """Note the progress.

        Raises:
            GivenUp: the archive is no longer this attempt's.
        """
        of = max(self.of, self.done)  # rows may have been added meanwhile
        values = {"done": self.done, "of": of, "next_attempt_at": Clock() + LEASE}
        if not _of_attempt(self.export).update(**values):
            raise GivenUp
        self.noted_at = time.monotonic()


def _of_attempt(export: Export) -> QuerySet[Export]:
    return Export.objects.filter(pk=export.pk, state=State.RUNNING, attempts=export.attempts)


def _finish(export: Export, size_bytes: int) -> bool:
    is_ready = _of_attempt(export).update(
        state=State.DONE,
        size_bytes=size_bytes,
        ended_at=Clock(),
        next_attempt_at=None,
        expires_at=Clock() + timedelta(days=EXPORT_DAYS),
        error="",
    )
    if not is_ready and not Export.objects.with_file().filter(pk=export.pk).exists():
        files.delete(export.file_name)  # its owner deleted it just before it took its name
    return bool(is_ready)


def _note_error(export: Export, error: Exception) -> None:
    text = clean(f"{type(error).__name__}: {error}")[:MAX_ERROR_LENGTH]
    if export.attempts >= MAX_EXPORT_ATTEMPTS:
        _fail(export, text)
    else:
        _of_attempt(export).update(error=text, state=State.QUEUED)


def _fail(export: Export, error: str) -> None:
    _of_attempt(export).update(
        state=State.FAILED, error=error, ended_at=Clock(), next_attempt_at=None
    )


def delete_expired() -> int:
    """Delete archives whose time is over. Returns how many."""
    expired = list(Export.objects.filter(state=State.DONE, expires_at__lte=Clock()))
    for export in expired:
        delete(export=export)
    old = Clock() - timedelta(days=EXPORT_DAYS)
    ended = Export.objects.exclude(state=State.DONE)
    ended.filter(ended_at__lt=old).delete()
    return len(expired)
