"""The bank's Markdown to HTML (`conversion`), with sampled values and markers.

`{{name}}` is a sampled value; `{{figure: caption}}`, `{{verdicts}}` and `{{reference}}` are
markers. Markers stay in the HTML, as comments that no text can forge, until `fill_markers` replaces
them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from markdown_it import MarkdownIt

from apps.questions.conversion import (
    ATTRIBUTES,
    CODE,
    DISPLAY,
    DOLLAR,
    FENCE,
    INLINE,
    TAGS,
    Conversion,
    Dialect,
    Extract,
    Insert,
    extracted,
    open_emphasis,
    without_placeholders,
)

MARKERS = ("verdicts", "figure", "reference")
MARKER = (
    r"\{\{\s*(?P<marker>[A-Za-z_0-9-]+)\s*"
    r"(?::(?P<argument>[^{}]*(?:\{[^{}]*\}[^{}]*)*))?\}\}"
)
EXTRACTED = extracted(FENCE, CODE, DOLLAR, DISPLAY, INLINE, MARKER)
VALUE = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_]*)\s*\}\}")
COMMENT = re.compile(r"<!--gradus:([a-z]+)-->")
EMPTY_FIGURE = re.compile(r'<figure class="plate"><figcaption>.*?</figcaption></figure>', re.DOTALL)
BANK = Dialect(EXTRACTED, TAGS | {"h4", "h5"}, ATTRIBUTES, link_rel="noopener")


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
    conversion = _BankConversion()
    text = without_placeholders(text)
    source = conversion.extract(text)
    markdown = conversion.markdown()
    parsed = markdown.renderInline(source) if inline else markdown.render(source)
    safe = conversion.sanitize(parsed)
    if start := open_emphasis(safe):
        conversion.fault(f"“{start}”: emphasis that is not closed", max(text.find(start), 0))
    return Rendered(conversion.insert(safe), conversion.faults, conversion.formula_count)


def fill_markers(stored: str, **replacements: str) -> str:
    """Return stored HTML with its markers replaced: `figure` (an SVG), `verdicts`, `reference`. A
    marker without replacement is removed, a figure with its caption.
    """
    filled = COMMENT.sub(lambda match: replacements.get(match[1], ""), stored)
    return EMPTY_FIGURE.sub("", filled)


class _BankConversion(Conversion):
    dialect = BANK

    def markdown(self) -> MarkdownIt:
        return super().markdown().disable("image")

    def check_formula(self, match: re.Match[str], kind: str) -> None:
        if unknown := VALUE.search(match[kind]):
            message = f"{unknown[0]} is not a sampled value, and TeX needs no double braces"
            self.fault(message, match.start(kind) + unknown.start())

    def extract_own(self, match: re.Match[str]) -> str:
        name, argument = match["marker"], match["argument"]
        if name not in MARKERS:
            message = f"{match[0]} is neither a sampled value nor a marker ({', '.join(MARKERS)})"
            self.fault(message, match.start())
            return self.placeholder("text", match[0], match)
        if (argument is not None) != (name == "figure"):
            self.fault("write {{figure: caption}}, {{verdicts}} and {{reference}}", match.start())
        return self.placeholder(name, (argument or "").strip(), match)

    def insert_own(self, extract: Extract) -> Insert:
        if extract.kind != "figure":
            return Insert(f"<!--gradus:{extract.kind}-->", is_block=True)
        caption = render(extract.text, inline=True)
        self.faults += [(message, extract.offset) for message, _offset in caption.faults]
        body = f"<!--gradus:figure--><figcaption>{caption.html}</figcaption>"
        return Insert(f'<figure class="plate">{body}</figure>', is_block=True)
