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


def versions(
    post: Post,
    revisions: Sequence[PostRevision],
    *,
    before: PostRevision | None,
    has_present: bool,
) -> list[Version]:
    """Return the texts of a post, the newest first, each with what changed of the one before it.

    Args:
        revisions: that its reader may read, the newest first.
        before: the one before them.
        has_present: the post's present text comes first.
    """
    texts = [(row.number, row.written_at, row.text) for row in revisions]
    if has_present:
        texts.insert(0, (post.edits, post.edited_at or post.created_at, post.text))
    older = [text for _number, _at, text in texts[1:]]
    if texts:
        older.append(before.text if before else texts[-1][2])
    return [
        Version(number + 1, written_at, number == post.edits, diff(old, text))
        for (number, written_at, text), old in zip(texts, older, strict=True)
    ]
