"""The settings of a worker, read from its environment; `docs/settings.md` lists the variables."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from workers.wire import MAX_SLOTS, celery_url

SIGN_SECONDS = 1.0  # between two signs of life of a worker that waits
ROOT = Path(__file__).resolve().parents[1]


class BadSettings(ValueError):
    """A variable is missing or invalid; the message names it, and what would be valid."""


@dataclass(frozen=True)
class Settings:
    url: str  # of the site
    token: str = field(repr=False)  # of this worker
    data: Path  # folder of scratch folders and of results not yet delivered
    slots: int  # lab processes at once
    poll_seconds: float = 2.0  # between two requests for a lease while a slot is free
    labs: str = "workers.labs"  # the package of the labs
    alive: Path | None = None  # a file that is touched as long as the worker works

    def give_sign(self) -> None:
        """Touch the file by whose time others see that this worker does not hang."""
        if self.alive:
            with suppress(OSError):  # what cannot be told must not stop the work
                self.alive.touch()

    @property
    def threads(self) -> int:
        """OpenMP threads of a lab process: the slots share the cores."""
        return max(1, cores() // self.slots)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def read(environ: Mapping[str, str]) -> Settings:
    """Return the settings of a worker.

    Raises:
        BadSettings: names the variable that is missing or invalid.
    """
    token = environ.get("GRADUS_TOKEN", "").strip()
    if not token:
        raise BadSettings(
            "GRADUS_TOKEN is not set. "
            "`./gradus manage make_worker --name NAME` makes a token and shows it once."
        )
    return Settings(
        url=_site(environ.get("GRADUS_URL", "http://127.0.0.1:8000")),
        token=token,
        data=Path(environ.get("GRADUS_DATA") or ROOT / ".gradus").resolve(),
        slots=slots(environ),
        poll_seconds=_positive(environ, "GRADUS_POLL_SECONDS", 2.0),
        labs=environ.get("GRADUS_LABS", "workers.labs"),
        alive=Path(environ["GRADUS_ALIVE"]) if environ.get("GRADUS_ALIVE") else None,
    )


def slots(environ: Mapping[str, str]) -> int:
    """Return how many runs this worker takes at once: GRADUS_SLOTS, else half the cores.

    Raises:
        BadSettings: GRADUS_SLOTS is no whole number from 1 to `wire.MAX_SLOTS`.
    """
    number = _positive(environ, "GRADUS_SLOTS", max(1, cores() // 2))
    if not 1 <= number <= MAX_SLOTS or number != int(number):
        raise BadSettings(
            f"GRADUS_SLOTS must be a whole number from 1 to {MAX_SLOTS}, "
            f"not {environ['GRADUS_SLOTS']!r}."
        )
    return int(number)


def broker(environ: Mapping[str, str]) -> str:
    """Return Celery's form of REDIS_URL.

    Raises:
        BadSettings: it is no URL of a Redis.
    """
    try:
        return celery_url(environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0")
    except ValueError as error:
        raise BadSettings(str(error)) from None


def _site(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        example = "http://127.0.0.1:8000"
        raise BadSettings(
            f"GRADUS_URL must be the address of the site, such as {example}, not {url!r}."
        )
    return url.rstrip("/")


def _positive(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "").strip()
    try:
        number = float(text) if text else float(default)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise BadSettings(f"{name} must be a number above 0, not {text!r}.")
    return number
