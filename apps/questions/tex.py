"""TeX to HTML and MathML, by KaTeX in QuickJS. No script reaches the reader's browser.

One context for each process, owned by one thread: a context that two threads use ends the process.
After an exception a new one is made. Memory and time are limited, and so is what TeX may do: no
links, no remote images, no growth without end.
"""

from __future__ import annotations

import html
import json
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

import quickjs
from django.conf import settings

MEMORY = 64 * 1024 * 1024  # bytes
# for one formula: a large one takes 0.07, and on a busy machine several times as long
SECONDS = 0.5
MAX_FORMULA_CHARS = 5_000  # characters of a formula
# the colour of commands that KaTeX does not know, or that are not trusted: nobody's own
UNKNOWN = "#c00001"
OPTIONS = {
    "trust": False,
    "strict": False,
    "throwOnError": False,
    "maxExpand": 200,
    "maxSize": 20,
    "output": "htmlAndMathml",
    "errorColor": UNKNOWN,
}
SET = "(tex, display) => JSON.stringify(katex.renderToString(tex, {...%s, displayMode: display}))"
logger = logging.getLogger(__name__)


class NoKatex(Exception):
    """KaTeX was not built."""


@dataclass(frozen=True)
class Formula:
    html: str
    # what KaTeX said, with the place; the HTML then shows the TeX as it was written
    error: str = ""


def formulas(wanted: Sequence[tuple[str, bool]]) -> list[Formula]:
    """Return each (TeX, whether displayed) as HTML.

    Raises:
        NoKatex: the front end was not built; says how.
    """
    return _owner().submit(_set_all, list(wanted)).result()


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return a word that changes with KaTeX: what was made with another one is made anew."""
    return sha256(_source().encode()).hexdigest()[:12]


def escaped(tex: str, display: bool, error: str) -> Formula:
    """Return TeX as it was written, for formulas that cannot be set."""
    name = "tex-source display" if display else "tex-source"
    return Formula(f'<code class="{name}">{html.escape(tex[:MAX_FORMULA_CHARS])}</code>', error)


# ---------------------------------------------------------------- the thread and its context

_lock = threading.Lock()
_threads: dict[int, ThreadPoolExecutor] = {}  # by process: a fork brings no threads along
_of_thread = threading.local()


def _owner() -> ThreadPoolExecutor:
    """Return the one thread of this process."""
    with _lock:
        pid = os.getpid()
        if pid not in _threads:
            _threads.clear()
            _threads[pid] = ThreadPoolExecutor(max_workers=1, thread_name_prefix="katex")
        return _threads[pid]


def _set_all(wanted: list[tuple[str, bool]]) -> list[Formula]:
    return [_set(tex, display) for tex, display in wanted]


def _set(tex: str, display: bool) -> Formula:
    if len(tex) > MAX_FORMULA_CHARS:
        return escaped(tex, display, f"a formula has at most {MAX_FORMULA_CHARS} characters")
    function = _function()
    try:
        found: str = json.loads(function(tex, display))
    except (quickjs.JSException, quickjs.StackOverflow, MemoryError, ValueError) as error:
        _of_thread.function = None
        logger.warning("KaTeX gave up: %s", str(error).splitlines()[:1])
        return escaped(
            tex, display, str(error).split("\n")[0] or "it takes too much time or memory"
        )
    if 'class="katex-error"' in found:
        return escaped(tex, display, _complaint(found))
    if UNKNOWN in found:
        return Formula(
            found, "it has a command that KaTeX does not know, or that is not allowed here"
        )
    return Formula(found)


def _complaint(found: str) -> str:
    return html.unescape(found.partition('title="')[2].partition('"')[0]).removeprefix(
        "ParseError: "
    )


def _function() -> Any:
    if getattr(_of_thread, "function", None) is None:
        context = quickjs.Context()
        context.set_memory_limit(MEMORY)
        context.eval(_source())
        context.set_time_limit(SECONDS)
        _of_thread.function = context.eval(SET % json.dumps(OPTIONS))
        _of_thread.context = context
    return _of_thread.function


def _source() -> str:
    if not settings.KATEX.is_file():
        raise NoKatex(f"{settings.KATEX} is missing. It is made by:  python manage.py assets")
    return str(settings.KATEX.read_text(encoding="utf-8"))
