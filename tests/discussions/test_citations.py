"""The three forms of citations: what is written is read back, and nothing else is read."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.discussions import citations
from apps.discussions.citations import CITATION, Cited, Kind
from tests.searching import examples

RUN = UUID("4f2a0000-0000-4000-8000-00000000beef")
# as `wire.Name`, but the character that stands for bytes which are none
names = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters=[*map(chr, range(32)), "\x7f", "�"]
    ),
    min_size=1,
    max_size=128,
)
steps = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=examples(60))
@given(run=st.uuids(), arm=names, series=names, step=steps)
def test_a_point_is_read_as_it_was_written(run: UUID, arm: str, series: str, step: float) -> None:
    text = citations.cite_point(run, arm, series, step)
    cited = citations.parse(text)
    assert cited is not None
    assert (cited.kind, cited.run, cited.arm, cited.series) == (Kind.POINT, run, arm, series)
    assert float(cited.step) == step
    assert str(cited) == text
    assert CITATION.findall(f"[x]{text}[run:") == [text]


@settings(max_examples=examples(30))
@given(run=st.uuids(), claim=st.from_regex(r"\A[a-z0-9-]{1,60}\.[a-z0-9-]{1,60}\Z"))
def test_runs_and_verdicts_are_read_as_they_were_written(run: UUID, claim: str) -> None:
    assert citations.parse(citations.cite_run(run)) == Cited(Kind.RUN, run)
    assert citations.parse(citations.cite_claim(claim, run)) == Cited(Kind.CLAIM, run, claim=claim)


@settings(max_examples=examples(60))
@given(kind=st.sampled_from(["run", "claim", "point"]), body=st.text(max_size=60))
def test_any_text_is_a_citation_that_can_be_stored_or_none(kind: str, body: str) -> None:
    cited = citations.parse(f"[{kind}:{body}]")
    if cited is not None:
        assert citations.parse(str(cited)) == cited
        assert not {"\x00", "\n"} & set(str(cited))


@pytest.mark.parametrize(
    ("step", "text"),
    [(300, "300"), (300.0, "300"), (-0.25, "-0.25"), (1e22, "1e+22"), (1e-7, "1e-07")],
)
def test_a_step_is_written_as_short_as_it_can_be(step: float, text: str) -> None:
    assert citations.step_text(step) == text


def test_names_by_hand_need_no_percent_signs_where_they_have_no_slash() -> None:
    cited = citations.parse(f"[point:{RUN}/学习率 0.1/share dead/0300]")
    assert cited == Cited(Kind.POINT, RUN, arm="学习率 0.1", series="share dead", step="0300")


@pytest.mark.attack
@pytest.mark.parametrize(
    "body",
    [
        "run:4f2a",
        "run:{4f2a0000-0000-4000-8000-00000000beef}",
        "run:urn:uuid:4f2a0000-0000-4000-8000-00000000beef",
        f"run: {RUN}",
        f"run:{RUN}/x",
        f"run:{RUN}\n",
        f"claim:@{RUN}",
        f"claim:lr-kills@{RUN}",
        f"claim:a.b<script>@{RUN}",
        f"claim:{'a' * 127}.b@{RUN}",
        "claim:dead-relu.lr-kills",
        f"claim:dead-relu.lr-kills@{RUN}@{RUN}",
        f"point:{RUN}/a/b",
        f"point:{RUN}/a/b/1/2",
        f"point:{RUN}//b/1",
        f"point:{RUN}/a/%00/1",
        f"point:{RUN}/a/%ff/1",
        f"point:{RUN}/a/%ed%a0%80/1",
        f"point:{RUN}/{'a' * 129}/b/1",
        f"point:{RUN}/a/b/nan",
        f"point:{RUN}/a/b/1e999",
        f"point:{RUN}/a/b/0x10",
        f"point:{RUN}/a/b/１",
        f"point:{RUN}/a/b/{'1' * 41}",
        f"point:{RUN}/a[0]/b/1",
        f"image:{RUN}",
    ],
)
def test_what_is_nearly_a_citation_is_none(body: str) -> None:
    assert citations.parse(f"[{body}]") is None


def test_the_longest_names_fit() -> None:
    text = citations.cite_point(RUN, "😀" * 128, "😀" * 128, -1.2345678901234567e-300)
    cited = citations.parse(text)
    assert cited is not None
    assert cited.arm == "😀" * 128
