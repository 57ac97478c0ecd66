"""Text in two languages, and text that PostgreSQL can store."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import get_language

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run such a cell
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
CONTENT_LANGUAGES = ("en", "zh")  # of questions and labs, as in column names
MAX_MARKS = 4  # combining characters in a row: no script needs more, and towers of them overlap
OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")  # of direction; and isolates
# What shows nothing: control characters, zero-width ones, annotations, tags. Joiners stay: emoji
# and Persian need them.
HIDDEN = dict.fromkeys(
    [
        *range(0x09),
        *range(0x0E, 0x20),
        *range(0x7F, 0xA0),
        *(0x180E, 0x200B, 0xFEFF),
        *range(0x2060, 0x2066),
        *range(0x206A, 0x2070),
        *range(0xFFF9, 0xFFFC),
        *range(0x1D173, 0x1D17B),
        *range(0xE0000, 0xE0080),
    ]
) | dict.fromkeys([0x0B, 0x0C, 0x85, 0x2028, 0x2029], "\n")  # they break a line
MAYBE_MARKS = re.compile(rf"[^\w\s\x00-\u02ff]{{{MAX_MARKS + 1},}}")
BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols that show nothing


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


def displayable(value: str) -> str:
    """Return what people wrote without what would change how the text around it looks: direction
    overrides, invisible characters, more than `MAX_MARKS` combining characters in a row.
    """
    return without_overlap(value.translate(HIDDEN))


def without_overlap(value: str) -> str:
    """Return a text or HTML that other code made of what people wrote, without direction overrides
    and piles of combining characters. Invisible characters stay: KaTeX needs them.
    """
    return MAYBE_MARKS.sub(lambda match: _few_marks(match[0]), OVERRIDES.sub("", value))


def _few_marks(value: str) -> str:
    kept, marks = [], 0
    for character in value:
        is_mark = unicodedata.category(character) in ("Mn", "Me", "Cf")
        marks = marks + 1 if is_mark else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def is_blank(value: str) -> bool:
    """Return whether a text shows nothing."""
    return all(
        unicodedata.category(character)[0] in "CZM" or character in BLANK_LETTERS
        for character in value
    )


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
