"""Reading settings: what a lab declares decides; anything else is refused with words, at each
setting.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import BadConfig
from apps.experiments import lab_config
from tests.experiments.conftest import WORDS

GOOD: list[tuple[str, Any, Any]] = [
    ("depth", "4", 4),
    ("depth", " 4 ", 4),
    ("depth", 4.0, 4),
    ("depth", "1e0", 1),
    ("depth", "４", 4),
    ("depth", "४", 4),
    ("depth", "\u200e٤\u00a0", 4),
    ("scale", "1", 1.0),
    ("scale", "०.०६२५", 0.0625),
    ("scale", "٠٫٠٦٢٥", 0.0625),
    ("scale", "0,0625", 0.0625),
    ("scale", "6.25×10⁻²", 0.0625),
    ("scale", "1/16", 0.0625),
    ("scale", "6.25 %", 0.0625),
    ("sizes", "１０００，１０", [10, 1000]),
    ("sizes", "१०००、 १०", [10, 1000]),
    ("leaky", "on", True),
    ("leaky", "", False),
    ("leaky", True, True),
    ("sizes", "1000, 10", [10, 1000]),
    ("sizes", ["10"], [10]),
]
BAD: list[tuple[str, Any]] = [
    ("depth", "0"),
    ("depth", "9"),
    ("depth", "2.5"),
    ("depth", "nan"),
    ("depth", "inf"),
    ("depth", "1e400"),
    ("depth", "9" * 5000),
    ("depth", 10**400),
    ("depth", True),
    ("depth", None),
    ("depth", [3]),
    ("depth", "３x"),
    ("depth", "\x00"),
    ("depth", "1_0"),
    ("depth", "२.५"),
    ("depth", "\u202e4"),
    ("scale", "1е0"),
    ("scale", "1 5"),
    ("scale", "0.5"),
    ("scale", "nan"),
    ("leaky", "perhaps"),
    ("leaky", 1.5),
    ("sizes", ""),
    ("sizes", "11"),
    ("sizes", "10,10"),
    ("sizes", {"10": 1}),
    ("sizes", [[10]]),
    ("sizes", "1," * 5000),
    ("nonsense", "1"),
    ("__class__", "1"),
]


@pytest.mark.parametrize(("name", "raw", "value"), GOOD)
def test_it_reads_what_was_meant(name: str, raw: Any, value: Any) -> None:
    assert lab_config.clean(WORDS, {name: raw}) == {**lab_config.defaults(WORDS), name: value}


@pytest.mark.parametrize(("name", "raw"), BAD, ids=lambda x: repr(x)[:30])
def test_it_refuses_with_words(name: str, raw: Any) -> None:
    with pytest.raises(BadConfig) as refused:
        lab_config.clean(WORDS, {name: raw})
    assert refused.value.extra["config"][name]


@given(
    st.dictionaries(
        st.text(),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.integers() | st.text()),
    )
)
def test_anything_is_read_or_refused(raw: dict[str, Any]) -> None:
    try:
        values = lab_config.clean(WORDS, raw)
    except BadConfig as refused:
        assert set(refused.extra["config"]) <= {name[:64] for name in raw}
    else:
        assert lab_config.clean(WORDS, values) == values


def test_it_says_why_a_number_is_not_read() -> None:
    with pytest.raises(BadConfig) as refused:
        lab_config.clean(WORDS, {"scale": "1е0"})
    assert refused.value.extra["config"]["scale"] == (
        "Can't read “1е0” as a number. “е” (U+0435) only looks like the letter e. "
        "Enter a number such as 0.25 or 1e-3."
    )


@given(st.text() | st.floats() | st.integers())
def test_a_number_is_within_its_bounds_or_refused(raw: Any) -> None:
    with suppress(BadConfig):
        assert 1 <= lab_config.clean(WORDS, {"depth": raw})["depth"] <= 8


def test_what_was_changed_is_named() -> None:
    assert lab_config.changed(WORDS, {**lab_config.defaults(WORDS), "depth": 4, "leaky": True}) == [
        "depth",
        "leaky",
    ]
