"""Text in two languages, and text that may be stored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import get_language


def is_chinese() -> bool:
    return (get_language() or "en").startswith("zh")


def listed(words: Iterable[str]) -> str:
    """Return words as a list, as the reader's language separates them."""
    return ("、" if is_chinese() else ", ").join(words)


def in_language(thing: Any, name: str = "") -> str:
    """Return `thing.<name>_en` or `_zh`, or of a mapping `{"en": …, "zh": …}` the text in the
    reader's language.
    """
    language = "zh" if is_chinese() else "en"
    if isinstance(thing, Mapping):
        found = thing.get(name, {}) if name else thing
        return str(found.get(language) or found.get("en") or "")
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


def clean_json(value: Any) -> Any:
    """Return `value` with every text in it cleaned, and numbers that are not finite as None: JSON
    in PostgreSQL takes neither.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean(str(name)): clean_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(each) for each in value]
    return value
