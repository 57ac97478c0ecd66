"""What the client reads and shows without a site: formulas, HTML, curves, its own words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import unicodedata
from argparse import Namespace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gradus_client import models, terminal, words
from gradus_client.commands import Context
from gradus_client.errors import InsecureAddress
from gradus_client.events import parse
from gradus_client.models import Curve
from gradus_client.points import Points
from gradus_client.svg import chart as svg_chart
from gradus_client.terminal import chart
from gradus_client.tex import to_unicode
from gradus_client.text import html_to_text
from gradus_client.transport import segment, site_address
from hypothesis import given
from hypothesis import strategies as st

from apps.questions.rendering import render

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "clients/python/gradus_client").glob("*.py"))
TEX = st.text("\\{}^_$&% ab1-+frac sqrtxt()[]\n~'", max_size=40)


# ---------------------------------------------------------------- formulas


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (r"x^2 = \sum_i y_i", "x² = ∑ᵢyᵢ"),
        (r"\sigma(x)(1-\sigma(x))", "σ(x)(1−σ(x))"),
        (r"\frac{1}{1+e^{-x}}", "1/(1 + e⁻ˣ)"),
        (r"\frac{a_1}{b}", "a₁/b"),
        # what follows a fraction is not read as part of its denominator
        (r"\frac12(1+\alpha^2)\,x", "(1/2)(1 + α²) x"),
        (r"\frac{a}{b} x, \frac{a}{b} + c", "(a/b)x, a/b + c"),
        (r"{\frac{a}{b}}^2 + \mathbf{\frac{a}{b}}x", "(a/b)² + (a/b)x"),
        (r"\frac12\|w\|^2 + 2\frac{1}{2}", "(1/2)‖w‖² + 2(1/2)"),
        (r"\eta\frac{a}{b}", "ηa/b"),
        (r"\max(0, x)", "max(0, x)"),
        (r"\log_2 n", "log₂n"),
        (r"W^\top x", "Wᵀx"),
        (r"\mathbb{E}[X] \le \hat{y}", "𝔼[X] ≤ y\u0302"),
        (r"\operatorname{Var}(w) = 2 / n_{\text{in}}", "Var(w) = 2/nᵢₙ"),
        (r"x_{i+1}^{(k)}", "xᵢ₊₁⁽ᵏ⁾"),
        (r"e^{-x^2/2}", "e^(−x²/2)"),
        (r"\sqrt{2/\pi}", "√(2/π)"),
        (r"\left\{ a \right\}", "{a}"),
        (r"\text{if } x > 0", "if x > 0"),
        # what does not fit on a line, or is none, stays as it is
        (r"\begin{cases} 1 & x > 0 \\ 0 \end{cases}", None),
        (r"\sqrt[3]{x}", None),
        (r"\unknown{x}", None),
        ("{x", None),
        ("x}", None),
        ("x^", None),
        ("{" * 50 + "}" * 50, None),
    ],
)
def test_a_formula_is_unicode_where_it_fits(source: str, shown: str | None) -> None:
    assert to_unicode(source) == (source if shown is None else shown)


@given(TEX)
def test_any_formula_is_read_or_left_alone(source: str) -> None:
    assert isinstance(to_unicode(source), str)


def test_most_formulas_of_the_bank_fit() -> None:
    sources = [
        formula
        for path in (ROOT / "apps/questions/bank").rglob("*.md")
        for formula in re.findall(r"\$([^$\n]{1,120})\$", path.read_text(encoding="utf-8"))
        if "{{" not in formula
    ]
    fitting = [source for source in sources if "\\" not in to_unicode(source)]
    assert len(sources) > 100 and len(fitting) > 0.95 * len(sources)


# ---------------------------------------------------------------- HTML


def test_html_of_the_site_becomes_lines() -> None:
    html = render(
        "Let $x^2$ be *so* `y`:\n\n1. one\n2. two\n\n- a\n- b\n\n"
        "```python\nx = [1]\n\ny = 2\n```\n\n"
        "$$\\frac{a}{b}$$\n\n| h | i |\n|---|---|\n| 1 | 2 |"
    ).html
    assert html_to_text(html).split("\n") == [
        "Let x² be so `y`:",
        "",
        "1. one",
        "2. two",
        "",
        "• a",
        "• b",
        "",
        "x = [1]",
        "",
        "y = 2",
        "",
        "a/b",
        "",
        "h  i",
        "1  2",
    ]


@given(st.text("<>/pliu abspn&;\"'=\x1b\x9b\u202e$", max_size=60))
def test_nothing_that_a_terminal_obeys_is_left(html: str) -> None:
    for one in html_to_text(html):
        assert one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cf")


# ---------------------------------------------------------------- curves


def curve(*means: float | None, arm: str = "relu 1", **more: Any) -> Curve:
    sides: dict[str, Any] = {"low": [], "high": [], **more}
    steps = [float(n) for n in range(len(means))]
    return Curve(**{"arm": arm, "series": "dead", "step": steps, "mean": list(means), **sides})


def test_no_sentence_has_what_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    Context(Namespace()).print("signed in as \x1b]0;x\x07mei\u202e")
    assert capsys.readouterr().out == "signed in as ]0;xmei\n"


def test_curves_are_dots_with_a_scale_and_a_legend() -> None:
    drawn = str(chart([curve(0.0, 0.5, None, 1.0), curve(1.0, arm="a\x1b[2J")], width=60))
    assert any(0x2800 < ord(one) < 0x2900 for one in drawn)
    assert "■ relu 1" in drawn and "■ a[2J" in drawn and "\x1b" not in drawn
    assert drawn.split("\n")[0].startswith(" " * 8 + "1 │")
    assert not str(chart([curve(None)], width=60)) and not str(chart([], width=60))
    for width in (0, 1, 10_000):
        assert str(chart([curve(2.0, 2.0)], width=width))


def test_the_chart_of_a_notebook_is_text_where_names_are() -> None:
    drawn = svg_chart([curve(0.0, 1.0, arm="<b>")])
    assert "<polyline" in drawn and "&lt;b&gt;" in drawn and "<b>" not in drawn
    assert svg_chart([]) == "" and svg_chart([curve(None)]) == ""


def test_batches_count_once_and_a_reset_discards() -> None:
    points = Points()
    assert points.add(1, curve(1.0)) and not points.add(1, curve(9.0))
    assert points.add(2, curve(5.0)) and points.reset(3, keep=1) and not points.reset(2, keep=0)
    assert points.add(4, curve(2.0, low=[1.5], high=[2.5]))
    (whole,) = points.curves()
    assert (whole.mean, whole.low, whole.high) == ([1.0, 2.0], [None, 1.5], [None, 2.5])
    assert len(points) == 2 and points.last_batch == 4


def test_events_are_read_line_by_line_and_an_unfinished_one_is_none() -> None:
    lines = [": ping", "", "event: state", 'data: {"a":', "data: 1}", "", "id: 7", "data: x"]
    assert list(parse(lines)) == [("state", "", '{"a":\n1}')]


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("https://gradus.example/", "https://gradus.example"),
        ("gradus.example", "https://gradus.example"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_an_address_is_made_whole(typed: str, address: str) -> None:
    assert site_address(typed) == address


@pytest.mark.parametrize(
    "typed", ["", "ftp://x", "https://", "https://a:b@x", "https://x?q", "http://["]
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="address"):
        site_address(typed)


def test_a_token_is_not_sent_where_others_read_it() -> None:
    for typed in ("http://gradus.example", "http://10.0.0.1", "http://localhost.evil.example"):
        with pytest.raises(InsecureAddress):
            site_address(typed)
    assert site_address("http://10.0.0.1", allow_http=True) == "http://10.0.0.1"


def test_an_id_leads_nowhere_else() -> None:
    assert segment("a/../b?c#d") == "a%2F..%2Fb%3Fc%23d"
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match="no id"):
            segment(name)


# ---------------------------------------------------------------- agreement


def test_the_models_have_the_fields_of_the_description() -> None:
    document = msgspec.json.decode((ROOT / "docs/openapi.json").read_bytes())
    schemas = document["components"]["schemas"]
    kinds = [
        kind
        for kind in vars(models).values()
        if isinstance(kind, type) and issubclass(kind, models.Model) and kind is not models.Model
    ]
    assert len(kinds) > 40
    for kind in kinds:
        assert set(kind.__struct_fields__) == set(schemas[kind.__name__]["properties"]), kind


def test_examples_of_the_description_are_read_as_their_models() -> None:
    document = msgspec.json.decode((ROOT / "docs/openapi.json").read_bytes())
    count = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                content = answer.get("content", {}).get("application/json", {})
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                kind: Any = getattr(models, name.removesuffix("Page"), None)
                if kind is None:
                    continue
                for example in content.get("examples", {}).values():
                    value = example["value"]
                    for row in value["results"] if name.endswith("Page") else [value]:
                        msgspec.convert(row, kind)
                        count += 1
    assert count > 30


def spoken() -> set[str]:
    """Return all words of the command."""
    calls = (
        node
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tr"
    )
    return {ast.literal_eval(call.args[0]) for call in calls}


def test_the_command_speaks_both_languages() -> None:
    assert spoken() == set(words.CHINESE)
    for english, chinese in words.CHINESE.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese))
        assert re.search(r"[\u4e00-\u9fff]", chinese), english


def test_the_client_needs_nothing_of_the_site() -> None:
    code = (
        "import sys, gradus_client.cli\n"
        "heavy = {'django', 'numpy', 'torch', 'matplotlib', 'apps'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "clients/python",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_key_that_is_none_of_those_asked_for_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    presses = iter(["x", "\x1b", "Q"])
    monkeypatch.setattr(terminal, "_press", lambda: next(presses))
    assert terminal.key("?", "q") == "q"
    for press, error in (("\x03", KeyboardInterrupt), ("\x04", EOFError), ("", EOFError)):
        monkeypatch.setattr(terminal, "_press", lambda press=press: press)
        with pytest.raises(error):
            terminal.key("?", "q")
