"""What changed between two texts, word by word: the shortest edit script (Myers, 1986, "An O(ND)
Difference Algorithm and Its Variations"), in bounded time. A Chinese character is a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

WORD = re.compile(r"[^\W\d_\u3400-\u9fff]+|\d+|[\u3400-\u9fff]|\n|[^\S\n]+|[^\w\s]|_")
MAX_EDITS = 200  # words that were added and dropped; beyond them the texts count as different


class Change(Enum):
    SAME = "same"
    DROPPED = "dropped"
    ADDED = "added"


@dataclass(frozen=True)
class Piece:
    """A stretch of text that stayed, was dropped, or was added."""

    change: Change
    text: str


def diff(before: str, after: str) -> list[Piece]:
    """Return the pieces of both texts in order: those that are not added make up `before`, those
    that are not dropped `after`.
    """
    old, new = WORD.findall(before), WORD.findall(after)
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    middle = _edits(old[start : len(old) - end], new[start : len(new) - end])
    kept = [(Change.SAME, word) for word in old[:start]]
    rest = [(Change.SAME, word) for word in old[len(old) - end :]]
    return _joined([*kept, *middle, *rest])


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many words both begin with."""
    shorter = min(len(old), len(new))
    return next((n for n in range(shorter) if old[n] != new[n]), shorter)


def _edits(old: Sequence[str], new: Sequence[str]) -> list[tuple[Change, str]]:
    """Return each word with what became of it."""
    trace: list[dict[int, int]] = []
    reach = {1: 0}  # by diagonal (place in old - place in new): how far in `old` one came
    for edits in range(min(MAX_EDITS, len(old) + len(new)) + 1):
        trace.append(dict(reach))
        for diagonal in range(-edits, edits + 1, 2):
            x = _next(reach, diagonal, edits)
            while x < len(old) and x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            reach[diagonal] = x
            if x >= len(old) and x - diagonal >= len(new):
                return _walk_back(old, new, trace)
    dropped = [(Change.DROPPED, word) for word in old]
    return [*dropped, *((Change.ADDED, word) for word in new)]


def _next(reach: dict[int, int], diagonal: int, edits: int) -> int:
    """Return how far one comes in `old` by one edit more: a word added, or one dropped."""
    adds = diagonal == -edits or (diagonal != edits and reach[diagonal - 1] < reach[diagonal + 1])
    return reach[diagonal + 1] if adds else reach[diagonal - 1] + 1


def _walk_back(
    old: Sequence[str], new: Sequence[str], trace: Sequence[dict[int, int]]
) -> list[tuple[Change, str]]:
    x, y = len(old), len(new)
    words: list[tuple[Change, str]] = []
    for edits in range(len(trace) - 1, -1, -1):
        reach, diagonal = trace[edits], x - y
        adds = diagonal == -edits or (
            diagonal != edits and reach[diagonal - 1] < reach[diagonal + 1]
        )
        before = diagonal + 1 if adds else diagonal - 1
        from_x = reach[before]
        from_y = from_x - before
        while x > max(from_x, 0) and y > max(from_y, 0):
            x, y = x - 1, y - 1
            words.append((Change.SAME, old[x]))
        if edits and adds:
            words.append((Change.ADDED, new[from_y]))
        elif edits:
            words.append((Change.DROPPED, old[from_x]))
        x, y = from_x, from_y
    return words[::-1]


def _joined(words: Sequence[tuple[Change, str]]) -> list[Piece]:
    """Return neighbouring words of one kind as one piece."""
    pieces: list[Piece] = []
    for change, word in words:
        if pieces and pieces[-1].change == change:
            pieces[-1] = Piece(change, pieces[-1].text + word)
        else:
            pieces.append(Piece(change, word))
    return pieces
