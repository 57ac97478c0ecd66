"""The order of a review's cards: topics alternate. Mixed practice is harder at the time and
remembered longer.

Source: Rohrer and Taylor (2007), "The shuffling of mathematics problems improves learning".
"""

from __future__ import annotations

from collections.abc import Sequence


def interleaved(cards: Sequence[tuple[int, str]]) -> list[int]:
    """Return cards, given as (card, topic), so that a topic repeats only where no other is left.

    Cards of a topic keep their order; the topic with the most cards left goes next.
    """
    left: dict[str, list[int]] = {}
    for card, topic in cards:
        left.setdefault(topic, []).append(card)
    order = list[int]()
    last: str | None = None  # a private card has the topic ""
    while left:
        others = [topic for topic in left if topic != last] or list(left)
        last = max(others, key=lambda topic: len(left[topic]))
        order.append(left[last].pop(0))
        if not left[last]:
            del left[last]
    return order
