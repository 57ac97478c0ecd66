"""What each command of the launcher does, step by step."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from launcher import assets, setup, torch_choice
from launcher.home import DEFAULT, ROOT, Home
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
NEW = {"lab": "new_lab", "question": "new_question"}  # the command of manage.py for each
# Each with a browser, torch and a site of its own: about 2 GB of memory. One more than cores, since
# the tests of whole systems wait for much of their time.
MAX_TEST_PROCESSES = 3
STATIC_CHECKS = {
    "ruff": ["-m", "ruff", "check", "."],
    "ruff's format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "import-linter": ["-c", "from importlinter.cli import lint_imports_command as run; run()"],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
}


Command = Callable[[Namespace, list[str], list[str]], int]


def for_pipes(command: Command) -> Command:
    """Leave standard output to what a command is asked for: everything else that the launcher
    prints goes to stderr, so that `./gradus manage dumpdata > file` has nothing but data.
    """

    @functools.wraps(command)
    def quiet(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
        with redirect_stdout(sys.stderr):  # of this process; its children have the real one
            return command(chosen, rest, arguments)

    return quiet


def up(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Set up, start everything, and run until Ctrl-C."""
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
            _print_welcome(site, link, workers, time.time() - setup.STARTED, demo)
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
    browser = find_browser()
    options = pytest_options(rest, long=chosen.all, has_browser=bool(browser))
    variables = {"GRADUS_CHROMIUM": browser} if browser else {}
    if chosen.all:
        variables["GRADUS_SEARCH"] = "1"  # property tests search for new examples, see conftest.py
    env = os.environ | variables
    # the tests start some two hundred processes, which would compile all that they import anew
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    status = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", *rest, *options], cwd=ROOT, env=env, check=False
    ).returncode
    if not browser:
        _list_skipped_tests()
    return status


def chaos(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Break a site of its own at random, and check what must hold."""
    _prepare(arguments, torch=chosen.torch, worker=True, dev=True)
    options = ["--faults", str(chosen.faults), "--seconds", str(chosen.seconds)]
    if chosen.seed is not None:
        options += ["--seed", str(chosen.seed)]
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
    with interruptible_by_child():
        return subprocess.run(
            [PYTHON, "-m", "tests.chaos", *options], cwd=ROOT, env=env, check=False
        ).returncode


def pytest_options(rest: list[str], *, long: bool, has_browser: bool) -> list[str]:
    """Return what pytest is given after the arguments `rest`: the whole suite runs in several
    processes, what is named in one. Marks that were asked for leave out the long forms, too.
    """
    marks = [] if long else ["not slow"]
    if not has_browser:
        marks.append("not browser")
    if asked := _asked_marks(rest):
        # a choice that names them is its own
        marks = [f"({asked})", *(mark for mark in marks if mark.split()[-1] not in asked)]
    options = ["-m", " and ".join(marks)] if marks else []
    # they would hear each other through a Redis that is not theirs
    processes = min(MAX_TEST_PROCESSES, (os.cpu_count() or 1) + 1)
    if processes > 1 and not rest and "REDIS_URL" not in os.environ:
        options += ["-n", str(processes)]
    return options


def _asked_marks(rest: list[str]) -> str:
    """Return the marks of `-m` among pytest's arguments; empty where there are none."""
    reader = ArgumentParser(add_help=False, allow_abbrev=False)
    reader.add_argument("-m", default="")
    return str(reader.parse_known_args(rest)[0].m)


def check(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Run every static check, and say at the end which of them failed."""
    _prepare(arguments, torch=chosen.torch, worker=True, dev=True)
    failed = []
    # makemigrations compares files with models, and only warns that there is no database
    env = os.environ | {
        "DATABASE_URL": "postgresql://nobody@/nothing?host=/nonexistent",
        "SECRET_KEY": "static checks",
    }
    roots = (ROOT, ROOT / "platform", ROOT / "clients" / "python")
    env |= {"PYTHONPATH": os.pathsep.join(map(str, roots))}
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


def audit(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Ask for advisories about the packages that the requirement files pin."""
    _prepare(arguments, torch="skip", worker=False, dev=True, built=False)
    from launcher import audit as auditing

    return auditing.audit()


@for_pipes
def check_content(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Check the questions' files."""
    _prepare(arguments, torch="skip", worker=False)
    return subprocess.run(
        [PYTHON, "manage.py", "check_content"], cwd=ROOT, env=_without_database(), check=False
    ).returncode


@for_pipes
def new(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Write the files of a new lab or question."""
    options = {"topic": chosen.topic, "kind": chosen.kind}
    if chosen.what == "question" and chosen.kind:
        raise Problem("A question has no --kind.", "Its kinds are in its question.toml.")
    if chosen.catalogue:
        options["catalogue"] = str(chosen.catalogue.expanduser().resolve())
    # the catalogue is YAML, which only the packages for development read
    has_catalogue = bool(chosen.catalogue)
    _prepare(arguments, torch=chosen.torch, worker=has_catalogue, dev=has_catalogue, built=False)
    given = [f"--{name}={value}" for name, value in options.items() if value]
    return subprocess.run(
        [PYTHON, "manage.py", NEW[chosen.what], *given, "--", chosen.slug],
        cwd=ROOT,
        env=_without_database(),
        check=False,
    ).returncode


def doctor(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Examine this machine, and print what is wrong."""
    if setup.PYTHON.exists():
        setup.enter_venv(arguments)
    from launcher.doctor import examine

    return examine(Home(chosen.data), Address(chosen.host, chosen.port))


def backup(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Save a site to a file, while it runs or not."""
    _prepare(arguments, torch="skip", worker=False, built=False)
    from launcher.backup import save_site

    save_site(Home(chosen.data), chosen.file)
    return 0


def restore(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Restore a site from such a file."""
    _prepare(arguments, torch="skip", worker=False, built=False)
    from launcher.restore import restore_site

    home = Home(chosen.data)
    restore_site(home, chosen.file, chosen.replace)
    option = "" if home.path == DEFAULT else f" --data {home.path}"
    out(f"Start it with ./gradus up{option}")
    return 0


@for_pipes
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
    """Record standard runs, on a temporary site with one worker."""
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
        _remove(folder)


def screenshots(chosen: Namespace, rest: list[str], arguments: list[str]) -> int:
    """Take screenshots of every page."""
    _prepare(arguments, torch=chosen.torch, worker=True, dev=True)
    browser = find_browser()
    if not browser:
        raise Problem("Screenshots need a browser.", NO_BROWSER)
    command: list[str | Path] = [PYTHON, "-m", "pytest", "-q", "-s", "tests/e2e/screenshots.py"]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"GRADUS_CHROMIUM": browser}, check=False
    ).returncode


def find_browser() -> str:
    """Return the Chromium to test with: GRADUS_CHROMIUM, one on PATH, or where macOS installs it;
    empty if there is none.
    """
    named = os.environ.get("GRADUS_CHROMIUM")
    on_path = next((path for name in BROWSERS if (path := shutil.which(name))), "")
    return named or on_path or next((path for path in MAC_BROWSERS if Path(path).exists()), "")


def _prepare(
    arguments: list[str], *, torch: str | None, worker: bool, dev: bool = False, built: bool = True
) -> None:
    """Install what is missing, continue with the Python of `.venv`, and build the front end."""
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
    """Start the servers and the site. Returns the first operator's link, if it was created."""
    site.start_servers()
    with step("Database and content") as current:
        output = site.get_ready()
        current.note = output["load_labs"][-1]
    with step("Waiting for the site"):
        site.start_web()
        site.wait_for_web()
    site.start_housekeep()
    return output["make_operator"][-1] if "make_operator" in output else ""


def _fill_demo(site: Site) -> str:
    """Create the demonstration account, once. Returns how to sign in to a new one."""
    with step("Demonstration account") as current:
        lines = site.manage("make_demo").splitlines()
        current.note = lines[-1]
    return next((line for line in lines if line.startswith("Sign in as")), "")


def _print_welcome(site: Site, link: str, workers: int, seconds: float, demo: str = "") -> None:
    out(f"\nGradus is ready after {seconds:.1f} s:  {site.address.public}")
    if link:
        out(f"You are its operator. This one-time link signs you in:  {link}")
    if demo:
        out(f"Demonstration account: {demo}")
    if not workers:
        out("No worker is running here: runs stay in the queue until one connects.")
    out("Press Ctrl-C to stop everything.\n")


def _without_database() -> dict[str, str]:
    """Return the environment of a command of Django that needs only files."""
    return os.environ | {
        "SECRET_KEY": "files only",
        "DATABASE_URL": "postgresql://nobody@/nothing?host=/nonexistent",
        "LOG_LEVEL": "ERROR",
    }


def _list_skipped_tests() -> None:
    collected = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "--collect-only", "-m", "browser"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    skipped = [line for line in collected.stdout.splitlines() if "::" in line]
    out(f"\n{len(skipped)} browser tests were skipped. {NO_BROWSER}")
    for line in skipped:
        out(f"   {line}")


@contextmanager
def _beside_servers(home: Home) -> Iterator[dict[str, str]]:
    """Yield the environment of a site with running servers."""
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


def _remove(folder: Path) -> None:
    """Remove a temporary data folder, and its other folders."""
    from launcher.embedded import server_folder, socket_folder

    for path in (server_folder(folder), socket_folder(folder), folder):
        shutil.rmtree(path, ignore_errors=True)
