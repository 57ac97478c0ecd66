r"""The texts of private cards: what a learner wrote here, Markdown with TeX, and the HTML of notes
that were imported. Both become safe HTML when they are shown, by `conversion`. Pure.

An imported field is stored as `sanitized` returns it: without scripts, styles and pictures, and
with each formula as TeX in `\(…\)` or `\[…\]`, however Anki marked it. To sanitize it again changes
nothing, so that a text which went out and came in again is the same text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

import nh3
from markdown_it import MarkdownIt

from apps.common.text import clean, displayable, is_blank
from apps.questions import tex
from apps.questions.conversion import (
    ATTRIBUTES,
    CODE,
    DISPLAY,
    DOLLAR,
    FENCE,
    FORGED,
    INLINE,
    PEOPLES_LINK_REL,
    PLACEHOLDER,
    TAGS,
    Conversion,
    Dialect,
    Extract,
    Insert,
    extracted,
    without_placeholders,
)
from apps.questions.conversion import TAG as WRITTEN_TAG
from apps.questions.limits import MAX_CARD_TITLE_CHARS

MARKDOWN, HTML = "markdown", "html"  # the formats, `models.Revision.TextFormat`
BUDGET = tex.Budget(
    formulas=200,
    chars=20_000,
    html_chars=1_000_000,
    seconds=1.0,
    formula_seconds=0.2,
    height=500,
    formula_height=100,
)
MAX_HIGHLIGHTED_CHARS = 10_000
MATHJAX = r"(?<!\\)\\(?:\((?P<mathjax>.{1,2000}?)\\\)|\[(?P<block>.{1,2000}?)\\\])"
MARKDOWN_DIALECT = Dialect(
    extracted(FENCE, CODE, DOLLAR, DISPLAY, INLINE, MATHJAX),
    TAGS,
    ATTRIBUTES,
    link_rel=PEOPLES_LINK_REL,
    budget=BUDGET,
    max_highlighted_chars=MAX_HIGHLIGHTED_CHARS,
)
HTML_TAGS = TAGS | {"b", "i", "u", "div", "dl", "dt", "dd", "kbd", "samp", "var"}
HTML_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
HTML_DIALECT = Dialect(
    extracted(FENCE, CODE, DOLLAR, DISPLAY, INLINE),  # none is looked for in HTML
    HTML_TAGS,
    HTML_ATTRIBUTES,
    link_rel=PEOPLES_LINK_REL,
    budget=BUDGET,
)
HEADING = re.compile(r"<(/?)h[1-6]\b[^<>]*>", re.IGNORECASE)
TAG = re.compile(r"<[^<>]*>")
LINE_BREAK = re.compile(r"<(?:br|/?div|/?p)\b[^<>]*>", re.IGNORECASE)
BLOCK = re.compile(r"</?+(?!(?:a|b|code|em|i|kbd|s|samp|strong|sub|sup|u|var)\b)[^<>]*>")
SPACES = re.compile(r"\s+")
SOUND = re.compile(r"\[sound:[^\[\]]*\]|\[anki:[^\[\]]*\]")
PICTURE = re.compile(r"<(?:img|video|audio|object)\b", re.IGNORECASE)


# ---------------------------------------------------------------- shown


def shown(text: str, text_format: str) -> str:
    """Return the safe HTML of a side of a card.

    Raises:
        NoKatex: the front end was not built.
    """
    conversion = _HtmlConversion() if text_format == HTML else _MarkdownConversion()
    return conversion.converted(text)


def as_note(text: str, text_format: str) -> str:
    """Return a side of a card as the HTML that a note of it has: what `sanitized` would store."""
    if text_format == HTML:
        return text
    return sanitized(_NoteConversion().converted(text))


def title(text: str, text_format: str) -> str:
    """Return what a front says, on one line, for lists: plain text, with formulas as TeX."""
    plain = text
    if text_format == HTML:
        plain = html.unescape(TAG.sub("", BLOCK.sub(" ", text)))
    plain = SPACES.sub(" ", displayable(plain)).strip()
    if len(plain) > MAX_CARD_TITLE_CHARS:
        plain = plain[: MAX_CARD_TITLE_CHARS - 1].rstrip() + "…"
    return plain or "–"


def says_something(sanitized_html: str) -> bool:
    """Return whether HTML shows anything."""
    return not is_blank(html.unescape(TAG.sub("", sanitized_html)))


class _MarkdownConversion(Conversion):
    dialect = MARKDOWN_DIALECT

    def converted(self, text: str) -> str:
        source = self.extract(without_placeholders(text))
        return self.insert(self.sanitize(self.markdown().render(source)))

    def markdown(self) -> MarkdownIt:
        return super().markdown().disable("image")

    def extract_own(self, match: re.Match[str]) -> str:
        name = "mathjax" if match["mathjax"] is not None else "block"
        kind = "inline" if name == "mathjax" else "display"
        return self.placeholder(kind, match[name].strip(), match)

    def insert_own(self, extract: Extract) -> Insert:
        return Insert(html.escape(extract.text))


class _NoteConversion(_MarkdownConversion):
    r"""To HTML with formulas as TeX in `\(…\)`, and code without colours."""

    def _inserts(self) -> list[Insert]:
        return [
            Insert(_mathjax(extract)) if extract.is_formula else self._insert(extract)
            for extract in self.extracts
        ]

    def _highlighted(self, fence: str) -> str:
        code = html.unescape(TAG.sub("", super()._highlighted(fence))).rstrip()
        return f"<pre><code>{html.escape(code, quote=False)}</code></pre>"


def _mathjax(extract: Extract) -> str:
    before, after = ("\\[", "\\]") if extract.kind == "display" else ("\\(", "\\)")
    return f"{before}{html.escape(extract.text, quote=False)}{after}"


class _HtmlConversion(Conversion):
    dialect = HTML_DIALECT

    def converted(self, text: str) -> str:
        return self.insert(self.sanitize(self.extract_formulas(without_placeholders(text))))

    def extract_formulas(self, text: str) -> str:
        """Return HTML with a placeholder for each formula."""
        text = FORGED.sub("\ufffd", text)
        return "".join(
            piece.text if piece.kind == "html" else self.add(Extract(piece.kind, piece.text, 0))
            for piece in _pieces(text)
        )

    def extract_own(self, match: re.Match[str]) -> str:
        raise AssertionError("HTML has no Markdown")

    def insert_own(self, extract: Extract) -> Insert:
        return Insert(html.escape(extract.text))


# ---------------------------------------------------------------- imported


def count_media(field: str) -> int:
    """Return how many pictures, sounds and videos a field of a note has. None is taken."""
    return len(PICTURE.findall(field)) + len(SOUND.findall(field))


def sanitized(field: str) -> str:
    """Return the HTML of a field of a note, safe, with formulas as TeX in `\\(…\\)`."""
    field = without_placeholders(displayable(clean(field)))
    conversion = _HtmlConversion()
    with_placeholders = conversion.extract_formulas(SOUND.sub("", HEADING.sub(r"<\1p>", field)))
    safe = nh3.clean(
        with_placeholders,
        tags=set(HTML_TAGS),
        attributes={tag: set(names) for tag, names in HTML_ATTRIBUTES.items()},
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )
    formulas = conversion.extracts

    def as_mathjax(match: re.Match[str]) -> str:
        number = int(match[1])
        return _mathjax(formulas[number]) if number < len(formulas) else ""

    def in_tag(tag: re.Match[str]) -> str:  # the address of a link: a quote would end it
        return PLACEHOLDER.sub(lambda match: _quoted(as_mathjax(match)), tag[0])

    return displayable(PLACEHOLDER.sub(as_mathjax, WRITTEN_TAG.sub(in_tag, safe))).strip()


def _quoted(escaped: str) -> str:
    """Return escaped text as it can stand in an attribute."""
    return escaped.replace('"', "&quot;")


@dataclass(frozen=True)
class _Piece:
    kind: str  # html, inline, display
    text: str  # HTML, or TeX


ENDS = {
    "\\(": "\\)",
    "\\[": "\\]",
    "[$]": "[/$]",
    "[$$]": "[/$$]",
    "[latex]": "[/latex]",
    "<anki-mathjax>": "</anki-mathjax>",
}
DISPLAYED = ("\\[", "[$$]")
TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)  # each letter stays one
BEGIN = re.compile(r"\\\(|\\\[|\[\$\$?\]|\[latex\]|<anki-mathjax\b[^<>]*>", re.IGNORECASE)
# with all its backslashes: where one is left, it still ends the formula
INLINE_END, DISPLAY_END = (re.compile(rf"(?<!\\)\\++({end})") for end in (r"\)", r"\]"))
DOLLARS = re.compile(r"\$\$([^$]+)\$\$|\$([^$]+)\$")


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield the HTML and the formulas of a text, in order. Linear: an end that is not found once is
    not looked for again.
    """
    lower, at, missing = text.translate(TO_LOWER), 0, set[str]()
    while begin := BEGIN.search(text, at):
        name = begin[0].lower()
        mark = "<anki-mathjax>" if name.startswith("<") else name
        ending = ENDS[mark]
        end = -1 if ending in missing else lower.find(ending, begin.end())
        if end < 0:
            missing.add(ending)
            yield _Piece("html", text[at : begin.end()])
            at = begin.end()
            continue
        yield _Piece("html", text[at : begin.start()])
        inside = _tex(text[begin.end() : end])
        at = end + len(ending)
        if mark == "[latex]":
            yield from _of_latex(inside)
        else:
            yield from _formula(inside, mark in DISPLAYED or 'block="true"' in name)
    yield _Piece("html", text[at:])


def _tex(source: str) -> str:
    """Return the TeX of a formula that stands in HTML."""
    plain = html.unescape(TAG.sub("", LINE_BREAK.sub("\n", source))).replace("\xa0", " ")
    return SPACES.sub(" ", displayable(without_placeholders(plain))).strip()


def _formula(source: str, is_display: bool) -> Iterator[_Piece]:
    """Yield a formula, without what would end it where it is read again; nothing if it is empty."""
    source = (DISPLAY_END if is_display else INLINE_END).sub(r"\1", source)
    if source.strip():
        yield _Piece("display" if is_display else "inline", source.strip())


def _of_latex(source: str) -> Iterator[_Piece]:
    r"""Yield what a document of LaTeX in a field holds: formulas between dollar signs, a displayed
    environment, or words.
    """
    if "$" not in source:
        if "\\" in source:
            yield from _formula(source, is_display=True)
        else:
            yield _Piece("html", html.escape(source))
        return
    at = 0
    for match in DOLLARS.finditer(source):
        yield _Piece("html", html.escape(source[at : match.start()], quote=False))
        yield from _formula(match[1] or match[2], is_display=bool(match[1]))
        at = match.end()
    yield _Piece("html", html.escape(source[at:], quote=False))


# ---------------------------------------------------------------- cloze notes

CLOZE_TOKEN = re.compile(r"\{\{c(?P<number>[0-9]{1,3})::|(?P<end>\}\})|(?P<math>\\[()\[\]])")
MAX_CLOZE_DEPTH = 8


def cloze_numbers(field: str) -> list[int]:
    """Return the numbers of the gaps of a field, each once; empty if it is no cloze text."""
    numbers = {int(match["number"]) for match in CLOZE_TOKEN.finditer(field) if match["number"]}
    return sorted(number for number in numbers if number > 0)


def with_gap(field: str, number: int) -> str:
    """Return a cloze text with its gap: a hint, or an ellipsis, in brackets."""

    def gap(_inside: str, hint: str, in_formula: bool) -> str:
        if in_formula:
            return "[\\ldots]"
        return f"<b>[{hint or '…'}]</b>"

    return _without_clozes(field, number, gap)


def without_gap(field: str, number: int) -> str:
    """Return a cloze text with what belongs into the gap, in bold."""

    def filled(inside: str, _hint: str, in_formula: bool) -> str:
        return inside if in_formula else f"<b>{inside}</b>"

    return _without_clozes(field, number, filled)


def _without_clozes(field: str, number: int, fill: Callable[[str, str, bool], str]) -> str:
    """Return a text in which each gap is what it holds, and those of a number what `fill` says."""
    parts: list[list[str]] = [[]]  # of the text, and of each gap that is open
    gaps: list[tuple[int, bool]] = []
    at, in_formula = 0, False
    for token in CLOZE_TOKEN.finditer(field):
        parts[-1].append(field[at : token.start()])
        at = token.end()
        if token["math"]:
            in_formula = token["math"] in ("\\(", "\\[")
            parts[-1].append(token[0])
        elif token["number"] and len(gaps) < MAX_CLOZE_DEPTH:
            gaps.append((int(token["number"]), in_formula))
            parts.append([])
        elif token["end"] and gaps:
            of_number, is_formula = gaps.pop()
            inside, _separator, hint = "".join(parts.pop()).partition("::")
            is_asked = of_number == number
            parts[-1].append(fill(inside, hint, is_formula) if is_asked else inside)
        else:
            parts[-1].append(token[0])
    parts[-1].append(field[at:])
    return "".join(piece for part in parts for piece in part)
