"""Decoding an upload in a process of its own (`picture_codec`), with bounds on its memory and time:
what a decoder does with a hostile file holds up nobody, and what it breaks is not the site.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

from django.db import connection

from apps.discussions import picture_codec
from apps.discussions.errors import PicturesAway
from apps.discussions.limits import MAX_PICTURE_PIXELS, MAX_STORED_PICTURE_BYTES
from apps.discussions.picture_codec import DAMAGED, BadPicture, Recoded

PROGRAM = Path(picture_codec.__file__)
MAX_MEMORY_BYTES = 768 * 1024 * 1024  # of addresses; a picture of MAX_PICTURE_PIXELS needs half
MAX_PROCESSOR_SECONDS = 20
MAX_SECONDS = 40.0  # on a busy machine
MAX_AT_ONCE = 2  # in a web process; others wait
WAIT_SECONDS = 15.0

_slots = BoundedSemaphore(MAX_AT_ONCE)


def recode(data: bytes) -> Recoded:
    """Return an uploaded picture, encoded again without anything but its pixels. Nothing is locked
    meanwhile, and no connection to the database is held.

    Raises:
        BadPicture: it is none, damaged, or too large.
        PicturesAway: so many are being decoded that this one's turn did not come.
    """
    if not connection.in_atomic_block:
        connection.close()  # back to the pool
    if not _slots.acquire(timeout=WAIT_SECONDS):
        raise PicturesAway
    try:
        answer = _run(data)
    finally:
        _slots.release()
    head, _newline, picture = answer.partition(b"\n")
    fields = json.loads(head)
    if "fault" in fields:
        raise BadPicture(fields["fault"])
    return Recoded(fields["format"], picture, fields["width"], fields["height"])


def _run(data: bytes) -> bytes:
    limits = (MAX_PICTURE_PIXELS, MAX_STORED_PICTURE_BYTES, MAX_MEMORY_BYTES, MAX_PROCESSOR_SECONDS)
    try:
        done = subprocess.run(
            # isolated (-I), with nothing of our environment: it holds secrets
            [sys.executable, "-I", str(PROGRAM), *map(str, limits)],
            input=data,
            capture_output=True,
            timeout=MAX_SECONDS,
            env={},
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadPicture(DAMAGED) from None
    except OSError as error:  # no memory for another process
        raise PicturesAway from error
    if done.returncode:  # the limits, or a fault of a decoder, ended it
        raise BadPicture(DAMAGED)
    return done.stdout
