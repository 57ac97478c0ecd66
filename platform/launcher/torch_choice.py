"""Choosing the build of torch: the CPU build for a laptop (CUDA has gigabytes), CUDA for a machine
with a GPU.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from launcher.home import ROOT
from launcher.processes import run_visibly
from launcher.say import Problem, Step, size, step
from launcher.setup import NO_PACKAGES, PYTHON, VENV, has_uv, pip_install, uv_install

CHOICES = ("auto", "cpu", "cuda", "skip")
INDEX = "https://download.pytorch.org/whl/cpu/"
INDEX_SECONDS = 6
DRY_RUN_SECONDS = 90  # of pip
HEAD_SECONDS = 8
SPACE_FACTOR = 3.5  # disk space by download size: the archive and its contents


@dataclass(frozen=True)
class Machine:
    """What the choice depends on."""

    system: str  # as sys.platform: linux, darwin
    has_nvidia: bool
    reaches_index: bool  # download.pytorch.org
    has_uv: bool


@dataclass(frozen=True)
class Build:
    """An installed torch."""

    version: str  # without its local part (+cpu)
    cuda: str  # "" for the CPU build

    def __str__(self) -> str:
        return f"torch {self.version}, " + (f"CUDA {self.cuda}" if self.cuda else "CPU build")


@dataclass(frozen=True)
class Plan:
    """How to install torch: with uv's `backend`, or if that is empty with pip, which takes what the
    package index has.
    """

    requirement: str
    backend: str
    why: str


def ensure(choice: str | None) -> None:
    """Install the torch for this machine, unless it is installed.

    Args:
        choice: of CHOICES; None keeps an installed torch, otherwise means `auto`.
    Raises:
        Problem: the installation failed, or another build was installed.
    """
    if choice == "skip" or not is_needed(choice, installed(), pinned()):
        return
    with step("torch") as current:
        machine = examine_machine()
        plan = plan_for(choice or "auto", machine, pinned())
        current.tell(plan.why)
        _install(plan, plan_for(choice or "auto", _without_index(machine), pinned()), current)
        current.note = str(_expect(choice))


def is_needed(choice: str | None, there: Build | None, version: str) -> bool:
    """Return whether torch must be installed, or replaced by its other build."""
    if there is None or there.version != version:
        return True
    return (choice == "cpu" and bool(there.cuda)) or (choice == "cuda" and not there.cuda)


def plan_for(choice: str, machine: Machine, version: str) -> Plan:
    """Return how a machine gets torch.

    Raises:
        Problem: CUDA was asked for where there is none.
    """
    mac = machine.system == "darwin"
    if mac and choice == "cuda":
        raise Problem(
            "macOS has no CUDA.", "use --torch auto: torch for macOS uses Apple's GPU by itself."
        )
    plain = f"torch=={version}"
    if (
        machine.reaches_index
        and machine.has_uv
        and not (choice == "cuda" and not machine.has_nvidia)
    ):
        backend = "cpu" if choice == "cpu" else "auto"
        driver = "an NVIDIA driver" if machine.has_nvidia else "no NVIDIA driver"
        return Plan(
            plain,
            backend,
            f"uv chooses the build: {driver} was found."
            if backend == "auto"
            else "The CPU build, as done.",
        )
    if choice == "cpu" and not mac:
        return Plan(
            f"{plain}+cpu",
            "",
            "The CPU build, from the package index of pip (download.pytorch.org is out of reach).",
        )
    if choice == "cuda":
        return Plan(plain, "", "The CUDA build, from the package index of pip.")
    reason = (
        "download.pytorch.org is out of reach"
        if not machine.reaches_index
        else "uv has no wheel here"
    )
    return Plan(plain, "", f"pip takes the build that its package index has ({reason}).")


def examine_machine() -> Machine:
    """Examine this machine."""
    return Machine(sys.platform, has_nvidia(), reaches(INDEX), has_uv())


def has_nvidia() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _head(url: str, seconds: float) -> Any:
    """Ask for the headers of `url`. Raises OSError or ValueError."""
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310
    return urllib.request.urlopen(request, timeout=seconds)  # noqa: S310


def reaches(url: str, seconds: float = INDEX_SECONDS) -> bool:
    """Return whether a server answers in time, even if name resolution hangs."""
    answers: list[bool] = []

    def ask() -> None:
        try:
            _head(url, seconds).close()
            answers.append(True)
        except (OSError, ValueError):
            pass

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return bool(answers)


def installed(venv: Path = VENV) -> Build | None:
    """Return the torch in `.venv`, read without importing it (which costs seconds)."""
    file = next(iter(venv.glob("lib/python*/site-packages/torch/version.py")), None)
    if file is None:
        return None
    values = dict(re.findall(r"^(__version__|cuda)\b[^=]*= *(.+)$", file.read_text(), re.MULTILINE))
    return Build(
        values.get("__version__", "").strip("'\"").partition("+")[0],
        values.get("cuda", "None").strip("'\"").replace("None", ""),
    )


def pinned(requirements: Path = ROOT / "requirements.txt") -> str:
    """Return the version of torch that requirements.txt pins."""
    match = re.search(r"^torch==(\S+)", requirements.read_text(), re.MULTILINE)
    assert match, "requirements.txt pins torch"
    return match[1]


def download_size(requirement: str) -> tuple[float, int, int]:
    """Return what pip would download: bytes, number of files, and how many of them have an unknown
    size.

    Raises:
        Problem: pip finds no such torch, or does not answer.
    """
    command = pip_install(
        ["--dry-run", "--quiet", "--report", "-", "-c", str(ROOT / "constraints.txt"), requirement]
    )
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DRY_RUN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Problem(
            f"pip did not report within {DRY_RUN_SECONDS} s what {requirement} needs.", NO_PACKAGES
        ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["there was no output"])[-1]
        raise Problem(
            f"pip finds no {requirement} for this machine: {last}",
            "try another --torch, or --torch skip for the site alone.",
        )
    urls = [item["download_info"]["url"] for item in json.loads(done.stdout)["install"]]
    return add_up(urls)


def add_up(urls: Iterable[str]) -> tuple[float, int, int]:
    """Return the bytes of some files, their number, and how many have an unknown size."""
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(_size_of, urls))
    return sum(size for size in sizes if size is not None), len(sizes), sizes.count(None)


def _size_of(url: str) -> float | None:
    try:
        if urlsplit(url).scheme == "file":
            return Path(unquote(urlsplit(url).path)).stat().st_size
        with _head(url, HEAD_SECONDS) as answer:
            return float(answer.headers["Content-Length"])
    except (OSError, ValueError, TypeError):
        return None


def _install(plan: Plan, fallback: Plan, current: Step) -> None:
    constraints = ["-c", str(ROOT / "constraints.txt")]
    if installed():  # to pip, 2.13.0+cpu satisfies 2.13.0
        subprocess.run([PYTHON, "-m", "pip", "uninstall", "--quiet", "--yes", "torch"], check=False)
    if plan.backend:
        try:
            run_visibly(
                "uv",
                uv_install([f"--torch-backend={plan.backend}", *constraints, plan.requirement]),
            )
            return
        except Problem:
            current.tell("uv could not install it; trying pip.")
            plan = fallback
    total, files, unknown = download_size(plan.requirement)
    _check_space(total)
    more = f", and {unknown} of unknown size" if unknown else ""
    current.tell(
        f"Download: {size(total)} in {files - unknown} files{more}. (--torch skip: the "
        "site alone, without labs.)"
    )
    quiet = [] if sys.stdout.isatty() else ["--quiet"]  # pip shows progress on a terminal
    run_visibly(
        "Installing torch with pip",
        pip_install([*quiet, *constraints, plan.requirement]),
        remedy=NO_PACKAGES,
    )


def _check_space(total: float) -> None:
    free = shutil.disk_usage(VENV).free
    if free < SPACE_FACTOR * total:
        raise Problem(
            f"torch needs about {size(SPACE_FACTOR * total)} on the disk of {VENV}, which has "
            f"{size(free)} left.",
            "free some space, or use --torch cpu.",
        )


def _without_index(machine: Machine) -> Machine:
    return Machine(machine.system, machine.has_nvidia, False, machine.has_uv)


def _expect(choice: str | None) -> Build:
    """Return what is installed now.

    Raises:
        Problem: it is not what was asked for.
    """
    there = installed()
    if there is None:
        raise Problem(
            "torch was installed, but cannot be found.", "remove .venv and run this again."
        )
    if is_needed(choice, there, pinned()):
        raise Problem(
            f"The package index gave {there}, not what --torch {choice} asks for.",
            "use --torch auto, or another index.",
        )
    return there
