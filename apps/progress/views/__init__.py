"""The pages of `progress`, one module for each."""

from apps.progress.views.progress import progress, table
from apps.progress.views.question import (
    bookmark,
    card,
    check,
    grade,
    hint,
    note,
    points,
    question,
    reveal,
    suspend,
)
from apps.progress.views.review import end, review, skip, start, undo
from apps.progress.views.today import offers, plan, today, verdict
from apps.progress.views.topic import topic

__all__ = [
    "bookmark", "card", "check", "end", "grade", "hint", "note", "offers", "plan", "points",
    "progress", "question", "reveal", "review", "skip", "start", "suspend", "table",
    "today", "topic", "undo", "verdict",
]  # fmt: skip
