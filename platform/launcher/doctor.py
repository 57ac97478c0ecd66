"""`./gradus doctor`: what is right and what is wrong with this machine, in sentences. Runs in
`.venv`, once that exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from launcher import database, torch_choice
from launcher.embedded import Postgres, Valkey
from launcher.home import Home
from launcher.processes import stop
from launcher.running import REVOKED, Address, status
from launcher.say import Problem, out, size
from launcher.setup import VENV

LITTLE, SCARCE = 5_000_000_000, 1_000_000_000  # bytes free
SILENT_SECONDS = 60  # a worker looks for work every two seconds
MARKS = {"good": "ok  ", "odd": "?   ", "bad": "BAD "}


@dataclass(frozen=True)
class Finding:
    """What one look found: `good`, `odd` (works, but know it) or `bad`."""

    state: str
    about: str
    sentence: str


def examine(home: Home, address: Address) -> int:
    """Look at everything and print what was found. Returns 1 if something is wrong."""
    findings = [python(), disk(home.path), port(home, address)]
    if find_spec("psycopg") is None:
        findings.append(Finding("odd", "packages", "nothing is installed yet: run ./gradus up."))
    else:
        with ExitStack() as stack:
            findings += servers(home, stack)
    findings.append(gpu(torch_choice.has_nvidia(), torch_choice.installed()))
    for finding in findings:
        out(f"{MARKS[finding.state]}{finding.about}: {finding.sentence}")
    return int(any(finding.state == "bad" for finding in findings))


def python() -> Finding:
    place = "in .venv" if Path(sys.prefix).resolve() == VENV.resolve() else "no .venv yet"
    return Finding("good", "Python", f"{sys.version.split()[0]}, {place}.")


def disk(folder: Path, free: int | None = None) -> Finding:
    """Say how much room the data folder has."""
    total, _used, left = shutil.disk_usage(folder)
    left = left if free is None else free
    if left < SCARCE:
        return Finding(
            "bad",
            "disk",
            f"{size(left)} free at {folder}: PostgreSQL stops when it is full. Free some space.",
        )
    if left < LITTLE or left < total / 10:
        return Finding(
            "odd", "disk", f"{size(left)} free of {size(total)} at {folder}; space is running low."
        )
    return Finding("good", "disk", f"{size(left)} free at {folder}.")


def port(home: Home, address: Address) -> Finding:
    """Say whether the site's port is free, ours, or somebody else's."""
    answer = status(f"{address.local}/") if home.running() else 0
    if answer:
        state = "good" if answer < 500 else "bad"
        return Finding(
            state,
            "site",
            (
                f"answers at {address.local} with status "
                f"{answer}{'' if answer < 500 else ': read logs/web.log'}."
            ),
        )
    try:
        address.check()
    except Problem as problem:
        return Finding("bad", "port", f"{problem.what} To do: {problem.remedy}")
    running = (
        " (a site of this data folder runs elsewhere: name its --port)" if home.running() else ""
    )
    return Finding("odd" if running else "good", "port", f"{address.port} is free{running}.")


def servers(home: Home, stack: ExitStack) -> list[Finding]:
    """Look at database and broker; embedded ones that do not run are started for the look."""
    findings: list[Finding] = []
    for name, look in (("database", look_at_database), ("broker", look_at_broker)):
        try:
            findings += look(home, stack)
        except Problem as problem:
            findings.append(Finding("bad", name, str(problem)))
    return findings


def look_at_database(home: Home, stack: ExitStack) -> list[Finding]:
    """Look at version, encoding and Chinese trigrams, and at what the database knows of workers."""
    url = _database_url(home, stack)
    if not url:
        return [Finding("good", "database", "not created yet: ./gradus up creates it.")]
    found = database.facts(url)
    if complaint := found.complaint():
        return [Finding("bad", "database", complaint)]
    sentence = (
        f"PostgreSQL {found.version} answers; {found.encoding}, and Chinese words have trigrams, "
        "so that search finds them."
    )
    return [
        Finding("good", "database", sentence),
        worker(database.last_seen(url)),
        mail(*database.stuck_mails(url)),
        token(home, url),
    ]


def worker(seconds: float | None) -> Finding:
    """Say when a worker last asked for work."""
    if seconds is None:
        return Finding(
            "odd",
            "worker",
            (
                "none has ever asked for work. ./gradus up starts one; docs/operations.md says "
                "how to add machines."
            ),
        )
    if seconds > SILENT_SECONDS:
        return Finding(
            "odd",
            "worker",
            (
                f"the last one asked for work {_ago(seconds)} ago. Runs wait until one does; see "
                "logs/worker.log."
            ),
        )
    return Finding("good", "worker", f"one asked for work {_ago(seconds)} ago.")


def mail(waiting: int, failed: int) -> Finding:
    """Say whether mails cannot be delivered."""
    if waiting or failed:
        sentence = (
            f"{waiting} could not be sent yet and {failed} have failed. The admin (Mails) says "
            "why; see EMAIL_URL in docs/settings.md."
        )
        return Finding("odd", "mail", sentence)
    return Finding("good", "mail", "none waits for a mail server that is away.")


def look_at_broker(home: Home, stack: ExitStack) -> list[Finding]:
    """Look at Redis or Valkey."""
    import redis

    try:
        with redis.Redis.from_url(
            _broker_url(home, stack), socket_timeout=3, socket_connect_timeout=3
        ) as client:
            client.ping()
            version = client.info("server")["redis_version"]
    except (redis.RedisError, OSError, ValueError) as error:
        sentence = (
            f"is not responding ({error}). Runs still start, up to two seconds later, and curves "
            "update once a second. Check REDIS_URL."
        )
        return [Finding("bad", "broker", sentence)]
    return [Finding("good", "broker", f"answers (speaks Redis {version}).")]


def token(home: Home, url: str) -> Finding:
    """Say whether the site knows this machine's token."""
    kept = home.token("local", url)
    if not kept:
        return Finding(
            "good", "token", "this machine has none yet: ./gradus up creates one for its worker."
        )
    standing = database.standing(url, kept)
    if standing == "unknown":
        return Finding(
            "bad",
            "token",
            "the site does not know this machine's token. Restart ./gradus up to create a new one.",
        )
    if standing == "revoked":
        return Finding("odd", "token", REVOKED)
    return Finding("good", "token", "the site knows this machine.")


def gpu(
    driver: bool, build: torch_choice.Build | None, ask: Callable[[], str] | None = None
) -> Finding:
    """Say whether labs can use a GPU. `ask` runs torch to see, and returns its complaint."""
    if build is None:
        return Finding(
            "odd" if driver else "good",
            "GPU",
            "torch is not installed here, so no labs run on this machine.",
        )
    if not driver:
        mac = " torch uses Apple's GPU where a lab can." if sys.platform == "darwin" else ""
        return Finding("good", "GPU", f"no NVIDIA driver; labs run on the CPU ({build}).{mac}")
    if not build.cuda:
        return Finding(
            "bad",
            "GPU",
            f"there is an NVIDIA driver, but {build} is installed. Run ./gradus up --torch cuda.",
        )
    complaint = (ask or _ask_torch)()
    if complaint:
        return Finding(
            "bad",
            "GPU",
            (
                f"{build} cannot use it: {complaint}. The driver may be older than this CUDA; "
                "nvidia-smi shows it."
            ),
        )
    return Finding("good", "GPU", f"{build} uses it.")


def _database_url(home: Home, stack: ExitStack) -> str:
    """Return the database's URL; an embedded cluster that is not running is started until the look
    is over.
    """
    if url := os.environ.get("DATABASE_URL"):
        return url
    postgres = Postgres(home.path)
    if not (postgres.cluster / "PG_VERSION").exists():
        return ""
    if not home.running():
        stack.callback(home.lock().release)
        with home.log("postgres") as log:
            server = postgres.start(output=log)
        stack.callback(stop, server, postgres.ends_by)
        postgres.make_database()
    return postgres.url


def _broker_url(home: Home, stack: ExitStack) -> str:
    if url := os.environ.get("REDIS_URL"):
        return url
    valkey = Valkey(home.path)
    if not home.running() or not valkey.socket.exists():
        with home.log("valkey") as log:
            server = valkey.start(output=log)
        stack.callback(stop, server, valkey.ends_by)
    return valkey.url


def _ask_torch() -> str:
    code = "import torch; torch.zeros(1, device='cuda'); torch.cuda.synchronize()"
    asked = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=False
    )
    return asked.stderr.strip().splitlines()[-1] if asked.returncode else ""


def _ago(seconds: float) -> str:
    for scale, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * scale:
            return f"{seconds / scale:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} seconds"
