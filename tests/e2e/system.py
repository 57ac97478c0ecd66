"""The whole system as real processes: web, housekeep, a worker with its lab processes.

It has a database of its own. No process outlives the tests: each asks the kernel for a signal at
the death of its parent (PDEATHSIG), and lab processes die with their worker.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from launcher.processes import spawn, stop

from tests.e2e.processes import children
from tests.e2e.waiting import until
from tests.ports import free_port
from tests.worker_command import WORKER_COMMAND

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "graph paper and pencils"  # of everybody in the tests
# noa moderates in the gallery, ren is muted there
CAST = ("mei", "ola", "sam", "kay", "lin", "ada", "eve", "noa", "ren")
LIVELY = {
    "LEASE_SECONDS": "30",
    "HEARTBEAT_SECONDS": "1",
    "TICK_SECONDS": "0.5",
    "KILL_SECONDS": "2",
    "GRADUS_POLL_SECONDS": "0.5",
}
START_SECONDS = 240.0  # on a machine that is busy with other things


class System:
    """A site with all its processes, which are started, stopped and killed by name."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, **settings: str) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.token = ""
        self._seen_at_start: Any = None
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PYTEST", "COV_"))
            },
            **LIVELY,
            "SECRET_KEY": "only for tests",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SITE_URL": self.url,
            "ALLOWED_HOSTS": "127.0.0.1:*",  # tests cut connections through a port of their own
            "GRADUS_TESTING": "1",
            "MEDIA_ROOT": str(folder / "media"),
            "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}",
            "PYTHONUNBUFFERED": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            **settings,
        }
        folder.mkdir(parents=True, exist_ok=True)

    def make_ready(self) -> None:
        """Create tables, labs, questions, a worker and the cast, who sign in with `PASSWORD`."""
        output = self.manage_script("tests/e2e/fill.py", *CAST)
        self.token = json.loads(output.splitlines()[-1])["token"]

    def manage_script(self, script: str, *arguments: str) -> str:
        """Run a script with the site's settings; return its output."""
        done = subprocess.run(
            [sys.executable, str(ROOT / script), *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    # ------------------------------------------------------------ its processes

    def start(self, *names: str) -> System:
        """Start "web", "housekeep" or "worker", by default one of each, and do not wait for them.

        Further workers are "worker-2", "worker-3", …; all have one token.
        """
        for name in names or ("web", "housekeep", "worker"):
            assert name not in self.running, f"{name} runs already"
            if name == "worker":
                self._seen_at_start = self.last_seen_at()
            with self.log(name).open("ab") as log:
                self.running[name] = spawn(
                    getattr(self, f"_{name.partition('-')[0]}")(),
                    environment=self._environment_of(name),
                    output=log,
                    cwd=ROOT,
                )
        return self

    def stop(self, *names: str) -> None:
        """Stop processes as an operator would, by default all."""
        for name in names or tuple(reversed(self.running)):
            stop(self.running.pop(name))

    def kill(self, name: str) -> None:
        """Kill a process with all of its group."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_for_web(self) -> System:
        until(
            lambda: self._lives("web") and self.status("/claims") == 200,
            START_SECONDS,
            lambda: f"the site answers\n{self.tail('web')}",
        )
        return self

    def wait_for_worker(self) -> System:
        """Wait until the worker has a warm lab process, and has asked for a lease."""
        until(
            self.worker_is_there,
            START_SECONDS,
            lambda: f"the worker is warm\n{self.tail('worker')}",
        )
        return self

    def worker_is_there(self) -> bool:
        """Return whether the worker has asked for a lease: it does so with a warm process only."""
        return self._lives("worker") and self.last_seen_at() != self._seen_at_start

    def _lives(self, name: str) -> bool:
        assert self.running[name].poll() is None, f"{name} ended by itself:\n{self.tail(name)}"
        return True

    def last_seen_at(self) -> Any:
        return self.query("SELECT last_seen_at FROM experiments_worker WHERE name = 'local'")[0][0]

    def lab_processes(self, worker: str = "worker") -> set[int]:
        """Return the lab processes of a running worker."""
        return children(self.running[worker].pid) if worker in self.running else set()

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Query the site's database."""
        with psycopg.connect(
            self.environment["DATABASE_URL"], connect_timeout=60, autocommit=True
        ) as connection:
            return connection.execute(sql, values).fetchall()  # type: ignore[call-overload, no-any-return]

    def _web(self) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "gradus.serve",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        return [
            *command,
            "--no-access-log",
            "--log-level",
            "warning",
            "--timeout-graceful-shutdown",
            "1",
        ]

    def _housekeep(self) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), "housekeep"]

    def _worker(self) -> list[str]:
        return [*WORKER_COMMAND, "-l", "WARNING"]

    def _environment_of(self, name: str) -> Mapping[str, str]:
        if not name.startswith("worker"):
            return self.environment
        # a worker must not see these
        hidden = ("SECRET_KEY", "DATABASE_URL", "SITE_URL", "PYTHONPATH")
        rest = {key: value for key, value in self.environment.items() if key not in hidden}
        return {
            **rest,
            "GRADUS_URL": self.url,
            "GRADUS_TOKEN": self.token,
            "GRADUS_DATA": str(self.folder / name),
        }

    # ------------------------------------------------------------ what it says

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def tail(self, name: str) -> str:
        log = self.log(name)
        return (
            "\n".join(log.read_text(errors="replace").splitlines()[-30:])
            if log.exists()
            else "(no output)"
        )

    def status(self, path: str) -> int:
        """Return the status of a page for a visitor; 0 without an answer."""
        import httpx  # here, since `fill` imports this module without it

        try:
            return httpx.get(self.url + path, timeout=60, trust_env=False).status_code
        except httpx.TransportError:
            return 0
