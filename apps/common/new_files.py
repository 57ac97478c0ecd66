"""Files that a command writes once: all of them, or none; never over one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class AlreadyThere(Exception):
    """One of the files exists. Names it."""


def write_new(files: Mapping[Path, str]) -> None:
    """Write files, in their order, with the folders that they need. If one cannot be written, none
    of them stays, and no folder that was made for them.

    Raises:
        AlreadyThere: a file exists; nothing was written.
        OSError: a file cannot be written.
    """
    if existing := [path for path in files if path.exists()]:
        raise AlreadyThere(f"{existing[0]} is there already; nothing was written.")
    written: list[Path] = []
    try:
        for path, text in files.items():
            for folder in reversed([f for f in path.parents if not f.exists()]):
                folder.mkdir()
                written.append(folder)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except BaseException as error:
        for path in reversed(written):
            path.rmdir() if path.is_dir() else path.unlink()
        if isinstance(error, FileExistsError):
            raise AlreadyThere(f"{error.filename} is there already; nothing was written.") from None
        raise
