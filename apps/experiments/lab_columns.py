"""What lists show, filter and search of a lab's words, as columns: no list reads the words, which
are some 25 kB of JSON a lab.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.common.text import CONTENT_LANGUAGES
from apps.experiments import lab_config


def words_columns(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of `LabWords` that repeat some of the words."""
    standard = words.get("profile", {}).get("standard", {})
    return {
        **_texts(words.get("title", {}), "title"),
        **_texts(words.get("question", {}), "question"),
        "seconds": standard.get("seconds"),
        "defaults_hash": lab_config.config_hash(lab_config.defaults(words)),
    }


def claim_columns(words: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the columns of each `Claim` of a lab, in the order of its file."""
    claims = words.get("claims", {})
    names = words.get("order", {}).get("claims", claims)  # jsonb does not keep the order of keys
    return [
        {
            "name": name,
            "position": position,
            "words": claims[name],
            **_texts(claims[name], "statement"),
        }
        for position, name in enumerate(names)
    ]


def _texts(texts: Mapping[str, str], column: str) -> dict[str, str]:
    """Return `<column>_en` and `_zh`; English where there is no Chinese."""
    return {
        f"{column}_{language}": texts.get(language) or texts.get("en", "")
        for language in CONTENT_LANGUAGES
    }
