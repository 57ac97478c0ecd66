"""A question with parts of every kind, as it is marked."""

from __future__ import annotations

from typing import Any

from apps.questions.variants import QuestionVariant, build_variant
from tests.questions.conftest import facts_of

MESSAGE = {"en": "No.", "zh": "不对。"}
CHECK = {"symbols": ["n"], "answer": "1 / n"}
FACTS: dict[str, Any] = {
    "variant": {"sample": {"n": {"from": 2, "to": 9}}},
    "numeric": [
        {
            "answer": "2 * n",
            "tolerance": {"absolute": 0.5},
            "wrong": [{"value": "n", "message": MESSAGE}],
        },
        {
            "answer": "n / 7",
            "tolerance": {"relative": 1e-2},
            "unit": {"en": "nats", "zh": "奈特"},
        },
    ],
    "choice": [{"form": "one", "right": ["b"]}, {"form": "several", "right": ["x", "z"]}],
    "order": [{"right": ["b", "a"]}, {"right": ["q", "p", "r"]}],
    "derivation": [{"step": [{"check": CHECK}, {}]}, {}],
}


def outlined(kind: str, *options: str, hints: int = 0, steps: int = 0) -> dict[str, Any]:
    return {"kind": kind, "hints": hints, "options": list(options), "steps": steps}


OUTLINE: dict[str, Any] = {
    "hints": 2,
    "points": 3,
    "parts": [
        outlined("choice", "a", "b"),
        outlined("numeric", hints=1),
        outlined("derivation", steps=2, hints=3),
        outlined("order", "a", "b"),
        outlined("numeric"),
        outlined("choice", "x", "y", "z"),
        outlined("order", "p", "q", "r"),
        outlined("derivation", steps=1),
    ],
}


def variant_of(seed: int = 0, starter: str = "") -> QuestionVariant:
    return build_variant(facts_of(**FACTS), OUTLINE, starter, seed)
