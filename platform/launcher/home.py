"""The data folder: secret key, tokens of workers, logs, PostgreSQL's cluster, and the lock that
only one launcher may hold.
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

from launcher.logs import Log
from launcher.say import Problem
from launcher.signs import Mark

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = ROOT / ".gradus"
LOCK_SECONDS = 20  # how long to wait for processes of an earlier run


class Home:
    """The folder, created if it is missing, with mode 0700."""

    def __init__(self, path: Path) -> None:
        """Open the folder.

        Raises:
            Problem: it cannot be created, or others may read it.
        """
        self.path = path.expanduser().resolve()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Problem(
                f"The data folder {self.path} cannot be created: {error.strerror}.",
                "choose another with --data DIR.",
            ) from None
        status = self.path.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise Problem(
                f"The data folder {self.path} must be yours, and closed to others: it keeps "
                "secrets.",
                f"chmod 700 {self.path}, or name another folder with --data DIR (a new one is "
                "created as it must be).",
            )

    @property
    def logs(self) -> Path:
        folder = self.path / "logs"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def media(self) -> Path:
        """The folder of uploaded files, which the site makes."""
        return self.path / "media"

    @property
    def exports(self) -> Path:
        """The folder of archives of people's own data, which the site makes."""
        return self.path / "exports"

    def log(self, name: str) -> Log:
        """Return the log of a program."""
        return Log(self.logs / f"{name}.log")

    @property
    def report(self) -> Path:
        """The file in which the launcher that runs here says what its programs do."""
        return self.path / "programs.json"

    def mark(self, name: str) -> Mark:
        """Return the mark that a program renews as long as it works."""
        return Mark(self.path / "alive" / name)

    def secret_key(self) -> str:
        """Return the site's secret key, which is generated once."""
        file = self.path / "secret-key"
        if not file.exists():
            self._write_secret(file, secrets.token_urlsafe(50))
        return file.read_text().strip()

    def token(self, worker: str, database_url: str) -> str:
        """Return the stored token of a worker for this database; empty if there is none."""
        file = self._token_file(worker, database_url)
        return file.read_text().strip() if file.exists() else ""

    def store_token(self, worker: str, database_url: str, token: str) -> None:
        self._write_secret(self._token_file(worker, database_url), token)

    def lock(self, seconds: float = LOCK_SECONDS) -> Lock:
        """Lock the folder for this launcher; wait for processes of a killed one to end.

        Raises:
            Problem: another launcher runs here.
        """
        return Lock(self.path, seconds)

    def running(self) -> bool:
        """Return whether a launcher runs here now."""
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _token_file(self, worker: str, database_url: str) -> Path:
        database = hashlib.sha256(database_url.encode()).hexdigest()[:8]
        return self.path / f"token-{worker}-{database}"

    def _write_secret(self, file: Path, secret: str) -> None:
        temporary = file.with_name(file.name + ".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as opened:
            opened.write(secret + "\n")
        temporary.rename(file)


class Lock:
    """The lock of a running launcher. Its watcher holds it, too, until the last child of a killed
    launcher has ended.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._file: IO[Any] = (folder / "lock").open("a+")
        deadline = time.monotonic() + seconds
        while not self._try_lock():
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

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _holder(folder: Path) -> int:
    """Return the process id that the lock names; 0 if that process has ended."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((folder / "lock").read_text())
        with contextlib.suppress(PermissionError):
            os.kill(pid, 0)
        return pid
    return 0
