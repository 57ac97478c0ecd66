"""The order of a review: topics alternate."""

from __future__ import annotations

from itertools import pairwise

from apps.progress.interleaving import interleaved


def test_topics_alternate_where_they_can() -> None:
    assert interleaved([(1, "a"), (2, "a"), (3, "a"), (4, "b")]) == [1, 4, 2, 3]
    # private cards have no topic, and are no less one kind of cards
    assert interleaved([(1, ""), (2, ""), (3, "a")]) == [1, 3, 2]
    assert sorted(interleaved([(n, "abc"[n % 3]) for n in range(20)])) == list(range(20))
    topics = {n: "abc"[n % 3] for n in range(20)}
    order = interleaved(list(topics.items()))
    assert all(topics[a] != topics[b] for a, b in pairwise(order))
