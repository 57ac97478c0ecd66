"""Which grade follows from what a learner did. The rule is product.md's, and stands nowhere
else.
"""

from __future__ import annotations

from collections.abc import Iterable

from apps.progress.memory import AGAIN, GOOD, HARD


def of_check(is_right: bool, hints: int) -> int:
    """Return the grade of the first check of a part: right is Good, right with a hint is Hard,
    wrong is Again, whatever follows.

    A step without a check, which the learner marks, counts the same.
    """
    if not is_right:
        return AGAIN
    return HARD if hints else GOOD


def of_points(ticked: int, of: int, hints: int = 0) -> int:
    """Return the grade of a written answer: every key point ticked is Good, half of them or more is
    Hard, fewer is Again.

    Raises:
        ValueError: more are ticked than there are.
    """
    if not 0 <= ticked <= of:
        raise ValueError(f"{ticked} of {of} points")
    if 2 * ticked < of or not ticked:
        return AGAIN
    return GOOD if ticked == of and not hints else HARD


def of_parts(grades: Iterable[int | None]) -> int | None:
    """Return the grade of a question of several parts: the lowest of those that have one; none
    where none has.
    """
    return min((grade for grade in grades if grade is not None), default=None)
