"""Text in two languages, and text that may be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language


def is_chinese() -> bool:
    return (get_language() or "en").startswith("zh")


def in_language(thing: Any, name: str = "") -> str:
    """Return `thing.<name>_en` or `_zh`, or of a mapping `{"en": …, "zh": …}` the text in the reader's language."""
    language = "zh" if is_chinese() else "en"
    if isinstance(thing, Mapping):
        found = thing.get(name, {}) if name else thing
        return str(found.get(language) or found.get("en") or "")
    return str(getattr(thing, f"{name}_{language}"))


def clean(value: str) -> str:
    """Return `value` without what PostgreSQL refuses: NUL and lone surrogates."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
