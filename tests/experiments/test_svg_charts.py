"""Charts and the words beside them: pure functions from words and points."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils.translation import override

from apps.common.svg_charts import text_width
from apps.experiments import chart_specs, presenters, svg_charts
from apps.experiments.models import Verdict

NASTY = '<script>alert(1)</script>&"'
WORDS: dict[str, Any] = {
    "predict": {
        "claim": "a.b",
        "form": "bars",
        "series": "dead",
        "arms": ["relu 1", "relu 2"],
        "range": [0, 1],
    },
    "figures": [
        {
            "kind": "curves",
            "series": "dead",
            "arms": ["relu *"],
            "to": "epochs",
            "title": {"en": NASTY, "zh": "图"},
        }
    ],
    "series": {"dead": {"unit": {"en": NASTY, "zh": "比例"}, "en": "dead units", "zh": "死亡单元"}},
    "arms": {"relu 2": {"en": "ReLU, two", "zh": "二"}},
    "claims": {
        "a.b": {
            "en": "It holds.",
            "effect": ".0%",
            "sentences": {"holds": {"en": "{effect:.0%} of {replicates}"}},
        }
    },
}


def curve(arm: str, *means: float | None, series: str = "dead") -> dict[str, Any]:
    return {
        "arm": arm,
        "series": series,
        "step": list(range(len(means))),
        "mean": list(means),
        "low": [],
        "high": [],
    }


def spec() -> dict[str, Any]:
    return chart_specs.figure_specs(WORDS, {"epochs": 10})[0]


def test_what_is_written_by_others_is_escaped() -> None:
    for svg in (
        svg_charts.curves(spec(), [curve(f"relu {NASTY}", 1.0, 2.0)]),
        svg_charts.bars(spec(), [curve(f"relu {NASTY}", 1.0)]),
    ):
        assert "<script>" not in svg
        assert "&lt;script&gt;" in svg


def test_a_line_is_broken_where_nothing_was_finite() -> None:
    svg = svg_charts.curves(spec(), [curve("relu 1", 0.1, None, 0.3, 0.4)])
    path = svg.split('<path class="line a0" d="')[1].split('"')[0]
    assert path.count("M") == 2


def test_nothing_measured_is_said_and_drawn_without_an_error() -> None:
    for draw in (svg_charts.curves, svg_charts.bars):
        assert "No measurements yet." in draw(spec(), [])
        assert "relu 1: –" in draw(spec(), [curve("relu 1", None, None)])


def test_the_text_alternative_tells_where_each_line_ends() -> None:
    assert "At the end: relu 1: 0.25; ReLU, two: 0.5." in svg_charts.alternative(
        spec(), [curve("relu 1", 0.0, 0.25), curve("relu 2", 0.5, None)]
    )


def test_only_the_arms_of_the_figure_are_drawn() -> None:
    points = [
        curve("tanh 1", 1.0),
        curve("relu 2", 1.0),
        curve("relu 1", 1.0),
        curve("relu 1", 1.0, series="loss"),
    ]
    assert [curve["arm"] for curve in chart_specs.chosen(spec(), points)] == ["relu 2", "relu 1"]


def test_a_long_line_is_thinned_to_what_a_screen_shows() -> None:
    svg = svg_charts.curves(spec(), [curve("relu 1", *(n / 10_000 for n in range(10_000)))])
    assert len(svg) < 30_000


def test_a_logarithmic_axis_leaves_out_what_is_not_above_zero() -> None:
    assert "nan" not in svg_charts.curves(
        spec() | {"log_x": True, "to": None}, [curve("relu 1", 0.1, 0.2, 0.3)]
    )


def test_the_drawn_figure_is_added_where_the_lab_has_none() -> None:
    class Made:
        sketch = {"relu 1": 0.5}

    specs = chart_specs.figure_specs(WORDS, {"epochs": 10}, Made())  # type: ignore[arg-type]
    assert [spec["kind"] for spec in specs] == ["curves", "bars"]
    assert specs[1]["sketch"] == {"relu 1": 0.5}
    assert '<rect class="gap" fill="url(#hatch-dead)"' in svg_charts.bars(
        specs[1], [curve("relu 1", 0.2)]
    )


def test_what_was_not_found_is_no_bar_and_no_number() -> None:
    of_places = spec() | {"kind": "bars", "y": None, "not_found": 30.0, "not_found_word": "none"}
    svg = svg_charts.bars(of_places, [curve("relu 1", 30.0), curve("relu 2", 2.0)])
    assert svg.count('class="measured"') == 1
    assert ">none</text>" in svg and ">30</text>" not in svg, "and the axis ends before it"


def test_a_rounding_error_is_zero_beside_what_was_measured() -> None:
    rows = svg_charts.rows(spec(), [curve("relu 1", 1.6e-17), curve("relu 2", 0.5)])
    assert [row["value"] for row in rows] == ["0", "0.5"]
    (alone,) = svg_charts.rows(spec(), [curve("relu 1", 1.6e-17)])
    assert alone["value"] == "1.6e-17", "where such errors are what was measured"


def test_an_axis_has_its_declared_range_before_anything_is_measured() -> None:
    words = WORDS | {"predict": {}, "series": {"dead": {"range": [0.0, 1.0]}}}
    (figure,) = chart_specs.figure_specs(words, {"epochs": 10})
    assert figure["y"] == [0.0, 1.0]
    assert ">1</text>" in svg_charts.curves(figure, []) and ">0.2</text>" in svg_charts.curves(
        figure, [curve("relu 1", 0.01, 0.02)]
    )


def test_a_verdict_is_said_in_the_labs_words() -> None:
    shown = presenters.present_verdict(
        WORDS, Verdict(claim="a.b", outcome="holds", effect=0.5, low=0.4, high=0.6, replicates=16)
    )
    assert (shown.sentence, shown.effect, shown.interval, shown.glyph) == (
        "50% of 16",
        "50%",
        "40% to 60%",
        "tick",
    )


@pytest.mark.parametrize(
    "sentence",
    ["{nothing}", "{effect:q}", "{0}", "{effect.__class__.__mro__[9]}", "{effect.nothing}"],
)
def test_words_that_do_not_fit_the_numbers_are_left_out(sentence: str) -> None:
    words = {"claims": {"a.b": {"sentences": {"holds": {"en": sentence}}}}}
    assert (
        presenters.present_verdict(
            words, Verdict(claim="a.b", outcome="holds", effect=0.5)
        ).sentence
        == ""
    )


@pytest.mark.parametrize("outcome", ["holds", "depends"])
def test_the_smallest_effect_is_said_in_a_few_digits(outcome: str) -> None:
    words = {
        "claims": {
            "a.b": {
                "effect": ".32f",
                "sentences": {
                    "holds": {"en": "{effect} ({low:.40f} to {high:.1%})"},
                    "depends": {"en": "{effect:.3g} ({low:.3g} to {high:.1%})"},
                },
            }
        }
    }
    shown = presenters.present_verdict(
        words,
        Verdict(claim="a.b", outcome=outcome, effect=3.3306690738754696e-16, low=0.0, high=1e300),
    )
    assert (shown.effect, shown.sentence) == ("3.33e-16", "3.33e-16 (0 to 1e302%)")


def test_a_claim_the_lab_no_longer_has_keeps_its_name() -> None:
    shown = presenters.present_verdict(
        {}, Verdict(claim="gone.claim", outcome="depends", effect=None)
    )
    assert (shown.statement, shown.effect) == ("gone.claim", "–")


def test_the_reader_chooses_the_language() -> None:
    with override("zh-hans"):
        assert spec()["title"] == "图"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "–"), (0.04, "0.0 s"), (4.0, "4 s"), (11.4, "11 s"), (600, "10 min")],
)
def test_a_length_of_time_is_said_as_a_person_would(seconds: float | None, expected: str) -> None:
    assert presenters.seconds(seconds) == expected.replace("0.0", "0")


def test_bars_of_a_ratio_stand_on_one() -> None:
    ratios = spec() | {"kind": "bars", "foot": 1.0, "y": [0.5, 2.0]}
    more, less = (svg_charts.bars(ratios, [curve("relu 1", value)]) for value in (1.5, 0.75))
    boxes = [
        re.search(r'class="measured".*? y="([\d.]+)".*? height="([\d.]+)"', svg)
        for svg in (more, less)
    ]
    (high, tall), (low, short) = (
        [float(number) for number in box.groups()] for box in boxes if box
    )
    assert high + tall == pytest.approx(low, abs=0.2), (
        "what is more stands on the line, what is less hangs from it"
    )
    assert tall == pytest.approx(2 * short, abs=0.2)


def test_an_axis_may_end_at_the_number_of_replicates() -> None:
    rounds = {**WORDS, "figures": [WORDS["figures"][0] | {"to": "replicates"}]}
    assert chart_specs.figure_specs(rounds, {"replicates": 16})[0]["to"] == 16


def test_long_names_at_the_ends_of_lines_have_room() -> None:
    svg = svg_charts.curves(
        spec() | {"labels": {"relu 1": "a network with a long name"}}, [curve("relu 1", 1.0, 2.0)]
    )
    start = re.search(r'class="end-name t0" x="([\d.]+)"', svg)
    assert start
    assert (
        float(start.group(1)) + 1.1 * text_width("a network with a long name") + 40
        < svg_charts.WIDTH
    )


# ---------------------------------------------------------------- small charts


def test_names_beside_a_small_chart_are_cut_in_the_middle() -> None:
    labels = {"relu 1": "a network with a very long name 0.01", "relu 2": "名字很长的一个网络 0.03"}
    curves = [curve("relu 1", 1.0, 2.0), curve("relu 2", 1.0, 3.0)]
    svg = svg_charts.render(spec() | {"labels": labels}, curves, size=svg_charts.SMALL)
    name = r'class="end-name t\d" x="([\d.]+)"[^>]*><tspan>([^<]+)</tspan>'
    names = re.findall(name + r' <tspan class="end-value">(\d+)', svg)
    assert len(names) == 2
    for x, words, value in names:
        wide = svg_charts.BOLD * text_width(f"{words} {value}")
        assert float(x) + wide <= svg_charts.SMALL.width + 1
    assert names[1][1].startswith("a net") and names[1][1].endswith("0.01")


def test_a_small_chart_of_many_arms_has_no_names() -> None:
    arms = [f"relu {n}" for n in range(svg_charts.MAX_SMALL_NAMES + 1)]
    curves = [curve(arm, 1.0, 2.0) for arm in arms]
    svg = svg_charts.render(spec(), curves, size=svg_charts.SMALL)
    assert "end-name" not in svg
    assert "relu 10" in svg.partition(">")[0], "the text alternative has them"


@pytest.mark.parametrize(("step", "value", "marks"), [(1.0, 1.5, 2), (1.0, None, 1), (0.0, 1.0, 0)])
def test_a_point_is_marked_where_the_paper_has_it(
    step: float, value: float | None, marks: int
) -> None:
    mark = svg_charts.Mark(step, value, "there")
    log = spec() | {"log_x": True}
    svg = svg_charts.render(log, [curve("relu 1", 1.0, 2.0)], size=svg_charts.SMALL, mark=mark)
    assert svg.count('class="guide"') + svg.count('class="marked"') == marks
    assert "Marked: there." in svg.partition(">")[0]
