"""Asking the databases of advisories about every pinned package: pip-audit for those of Python, npm
for those of the front end. That a database cannot be reached is not that nothing is known.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.assets import FRONTEND
from launcher.home import ROOT
from launcher.say import out
from launcher.setup import PYTHON

REQUIREMENTS = ("requirements*.txt", "constraints.txt")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE)
SAFE, VULNERABLE, UNKNOWN = 0, 1, 3  # statuses; 2 is that of a wrong command line
LIMIT_SECONDS = 300


@dataclass
class Report:
    """What one database said."""

    name: str
    asked: int  # packages
    advisories: list[str] = field(default_factory=list)
    unknown: str = ""  # why nothing, or not all, is known

    @property
    def status(self) -> int:
        return VULNERABLE if self.advisories else UNKNOWN if self.unknown else SAFE

    def __str__(self) -> str:
        lines = [f"{self.name}, {self.asked} packages:"]
        lines += [f"  {advisory}" for advisory in self.advisories]
        if self.unknown:
            lines.append(f"  not known: {self.unknown}")
        if self.status == SAFE:
            lines.append("  no advisory is known")
        return "\n".join(lines)


def audit() -> int:
    """Print what is known of all packages. Returns VULNERABLE if there is an advisory, UNKNOWN if
    there is none, but not all could be asked, else SAFE.
    """
    reports = [python_packages(), front_end()]
    for report in reports:
        out(str(report))
    statuses = [report.status for report in reports]
    if VULNERABLE in statuses:
        out("There are advisories: see above.")
        return VULNERABLE
    if UNKNOWN in statuses:
        out("Nothing is known to be vulnerable, but not every database of advisories was reached.")
        return UNKNOWN
    out("No advisory is known for any package.")
    return SAFE


def pins(folder: Path = ROOT) -> dict[str, str]:
    """Return the pinned version of each package that the requirement files name, by its normalized
    name.
    """
    files = [path for pattern in REQUIREMENTS for path in sorted(folder.glob(pattern))]
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for file in files
        for name, version in PIN.findall(file.read_text(encoding="utf-8"))
    }


def python_packages() -> Report:
    pinned = pins()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in sorted(pinned.items()))
        file.flush()
        options = ["--disable-pip", "--no-deps", "--format=json", "--progress-spinner=off"]
        answer = _answer([PYTHON, "-m", "pip_audit", "-r", file.name, *options])
    return read_pip_audit(answer, len(pinned))


def read_pip_audit(answer: Any, asked: int) -> Report:
    """Return what pip-audit says. It counts a package that its database does not know as skipped,
    and ends well: as if all were, where a mirror has the packages and no advisories.
    """
    report = Report("Python (pip-audit)", asked)
    if not isinstance(answer, dict) or "dependencies" not in answer:
        report.unknown = _reason(answer)
        return report
    packages = answer["dependencies"]
    report.advisories = [
        f"{package['name']} {package['version']}: {advisory['id']}"
        f" (fixed in {', '.join(advisory['fix_versions']) or 'no version'})"
        for package in packages
        for advisory in package.get("vulns", [])
    ]
    answered = sum("vulns" in package for package in packages)
    if answered < asked:
        report.unknown = f"the database answered for {answered} of {asked} packages"
    return report


def front_end() -> Report:
    lock = json.loads((FRONTEND / "package-lock.json").read_text(encoding="utf-8"))
    npm = shutil.which("npm")
    if npm is None:
        return Report("Front end (npm audit)", len(lock["packages"]) - 1, unknown="PATH has no npm")
    answer = _answer([npm, "audit", "--json", "--package-lock-only"], FRONTEND)
    return read_npm_audit(answer, len(lock["packages"]) - 1)


def read_npm_audit(answer: Any, asked: int) -> Report:
    report = Report("Front end (npm audit)", asked)
    if not isinstance(answer, dict) or "vulnerabilities" not in answer:
        report.unknown = _reason(answer)
        return report
    report.advisories = [
        f"{name} {package['range']}: {package['severity']}"
        for name, package in answer["vulnerabilities"].items()
    ]
    return report


def _answer(command: Sequence[str | Path], folder: Path = ROOT) -> Any:
    """Return the JSON that a program prints, whatever its status; else its last words."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {LIMIT_SECONDS} s"
    try:
        return json.loads(done.stdout)
    except ValueError:
        return (done.stderr.strip().splitlines() or ["it said nothing"])[-1]


def _reason(answer: Any) -> str:
    message = answer.get("message") if isinstance(answer, dict) else answer
    return f"the database cannot be reached ({message or 'it did not say why'})"
