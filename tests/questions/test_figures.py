"""Figures: from numbers to SVG, in both languages, never without a text alternative."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from apps.questions.figures import Axes, BadFigure, Figure

X, Y = {"en": "input <x>", "zh": "输入"}, {"en": "output", "zh": "输出"}


def new_axes(figure: Figure | None = None) -> Axes:
    return (figure or Figure()).axes(x=(0, 1), y=(-2, 1), x_label=X, y_label=Y)


def filled() -> Axes:
    axes = new_axes()
    axes.region(y=(-2, 0), label={"en": "no gradient", "zh": "无梯度"})
    axes.line([0, 0.5, 1], [0.2, float("nan"), 5.0], name={"en": "before", "zh": "更新前"})
    axes.line([0, 1], [-1, 0], name={"en": "after", "zh": "更新后"}, dashed=True)
    axes.points([0, 1], [0, 0], name={"en": "inputs", "zh": "输入点"})
    axes.mark(x=0.5, label={"en": "half", "zh": "一半"})
    axes.alternative(en='It says "what" is shown & why.', zh="说明内容。")
    return axes


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ["before", "inputs", "input <x>", "half"]), ("zh", ["更新前", "输入点", "无梯度"])],
)
def test_a_figure_is_svg_with_text_in_one_language(language: str, words: list[str]) -> None:
    root = ET.fromstring(filled().svg(language))
    texts = [element.text for element in root.iter() if element.tag == "text"]
    assert all(word in texts for word in words)
    assert root.get("role") == "img" and root.get("aria-label") == filled().alternatives[language]


def test_lines_stay_in_the_plot_and_are_interrupted_by_nan() -> None:
    line = next(
        element
        for element in ET.fromstring(filled().svg("en")).iter("path")
        if element.get("class") == "line a0"
    )
    assert line.get("d", "").count("M") == 2
    page = ET.fromstring(filled().svg("en")).get("viewBox", "").split()
    points = line.get("d", "").replace("L", "M").split("M")[1:]
    heights = [float(point.split(" ")[1]) for point in points]
    assert all(0 <= height <= float(page[3]) for height in heights)


def test_bars_have_names_and_values() -> None:
    axes = new_axes()
    axes.bars([{"en": "ReLU", "zh": "ReLU"}, {"en": "tanh", "zh": "双曲正切"}], [0.5, -1.25])
    axes.alternative(en="Two bars.", zh="两根柱。")
    texts = [element.text for element in ET.fromstring(axes.svg("zh")).iter("text")]
    assert "双曲正切" in texts and "0.5" in texts and "−1.25" in texts


@pytest.mark.parametrize(
    "spoil",
    [
        lambda axes: axes.alternative(en="Words.", zh=" "),
        lambda axes: axes.line([0, 1], [0, 1], name={"en": "only English"}),
        lambda axes: axes.mark(label=X),
        lambda axes: axes.bars([X], [1, 2]),
    ],
)
def test_what_lacks_texts_or_numbers_is_refused(spoil: object) -> None:
    axes = filled()
    with pytest.raises(BadFigure):
        spoil(axes)  # type: ignore[operator]
        axes.svg("zh")


def test_a_figure_without_an_alternative_is_refused() -> None:
    axes = new_axes()
    axes.line([0, 1], [0, 1], name=X)
    with pytest.raises(BadFigure, match="text alternative"):
        axes.svg("en")


def test_a_figure_has_one_pair_of_axes_of_some_size() -> None:
    figure = Figure()
    new_axes(figure)
    with pytest.raises(BadFigure, match="one pair of axes"):
        new_axes(figure)
    with pytest.raises(BadFigure, match="smaller number"):
        Figure().axes(x=(1, 1), y=(0, 1), x_label=X, y_label=Y)
