"""Expressions that Hypothesis generates."""

from __future__ import annotations

from hypothesis import strategies as st


def trees(names: list[str]) -> st.SearchStrategy[str]:
    """Return nested expressions in `names` and numbers."""
    leaves = st.one_of(
        st.sampled_from(names),
        st.integers(0, 99).map(str),
        st.floats(0.001, 99).map(lambda x: f"{x:.4f}"),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(
                lambda t: f"({t[0]} {t[1]} {t[2]})"
            ),
            inner.map(lambda t: f"sqrt(abs({t}))"),
            inner.map(lambda t: f"(-{t})"),
        ),
        max_leaves=8,
    )
