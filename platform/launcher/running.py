"""A site on this machine: its servers, its database and its programs."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from launcher import cluster_record, database
from launcher.ballast import Ballast
from launcher.embedded import Postgres, Valkey, new_server_folder
from launcher.home import ROOT, Home
from launcher.processes import run, spawn, stop
from launcher.say import Problem, out, step
from launcher.setup import PYTHON
from launcher.signs import HUNG_SECONDS
from launcher.supervisor import Child, Launch, Supervisor

SERVER_SECONDS = 60  # for PostgreSQL to answer: after a crash it replays its log first
WEB_SECONDS = 60
REVOKED = "An operator has revoked this machine: it gets no work."
# of WhiteNoise without collectstatic, and of Celery as root
IGNORED_WARNINGS = ("ignore:No directory at", "ignore:You're running the worker with superuser")


@dataclass(frozen=True)
class Address:
    """Where the site listens, and its URLs."""

    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def local(self) -> str:
        """The URL for programs on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        return f"http://{_bracketed(host)}:{self.port}"

    @property
    def public(self) -> str:
        """The URL for people: SITE_URL, else this address, or one that other machines can use if we
        listen on all interfaces.
        """
        if url := os.environ.get("SITE_URL"):
            return url.rstrip("/")
        host = _own_address() if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://{_bracketed(host)}:{self.port}"

    def takes_connections(self) -> bool:
        """Return whether somebody listens here, even if they never answer."""
        try:
            with socket.create_connection((urlsplit(self.local).hostname, self.port), timeout=3):
                return True
        except OSError:
            return False

    def check(self) -> None:
        """Check that we can listen here.

        Raises:
            Problem: the port is in use or not allowed, or the host is not ours.
        """
        try:
            family, kind, protocol, _name, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )[0]
            with socket.socket(family, kind, protocol) as trial:
                # like uvicorn: ignores connections that are closing
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(address)
                trial.listen()
        except OSError as error:
            remedy = (
                "stop the program that listens there, or choose another port: ./gradus up --port "
                f"{self.port % 65535 + 1}"
            )
            raise Problem(
                f"Cannot listen on {self.host}, port {self.port}: {error.strerror or error}.",
                remedy,
            ) from None


class Site:
    """The site of a data folder, its programs under a supervisor."""

    def __init__(self, home: Home, supervisor: Supervisor, address: Address) -> None:
        self.home = home
        self.supervisor = supervisor
        self.address = address
        self.environment = environment(home, address)
        self.web: Child | None = None

    def start_servers(self) -> None:
        """Start PostgreSQL and Valkey, unless DATABASE_URL and REDIS_URL name others."""
        with step("PostgreSQL and Valkey") as current:
            if not os.environ.get("DATABASE_URL"):
                self._start_postgres()
            if not os.environ.get("REDIS_URL"):
                self._start_valkey()
            if complaint := database.facts(self.environment["DATABASE_URL"]).complaint():
                raise Problem(complaint, "run ./gradus doctor to check again.")
            external = [name for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)]
            current.note = f"yours: {', '.join(external)}" if external else ""

    def manage(self, *arguments: str, remedy: str = "") -> str:
        """Run a command of Django. Returns its output."""
        log = self.home.logs / f"{arguments[0]}.log"
        command: list[str | Path] = [PYTHON, ROOT / "manage.py", *arguments]
        return run(
            f"manage.py {arguments[0]}",
            command,
            log=log,
            remedy=remedy,
            env=self.environment,
            cwd=ROOT,
        )

    def get_ready(self) -> dict[str, list[str]]:
        """Migrate, make the roles, load the labs and the questions, create the first operator.
        Returns the output of each step, as lines.
        """
        output: dict[str, list[str]] = {}
        remedy = (
            f"read {self.home.logs / 'get_ready.log'}, and see what ./gradus doctor says of the "
            "database."
        )
        for line in self.manage("get_ready", remedy=remedy).splitlines():
            name, _tab, text = line.partition("\t")
            output.setdefault(name, []).append(text)
        return output

    def start_web(self) -> None:
        command: list[str | Path] = [
            PYTHON,
            "-m",
            "gradus.serve",
            "--host",
            self.address.host,
            "--port",
            str(self.address.port),
        ]
        command += ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3"]
        self.web = self.supervisor.start(
            "web",
            _program(command, self.environment | {"PYTHONPATH": str(ROOT / "platform")}),
            sign=lambda: answers(f"{self.address.local}/healthz", HUNG_SECONDS),
        )

    def start_housekeep(self) -> None:
        mark = self.home.mark("housekeep")
        self.supervisor.start(
            "housekeep",
            _program(
                [PYTHON, ROOT / "manage.py", "housekeep"],
                self.environment | {"GRADUS_ALIVE": str(mark.path)},
            ),
            sign=mark,
        )

    def wait_for_web(self) -> None:
        """Wait until the site answers.

        Raises:
            Problem: it does not answer, or only with errors.
        """
        assert self.web
        self.supervisor.wait_for(
            lambda: 0 < status(f"{self.address.local}/") < 500, self.web, WEB_SECONDS
        )

    def start_workers(self, number: int) -> None:
        """Start workers: the first for labs and benchmarks, others only for labs, since a machine
        must run one benchmark at a time.
        """
        slots = max(1, (os.cpu_count() or 2) // 2 // max(1, number))
        for place in range(1, number + 1):
            name, queues = ("local", "labs,bench") if place == 1 else (f"local-{place}", "labs")
            folder = self.home.path / "workers" / name
            folder.mkdir(parents=True, exist_ok=True)
            mark = self.home.mark(name)
            variables = {
                "GRADUS_TOKEN": self._token(name, queues),
                "GRADUS_DATA": str(folder),
                "GRADUS_ALIVE": str(mark.path),
            }
            command: list[str | Path] = [
                PYTHON,
                "-m",
                "celery",
                "--quiet",
                "-A",
                "workers.app",
                "worker",
                "-Q",
                queues,
                "-n",
                f"{name}@%h",
                "-l",
                "WARNING",
            ]
            command += ["--without-gossip", "--without-mingle"]
            launch = _program(
                command, worker_environment(self.environment, self.address, slots) | variables
            )
            program = "worker" if place == 1 else f"worker-{place}"
            self.supervisor.start(program, launch, seconds=20, sign=mark)

    def _token(self, name: str, queues: str) -> str:
        """Return a worker's token: the stored one, or a new one if the site does not know it.

        Raises:
            Problem: an operator has revoked this worker.
        """
        url = self.environment["DATABASE_URL"]
        token = self.home.token(name, url)
        state = database.token_state(url, token) if token else "unknown"
        if state == "revoked":
            raise Problem(
                REVOKED,
                f"./gradus manage make_worker --name {name} restores it; --workers 0 starts "
                "without a worker.",
            )
        if state == "unknown":
            token = self.manage("make_worker", "--name", name, "--queues", queues).strip()
            self.home.store_token(name, url, token)
        return token

    def _start_postgres(self) -> None:
        postgres = Postgres(self.home.path)
        with self.home.log("postgres").receiving() as log:
            postgres.make_cluster(log)
        settle_cluster(self.home)
        ballast = Ballast(postgres.folder)
        ballast.drop_if_full()

        def free_space() -> str:
            if not ballast.drop_if_full():
                return ""
            return "the disk is full: dropped the ballast, so that it can start"

        child = self.supervisor.start(
            "postgres",
            lambda output: postgres.launch(output=output),
            ends_by=postgres.ends_by,
            shown=False,
            before_restart=free_space,
        )
        self.supervisor.wait_for(postgres.answers, child, SERVER_SECONDS)
        postgres.make_database()
        ballast.keep()

    def _start_valkey(self) -> None:
        valkey = Valkey(self.home.path)
        child = self.supervisor.start(
            "valkey",
            lambda output: valkey.launch(output=output),
            ends_by=valkey.ends_by,
            shown=False,
            sign=lambda: valkey.answers(HUNG_SECONDS),  # it has nothing that must last
        )
        self.supervisor.wait_for(valkey.listens, child, SERVER_SECONDS)


@contextmanager
def database_url(home: Home) -> Iterator[str]:
    """Yield the URL of the site's database. An embedded one that does not run is started for the
    block; empty if there is none yet.

    Raises:
        Problem: the data folder lacks its cluster, or another launcher is starting here.
    """
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    record, _notes = cluster_record.check(home.path, new_server_folder(home.path))
    if not record.made:
        yield ""
        return
    if home.running():
        yield Postgres(home.path).url
        return
    lock = home.lock()
    try:
        with started(Postgres(home.path), home) as url:
            yield url
    finally:
        lock.release()


@contextmanager
def started(postgres: Postgres, home: Home) -> Iterator[str]:
    """Run an embedded PostgreSQL for the block. Yields the URL of its database."""
    with home.log("postgres").receiving() as log:
        server = postgres.start(output=log)
        try:
            postgres.make_database()
            yield postgres.url
        finally:
            stop(server, postgres.ends_by, seconds=SERVER_SECONDS)


def settle_cluster(home: Home) -> None:
    """Make sure that the data folder has its cluster, or is new, and write down which it is.

    Raises:
        Problem: the cluster is missing, or belongs to another folder or account.
    """
    for note in cluster_record.settle(home.path, new_server_folder(home.path)):
        out(f"   {note}")


def environment(home: Home, address: Address) -> dict[str, str]:
    """Return the site's environment: ours, with values from the data folder and the command
    line.

    Raises:
        Problem: the data folder lacks its cluster.
    """
    variables = dict(os.environ)
    if not variables.get("DATABASE_URL"):
        settle_cluster(home)  # before the first key: a folder with keys must have a cluster
    variables.setdefault("SECRET_KEY", home.secret_key())
    if not variables.get("DATABASE_URL"):
        variables["DATABASE_URL"] = Postgres(home.path).url
    if not variables.get("REDIS_URL"):
        variables["REDIS_URL"] = Valkey(home.path).url
    if not variables.get("MEDIA_ROOT"):
        variables["MEDIA_ROOT"] = str(home.media)
    if not variables.get("EXPORT_ROOT"):
        variables["EXPORT_ROOT"] = str(home.exports)
    return variables | {
        "SITE_URL": address.public,
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": ",".join(IGNORED_WARNINGS),
    }


def worker_environment(site: dict[str, str], address: Address, slots: int) -> dict[str, str]:
    """Return a worker's environment: the site's without its secrets."""
    inherited = {
        name: value
        for name, value in site.items()
        if name not in ("SECRET_KEY", "DATABASE_URL", "EMAIL_URL", "SITE_URL", "BUCKET_URL")
    }
    defaults = {
        "GRADUS_URL": address.local,
        "OMP_WAIT_POLICY": "PASSIVE",
        "GRADUS_SLOTS": str(slots),
    }
    return defaults | inherited | {"GRADUS_URL": address.local}


def status(url: str) -> int:
    """Return the HTTP status of a URL; 0 if there is no answer."""
    try:
        with _direct.open(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return 0


def answers(url: str, seconds: float) -> bool:
    """Return whether a server does something about a request within `seconds`: answers, whatever
    it says, or ends the connection. One that is frozen does neither.
    """
    try:
        with _direct.open(url, timeout=seconds):
            return True
    except (urllib.error.HTTPError, http.client.HTTPException, ConnectionResetError):
        return True
    except OSError:
        return False


# without a proxy of the environment
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def interruptible_by_child() -> Iterator[None]:
    """Ignore Ctrl-C while a program on the terminal (e.g. a shell) runs, which handles it."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _program(command: list[str | Path], environment: dict[str, str]) -> Launch:
    return lambda output: spawn(command, environment=environment, output=output, cwd=ROOT)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _own_address() -> str:
    """Return this machine's address in its network, without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
