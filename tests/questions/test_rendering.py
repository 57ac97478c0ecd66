"""Markdown to HTML: formulas set, nothing unsafe, markers that no text can forge, and faults with
their places.
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
from apps.questions.rendering import render, served


def test_formulas_are_set_as_html_and_mathml_and_their_signs_are_no_emphasis() -> None:
    made = render("Let $a_1 * b_2$ and $c_1 * d_2$, so *this*\n$$x^2 = \\{1, 2\\}$$\nholds.")
    assert made.formulas == 3 and not made.faults
    assert (
        made.html.count("<math ") == 3
        and made.html.count("katex-display") == 1
        and made.html.count("<em>") == 1
    )


def test_dollars_in_code_and_escaped_ones_are_money() -> None:
    made = render("It costs \\$5, `$x$` or\n\n```python\ncost = '$y$'  # *z*\n```\n")
    assert made.formulas == 0 and not made.faults
    assert (
        "<code>$x$</code>" in made.html
        and "$5" in made.html
        and 'class="code"' in made.html
        and "*z*" in made.html
    )


def test_a_line_that_ends_in_chinese_goes_on_without_a_space() -> None:
    assert (
        render("一步梯度下降，\n此时停止\nand here\nthere").html
        == "<p>一步梯度下降，此时停止\nand here\nthere</p>"
    )


def test_dangerous_text_is_inert() -> None:
    made = render(
        '<script>alert(1)</script> <b onclick="x">b</b> [a](javascript:alert(1)) '
        "[c](data:text/html,x) ![i](//e.org/x.png)"
    )
    assert "<script" not in made.html and "<b " not in made.html and "<img" not in made.html
    assert 'href="javascript' not in made.html and 'href="data' not in made.html


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        ("good $x$ bad $\\frac{1$", "TeX: ", 13),
        ("$\\nosuch$", "TeX: it has a command", 0),
        ("$\\href{javascript:alert(1)}{x}$", "TeX: it has a command", 0),
        ("a {{verdict}}", "{{verdict}} is neither", 2),
        ("a $n = {{n}}$", "{{n}} is not a drawn value", 7),
        ("see {{figure}}", "write {{figure: caption}}", 4),
        ("*第一层：*输入", "emphasis that is not closed", 0),
        ("2 * 3", "emphasis that is not closed", 2),
    ],
)
def test_a_fault_is_found_with_its_place(text: str, what: str, offset: int) -> None:
    faults = render(text).faults
    assert faults and what in faults[0][0] and faults[0][1] == offset


@pytest.mark.parametrize(
    "text",
    ["*第一层*：输入", "**$x$ 是**对的", "- *a*：b\n- **c**。d", "`a * b` $a * b$", "a\\*b"[:1]],
)
def test_emphasis_that_is_closed_is_no_fault(text: str) -> None:
    assert not render(text).faults


def test_markers_stay_until_they_are_served() -> None:
    page = render("Before {{figure: the $x$ axis}} after.\n\n{{verdicts}}\n\n{{reference}}").html
    assert (
        page.startswith("<p>Before </p><figure")
        and "<p> after.</p>" in page
        and "<p></p>" not in page
    )
    whole = served(page, figure="<svg/>", verdicts="<aside>v</aside>", reference="<pre>r</pre>")
    assert (
        "<svg/><figcaption>the <span" in whole
        and "<aside>v</aside>" in whole
        and "<pre>r</pre>" in whole
    )


def test_what_is_not_given_leaves_nothing_behind() -> None:
    page = render("A.\n\n{{verdicts}}\n\n{{figure: b}}").html
    assert served(page) == "<p>A.</p>\n\n" or served(page).strip() == "<p>A.</p>"


def test_no_text_can_forge_a_marker() -> None:
    made = render("<!--gradus:verdicts--> `<!--gradus:verdicts-->` \ue0000\ue001 \ue001")
    assert "FORGED" not in served(made.html, verdicts="FORGED")


def test_drawn_values_are_put_in_before_formulas_are_set() -> None:
    assert rendering.value_names("$n = {{n}}$ {{ m }} {{verdicts}} {{figure: c}}") == {"n", "m"}
    made = render(rendering.with_values("Let $n = {{n}}$.", {"n": "784"}))
    assert "784" in made.html and not made.faults


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
def test_hostile_formulas_end_soon_and_what_follows_is_set(formula: str) -> None:
    began = time.process_time()
    first, second = tex.formulas([(formula, True), ("x^2", False)])
    assert time.process_time() - began < 3.0
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
        return tex.formulas([(f"x_{{{n}}}", False)])[0].html

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(work, range(8)))
    assert len(set(made)) == 8 and all("<math" in each for each in made)


@given(st.text(alphabet="ab $\\{}*_`[]()<>!#-\n：。中\ue000\ue0010123", max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_text_becomes_html_without_tags_of_its_own(text: str) -> None:
    page = render(text).html
    assert "<script" not in page and "\ue000" not in page and "\ue001" not in page
    assert served(page, verdicts="FORGED").count("FORGED") == 0


@pytest.mark.parametrize(
    "text",
    [
        '[a](http://e.org "$y$")',
        '[a](http://e.org "&#xE000;0&#xE001;") $y$',
        '[a](http://e.org "{{figure: $q$}}")',
        "> ```$y$\n> x",
    ],
)
def test_nothing_is_put_into_an_attribute_but_words(text: str) -> None:
    page = render(text).html
    assert all(
        '"' not in value and "<" not in value
        for value in re.findall(r'(?:title|class)="([^"]*)"', page)
    )
    assert not re.search(r'(?:title|class)="[^"]*<', page) and "\ue000" not in page


def test_what_is_struck_out_looks_so() -> None:
    assert render("~~never~~ always").html == "<p><s>never</s> always</p>"


def test_a_fault_in_a_caption_is_where_the_caption_is() -> None:
    assert [at for _what, at in render("One line.\n\n{{figure: an *open end}}").faults] == [11]
