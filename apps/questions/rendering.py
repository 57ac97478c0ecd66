"""Rendering the bank's Markdown to HTML: markdown-it, then nh3 (a sanitizer), then what nh3 would
strip is inserted again.

Formulas, code and markers are extracted before Markdown is parsed, so that no underscore of TeX
becomes emphasis. Each leaves a placeholder, a number between two characters of Unicode's private
use area, which passes through markdown-it and nh3 like letters.

`{{name}}` is a sampled value; `{{figure: caption}}`, `{{verdicts}}` and `{{reference}}` are
markers. Markers stay in the HTML, as comments that no text can forge, until `fill_markers` replaces
them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import nh3
from markdown_it import MarkdownIt

from apps.common.highlighting import highlight_code
from apps.common.text import clean
from apps.questions import tex

MARKERS = ("verdicts", "figure", "reference")
OPEN, CLOSE = "\ue000", "\ue001"
PLACEHOLDER = re.compile(f"{OPEN}([0-9]+){CLOSE}")
# A browser may break a line between a formula and the punctuation around it, so that a line begins
# with a comma or ends with an opening bracket; no character between them prevents that.
PUNCTUATED = re.compile(
    r"[（「『《“‘【〈〔〖［｛(\[{]*"
    f"(?:<(?P<tag>strong|em)>)?{OPEN}(?P<number>[0-9]+){CLOSE}(?(tag)</(?P=tag)>)"
    r"[，。、；：！？）」』》”’】〉〕〗］｝％,.;:!?)\]}%]*"
)
MAX_UNBROKEN_CHARS = 24  # of TeX; a longer formula may be broken inside
KATEX_BASE = '<span class="katex-base">'  # a part of a formula that is never broken
TAG = re.compile(r'<[a-z/](?:[^<>"]|"[^"]*")*>')  # as nh3 writes it
EXTRACTED = re.compile(
    r"^(?P<indent> *)(?P<fence>(?P<ticks>`{3,}|~{3,})[^\n]*\n.*?(?:^ *(?P=ticks)[`~]*[ \t]*$|\Z))"
    r"|(?P<code>(?P<run>`+)(?!`).*?(?<!`)(?P=run)(?!`))"
    r"|(?P<dollar>\\\$)"
    r"|\$\$(?P<display>.+?)\$\$"
    r"|\$(?P<inline>(?!\s)(?:\\.|\n(?!\s*\n)|[^$\\\n])+?(?<!\s))\$"
    r"|\{\{\s*(?P<marker>[A-Za-z_0-9-]+)\s*(?::(?P<argument>[^{}]*(?:\{[^{}]*\}[^{}]*)*))?\}\}",
    re.DOTALL | re.MULTILINE,
)
# a browser would show a line break between two Chinese characters as a space
CHINESE_LINE_BREAK = re.compile(
    r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])"
)
VALUE = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_]*)\s*\}\}")
TAGS = {
    *(
        "p",
        "em",
        "strong",
        "s",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "a",
        "br",
        "hr",
        "h4",
        "h5",
        "sup",
        "sub",
    ),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    "th": {"align"},
    "td": {"align"},
    "code": {"class"},
}
PARAGRAPH = re.compile(r"<p>((?:(?!</?p>).)*)</p>", re.DOTALL)
COMMENT = re.compile(r"<!--gradus:([a-z]+)-->")
EMPTY_FIGURE = re.compile(r'<figure class="plate"><figcaption>.*?</figcaption></figure>', re.DOTALL)


@dataclass
class Rendered:
    """HTML, and what is wrong with the text: (message, offset in the text)."""

    html: str = ""
    faults: list[tuple[str, int]] = field(default_factory=list)
    formula_count: int = 0


def value_names(text: str) -> set[str]:
    """Return the names of sampled values in a text."""
    return {match[1] for match in VALUE.finditer(text)} - set(MARKERS)


def insert_values(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with the sampled values inserted; unknown names stay, and are a fault when
    rendered.
    """
    return VALUE.sub(lambda match: values.get(match[1], match[0]), text)


def render(text: str, *, inline: bool = False) -> Rendered:
    """Render Markdown; `inline` for a title or a caption, without a paragraph around it.

    Raises:
        NoKatex: the front end was not built.
    """
    conversion = _Conversion()
    source = conversion.extract(clean(text).replace(OPEN, "").replace(CLOSE, ""))
    source = CHINESE_LINE_BREAK.sub("", source)
    parsed = _markdown().renderInline(source) if inline else _markdown().render(source)
    safe = nh3.clean(
        parsed,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener",
    )
    conversion.find_open_emphasis(safe)
    return Rendered(conversion.insert(safe), conversion.faults, conversion.formula_count)


def fill_markers(stored: str, **replacements: str) -> str:
    """Return stored HTML with its markers replaced: `figure` (an SVG), `verdicts`, `reference`. A
    marker without replacement is removed, a figure with its caption.
    """
    filled = COMMENT.sub(lambda match: replacements.get(match[1], ""), stored)
    return EMPTY_FIGURE.sub("", filled)


def _markdown() -> MarkdownIt:
    return (
        MarkdownIt("commonmark", {"html": False, "linkify": False})
        .enable(["table", "strikethrough"])
        .disable("image")
    )


@dataclass(frozen=True)
class _Extract:
    """A part of the text that Markdown must not see."""

    kind: str  # inline, display (formulas), text, code, fence, or a marker
    text: str
    offset: int

    @property
    def is_formula(self) -> bool:
        return self.kind in ("inline", "display")


@dataclass(frozen=True)
class _Insert:
    """What a placeholder becomes."""

    html: str
    is_block: bool = False


class _Conversion:
    """The conversion of one text: what was extracted from it, and its faults."""

    def __init__(self) -> None:
        self.extracts: list[_Extract] = []
        self.faults: list[tuple[str, int]] = []
        self.formula_count = 0
        self.source = ""

    def extract(self, text: str) -> str:
        """Return `text` with placeholders for what Markdown must not see."""
        self.source = text
        return EXTRACTED.sub(self._extract, text)

    def _extract(self, match: re.Match[str]) -> str:
        if match["dollar"]:
            return self._placeholder("text", "$", match.start())
        if match["fence"]:
            body = match["fence"].replace("\n" + match["indent"], "\n")
            return f"\n{match['indent']}{self._placeholder('fence', body, match.start())}\n"
        if match["code"]:
            return self._placeholder("code", match["code"].strip("`"), match.start())
        if match["marker"]:
            return self._marker(match)
        kind = "display" if match["display"] is not None else "inline"
        if unknown := VALUE.search(match[kind]):
            message = f"{unknown[0]} is not a sampled value, and TeX needs no double braces"
            self.faults.append((message, match.start(kind) + unknown.start()))
        return self._placeholder(kind, match[kind], match.start())

    def _marker(self, match: re.Match[str]) -> str:
        name, argument = match["marker"], match["argument"]
        if name not in MARKERS:
            message = f"{match[0]} is neither a sampled value nor a marker ({', '.join(MARKERS)})"
            self.faults.append((message, match.start()))
            return self._placeholder("text", match[0], match.start())
        if (argument is not None) != (name == "figure"):
            message = "write {{figure: caption}}, {{verdicts}} and {{reference}}"
            self.faults.append((message, match.start()))
        return self._placeholder(name, (argument or "").strip(), match.start())

    def _placeholder(self, kind: str, text: str, offset: int) -> str:
        self.extracts.append(_Extract(kind, text, offset))
        return f"{OPEN}{len(self.extracts) - 1}{CLOSE}"

    def find_open_emphasis(self, safe: str) -> None:
        """Add a fault for emphasis that is not closed: an asterisk or two underscores that are
        still in the text.
        """
        text = html.unescape(re.sub(r"<[^>]*>", "", safe))
        if match := re.search(r"\*+|__", text):  # the next one belongs to the same pair
            context = PLACEHOLDER.split(text[match.end() : match.end() + 8])[0].split("\n")[0]
            start = match[0] + context
            offset = max(self.source.find(start), 0)
            self.faults.append((f"“{start}”: emphasis that is not closed", offset))

    def insert(self, cleaned: str) -> str:
        """Return HTML with what its placeholders stand for."""
        safe = TAG.sub(lambda tag: PLACEHOLDER.sub(self._source_in_attribute, tag[0]), cleaned)
        inserts = self._inserts()
        split = PARAGRAPH.sub(lambda match: _split_at_blocks(match, inserts), safe)
        joined = PUNCTUATED.sub(lambda match: self._with_punctuation(match, inserts), split)
        return PLACEHOLDER.sub(
            lambda match: inserts[int(match[1])].html if int(match[1]) < len(inserts) else "",
            joined,
        ).strip()

    def _with_punctuation(self, match: re.Match[str], inserts: Sequence[_Insert]) -> str:
        """Return a formula and the punctuation around it, which no line break separates."""
        number = int(match["number"])
        extract = self.extracts[number] if number < len(self.extracts) else None
        placeholder = f"{OPEN}{number}{CLOSE}"
        if extract is None or extract.kind != "inline" or match[0] == placeholder:
            return match[0]
        formula = inserts[number].html
        if len(extract.text) > MAX_UNBROKEN_CHARS:
            before, base, rest = formula.partition(KATEX_BASE)
            formula = before + base + rest.replace(KATEX_BASE, f"<wbr>{KATEX_BASE}")
        return f'<span class="unbroken">{match[0].replace(placeholder, formula)}</span>'

    def _inserts(self) -> list[_Insert]:
        formulas = iter(
            tex.render_formulas(
                [
                    (extract.text, extract.kind == "display")
                    for extract in self.extracts
                    if extract.is_formula
                ]
            )
        )
        inserts = []
        for extract in self.extracts:
            if extract.is_formula:
                formula = next(formulas)
                self.formula_count += 1
                if formula.error:
                    self.faults.append((f"TeX: {formula.error}", extract.offset))
                inserts.append(_Insert(formula.html))
            else:
                inserts.append(self._insert(extract))
        return inserts

    def _source_in_attribute(self, placeholder: re.Match[str]) -> str:
        """Return what stands in an attribute, which cannot hold HTML: the title of a link has a
        formula's TeX.
        """
        number = int(placeholder[1])
        return html.escape(self.extracts[number].text) if number < len(self.extracts) else ""

    def _insert(self, extract: _Extract) -> _Insert:
        match extract.kind:
            case "text":
                return _Insert(html.escape(extract.text))
            case "code":
                return _Insert(f"<code>{html.escape(' '.join(extract.text.split()))}</code>")
            case "fence":
                info, _, code = extract.text.partition("\n")
                if re.search(r"^[`~]{3,}\s*$", code, re.MULTILINE):
                    code = code.rstrip().rpartition("\n")[0]
                language = info.strip("`~ ").split(" ")[0]
                return _Insert(highlight_code(code, language), is_block=True)
            case "figure":
                caption = render(extract.text, inline=True)
                self.faults += [(message, extract.offset) for message, _offset in caption.faults]
                body = f"<!--gradus:figure--><figcaption>{caption.html}</figcaption>"
                return _Insert(f'<figure class="plate">{body}</figure>', is_block=True)
        return _Insert(f"<!--gradus:{extract.kind}-->", is_block=True)


def _split_at_blocks(paragraph: re.Match[str], inserts: list[_Insert]) -> str:
    """Return a paragraph that is closed before each block in it, and opened again after it."""
    inside = PLACEHOLDER.sub(
        lambda match: f"</p>{match[0]}<p>" if inserts[int(match[1])].is_block else match[0],
        paragraph[1],
    )
    return re.sub(r"<p>\s*</p>", "", f"<p>{inside}</p>")
