"""Creating `.venv` and installing packages. A stamp for each part says what was installed, so that
a warm start installs nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from launcher.home import ROOT
from launcher.processes import run, run_visibly
from launcher.say import Problem, Step, step

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MIN_NODE_MAJOR = 20  # as in apps.common.management.commands.assets
NO_VENV = (
    "install it, then run this again. Debian, Ubuntu: apt install python3-venv (or "
    "python{0}.{1}-venv). "
    "Fedora: dnf install python3-pip. macOS: brew install python@3.13."
)
STARTED_VARIABLE = "GRADUS_LAUNCHER_STARTED"  # passes the time to the Python of .venv
STARTED = float(os.environ.pop(STARTED_VARIABLE, 0) or time.time())
NO_PACKAGES = (
    "see that this machine reaches its package index (pip's settings and proxy variables count), "
    "then run this again."
)


def make_venv() -> None:
    """Create `.venv`, unless there is a working one.

    Raises:
        Problem: Python has no venv, or the folder cannot be written.
    """
    if _works(PYTHON):
        return
    if find_spec("ensurepip") is None or find_spec("venv") is None:
        raise Problem(
            f"This Python ({sys.executable}) lacks the venv module.",
            NO_VENV.format(*sys.version_info),
        )
    base = str(getattr(sys, "_base_executable", "") or sys.executable)
    with step("Virtual environment") as current:
        current.note = str(VENV)
        logs = ROOT / ".venv.log"
        run(
            "Making .venv",
            [base, "-m", "venv", "--clear", VENV],
            log=logs,
            remedy=NO_VENV.format(*sys.version_info),
        )
        logs.unlink(missing_ok=True)


def enter_venv(arguments: list[str]) -> None:
    """Continue with the Python of `.venv`, unless it runs already."""
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.environ[STARTED_VARIABLE] = str(STARTED)
        os.execv(PYTHON, [str(PYTHON), str(ROOT / "gradus"), *arguments])  # noqa: S606


def install(part: str, *files: str, name: str) -> None:
    """Install requirement files into `.venv` with uv, or with pip if uv fails. Does nothing if the
    stamp is current.

    Args:
        part: the name of the stamp.
        name: the name that is printed.
    Raises:
        Problem: both failed; has pip's output.
    """
    stamp = Stamp(part, *files)
    if stamp.is_current():
        return
    with step(name) as current:
        arguments = [text for file in files for text in ("-r", str(ROOT / file))]
        if part == "setup":
            _install_installers(arguments, current)
        else:
            _install(part, arguments, current)
        stamp.write()


class Stamp:
    """A file in `.venv` with the hash of everything that decides what a part consists of."""

    def __init__(self, part: str, *files: str, folder: Path = VENV) -> None:
        self.file = folder / f".gradus-{part}"
        self.files = files

    def is_current(self) -> bool:
        return self.file.exists() and self.file.read_text() == self.digest()

    def write(self) -> None:
        self.file.write_text(self.digest())

    def digest(self) -> str:
        sha256 = hashlib.sha256(sys.version.encode())
        for path in sorted(set(_with_included([ROOT / file for file in self.files]))):
            sha256.update(path.name.encode() + path.read_bytes())
        return sha256.hexdigest()


def uv_install(arguments: list[str]) -> list[str]:
    """Return the command that installs with uv."""
    return [str(PYTHON), "-m", "uv", "pip", "install", "--python", str(PYTHON), *arguments]


def pip_install(arguments: list[str]) -> list[str]:
    """Return the command that installs with pip."""
    return [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *arguments]


def has_uv() -> bool:
    return (VENV / "bin" / "uv").exists()


def needs_node() -> bool:
    """Return whether PATH lacks a Node that can build the front end."""
    node = os.environ.get("GRADUS_NODE") or shutil.which("node")
    if not node or not (os.environ.get("GRADUS_NODE") or shutil.which("npm")):
        return True
    try:
        output = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return True
    version = re.match(r"v(\d+)\.", output)
    return version is None or int(version[1]) < MIN_NODE_MAJOR


def _install_installers(arguments: list[str], current: Step) -> None:
    """Install pip and uv; only pip if uv has no wheel for this machine."""
    log = VENV / "setup-installers.log"
    try:
        run("Installing uv", pip_install(["--quiet", *arguments]), log=log)
    except Problem:
        pip = next(
            line
            for line in (ROOT / "requirements-setup.txt").read_text().splitlines()
            if line.startswith("pip==")
        )
        run("Installing pip", pip_install(["--quiet", pip]), log=log, remedy=NO_PACKAGES)
        current.note = "uv has no wheel for this machine: using pip, which is slower"


def _install(part: str, arguments: list[str], current: Step) -> None:
    log = VENV / f"setup-{part}.log"
    if has_uv():
        try:
            run("uv", uv_install(["--quiet", *arguments]), log=log)
            return
        except Problem as problem:
            current.tell(
                f"uv could not install these ({problem.what.splitlines()[-1].strip()}); trying pip."
            )
    run_visibly(
        "Installing packages with pip", pip_install(["--quiet", *arguments]), remedy=NO_PACKAGES
    )


def _with_included(files: list[Path]) -> Iterator[Path]:
    """Yield requirement files and those that they name with -r and -c."""
    for file in files:
        yield file
        named = re.findall(r"^-[rc] +(\S+)", file.read_text(), re.MULTILINE)
        yield from _with_included([file.with_name(name) for name in named])


def _works(python: Path) -> bool:
    """Return whether a Python runs, is new enough and has pip, unlike a moved or incomplete
    `.venv`.
    """
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return (
            subprocess.run(
                [python, "-c", check], capture_output=True, timeout=60, check=False
            ).returncode
            == 0
        )
    except (OSError, subprocess.SubprocessError):
        return False
