"""In which language a post is written: its page says so to browsers and screen readers."""

from __future__ import annotations

import re

from apps.common.text import is_chinese
from apps.discussions.search_words import HAN

LATIN = re.compile(r"[A-Za-z]")
LATIN_LETTERS_A_HAN = 8  # Chinese about machine learning is full of English terms


def language_of(text: str, default: str) -> str:
    """Return `zh` or `en`: what most of a text is written in; `default` for one without words."""
    chinese = sum(map(len, HAN.findall(text)))
    latin = len(LATIN.findall(text))
    if chinese * LATIN_LETTERS_A_HAN > latin:
        return "zh"
    return "en" if latin else default


def page_language() -> str:
    """Return the language of the reader's pages, as threads have it."""
    return "zh" if is_chinese() else "en"
