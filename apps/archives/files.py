"""The files of archives, in the folder EXPORT_ROOT: private, named by random keys, and sent by no
page that does not ask whose they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from apps.common.files import UNFINISHED


def folder() -> Path:
    """Return the folder, which this process's account alone may enter."""
    root = Path(settings.EXPORT_ROOT)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root


def path_of(name: str) -> Path:
    return Path(settings.EXPORT_ROOT) / name


@contextmanager
def written_whole(name: str, attempt: int) -> Iterator[Path]:
    """Yield the path of a temporary file, which takes its name when the block ends well: neither a
    reader nor a crash meets half of one.

    Args:
        attempt: no two processes that write the same file share its temporary one.
    """
    target = folder() / name
    temporary = target.with_name(f".{name}.{attempt}{UNFINISHED}")
    try:
        temporary.touch(mode=0o600)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def store(name: str, chunks: Iterable[bytes]) -> None:
    """Store an uploaded file whole."""
    with written_whole(name, 0) as path, path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def delete(name: str) -> None:
    """Delete a file, if it is there."""
    path_of(name).unlink(missing_ok=True)


def stored() -> Iterator[Path]:
    """Yield every file in the folder, unfinished ones too."""
    root = Path(settings.EXPORT_ROOT)
    if root.is_dir():
        yield from (path for path in root.iterdir() if path.is_file())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
