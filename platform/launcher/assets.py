"""Building the front end and the translations when their sources have changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from launcher.home import ROOT
from launcher.processes import run
from launcher.say import step
from launcher.setup import PYTHON, VENV

FRONTEND = ROOT / "platform" / "frontend"
LOCALE = ROOT / "platform" / "locale"
BUILT = ROOT / "platform" / "static" / "build" / "app.css"
KATEX = ROOT / "platform" / "build" / "katex.min.js"
STAMP = VENV / ".gradus-assets"


def are_stale() -> bool:
    """Return whether something must be built."""
    has_translations = all(source.with_suffix(".mo").exists() for source in LOCALE.rglob("*.po"))
    return not (
        BUILT.exists()
        and KATEX.exists()
        and has_translations
        and STAMP.exists()
        and STAMP.read_text() == digest()
    )


def build() -> None:
    """Build, if something is stale.

    Raises:
        Problem: the build failed; has its output.
    """
    if not are_stale():
        return
    with step("Front end"):
        run(
            "manage.py assets",
            [PYTHON, ROOT / "manage.py", "assets"],
            log=VENV / "assets.log",
            env=_environment(),
            cwd=ROOT,
        )
        STAMP.write_text(digest())


def digest(frontend: Path = FRONTEND, locale: Path = LOCALE) -> str:
    """Return a hash of all sources: names and contents."""
    sha256 = hashlib.sha256()
    sources = [
        path for path in frontend.rglob("*") if path.is_file() and "node_modules" not in path.parts
    ]
    for path in sorted([*sources, *locale.rglob("*.po")]):
        sha256.update(str(path.relative_to(path.anchor)).encode() + path.read_bytes())
    return sha256.hexdigest()


def _environment() -> dict[str, str]:
    return os.environ | {"SECRET_KEY": os.environ.get("SECRET_KEY") or "only for building"}
