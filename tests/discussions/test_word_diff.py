"""What changed between two texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.discussions.word_diff import Change, diff
from tests.searching import examples

WORDS = st.text(st.sampled_from("ab 12\n_é热损，😀\u0301\u202e"), max_size=40)


def without(before: str, after: str, *left_out: Change) -> str:
    return "".join(piece.text for piece in diff(before, after) if piece.change not in left_out)


@settings(max_examples=examples(60), deadline=None)
@given(WORDS, WORDS)
def test_both_texts_can_be_read_from_their_difference(before: str, after: str) -> None:
    assert without(before, after, Change.ADDED) == before
    assert without(before, after, Change.DROPPED) == after


@pytest.mark.parametrize(
    ("before", "after", "dropped", "added"),
    [
        ("the loss stalls", "the loss never stalls", "", "never "),
        ("损失停滞了", "损失没有停滞", "了", "没有"),
        ("same", "same", "", ""),
        ("", "all new", "", "all new"),
    ],
)
def test_only_what_changed_is_marked(before: str, after: str, dropped: str, added: str) -> None:
    assert without(before, after, Change.SAME, Change.ADDED) == dropped
    assert without(before, after, Change.SAME, Change.DROPPED) == added


def test_texts_that_have_little_in_common_are_told_apart_as_wholes() -> None:
    before, after = "a b " * 4_900, "b a c " * 3_300
    assert without(before, after, Change.ADDED) == before
    assert without(before, after, Change.DROPPED) == after
