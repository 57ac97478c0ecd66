"""Archives of all that is yours, which the site makes: ordered, waited for, downloaded."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from glob import escape
from pathlib import Path

import httpx

from gradus_client.errors import Away, BadDownload, TooMany
from gradus_client.models import ExportShown
from gradus_client.transport import Pages, Patience, Resource, segment
from gradus_client.words import tr

POLL_SECONDS = 2.0  # between two looks at an archive that is being made
SILENCE_SECONDS = 30.0  # after which a download counts as cut
UNDERWAY = ("queued", "running")
Tell = Callable[[int, int], None]  # how much of how much; of 0: nobody knows yet


class Exports(Resource):
    """Archives of your data. The token needs the scope `account`."""

    def list(self) -> Pages[ExportShown]:
        return Pages(self._transport, ExportShown, "exports", {})

    def __getitem__(self, export: str) -> ExportShown:
        return self._transport.read(ExportShown, "GET", f"exports/{segment(export)}")

    def order(self, key: str = "") -> ExportShown:
        """Have one made: one at a time, three within a day."""
        return self._transport.create(ExportShown, "exports", key=key)

    def delete(self, export: str) -> None:
        self._transport.request("DELETE", f"exports/{segment(export)}")

    def wait(self, export: str, tell: Tell | None = None) -> ExportShown:
        """Wait until it is made, or will not be.

        Args:
            tell: is told the rows that are done, and of how many.
        """
        while True:
            shown = self[export]
            if tell is not None:
                tell(shown.rows_done, shown.rows_expected)
            if shown.state not in UNDERWAY:
                return shown
            self._transport.sleep(POLL_SECONDS)

    def download(self, export: str, path: str | Path, tell: Tell | None = None) -> Path:
        """Download it. Until it is whole and checked it has the name of `part_of`; what is cut goes
        on from there, also in another program, later.

        Args:
            tell: is told the bytes that are there, and of how many.
        Raises:
            BadDownload: it is damaged.
        """
        path, size = Path(path), self[export].size_bytes or 0
        part = part_of(path, export)
        patience = Patience(self._transport, self._transport.patience)
        while True:
            before = _size(part)
            try:
                if before < size or not before:
                    self._fetch(export, part, before, size, tell)
                break
            except (httpx.TransportError, TooMany, Away) as error:
                if _size(part) > before:
                    patience.renew()
                patience.wait(error)
        if fault := _fault(part, size):
            part.unlink()
            raise BadDownload(
                tr("The archive was damaged on its way: {reason}").format(reason=fault)
            )
        part.replace(path)
        return path

    def _fetch(self, export: str, part: Path, after: int, size: int, tell: Tell | None) -> None:
        """Fetch what comes after the first bytes, which are there."""
        headers = {
            "Accept": "application/zip, application/problem+json",
            "Accept-Encoding": "identity",  # its bytes are counted
        }
        if after:
            headers["Range"] = f"bytes={after}-"
        path = f"exports/{segment(export)}/download"
        with self._transport.stream(path, headers, SILENCE_SECONDS, method="POST") as answer:
            goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
            count = after if goes_on else 0
            part.touch(mode=0o600)  # it holds everything
            with part.open("ab" if goes_on else "wb") as file:
                for chunk in answer.iter_raw():
                    file.write(chunk)
                    count += len(chunk)
                    if tell is not None:
                        tell(count, size)


def part_of(path: Path, export: str) -> Path:
    """Return where an archive is while it is downloaded to a path."""
    return path.with_name(f".{path.name}.{segment(export)}.part")


def part_at(path: Path) -> str:
    """Return the id of an archive whose download to a path was cut; empty if there is none."""
    parts = sorted(path.parent.glob(f".{escape(path.name)}.*.part"))
    return parts[-1].name.split(".")[-2] if parts else ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _fault(path: Path, size: int) -> str:
    """Return what is wrong with a file that was downloaded; empty if nothing is."""
    if (there := _size(path)) != size:
        return f"{there} / {size} B"
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() or ""  # compares the checksum of every file in it
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        return str(error) or type(error).__name__
