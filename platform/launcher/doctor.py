"""`./gradus doctor`: what is right and what is wrong with this machine, in sentences. Runs in `.venv`, once that exists."""

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
from typing import Any

from launcher import torch_choice
from launcher.embedded import Postgres, Valkey
from launcher.home import Home
from launcher.processes import stop
from launcher.running import LOST_TOKEN, Address, status
from launcher.say import Problem, out, size
from launcher.setup import VENV

OLDEST_POSTGRES = 15
LITTLE, SCARCE = 5_000_000_000, 1_000_000_000  # bytes free
SILENT_SECONDS = 60  # a worker looks for work every two seconds
TRIAL = "梯度下降"
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
        findings.append(Finding("odd", "packages", "nothing is installed yet: ./gradus up does it."))
    else:
        with ExitStack() as stack:
            findings += [*servers(home, stack), token(home, address)]
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
        return Finding("bad", "disk", f"{size(left)} free at {folder}: PostgreSQL stops when it is full. Make room.")
    if left < LITTLE or left < total / 10:
        return Finding("odd", "disk", f"{size(left)} free of {size(total)} at {folder}; it will fill up.")
    return Finding("good", "disk", f"{size(left)} free at {folder}.")


def port(home: Home, address: Address) -> Finding:
    """Say whether the site's port is free, ours, or somebody else's."""
    answer = status(f"{address.local}/") if home.running() else 0
    if answer:
        state = "good" if answer < 500 else "bad"
        return Finding(
            state, "site", f"answers at {address.local} with status {answer}{'' if answer < 500 else ': read logs/web.log'}."
        )
    try:
        address.check()
    except Problem as problem:
        return Finding("bad", "port", f"{problem.what} To do: {problem.remedy}")
    running = " (a site of this data folder runs elsewhere: name its --port)" if home.running() else ""
    return Finding("odd" if running else "good", "port", f"{address.port} is free{running}.")


def servers(home: Home, stack: ExitStack) -> list[Finding]:
    """Look at database, worker and broker; embedded servers that do not run are started for the look."""
    findings = []
    for name, look, make in (("database", database, _database_url), ("broker", broker, _broker_url)):
        try:
            url = make(home, stack)
            findings += look(url) if url else [Finding("good", name, "not made yet: ./gradus up makes it.")]
        except Problem as problem:
            findings.append(Finding("bad", name, str(problem)))
    return findings


def database(url: str) -> list[Finding]:
    """Look at version, encoding, Chinese trigrams, and when a worker was last seen."""
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            major = connection.info.server_version // 10_000
            encoding = _value(connection, "SHOW server_encoding")
            letters = chinese_trigrams(connection)
            return [_version(major), _encoding(encoding, letters), worker(last_seen(connection))]
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return [Finding("bad", "database", f"does not answer ({reason}). See that it runs, and that DATABASE_URL is right.")]


def chinese_trigrams(connection: Any) -> bool:
    """Say whether the database makes trigrams of Chinese words: asks pg_trgm where it may, else the character classes."""
    import psycopg

    try:
        with connection.transaction(force_rollback=True):
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            return bool(_value(connection, "SELECT cardinality(show_trgm(%s))", TRIAL))
    except psycopg.Error:  # not ours to make, or not there
        return bool(_value(connection, "SELECT %s ~ '^[[:alpha:]]+$'", TRIAL))


def last_seen(connection: Any) -> float | None:
    """Return the seconds since a machine last asked for work; None when none ever did, or there are no tables yet."""
    if not _value(connection, "SELECT to_regclass('experiments_machine')::text"):
        return None
    found = _value(connection, "SELECT extract(epoch FROM now() - max(seen_at)) FROM experiments_machine WHERE revoked_at IS NULL")
    return None if found is None else float(found)


def worker(seconds: float | None) -> Finding:
    """Say when a worker last asked for work."""
    if seconds is None:
        return Finding(
            "odd", "worker", "none has ever asked for work. ./gradus up starts one; docs/operations.md says how to add machines."
        )
    if seconds > SILENT_SECONDS:
        return Finding(
            "odd", "worker", f"the last one asked for work {_ago(seconds)} ago. Runs wait until one does; see logs/worker.log."
        )
    return Finding("good", "worker", f"one asked for work {_ago(seconds)} ago.")


def broker(url: str) -> list[Finding]:
    """Look at Redis or Valkey."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
            version = client.info("server")["redis_version"]
    except (redis.RedisError, OSError, ValueError) as error:
        sentence = (
            f"does not answer ({error}). Runs still start, up to two seconds later, and curves come once a second. See REDIS_URL."
        )
        return [Finding("bad", "broker", sentence)]
    return [Finding("good", "broker", f"answers (speaks Redis {version}).")]


def token(home: Home, address: Address) -> Finding:
    """Say whether the site knows this machine's token."""
    kept = sorted(home.path.glob("token-local-*"), key=lambda path: path.stat().st_mtime)
    if not kept or not home.running():
        return Finding("good", "token", "kept for this machine." if kept else "none kept: ./gradus up makes one for its worker.")
    answer = status(f"{address.local}/api/worker/v1/claim", b"{}", f"Worker {kept[-1].read_text().strip()}")
    if answer == LOST_TOKEN:
        return Finding("bad", "token", "the site does not know this machine's token. Restart ./gradus up: it makes a new one.")
    return Finding("good", "token", "the site knows this machine." if answer else "kept for this machine.")


def gpu(driver: bool, build: torch_choice.Build | None, ask: Callable[[], str] | None = None) -> Finding:
    """Say whether labs can use a GPU. `ask` runs torch to see, and returns its complaint."""
    if build is None:
        return Finding("odd" if driver else "good", "GPU", "torch is not installed here, so no labs run on this machine.")
    if not driver:
        mac = " torch uses Apple's GPU where a lab can." if sys.platform == "darwin" else ""
        return Finding("good", "GPU", f"no NVIDIA driver; labs run on the CPU ({build}).{mac}")
    if not build.cuda:
        return Finding("bad", "GPU", f"there is an NVIDIA driver, but {build} is installed. Run ./gradus up --torch cuda.")
    complaint = (ask or _ask_torch)()
    if complaint:
        return Finding(
            "bad", "GPU", f"{build} cannot use it: {complaint}. The driver may be older than this CUDA; nvidia-smi shows it."
        )
    return Finding("good", "GPU", f"{build} uses it.")


def _version(major: int) -> Finding:
    if major < OLDEST_POSTGRES:
        return Finding("bad", "database", f"PostgreSQL {major} is too old; Gradus needs {OLDEST_POSTGRES} or newer.")
    return Finding("good", "database", f"PostgreSQL {major} answers.")


def _encoding(encoding: str, letters: bool) -> Finding:
    again = "Make the cluster again with initdb -E UTF8 --locale=C.UTF-8, and load a dump into it."
    if encoding != "UTF8":
        return Finding("bad", "encoding", f"the database keeps text as {encoding}, which cannot hold Chinese. {again}")
    if not letters:
        sentence = f"UTF8, but its locale takes Chinese characters for no letters: search finds no Chinese words. {again}"
        return Finding("bad", "encoding", sentence)
    return Finding("good", "encoding", "UTF8, and Chinese words have trigrams: search finds them.")


def _database_url(home: Home, stack: ExitStack) -> str:
    """Return the database's URL; an embedded cluster that is not running is started until the look is over."""
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
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=False)
    return asked.stderr.strip().splitlines()[-1] if asked.returncode else ""


def _value(connection: Any, query: str, *values: object) -> Any:
    row = connection.execute(query, values or None).fetchone()
    return row[0] if row else None


def _ago(seconds: float) -> str:
    for scale, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * scale:
            return f"{seconds / scale:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} seconds"
