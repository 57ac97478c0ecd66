"""Markdown to HTML: rendered formulas, nothing unsafe, markers that no text can forge, and faults
with their offsets.
"""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.questions import rendering, tex
from apps.questions.rendering import fill_markers, render


def test_formulas_become_html_and_mathml_and_their_signs_are_no_emphasis() -> None:
    rendered = render("Let $a_1 * b_2$ and $c_1 * d_2$, so *this*\n$$x^2 = \\{1, 2\\}$$\nholds.")
    assert rendered.formula_count == 3 and not rendered.faults
    assert (
        rendered.html.count("<math ") == 3
        and rendered.html.count("katex-display") == 1
        and rendered.html.count("<em>") == 1
    )


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("当 $x > 0$，导数为 1。", "", "，"),
        ("where $x > 0$, it is 1", "", ","),
        ("so ($x$).", "(", ")."),
        ("当（$x$）】时", "（", "）】"),
        ("当（**$x$**），", "（<strong>", "</strong>），"),
        ("*$x$*, so", "<em>", "</em>,"),
    ],
)
def test_a_formula_stays_with_the_punctuation_around_it(text: str, before: str, after: str) -> None:
    html = render(text).html
    assert f'<span class="unbroken">{before}<span class="katex">' in html
    assert f"</span>{after}</span>" in html


def test_a_formula_without_punctuation_around_it_is_left_alone() -> None:
    for text in ("where $x$ is one", "the **share $x$**, so", "$$x$$,"):
        assert "unbroken" not in render(text).html


def test_a_long_formula_may_be_broken_inside() -> None:
    long = " + ".join("abcdefghijklm")
    assert "unbroken" in render(f"let ${long}$, then").html
    assert render(f"let ${long}$, then").html.count("<wbr>") == 12
    assert "<wbr>" not in render("let $a + b$, then").html


def test_dollars_in_code_and_escaped_ones_begin_no_formula() -> None:
    rendered = render("It costs \\$5, `$x$` or\n\n```python\ncost = '$y$'  # *z*\n```\n")
    assert rendered.formula_count == 0 and not rendered.faults
    assert (
        "<code>$x$</code>" in rendered.html
        and "$5" in rendered.html
        and 'class="code"' in rendered.html
        and "*z*" in rendered.html
    )


def test_a_line_break_between_chinese_characters_is_no_space() -> None:
    assert (
        render("一步梯度下降，\n此时停止\nand here\nthere").html
        == "<p>一步梯度下降，此时停止\nand here\nthere</p>"
    )


def test_unsafe_html_is_removed() -> None:
    rendered = render(
        '<script>alert(1)</script> <b onclick="x">b</b> [a](javascript:alert(1)) '
        "[c](data:text/html,x) ![i](//e.org/x.png)"
    )
    assert (
        "<script" not in rendered.html
        and "<b " not in rendered.html
        and "<img" not in rendered.html
    )
    assert 'href="javascript' not in rendered.html and 'href="data' not in rendered.html


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        ("good $x$ bad $\\frac{1$", "TeX: ", 13),
        ("$\\nosuch$", "TeX: it has a command", 0),
        ("$\\href{javascript:alert(1)}{x}$", "TeX: it has a command", 0),
        ("a {{verdict}}", "{{verdict}} is neither", 2),
        ("a $n = {{n}}$", "{{n}} is not a sampled value", 7),
        ("see {{figure}}", "write {{figure: caption}}", 4),
        ("*第一层：*输入", "emphasis that is not closed", 0),
        ("2 * 3", "emphasis that is not closed", 2),
    ],
)
def test_a_fault_has_an_offset(text: str, what: str, offset: int) -> None:
    faults = render(text).faults
    assert faults and what in faults[0][0] and faults[0][1] == offset


@pytest.mark.parametrize(
    "text",
    ["*第一层*：输入", "**$x$ 是**对的", "- *a*：b\n- **c**。d", "`a * b` $a * b$", "a\\*b"[:1]],
)
def test_emphasis_that_is_closed_is_no_fault(text: str) -> None:
    assert not render(text).faults


def test_markers_stay_until_they_are_filled() -> None:
    page = render("Before {{figure: the $x$ axis}} after.\n\n{{verdicts}}\n\n{{reference}}").html
    assert (
        page.startswith("<p>Before </p><figure")
        and "<p> after.</p>" in page
        and "<p></p>" not in page
    )
    whole = fill_markers(
        page, figure="<svg/>", verdicts="<aside>v</aside>", reference="<pre>r</pre>"
    )
    assert (
        "<svg/><figcaption>the <span" in whole
        and "<aside>v</aside>" in whole
        and "<pre>r</pre>" in whole
    )


def test_a_marker_without_replacement_is_removed() -> None:
    page = render("A.\n\n{{verdicts}}\n\n{{figure: b}}").html
    assert fill_markers(page) == "<p>A.</p>\n\n" or fill_markers(page).strip() == "<p>A.</p>"


def test_no_text_can_forge_a_marker() -> None:
    rendered = render("<!--gradus:verdicts--> `<!--gradus:verdicts-->` \ue0000\ue001 \ue001")
    assert "FORGED" not in fill_markers(rendered.html, verdicts="FORGED")


def test_values_are_inserted_before_formulas_are_rendered() -> None:
    assert rendering.value_names("$n = {{n}}$ {{ m }} {{verdicts}} {{figure: c}}") == {"n", "m"}
    rendered = render(rendering.insert_values("Let $n = {{n}}$.", {"n": "784"}))
    assert "784" in rendered.html and not rendered.faults


HOSTILE = [
    "\\def\\a{\\a\\a}\\a",
    "{" * 4900,
    "^" * 3000,
    "x^" * 2000,
    "\\rule{99999em}{99999em}",
    "\\includegraphics{http://e.org/x.png}",
    "\\html" + "Class{a}{b}",
    "x" * 20_000,
    "\\begin{matrix}" + "&" * 3000 + "\\end{matrix}",
]


@pytest.mark.parametrize("formula", HOSTILE)
def test_hostile_formulas_end_soon_and_the_next_one_is_rendered(formula: str) -> None:
    started = time.process_time()
    first, second = tex.render_formulas([(formula, True), ("x^2", False)])
    assert time.process_time() - started < 3.0
    assert (
        "<script" not in first.html
        and "<img" not in first.html
        and "http://e.org" not in first.html.replace(formula, "")
    )
    assert "<math" in second.html and not second.error


def test_many_threads_share_the_one_context() -> None:
    gate = threading.Barrier(8)

    def work(n: int) -> str:
        gate.wait(timeout=60)
        return tex.render_formulas([(f"x_{{{n}}}", False)])[0].html

    with ThreadPoolExecutor(8) as pool:
        formulas = list(pool.map(work, range(8)))
    assert len(set(formulas)) == 8 and all("<math" in html for html in formulas)


@given(st.text(alphabet="ab $\\{}*_`[]()<>!#-\n：。中\ue000\ue0010123", max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_text_becomes_safe_html(text: str) -> None:
    page = render(text).html
    assert "<script" not in page and "\ue000" not in page and "\ue001" not in page
    assert fill_markers(page, verdicts="FORGED").count("FORGED") == 0


@pytest.mark.parametrize(
    "text",
    [
        '[a](http://e.org "$y$")',
        '[a](http://e.org "&#xE000;0&#xE001;") $y$',
        '[a](http://e.org "{{figure: $q$}}")',
        "> ```$y$\n> x",
    ],
)
def test_attributes_get_no_html(text: str) -> None:
    page = render(text).html
    assert all(
        '"' not in value and "<" not in value
        for value in re.findall(r'(?:title|class)="([^"]*)"', page)
    )
    assert not re.search(r'(?:title|class)="[^"]*<', page) and "\ue000" not in page


def test_strikethrough() -> None:
    assert render("~~never~~ always").html == "<p><s>never</s> always</p>"


def test_a_fault_in_a_caption_has_the_offset_of_the_caption() -> None:
    assert [at for _what, at in render("One line.\n\n{{figure: an *open end}}").faults] == [11]
