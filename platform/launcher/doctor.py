"""`./gradus doctor`: checks of this machine, each with a sentence about the result. Runs in
`.venv`, once that exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from launcher import cluster_record, database, torch_choice
from launcher.backup import last as last_backup
from launcher.embedded import Valkey, new_server_folder
from launcher.home import Home
from launcher.processes import stop
from launcher.running import REVOKED, Address, database_url, status
from launcher.say import Problem, out, size
from launcher.setup import VENV
from launcher.signs import HUNG_SECONDS, Program, Report

LOW_SPACE, CRITICAL_SPACE = 5_000_000_000, 1_000_000_000  # bytes free
OLD_BACKUP_SECONDS = 7 * 86_400
SILENT_SECONDS = 60  # a worker looks for work every two seconds
# in which each program should give a sign of life, as it does every second
PATIENCE_SECONDS = 10.0
MARKS = {"good": "ok  ", "odd": "?   ", "bad": "BAD "}


@dataclass(frozen=True)
class Finding:
    """The result of a check: `good`, `odd` (works, but worth knowing) or `bad`."""

    state: str
    about: str
    sentence: str


def examine(home: Home, address: Address) -> int:
    """Run all checks and print their results. Returns 1 if something is wrong."""
    findings = [python(), data(home), backup(home), disk(home.path)]
    findings += [*programs(home), port(home, address)]
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
    location = "in .venv" if Path(sys.prefix).resolve() == VENV.resolve() else "no .venv yet"
    return Finding("good", "Python", f"{sys.version.split()[0]}, {location}.")


def data(home: Home) -> Finding:
    """Say where the data folder and its database are."""
    if os.environ.get("DATABASE_URL"):
        return Finding("good", "data", f"{home.path}; the database is the one of DATABASE_URL.")
    try:
        record, notes = cluster_record.check(home.path, new_server_folder(home.path))
    except Problem as problem:
        return Finding("bad", "data", str(problem))
    not_yet = "" if record.made else " (not created yet: ./gradus up creates it)"
    sentence = f"{home.path}; the database is {record.cluster}{not_yet}."
    return Finding("odd" if notes else "good", "data", " ".join([sentence, *notes]))


def backup(home: Home) -> Finding:
    """Say when the site was last saved."""
    last = last_backup(home)
    if last is None:
        return Finding("odd", "backup", "none is known: ./gradus backup FILE saves the site.")
    file, created_at = last
    seconds = (datetime.now(UTC) - created_at).total_seconds()
    state = "odd" if seconds > OLD_BACKUP_SECONDS or not file.exists() else "good"
    missing = "" if file.exists() else ", which is not there now"
    return Finding(state, "backup", f"the last one was made {_ago(seconds)} ago: {file}{missing}.")


def disk(folder: Path, free: int | None = None) -> Finding:
    """Check how much space the data folder has."""
    total, _used, left = shutil.disk_usage(folder)
    left = left if free is None else free
    if left < CRITICAL_SPACE:
        return Finding(
            "bad",
            "disk",
            f"{size(left)} free at {folder}: PostgreSQL stops when it is full. Free some space.",
        )
    if left < LOW_SPACE or left < total / 10:
        return Finding(
            "odd", "disk", f"{size(left)} free of {size(total)} at {folder}; space is running low."
        )
    return Finding("good", "disk", f"{size(left)} free at {folder}.")


def programs(home: Home, patience: float = PATIENCE_SECONDS) -> list[Finding]:
    """Wait for a sign of life from the launcher that runs here, and from each of its programs; say
    which of them hang, are starting, or keep failing.
    """
    if not home.running():
        return []
    asked_at = time.monotonic()
    while True:
        report = Report.read(home.report)
        is_new = report is not None and report.at > asked_at
        silent = [] if report is None else [p for p in report.programs if _is_silent(p, asked_at)]
        if (is_new and not silent) or time.monotonic() > asked_at + patience:
            break
        time.sleep(0.1)
    if report is None or not is_new:
        return [_hung_launcher(report)]
    failing = [_failing(p, home) for p in report.programs if not p.runs]
    if found := failing + [_silent(p, home) for p in silent]:
        return found
    asked = ", ".join(p.name for p in report.programs if p.is_asked)
    return [Finding("good", "programs", f"signs of life from the launcher, {asked}.")]


def _is_silent(program: Program, asked_at: float) -> bool:
    return program.is_asked and program.runs and program.heard_at < asked_at


def _hung_launcher(report: Report | None) -> Finding:
    pid = f" (process {report.pid})" if report else ""
    sentence = (
        f"the launcher{pid} gives no sign of life: it starts up, or hangs. While it hangs, nothing "
        "that fails is started again. If it was stopped (Ctrl-Z), fg continues it; else end it, "
        "and run ./gradus up."
    )
    return Finding("bad", "programs", sentence)


def _failing(program: Program, home: Home) -> Finding:
    sentence = f"has ended and is started again. Its log: {home.log(program.name).path}"
    if program.failures > 1:
        sentence = f"has ended {program.failures} times, soon after each start. " + sentence
    return Finding("bad", program.name, sentence)


def _silent(program: Program, home: Home) -> Finding:
    seconds = f"{time.monotonic() - program.heard_at:.0f} s"
    if program.is_starting:
        sentence = f"process {program.pid} has been starting for {seconds}."
        return Finding("odd", program.name, sentence)
    sentence = (
        f"process {program.pid} hangs: no sign of life for {seconds}. After {HUNG_SECONDS:g} s the "
        f"launcher ends it and starts another. Its log: {home.log(program.name).path}"
    )
    return Finding("bad", program.name, sentence)


def port(home: Home, address: Address) -> Finding:
    """Check whether the site's port is free, ours, or somebody else's."""
    running = home.running()
    answer = status(f"{address.local}/") if running else 0
    if answer:
        state = "good" if answer < 500 else "bad"
        advice = "" if answer < 500 else ": read logs/web.log"
        return Finding(state, "site", f"answers at {address.local} with status {answer}{advice}.")
    try:
        address.check()
    except Problem as problem:
        if running and address.takes_connections():
            sentence = (
                f"{address.local} takes connections, but gives no answer. If the site of this data "
                "folder listens there, it hangs or waits for its database: see above and below. "
                "If it listens elsewhere, name its --port."
            )
            return Finding("bad", "site", sentence)
        return Finding("bad", "port", f"{problem.what} To do: {problem.remedy}")
    where = " (the site of this data folder is being started, or runs elsewhere: name its --port)"
    sentence = f"{address.port} is free{where if running else ''}."
    return Finding("odd" if running else "good", "port", sentence)


def servers(home: Home, stack: ExitStack) -> list[Finding]:
    """Check database and broker; embedded ones that do not run are started for the check."""
    findings: list[Finding] = []
    for name, check in (("database", check_database), ("broker", check_broker)):
        try:
            findings += check(home, stack)
        except Problem as problem:
            findings.append(Finding("bad", name, f"{problem}{_how_to_restart(home, name)}"))
    return findings


def _how_to_restart(home: Home, server: str) -> str:
    """Return what to do about an embedded PostgreSQL that does not answer: the launcher does not
    end it by itself, since what looks like a hang may be a slow disk.
    """
    report = Report.read(home.report)
    if server != "database" or os.environ.get("DATABASE_URL") or not report or not home.running():
        return ""
    pids = [program.pid for program in report.programs if program.name == "postgres"]
    return "".join(
        f"\n  The launcher runs it as process {pid}; if that hangs, kill -9 {pid} ends it, and "
        "another is started, which loses nothing."
        for pid in pids
    )


def check_database(home: Home, stack: ExitStack) -> list[Finding]:
    """Check version, encoding and Chinese trigrams, and what the database has of workers and
    mails.
    """
    url = stack.enter_context(database_url(home))
    if not url:
        return [Finding("good", "database", "not created yet: ./gradus up creates it.")]
    facts = database.facts(url)
    if complaint := facts.complaint():
        return [Finding("bad", "database", complaint)]
    sentence = (
        f"PostgreSQL {facts.version} answers; {facts.encoding}, and Chinese words have trigrams, "
        "so that search finds them."
    )
    return [
        Finding("good", "database", sentence),
        worker(database.last_seen(url)),
        mail(*database.stuck_mails(url)),
        token(home, url),
    ]


def worker(seconds: float | None) -> Finding:
    """Check when a worker last asked for work."""
    if seconds is None:
        sentence = (
            "none has ever asked for work. ./gradus up starts one; docs/operations.md says how to "
            "add machines."
        )
        return Finding("odd", "worker", sentence)
    if seconds > SILENT_SECONDS:
        sentence = (
            f"the last one asked for work {_ago(seconds)} ago. Runs wait until one does; see "
            "logs/worker.log."
        )
        return Finding("odd", "worker", sentence)
    return Finding("good", "worker", f"one asked for work {_ago(seconds)} ago.")


def mail(waiting: int, failed: int) -> Finding:
    """Check whether mails could not be delivered."""
    if waiting or failed:
        sentence = (
            f"{waiting} could not be sent yet and {failed} have failed. The admin (Mails) says "
            "why; see EMAIL_URL in docs/settings.md."
        )
        return Finding("odd", "mail", sentence)
    return Finding("good", "mail", "none waits for a mail server that is away.")


def check_broker(home: Home, stack: ExitStack) -> list[Finding]:
    """Check Redis or Valkey."""
    import redis

    try:
        with redis.Redis.from_url(
            _broker_url(home, stack), socket_timeout=3, socket_connect_timeout=3
        ) as client:
            client.ping()
            version = client.info("server")["redis_version"]
    except (redis.RedisError, OSError, ValueError) as error:
        advice = "Check REDIS_URL." if os.environ.get("REDIS_URL") else "See logs/valkey.log."
        sentence = (
            f"is not responding ({error}). Runs still start, up to two seconds later, and curves "
            f"update once a second. {advice}"
        )
        return [Finding("bad", "broker", sentence)]
    return [Finding("good", "broker", f"answers (speaks Redis {version}).")]


def token(home: Home, url: str) -> Finding:
    """Check whether the site knows the token of this machine's worker."""
    stored = home.token("local", url)
    if not stored:
        return Finding(
            "good", "token", "this machine has none yet: ./gradus up creates one for its worker."
        )
    state = database.token_state(url, stored)
    if state == "unknown":
        return Finding(
            "bad",
            "token",
            "the site does not know this machine's token. Restart ./gradus up to create a new one.",
        )
    if state == "revoked":
        return Finding("odd", "token", REVOKED)
    return Finding("good", "token", "the site knows this machine.")


def gpu(
    driver: bool, build: torch_choice.Build | None, try_torch: Callable[[], str] | None = None
) -> Finding:
    """Check whether labs can use a GPU. `try_torch` uses it once, and returns the error."""
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
    complaint = (try_torch or _try_torch)()
    if complaint:
        sentence = (
            f"{build} cannot use it: {complaint}. The driver may be older than this CUDA; "
            "nvidia-smi shows it."
        )
        return Finding("bad", "GPU", sentence)
    return Finding("good", "GPU", f"{build} uses it.")


def _broker_url(home: Home, stack: ExitStack) -> str:
    if url := os.environ.get("REDIS_URL"):
        return url
    valkey = Valkey(home.path)
    if not home.running() or not valkey.socket.exists():
        log = stack.enter_context(home.log("valkey").receiving())
        stack.callback(stop, valkey.start(output=log), valkey.ends_by)
    return valkey.url


def _try_torch() -> str:
    code = "import torch; torch.zeros(1, device='cuda'); torch.cuda.synchronize()"
    tried = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=False
    )
    return tried.stderr.strip().splitlines()[-1] if tried.returncode else ""


def _ago(seconds: float) -> str:
    for scale, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * scale:
            return f"{seconds / scale:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} seconds"
