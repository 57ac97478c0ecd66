"""Rendering TeX to HTML and MathML, by KaTeX in QuickJS. The reader's browser runs no script for
it.

Each process has one context, used by one thread: a context used by two threads crashes the process.
After an exception it is replaced. Memory and time are limited, and so is what TeX may do: no links,
no remote images, no unbounded macro expansion.
"""

from __future__ import annotations

import html
import json
import logging
import math
import os
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from time import thread_time
from typing import Any

import quickjs
from django.conf import settings
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

MAX_MEMORY_BYTES = 64 * 1024 * 1024
# a large formula takes 0.07 s, and several times as long on a busy machine
MAX_FORMULA_SECONDS = 0.5
MAX_FORMULA_CHARS = 5_000
# KaTeX renders commands that it does not know or trust in this colour, which nothing else has
ERROR_COLOUR = "#c00001"
OPTIONS = {
    "trust": False,
    "strict": False,
    "throwOnError": False,
    "maxExpand": 200,
    "maxSize": 20,
    "output": "htmlAndMathml",
    "errorColor": ERROR_COLOUR,
}
LINE_HEIGHT = 1.2  # em, at least (katex.css)
# in KaTeX's HTML: what is as high as the part of a line that it begins, and the end of a line
STRUT_OR_NEWLINE = re.compile(
    r'katex-(?:strut" style="height:(?P<strut>[0-9.]+)em|'
    r'(?P<newline>newline)"(?: style="margin-top:(?P<gap>[0-9.]+)em)?)'
)
RENDER_JS = (
    "(tex, display) => JSON.stringify(katex.renderToString(tex, {...%s, displayMode: display}))"
)
logger = logging.getLogger(__name__)


class NoKatex(Exception):
    """KaTeX was not built."""


@dataclass(frozen=True)
class Formula:
    html: str
    error: str = ""  # KaTeX's message, with the position; the HTML then shows the TeX source
    is_over_budget: bool = False


@dataclass(frozen=True)
class Budget:
    """What the formulas of one text may cost, so that it does not keep the one thread from others.
    What is beyond shows its TeX.
    """

    formulas: int
    chars: int  # of TeX, all together
    html_chars: int  # all together, but for the last
    seconds: float  # of the thread's processor time, all together
    formula_seconds: float  # of one
    height: float = math.inf  # em, all together, but for the last
    formula_height: float = math.inf  # of one


def render_formulas(
    sources: Sequence[tuple[str, bool]], budget: Budget | None = None
) -> list[Formula]:
    """Render formulas, each given as TeX and whether it is displayed on a line of its own.

    Raises:
        NoKatex: the front end was not built; says how.
    """
    if not sources:
        return []
    return _executor().submit(_render_all, list(sources), budget, get_language()).result()


@lru_cache(maxsize=1)
def katex_digest() -> str:
    """Return a digest of KaTeX's source."""
    return sha256(_source().encode()).hexdigest()[:12]


def _as_source(tex: str, display: bool, error: str) -> Formula:
    """Return a formula that shows its TeX source, because it cannot be rendered."""
    name = "tex-source display" if display else "tex-source"
    return Formula(f'<code class="{name}">{html.escape(tex[:MAX_FORMULA_CHARS])}</code>', error)


# ---------------------------------------------------------------- the thread and its context

_lock = threading.Lock()
_executors: dict[int, ThreadPoolExecutor] = {}  # by process: threads do not survive a fork
_katex = threading.local()


def _executor() -> ThreadPoolExecutor:
    """Return the executor of this process, which has one thread."""
    with _lock:
        pid = os.getpid()
        if pid not in _executors:
            _executors.clear()
            _executors[pid] = ThreadPoolExecutor(max_workers=1, thread_name_prefix="katex")
        return _executors[pid]


def _render_all(
    sources: list[tuple[str, bool]], budget: Budget | None, language: str | None
) -> list[Formula]:
    with override(language):
        if budget is None:
            return [_render(tex, display) for tex, display in sources]
        return list(_within(budget, sources))


def _within(budget: Budget, sources: list[tuple[str, bool]]) -> Iterator[Formula]:
    chars = html_chars = 0
    height = 0.0
    end = thread_time() + budget.seconds
    for number, (tex, display) in enumerate(sources):
        chars += len(tex)
        left = end - thread_time()
        if number >= budget.formulas:
            message = _("only the first %(count)d formulas are rendered")
            message %= {"count": budget.formulas}
        elif chars > budget.chars:
            message = _("formulas are rendered up to %(count)d characters of TeX in all")
            message %= {"count": budget.chars}
        elif left <= 0 or html_chars > budget.html_chars or height > budget.height:
            message = _("the formulas before it are too large, so that it is not rendered")
        else:
            formula = _render(tex, display, min(left, budget.formula_seconds))
            formula_height = _height(formula.html)
            if formula_height > budget.formula_height:
                message = _("it is higher than %(count)d lines") % {"count": budget.formula_height}
                formula = _as_source(tex, display, message)
            else:
                height += formula_height
            html_chars += len(formula.html)
            yield formula
            continue
        # in the line: thousands of them would each be a line of their own
        source = _as_source(tex, False, message)
        yield Formula(source.html, source.error, is_over_budget=True)


def _height(rendered: str) -> float:
    """Return how high a formula is, in em, if each of its lines has room."""
    height, line = 0.0, LINE_HEIGHT
    for match in STRUT_OR_NEWLINE.finditer(rendered):
        if match["newline"]:
            height, line = height + line + float(match["gap"] or 0), LINE_HEIGHT
        else:
            line = max(line, float(match["strut"]))
    return height + line


def _render(tex: str, display: bool, seconds: float = MAX_FORMULA_SECONDS) -> Formula:
    if len(tex) > MAX_FORMULA_CHARS:
        message = _("a formula has at most %(count)d characters") % {"count": MAX_FORMULA_CHARS}
        return _as_source(tex, display, message)
    render = _render_function()
    _katex.context.set_time_limit(seconds)
    try:
        rendered: str = json.loads(render(tex, display))
    except (quickjs.JSException, quickjs.StackOverflow, MemoryError, ValueError) as error:
        _katex.render = None
        logger.warning("KaTeX failed: %s", str(error).splitlines()[:1])
        message = str(error).split("\n")[0] or _("it takes too much time or memory")
        return _as_source(tex, display, message)
    if 'class="katex-error"' in rendered:
        return _as_source(tex, display, _error_message(rendered))
    if ERROR_COLOUR in rendered:
        message = _("it has a command that KaTeX does not know, or that is not allowed here")
        return Formula(rendered, message)
    return Formula(rendered)


def _error_message(rendered: str) -> str:
    title = rendered.partition('title="')[2].partition('"')[0]
    return html.unescape(title).removeprefix("ParseError: ")


def _render_function() -> Any:
    if getattr(_katex, "render", None) is None:
        context = quickjs.Context()
        context.set_memory_limit(MAX_MEMORY_BYTES)
        context.eval(_source())
        _katex.render = context.eval(RENDER_JS % json.dumps(OPTIONS))
        _katex.context = context
    return _katex.render


def _source() -> str:
    if not settings.KATEX.is_file():
        raise NoKatex(f"{settings.KATEX} is missing. Build it with:  python manage.py assets")
    return str(settings.KATEX.read_text(encoding="utf-8"))
