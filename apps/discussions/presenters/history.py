"""What a post said before each edit, and what the edit changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.discussions.models import Post, PostRevision
from apps.discussions.word_diff import Piece, diff


@dataclass(frozen=True)
class Version:
    """A text of a post."""

    number: int  # from 1, the text as it was first posted
    written_at: datetime
    is_present: bool
    pieces: list[Piece]  # what was changed of the version before


def versions(post: Post, revisions: Sequence[PostRevision]) -> list[Version]:
    """Return the texts of a post, the newest first.

    Args:
        revisions: neighbouring ones, the newest first. The last of them is only compared with,
            unless it is the first text.
    """
    present = (post.edits, post.edited_at or post.created_at, post.text)
    texts = [(row.number, row.written_at, row.text) for row in revisions]
    if not texts or texts[0][0] == post.edits - 1:
        texts.insert(0, present)
    shown = []
    for place, (number, written_at, text) in enumerate(texts):
        before = texts[place + 1][2] if place + 1 < len(texts) else ""
        if place + 1 == len(texts) and number > 0:
            break
        pieces = diff(before, text) if number else diff(text, text)
        shown.append(Version(number + 1, written_at, number == post.edits, pieces))
    return shown
