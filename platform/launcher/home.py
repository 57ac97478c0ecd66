"""The data folder: secret key, machine tokens, logs, the lock of the one launcher that runs here,
and PostgreSQL's cluster.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import IO, Any

from launcher.say import Problem

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = ROOT / ".gradus"
END_SECONDS = 20  # how long a former run may take to end
MAX_LOG_BYTES = 5_000_000  # bytes; then a new one is begun


class Home:
    """The folder, made when it is missing, mode 0700."""

    def __init__(self, path: Path) -> None:
        """Take the folder.

        Raises:
            Problem: it cannot be made, or others may look into it.
        """
        self.path = path.expanduser().resolve()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Problem(
                f"The data folder {self.path} cannot be created: {error.strerror}.",
                "choose another with --data DIR.",
            ) from None
        found = self.path.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            remedy = (
                f"chmod 700 {self.path}, or name another folder with --data DIR (a new one is "
                "made as it must be)."
            )
            raise Problem(
                (
                    f"The data folder {self.path} must be yours, "
                    "and closed to others: it keeps secrets."
                ),
                remedy,
            )

    @property
    def logs(self) -> Path:
        folder = self.path / "logs"
        folder.mkdir(exist_ok=True)
        return folder

    def log(self, name: str) -> IO[bytes]:
        """Open a log to append to; a large one is put aside first."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab", buffering=0)

    def secret_key(self) -> str:
        """Return the site's secret key, made once."""
        file = self.path / "secret-key"
        if not file.exists():
            self._write_secret(file, secrets.token_urlsafe(50))
        return file.read_text().strip()

    def token(self, machine: str, database_url: str) -> str:
        """Return the token that this database gave to `machine`, or nothing."""
        file = self._token_file(machine, database_url)
        return file.read_text().strip() if file.exists() else ""

    def keep_token(self, machine: str, database_url: str, token: str) -> None:
        self._write_secret(self._token_file(machine, database_url), token)

    def lock(self, seconds: float = END_SECONDS) -> Lock:
        """Become the one launcher of this folder; a former one that was killed is given time to
        end.

        Raises:
            Problem: another launcher runs here.
        """
        return Lock(self.path, seconds)

    def running(self) -> bool:
        """Say whether a launcher runs here now."""
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _token_file(self, machine: str, database_url: str) -> Path:
        database = hashlib.sha256(database_url.encode()).hexdigest()[:8]
        return self.path / f"token-{machine}-{database}"

    def _write_secret(self, file: Path, secret: str) -> None:
        aside = file.with_name(file.name + ".new")
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(secret + "\n")
        aside.rename(file)


class Lock:
    """Held while a launcher runs. Its watcher holds it too, until the last of a killed launcher's
    children has ended.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._file: IO[Any] = (folder / "lock").open("a+")
        deadline = time.monotonic() + seconds
        while not self._taken():
            if holder := _holder(folder):
                remedy = "stop it with Ctrl-C, or choose another folder with --data DIR."
                raise Problem(
                    f"Gradus is already running here (process {holder}, data folder {folder}).",
                    remedy,
                )
            if time.monotonic() > deadline:
                raise Problem(
                    "Processes left over from an earlier run did not stop.",
                    f"find the processes that use {folder}, and stop them.",
                )
            time.sleep(0.05)
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    def release(self) -> None:
        with contextlib.suppress(OSError):
            self._file.truncate(0)
        self._file.close()

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _holder(folder: Path) -> int:
    """Return the launcher that wrote its number into the lock, 0 when it is gone."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((folder / "lock").read_text())
        with contextlib.suppress(PermissionError):
            os.kill(pid, 0)
        return pid
    return 0
