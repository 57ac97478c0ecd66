"""The texts of private cards: whatever a note holds is stored and shown safely, and the same text
comes out of going out and coming in again.
"""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.questions import card_text
from apps.questions.card_text import HTML, MARKDOWN
from apps.questions.limits import MAX_SIDE_CHARS

PIECES = st.sampled_from(
    [
        *("<b>", "</b>", "<div>", "</div>", "<br>", "<img src=x>", "<script>", "</script>", "&lt;"),
        *("\\(", "\\)", "\\[", "\\]", "[$]", "[/$]", "[$$]", "[/$$]", "[latex]", "[/latex]"),
        *("<anki-mathjax block=true>", "</anki-mathjax>", "x^2", "$", "\\\\", "{{c1::", "}}", "::"),
        *(
            "&#xE000;0&#xE001;",
            "\u202e",
            "\ue000",
            "<a href='/x'>",
            "</a>",
            "<!--",
            "-->",
            " ",
            "é",
            "İ",
            "<a href='",
            "'>",
            "&quot;",
            "\\",
        ),
    ]
)
NOTE = st.lists(PIECES, max_size=25).map("".join)


@pytest.mark.parametrize(
    ("field", "stored"),
    [
        ("Why <b>x</b>?", "Why <b>x</b>?"),
        ("[$]a &lt; b[/$]", "\\(a &lt; b\\)"),
        ("[$$]x<br>y[/$$]", "\\[x y\\]"),
        (
            "[latex]\\begin{align*}x&amp;=1\\end{align*}[/latex]",
            "\\[\\begin{align*}x&amp;=1\\end{align*}\\]",
        ),
        ("[latex]When $a$ holds[/latex]", "When \\(a\\) holds"),
        ('<anki-mathjax block="true">z</anki-mathjax>', "\\[z\\]"),
        ("\\(a \\\\[2pt] b\\)", "\\(a \\\\[2pt] b\\)"),
        ("an \\( that never ends", "an \\( that never ends"),
        ("a $5 and a $6 coin", "a $5 and a $6 coin"),
        ("<h2>Head</h2>", "<p>Head</p>"),
        ("x[sound:a.mp3]", "x"),
        # which is longer in lower case
        ("İİİ \\(x\\) [LaTeX]$y$[/LATEX] end", "İİİ \\(x\\) \\(y\\) end"),
        (
            '<a href="\\(x&quot; onclick=&quot;y\\)">t</a>',
            '<a href="\\(x&quot; onclick=&quot;y\\)">t</a>',
        ),
        (r"[$]a\\\)b[/$]", r"\(a)b\)"),
    ],
)
def test_a_field_is_stored_with_its_formulas_as_tex(field: str, stored: str) -> None:
    assert card_text.sanitized(field) == stored


@pytest.mark.attack
@pytest.mark.parametrize(
    "field",
    [
        "<script>alert(1)</script>x",
        "<svg onload=alert(1)><a>x</a></svg>",
        "<img src=x onerror=alert(1)>x",
        '<a href="javascript:alert(1)">x</a>',
        '<div style="position:fixed" class="dialog" id="words" onclick="x()">x</div>',
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>x",
        "<form action=/review/end><button>x</button></form>",
        "\\(\\href{javascript:alert(1)}{x}\\)",
        "\\(\\htmlStyle{position:fixed}{x}\\)",
        "[latex]<script>alert(1)</script>[/latex]",
        "x\u202eevil\u2066",
        "&#x202E;x",
    ],
)
def test_nothing_that_runs_or_moves_the_page_is_shown(field: str) -> None:
    shown = card_text.shown(card_text.sanitized(field), HTML)
    tags = "".join(re.findall("<[^>]*>", shown))  # a formula's TeX is text beside it
    runs = r"<(script|svg onload|img|iframe|form|button)|javascript:|onclick|srcdoc"
    assert not re.search(runs, tags)
    assert "position:fixed" not in tags and 'id="words"' not in tags
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", shown)
    # what is stored is not trusted either
    assert "<script" not in card_text.shown(field, HTML)


@given(NOTE)
def test_to_sanitize_again_changes_nothing(field: str) -> None:
    stored = card_text.sanitized(field)
    assert card_text.sanitized(stored) == stored


@given(NOTE)
def test_a_card_in_markdown_goes_out_as_a_note_that_comes_in_unchanged(text: str) -> None:
    note = card_text.as_note(text, MARKDOWN)
    assert card_text.sanitized(note) == note


@given(NOTE, st.integers(1, 3))
def test_any_text_has_gaps_or_none(field: str, number: int) -> None:
    for text in (card_text.with_gap(field, number), card_text.without_gap(field, number)):
        assert isinstance(card_text.sanitized(text), str)


def test_a_gap_is_asked_for_and_filled() -> None:
    text = "The {{c1::gradient of \\(f\\)::what}} is {{c2::zero}}, \\(a = {{c1::b}}\\)"
    assert card_text.cloze_numbers(text) == [1, 2]
    assert card_text.with_gap(text, 1) == "The <b>[what]</b> is zero, \\(a = [\\ldots]\\)"
    assert card_text.without_gap(text, 1) == "The <b>gradient of \\(f\\)</b> is zero, \\(a = b\\)"
    assert card_text.with_gap(text, 2) == "The gradient of \\(f\\) is <b>[…]</b>, \\(a = b\\)"
    assert card_text.cloze_numbers("no gap {{field}}") == []


@pytest.mark.attack
@pytest.mark.parametrize("piece", ["\\(", "[latex]", "{{c1::", "<b>", "$x$", "\\(x\\)", "`", "*a "])
def test_a_side_that_is_as_long_as_it_may_be_is_shown_in_time(piece: str) -> None:
    text = (piece * MAX_SIDE_CHARS)[:MAX_SIDE_CHARS]
    begin = time.process_time()
    card_text.shown(card_text.sanitized(card_text.with_gap(text, 1)), HTML)
    card_text.shown(text, MARKDOWN)
    assert time.process_time() - begin < 5


@pytest.mark.attack
@pytest.mark.parametrize("end", ["", ")", "]"])
def test_a_field_of_backslashes_is_stored_in_time(end: str) -> None:
    begin = time.process_time()
    card_text.sanitized("[$]" + "\\" * 59_000 + end + "[/$]")
    assert time.process_time() - begin < 0.5


def test_markdown_has_tex_in_either_notation_and_code() -> None:
    shown = card_text.shown("Let $x^2$ and \\(y\\), **so**:\n\n```python\nx = 1\n```", MARKDOWN)
    assert shown.count('class="katex"') == 2 and "<strong>so</strong>" in shown
    assert "<pre" in shown and "![" not in shown
    assert card_text.as_note("a\n\n```python\nx = '<'\n```", MARKDOWN) == (
        "<p>a</p>\n<pre><code>x = '&lt;'</code></pre>"
    )
