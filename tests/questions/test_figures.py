"""Figures: from numbers to SVG, in both languages, never without words for those who do not see
it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from apps.questions.figures import Axes, BadFigure, Draw

X, Y = {"en": "input <x>", "zh": "输入"}, {"en": "output", "zh": "输出"}


def axes(draw: Draw | None = None) -> Axes:
    return (draw or Draw()).axes(x=(0, 1), y=(-2, 1), x_label=X, y_label=Y)


def filled() -> Axes:
    made = axes()
    made.region(y=(-2, 0), label={"en": "no gradient", "zh": "无梯度"})
    made.line([0, 0.5, 1], [0.2, float("nan"), 5.0], name={"en": "before", "zh": "更新前"})
    made.line([0, 1], [-1, 0], name={"en": "after", "zh": "更新后"}, dashed=True)
    made.points([0, 1], [0, 0], name={"en": "inputs", "zh": "输入点"})
    made.mark(x=0.5, label={"en": "half", "zh": "一半"})
    made.alternative(en='It says "what" is shown & why.', zh="说明内容。")
    return made


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ["before", "inputs", "input <x>", "half"]), ("zh", ["更新前", "输入点", "无梯度"])],
)
def test_a_figure_is_svg_with_its_words_in_one_language(language: str, words: list[str]) -> None:
    root = ET.fromstring(filled().svg(language))
    texts = [element.text for element in root.iter() if element.tag == "text"]
    assert all(word in texts for word in words)
    assert root.get("role") == "img" and root.get("aria-label") == filled().alternatives[language]


def test_lines_stay_on_the_paper_and_stop_where_there_is_no_number() -> None:
    line = next(
        element
        for element in ET.fromstring(filled().svg("en")).iter("path")
        if element.get("class") == "line a0"
    )
    assert line.get("d", "").count("M") == 2
    page = ET.fromstring(filled().svg("en")).get("viewBox", "").split()
    heights = [
        float(text_row.split(" ")[1])
        for text_row in line.get("d", "").replace("L", "M").split("M")[1:]
    ]
    assert all(0 <= height <= float(page[3]) for height in heights)


def test_bars_have_names_and_values() -> None:
    made = axes()
    made.bars([{"en": "ReLU", "zh": "ReLU"}, {"en": "tanh", "zh": "双曲正切"}], [0.5, -1.25])
    made.alternative(en="Two bars.", zh="两根柱。")
    texts = [element.text for element in ET.fromstring(made.svg("zh")).iter("text")]
    assert "双曲正切" in texts and "0.5" in texts and "−1.25" in texts


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.alternative(en="Words.", zh=" "),
        lambda made: made.line([0, 1], [0, 1], name={"en": "only English"}),
        lambda made: made.mark(label=X),
        lambda made: made.bars([X], [1, 2]),
    ],
)
def test_what_lacks_words_or_numbers_is_refused(spoil: object) -> None:
    made = filled()
    with pytest.raises(BadFigure):
        spoil(made)  # type: ignore[operator]
        made.svg("zh")


def test_a_figure_without_an_alternative_is_refused() -> None:
    made = axes()
    made.line([0, 1], [0, 1], name=X)
    with pytest.raises(BadFigure, match="says in words"):
        made.svg("en")


def test_a_question_has_one_pair_of_axes_with_room_on_them() -> None:
    draw = Draw()
    axes(draw)
    with pytest.raises(BadFigure, match="one pair of axes"):
        axes(draw)
    with pytest.raises(BadFigure, match="smaller number"):
        Draw().axes(x=(1, 1), y=(0, 1), x_label=X, y_label=Y)
