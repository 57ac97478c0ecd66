"""Which build of torch a machine gets: a laptop no gigabytes of CUDA, a GPU machine not the CPU
build.
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
from launcher.processes import run_seen
from launcher.say import Problem, Step, size, step
from launcher.setup import NO_PACKAGES, PYTHON, VENV, has_uv, pip_install, uv_install

CHOICES = ("auto", "cpu", "cuda", "skip")
INDEX = "https://download.pytorch.org/whl/cpu/"
INDEX_SECONDS = 6
ASK_SECONDS = 90  # pip's dry run
HEAD_SECONDS = 8


@dataclass(frozen=True)
class Machine:
    """What the choice looks at."""

    system: str  # as sys.platform: linux, darwin
    has_nvidia: bool
    reaches_index: bool  # download.pytorch.org
    has_uv: bool


@dataclass(frozen=True)
class Build:
    """A torch that is installed."""

    version: str  # without its local part
    cuda: str  # "" for the CPU build

    def __str__(self) -> str:
        return f"torch {self.version}, " + (f"CUDA {self.cuda}" if self.cuda else "CPU build")


@dataclass(frozen=True)
class Plan:
    """How to install torch: `backend` for uv; empty for pip, which takes what the package index
    has.
    """

    wanted: str  # the requirement
    backend: str
    why: str


def ensure(choice: str | None) -> None:
    """See that the torch for this machine is installed.

    Args:
        choice: of CHOICES; None keeps whatever is there, else chooses as `auto`.
    Raises:
        Problem: it could not be installed, or what came is not what was asked for.
    """
    if choice == "skip" or not is_needed(choice, installed(), pinned()):
        return
    with step("torch") as under_way:
        machine = look()
        plan = plan_for(choice or "auto", machine, pinned())
        under_way.tell(plan.why)
        _carry_out(plan, plan_for(choice or "auto", _without_index(machine), pinned()), under_way)
        under_way.note = str(_expect(choice))


def is_needed(choice: str | None, there: Build | None, version: str) -> bool:
    """Say whether torch must be installed, or replaced by its other build."""
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
        found = "an NVIDIA driver" if machine.has_nvidia else "no NVIDIA driver"
        return Plan(
            plain,
            backend,
            f"uv chooses the build: {found} was found."
            if backend == "auto"
            else "The CPU build, as asked.",
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


def look() -> Machine:
    """Look at this machine."""
    return Machine(sys.platform, has_nvidia(), reaches(INDEX), has_uv())


def has_nvidia() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _head(url: str, seconds: float) -> Any:
    """Ask for the headers of `url`. Raises OSError or ValueError."""
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310
    return urllib.request.urlopen(request, timeout=seconds)  # noqa: S310


def reaches(url: str, seconds: float = INDEX_SECONDS) -> bool:
    """Say whether a server answers; a name server that never does must not hold us up."""
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
    found = next(iter(venv.glob("lib/python*/site-packages/torch/version.py")), None)
    if found is None:
        return None
    words = dict(re.findall(r"^(__version__|cuda)\b[^=]*= *(.+)$", found.read_text(), re.MULTILINE))
    return Build(
        words.get("__version__", "").strip("'\"").partition("+")[0],
        words.get("cuda", "None").strip("'\"").replace("None", ""),
    )


def pinned(requirements: Path = ROOT / "requirements.txt") -> str:
    """Return the version of torch that we want."""
    found = re.search(r"^torch==(\S+)", requirements.read_text(), re.MULTILINE)
    assert found, "requirements.txt pins torch"
    return found[1]


def download_size(requirement: str) -> tuple[float, int, int]:
    """Return what pip would download: bytes, files, and how many of those told no size. Downloads
    nothing itself.

    Raises:
        Problem: pip finds no such torch, or does not answer.
    """
    command = pip_install(
        ["--dry-run", "--quiet", "--report", "-", "-c", str(ROOT / "constraints.txt"), requirement]
    )
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, timeout=ASK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Problem(
            f"pip did not report within {ASK_SECONDS} s what {requirement} needs.", NO_PACKAGES
        ) from None
    if asked.returncode:
        last = (asked.stderr.strip().splitlines() or ["there was no output"])[-1]
        raise Problem(
            f"pip finds no {requirement} for this machine: {last}",
            "try another --torch, or --torch skip for the site alone.",
        )
    urls = [item["download_info"]["url"] for item in json.loads(asked.stdout)["install"]]
    return add_up(urls)


def add_up(urls: Iterable[str]) -> tuple[float, int, int]:
    """Return the bytes of some files, how many they are, and how many told no size."""
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(_size_of, urls))
    return sum(found for found in sizes if found is not None), len(sizes), sizes.count(None)


def _size_of(url: str) -> float | None:
    try:
        if urlsplit(url).scheme == "file":
            return Path(unquote(urlsplit(url).path)).stat().st_size
        with _head(url, HEAD_SECONDS) as answer:
            return float(answer.headers["Content-Length"])
    except (OSError, ValueError, TypeError):
        return None


def _carry_out(plan: Plan, fallback: Plan, under_way: Step) -> None:
    constraints = ["-c", str(ROOT / "constraints.txt")]
    if installed():  # pip takes 2.13.0+cpu for 2.13.0 and would leave it
        subprocess.run([PYTHON, "-m", "pip", "uninstall", "--quiet", "--yes", "torch"], check=False)
    if plan.backend:
        try:
            run_seen(
                "uv", uv_install([f"--torch-backend={plan.backend}", *constraints, plan.wanted])
            )
            return
        except Problem:
            under_way.tell("uv could not install it; trying pip.")
            plan = fallback
    total, files, unknown = download_size(plan.wanted)
    _room_for(total)
    more = f", and {unknown} of unknown size" if unknown else ""
    under_way.tell(
        f"Download: {size(total)} in {files - unknown} files{more}. (--torch skip: the "
        "site alone, without labs.)"
    )
    quiet = [] if sys.stdout.isatty() else ["--quiet"]  # a terminal sees how far the download is
    run_seen(
        "Installing torch with pip",
        pip_install([*quiet, *constraints, plan.wanted]),
        remedy=NO_PACKAGES,
    )


def _room_for(total: float) -> None:
    free = shutil.disk_usage(VENV).free
    if free < 3.5 * total:  # the archive, and what is in it
        raise Problem(
            (
                f"torch needs about {size(3.5 * total)} on the disk of {VENV}, which has "
                f"{size(free)} left."
            ),
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
