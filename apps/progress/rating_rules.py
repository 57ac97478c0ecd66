"""Which rating follows from what a learner did.

- A part that the site checks: its first answer decides. Right is Good, right after a hint is Hard,
  wrong is Again; later answers to the part change nothing.
- A written answer, rated by the key points that it covered: all is Good (Hard after a hint), at
  least half is Hard, fewer is Again.
- A question of several parts has the lowest rating of its parts.
- Easy is never given automatically.
- A button that the learner presses counts in place of all this.
"""

from __future__ import annotations

from collections.abc import Iterable

from apps.progress.memory import AGAIN, GOOD, HARD


def of_check(is_right: bool, hints: int) -> int:
    """Return the rating of the first answer to a part, given the number of hints opened before.

    A step without a check, which the learner marks, is rated the same way.
    """
    if not is_right:
        return AGAIN
    return HARD if hints else GOOD


def of_points(ticked: int, of: int, hints: int = 0) -> int:
    """Return the rating of a written answer by the number of key points that it covered.

    Raises:
        ValueError: more are ticked than there are.
    """
    if not 0 <= ticked <= of:
        raise ValueError(f"{ticked} of {of} points")
    if 2 * ticked < of or not ticked:
        return AGAIN
    return GOOD if ticked == of and not hints else HARD


def by_ticks(of: int, hints: int, checked: int | None) -> list[int]:
    """Return the rating for each number of key points that may be ticked, from none to all.

    Args:
        checked: the lowest rating of the checked parts, if any.
    """
    ratings = [of_points(ticked, of, hints) for ticked in range(of + 1)]
    return [rating if checked is None else min(rating, checked) for rating in ratings]


def of_parts(ratings: Iterable[int | None]) -> int | None:
    """Return the rating of a question of several parts: the lowest; none where no part has one."""
    return min((rating for rating in ratings if rating is not None), default=None)
