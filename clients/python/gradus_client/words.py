"""The command's own words, in the user's language: English, or Simplified Chinese."""

from __future__ import annotations

import locale
import os

CHINESE: dict[str, str] = {}
_language = "en"


def choose_language(asked: str) -> None:
    """Speak a language, by default that of the environment."""
    global _language
    tag = asked
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        tag = tag or os.environ.get(name, "")
    tag = tag or (locale.getlocale()[0] or "")
    _language = "zh" if tag.lower().startswith(("zh", "chinese")) else "en"


def tr(words: str) -> str:
    """Return words in the user's language."""
    return CHINESE.get(words, words) if _language == "zh" else words
