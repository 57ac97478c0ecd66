"""The housekeeping jobs of archives. Making one takes as long as it takes, so that it is done in a
thread of its own, and no mail waits for it.
"""

from __future__ import annotations

import time

from apps.archives import files
from apps.archives.models import Export, Import
from apps.archives.services import exports, imports

STRAY_SECONDS = 3600  # from the last change of a file that nobody knows until it is deleted


def make_archives() -> int:
    """Make the archives that were ordered. Returns how many are ready."""
    ready = 0
    while (export := exports.lease()) is not None:
        ready += exports.make(export=export)
    return ready


def read_and_take_imports() -> int:
    """Read the files that were uploaded, and take those that were confirmed. Returns how many."""
    done = 0
    while (upload := imports.lease()) is not None:
        done += imports.work(upload=upload)
    return done


def delete_old_archives() -> int:
    """Delete archives whose time is over, and files that belong to none: their owner was deleted,
    or a process ended while it wrote them. Returns how many.
    """
    return exports.delete_expired() + imports.delete_expired() + delete_strays()


def delete_strays() -> int:
    """Delete files that no row has, or has any more, once they are old. Returns how many."""
    strays = 0
    for path in files.stored():
        try:
            is_old = time.time() - path.stat().st_mtime > STRAY_SECONDS
        except FileNotFoundError:  # another process was first
            continue
        rows = (Export.objects.with_file(), Import.objects.open())
        if is_old and not any(of.filter(key=path.stem).exists() for of in rows):
            path.unlink(missing_ok=True)
            strays += 1
    return strays


SLOW_JOBS = (delete_old_archives,)
LONG_JOBS = (make_archives, read_and_take_imports)
