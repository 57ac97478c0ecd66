"""Which code made a backup, and whether the code here is as new. Until the first release a
migration may change without a new name, so each is compared by its content.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from launcher.home import ROOT


@dataclass(frozen=True)
class CodeVersion:
    """A version of Gradus."""

    version: str  # of pyproject.toml
    commit: str  # of git; empty where there is none
    migrations: dict[str, str]  # the SHA-256 of each, by `app.name`

    def __str__(self) -> str:
        return f"Gradus {self.version}" + (f" (commit {self.commit[:12]})" if self.commit else "")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def newer_than(self, here: CodeVersion) -> str:
        """Return in what it is newer than `here`, as the end of a sentence; empty if it is not."""
        if _numbers(self.version) > _numbers(here.version):
            return f"newer than {here}"
        if unknown := sorted(set(self.migrations) - set(here.migrations)):
            return f"newer than {here}, which lacks the migration {unknown[0]}"
        changed = sorted(
            name for name, sha256 in self.migrations.items() if here.migrations[name] != sha256
        )
        if changed and not (self.commit and here.contains(self.commit)):
            return f"not part of {here}, whose migration {changed[0]} is another"
        return ""

    def contains(self, commit: str) -> bool:
        """Return whether git knows that this checkout was made from `commit`."""
        return _git("merge-base", "--is-ancestor", commit, "HEAD") is not None


def here(root: Path = ROOT) -> CodeVersion:
    """Return the version of this checkout."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    migrations = {
        f"{file.parents[1].name}.{file.stem}": hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.glob("apps/*/migrations/[0-9]*.py"))
    }
    return CodeVersion(str(project["version"]), _git("rev-parse", "HEAD") or "", migrations)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _git(*arguments: str) -> str | None:
    """Return what git says about this checkout; None if it fails, or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
