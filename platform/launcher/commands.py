"""What each command of the launcher does, step by step."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher import assets, setup, torch_choice
from launcher.home import ROOT, Home
from launcher.running import Address, Site, environment, interruptible_by_child
from launcher.say import Problem, out, step
from launcher.setup import PYTHON
from launcher.supervisor import Supervisor

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_BROWSERS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
NO_BROWSER = (
    "Chromium was not found. Debian: apt install chromium. macOS: brew install --cask chromium. "
    "Then run this again."
)
STATIC_CHECKS = {
    "ruff": ["-m", "ruff", "check", "."],
    "ruff's format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "import-linter": ["-c", "from importlinter.cli import lint_imports_command as run; run()"],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
}


def up(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Set up, start everything, and stay until the person ends it."""
    home, address = Home(chosen.data), Address(chosen.host, chosen.port)
    lock = home.lock()
    address.check()
    workers = 0 if chosen.torch == "skip" else chosen.workers
    _prepare(arguments, torch=chosen.torch, worker=workers > 0)
    with Supervisor(home, lock) as supervisor:
        site = Site(home, supervisor, address)
        try:
            link = _open(site)
            demo = _fill_demo(site) if chosen.demo else ""
            site.start_workers(workers)
            _welcome(site, link, workers, time.time() - setup.STARTED, demo)
            supervisor.run()
        except KeyboardInterrupt:
            out("\nStopping …")
        supervisor.stop()
    lock.release()
    out("Everything has stopped.")
    return 0


def test(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Set up what the tests need, and run them."""
    _prepare(arguments, torch=chosen.torch, worker=True, dev=True)
    marks = [] if chosen.all else ["not slow"]
    browser = find_browser()
    if not browser:
        marks.append("not browser")
    given = any(argument == "-m" or argument.startswith("-m=") for argument in rest)
    options = [] if given or not marks else ["-m", " and ".join(marks)]
    own = {"GRADUS_CHROMIUM": browser} if browser else {}
    if chosen.all:
        own["GRADUS_SEARCH"] = "1"  # property tests look for examples of their own, see conftest.py
    status = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", *options, *rest], cwd=ROOT, env=os.environ | own, check=False
    ).returncode
    if not browser:
        _tell_what_did_not_run()
    return status


def check(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Run every static check, and say at the end which of them failed."""
    _prepare(arguments, torch=chosen.torch, worker=True, dev=True)
    failed = []
    # makemigrations compares files with models; that there is no database to ask, it says on stderr
    env = os.environ | {
        "DATABASE_URL": "postgresql://nobody@/nothing?host=/nonexistent",
        "SECRET_KEY": "static checks",
    }
    env |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
    for name, command in STATIC_CHECKS.items():
        out(f"== {name}")
        done = subprocess.run(
            [PYTHON, *command], cwd=ROOT, env=env, stderr=subprocess.PIPE, check=False
        )
        if done.returncode:
            out(done.stderr.decode(errors="replace"))
            failed.append(name)
    out(f"Failed: {', '.join(failed)}" if failed else "All static checks passed.")
    return int(bool(failed))


def check_content(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Look over the questions' files."""
    _prepare(arguments, torch="skip", worker=False)
    # files alone are read; the database is not asked
    env = os.environ | {
        "SECRET_KEY": "content checks",
        "DATABASE_URL": "postgresql://nobody@/nothing?host=/nonexistent",
    }
    return subprocess.run(
        [PYTHON, "manage.py", "check_content"],
        cwd=ROOT,
        env=env | {"LOG_LEVEL": "ERROR"},
        check=False,
    ).returncode


def doctor(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Look at everything, and say what is wrong."""
    if setup.PYTHON.exists():
        setup.enter_venv(arguments)
    from launcher import doctor as consulted

    return consulted.examine(Home(chosen.data), Address(chosen.host, chosen.port))


def manage(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Run a command of Django beside the servers, which are started for it if they are not
    running.
    """
    _prepare(arguments, torch="skip", worker=False, built=False)
    with _beside_servers(Home(chosen.data)) as env, interruptible_by_child():
        return subprocess.run(
            [PYTHON, "manage.py", *rest], cwd=ROOT, env=env, check=False
        ).returncode


def evidence(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Record standard runs, on a site of their own with one worker."""
    _prepare(arguments, torch=chosen.torch, worker=True)
    folder = Path(tempfile.mkdtemp(prefix="gradus-evidence-"))
    try:
        home = Home(folder)
        with Supervisor(home, home.lock()) as supervisor:
            site = Site(home, supervisor, Address(port=_free_port()))
            _open(site)
            site.start_workers(1)
            with step("Recording"):
                command: list[str | Path] = [
                    PYTHON,
                    ROOT / "manage.py",
                    "record_evidence",
                    *chosen.lab,
                ]
                return subprocess.run(
                    command, cwd=ROOT, env=site.environment, check=False
                ).returncode
    finally:
        _forget(folder)


def screenshots(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Photograph every page."""
    _prepare(arguments, torch=chosen.torch, worker=True, dev=True)
    browser = find_browser()
    if not browser:
        raise Problem("Screenshots need a browser.", NO_BROWSER)
    command: list[str | Path] = [PYTHON, "-m", "pytest", "-q", "-s", "tests/e2e/screenshots.py"]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"GRADUS_CHROMIUM": browser}, check=False
    ).returncode


def find_browser() -> str:
    """Return the Chromium to test with: GRADUS_CHROMIUM, one on PATH, or where macOS keeps it;
    nothing when there is none.
    """
    named = os.environ.get("GRADUS_CHROMIUM")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), "")
    return named or found or next((path for path in MAC_BROWSERS if Path(path).exists()), "")


def _prepare(
    arguments: list[str], *, torch: str | None, worker: bool, dev: bool = False, built: bool = True
) -> None:
    """Install what is missing, go on as the Python of `.venv`, and build the front end."""
    setup.make_venv()
    setup.install("setup", "requirements-setup.txt", name="Installers")
    setup.install("web", "requirements-web.txt", name="Packages of the site")
    if worker:
        setup.install("worker", "requirements-worker.txt", name="Packages of the worker")
        torch_choice.ensure(torch)
    if dev:
        setup.install("dev", "requirements-dev.txt", name="Packages of the tests")
    if built and assets.are_stale() and setup.needs_node():
        setup.install("node", "requirements-node.txt", name="Node, from its wheel")
    setup.enter_venv(arguments)
    if built:
        assets.build()


def _open(site: Site) -> str:
    """Start the servers, make the database ready and the site answer. Returns the first operator's
    link, if one was made.
    """
    site.start_servers()
    with step("Database and content") as under_way:
        said = site.get_ready()
        under_way.note = said["load_labs"][-1]
    with step("Waiting for the site"):
        site.start_web()
        site.wait_for_web()
    site.start_housekeep()
    return said["make_operator"][-1] if "make_operator" in said else ""


def _fill_demo(site: Site) -> str:
    """Make the demonstration account, once; return how to sign in to a new one."""
    with step("Demonstration account") as under_way:
        said = site.manage("make_demo").splitlines()
        under_way.note = said[-1]
    return next((line for line in said if line.startswith("Sign in as")), "")


def _welcome(site: Site, link: str, workers: int, seconds: float, demo: str = "") -> None:
    out(f"\nGradus is ready after {seconds:.1f} s:  {site.address.public}")
    if link:
        out(f"You are its operator. This one-time link signs you in:  {link}")
    if demo:
        out(f"Demonstration account: {demo}")
    if not workers:
        out("No worker is running here: runs stay in the queue until one connects.")
    out("Press Ctrl-C to stop everything.\n")


def _tell_what_did_not_run() -> None:
    asked = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "--collect-only", "-m", "browser"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    missing = [line for line in asked.stdout.splitlines() if "::" in line]
    out(f"\n{len(missing)} browser tests were skipped. {NO_BROWSER}")
    for line in missing:
        out(f"   {line}")


@contextmanager
def _beside_servers(home: Home) -> Iterator[dict[str, str]]:
    """Yield the environment of a site whose servers run."""
    if home.running() or (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        yield environment(home, Address())
        return
    lock = home.lock()
    with Supervisor(home, lock) as supervisor:
        site = Site(home, supervisor, Address())
        site.start_servers()
        yield site.environment
    lock.release()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _forget(folder: Path) -> None:
    """Remove a passing data folder, and what belongs to it elsewhere."""
    from launcher.embedded import house_of, socket_folder

    for gone in (house_of(folder), socket_folder(folder), folder):
        shutil.rmtree(gone, ignore_errors=True)
