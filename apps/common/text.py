"""Text in two languages, and text that PostgreSQL can store."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import get_language

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run such a cell
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
CONTENT_LANGUAGES = ("en", "zh")  # of questions and labs, as in column names


def is_chinese() -> bool:
    """Return whether the reader's language is Chinese."""
    return (get_language() or "en").startswith("zh")


def join_list(items: Iterable[str]) -> str:
    """Return items with the separator of the reader's language between them."""
    return ("、" if is_chinese() else ", ").join(items)


def sentence_gap() -> str:
    """Return what separates two sentences: nothing in Chinese, whose full stops are wide."""
    return "" if is_chinese() else " "


def join_sentences(*sentences: str) -> str:
    """Return sentences one after another; empty ones are left out."""
    return sentence_gap().join(filter(None, sentences))


def in_language(thing: Any, name: str = "") -> str:
    """Return `thing.<name>_en` or `_zh`, or of a mapping `{"en": …, "zh": …}` the text in the
    reader's language.
    """
    language = "zh" if is_chinese() else "en"
    if isinstance(thing, Mapping):
        texts = thing.get(name, {}) if name else thing
        return str(texts.get(language) or texts.get("en") or "")
    return str(getattr(thing, f"{name}_{language}"))


def clean(value: str) -> str:
    """Return `value` without what PostgreSQL refuses: NUL and lone surrogates."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def normalize_newlines(value: str) -> str:
    """Return `value` with every line break as LF: a browser submits a textarea's as CRLF."""
    return value.replace("\r\n", "\n").replace("\r", "\n")


def length(value: str) -> int:
    """Return the length in UTF-16 code units, as `maxlength` and JavaScript count: an emoji is
    two.
    """
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


def spreadsheet_cell(value: Any) -> Any:
    """Return a value for a CSV file: a text such that no spreadsheet runs it as a formula.

    A number stays, with its sign: a text that is one, too.
    """
    if not isinstance(value, str) or NUMBER.fullmatch(value):
        return value
    return f"'{value}" if value.lstrip(" ").startswith(FORMULA_PREFIXES) else value


def clean_json(value: Any) -> Any:
    """Return `value` with every text in it cleaned, and None for numbers that are not finite: JSON
    in PostgreSQL stores neither NUL nor NaN.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean(str(name)): clean_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(member) for member in value]
    return value
