"""Where a browser breaks the lines of a Chinese text with formulas: no line begins with closing
punctuation, none ends with an opening bracket, and a long formula is broken inside.
"""

from __future__ import annotations

import pytest

from apps.questions.rendering import render
from tests.common.browsing import (  # noqa: F401 - fixtures
    Open,
    browser_type_launch_args,
    needs_browser,
    open_page,
    site,
)
from tests.progress.conftest import make_question

pytestmark = needs_browser
SHORT, LONG = "x^2", "a_1 + b_1 + c_1 + d_1 + e_1 + f_1 + g_1 = h_1"
CLOSING = "，。、；：！？）」』》】〉〕］％,.;:!?)]"
# the marks that begin a line, or end one if they open, at any width of the paragraphs
MISPLACED = """([closing, widths]) => {
    const misplaced = new Set();
    for (const paragraph of document.querySelectorAll(".statement p")) {
        const marks = [];
        const texts = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT);
        for (let node; (node = texts.nextNode());) {
            if (node.parentElement.closest(".katex")) continue;
            [...node.data].forEach((mark, at) => {
                if (mark !== "（" && !closing.includes(mark)) return;
                const range = document.createRange();
                range.setStart(node, at);
                range.setEnd(node, at + 1);
                marks.push([mark, range]);
            });
        }
        const formula = paragraph.querySelector(".katex-base");
        for (let width = widths[0]; width < widths[1]; width += 3) {
            paragraph.style.width = `${width}px`;
            const edge = paragraph.getBoundingClientRect().left;
            for (const [mark, range] of marks) {
                const box = range.getBoundingClientRect();
                const ends = box.bottom <= formula.getBoundingClientRect().top;
                const begins = Math.abs(box.left - edge) < 1;
                if (mark === "（" ? ends : begins) misplaced.add(mark);
            }
        }
    }
    return [...misplaced].join("");
}"""


@pytest.mark.parametrize("formula", [f"${SHORT}$", f"${LONG}$", f"**${SHORT}$**"])
def test_no_line_begins_with_what_closes_or_ends_with_what_opens(
    open_page: Open,  # noqa: F811
    formula: str,
) -> None:
    text = "\n\n".join(f"当斜率是这样时我们有（{formula}{mark}然后继续写下去。" for mark in CLOSING)
    make_question("why-relu", html={"statement_html_zh": render(text).html})
    page = open_page("/questions/why-relu", cookies={"language": "zh-hans"})
    page.locator(".statement p").first.wait_for()
    # narrower than a formula and its marks, there is no other place to break
    assert page.evaluate(MISPLACED, [CLOSING, [120, 420]]) == ""


def test_a_long_formula_in_brackets_is_broken_inside(open_page: Open) -> None:  # noqa: F811
    make_question("why-relu", html={"statement_html_zh": render(f"当（${LONG}$）。").html})
    page = open_page("/questions/why-relu", cookies={"language": "zh-hans"})
    lines = """paragraph => {
        paragraph.style.width = "200px";
        const tops = [...paragraph.querySelectorAll(".katex-base")].map((base) => base.offsetTop);
        return [new Set(tops).size, paragraph.scrollWidth];
    }"""
    count, width = page.locator(".statement p").evaluate(lines)
    assert count > 1 and width <= 200
