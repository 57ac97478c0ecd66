"""The pages of `progress`, one module for each."""

from apps.progress.views.private_cards import (
    delete_private_card,
    delete_private_cards,
    edit_private_card,
    new_private_card,
    private_cards,
)
from apps.progress.views.progress import progress, progress_csv
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
from apps.progress.views.question_list import own_questions, questions
from apps.progress.views.review import end, review, skip, start, undo
from apps.progress.views.today import plan, run_questions, today, verdict_read
from apps.progress.views.topic import topic

__all__ = [
    "bookmark", "card", "check", "delete_private_card", "delete_private_cards",
    "edit_private_card", "end", "grade", "hint", "new_private_card", "note", "own_questions",
    "plan", "points", "private_cards", "progress", "progress_csv", "question", "questions",
    "reveal", "review", "run_questions", "skip", "start", "suspend", "today", "topic", "undo",
    "verdict_read",
]  # fmt: skip
