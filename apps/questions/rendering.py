"""The bank's Markdown as HTML: markdown-it, then nh3, then what nh3 would strip is put back into
its places.

Formulas, code and markers are taken out of the text before Markdown sees it, so that no underscore
of TeX becomes emphasis. What they leave is a character of Unicode's private use with a number; it
passes through Markdown and nh3 as a letter would.

`{{name}}` is a drawn value, `{{figure: caption}}`, `{{verdicts}}`, `{{reference}}` are markers:
they stay in the HTML, as comments that no text can forge, until `served` puts in what the reader is
to see.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import nh3
from markdown_it import MarkdownIt

from apps.common.highlighting import highlight_code
from apps.common.text import clean
from apps.questions import tex

MARKERS = ("verdicts", "figure", "reference")
OPEN, CLOSE = "\ue000", "\ue001"
PLACE = re.compile(f"{OPEN}([0-9]+){CLOSE}")
TAG = re.compile(r'<[a-z/](?:[^<>"]|"[^"]*")*>')  # as nh3 writes it
TAKEN_OUT = re.compile(
    r"^(?P<indent> *)(?P<fence>(?P<ticks>`{3,}|~{3,})[^\n]*\n.*?(?:^ *(?P=ticks)[`~]*[ \t]*$|\Z))"
    r"|(?P<code>(?P<run>`+)(?!`).*?(?<!`)(?P=run)(?!`))"
    r"|(?P<dollar>\\\$)"
    r"|\$\$(?P<display>.+?)\$\$"
    r"|\$(?P<inline>(?!\s)(?:\\.|\n(?!\s*\n)|[^$\\\n])+?(?<!\s))\$"
    r"|\{\{\s*(?P<marker>[A-Za-z_0-9-]+)\s*(?::(?P<argument>[^{}]*(?:\{[^{}]*\}[^{}]*)*))?\}\}",
    re.DOTALL | re.MULTILINE,
)
# a browser would show a space
BROKEN_CHINESE = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])")
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


@dataclass
class Rendered:
    """HTML, and what is wrong with the text: (what, the place in the text where it is, as an
    offset).
    """

    html: str = ""
    faults: list[tuple[str, int]] = field(default_factory=list)
    formulas: int = 0


def value_names(text: str) -> set[str]:
    """Return the names in double braces that are drawn values."""
    return {match[1] for match in VALUE.finditer(text)} - set(MARKERS)


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with the drawn values in their places; unknown names stay, and are a fault when
    rendered.
    """
    return VALUE.sub(lambda match: values.get(match[1], match[0]), text)


def render(text: str, *, inline: bool = False) -> Rendered:
    """Return Markdown as HTML; `inline` for a title or a caption, without a paragraph around it.

    Raises:
        NoKatex: the front end was not built.
    """
    work = _Work()
    source = work.take_out(clean(text).replace(OPEN, "").replace(CLOSE, ""))
    source = BROKEN_CHINESE.sub("", source)
    parsed = _markdown().renderInline(source) if inline else _markdown().render(source)
    safe = nh3.clean(
        parsed,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener",
    )
    work.find_asterisks(safe)
    return Rendered(work.put_back(safe), work.faults, work.formulas)


def served(page: str, **replacements: str) -> str:
    """Return stored HTML with its markers replaced: `figure` (an SVG), `verdicts`, `reference`.
    What is not given is nothing.
    """
    whole = COMMENT.sub(lambda match: replacements.get(match[1], ""), page)
    return re.sub(
        r'<figure class="plate"><figcaption>.*?</figcaption></figure>', "", whole, flags=re.DOTALL
    )


def _markdown() -> MarkdownIt:
    return (
        MarkdownIt("commonmark", {"html": False, "linkify": False})
        .enable(["table", "strikethrough"])
        .disable("image")
    )


class _Work:
    """One text on its way: what was taken out of it, and what was found wrong."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, int]] = []  # (kind, what, where)
        self.faults: list[tuple[str, int]] = []
        self.formulas = 0
        self.source = ""

    def take_out(self, text: str) -> str:
        self.source = text
        return TAKEN_OUT.sub(self._take, text)

    def _take(self, match: re.Match[str]) -> str:
        if match["dollar"]:
            return self._keep("text", "$", match.start())
        if match["fence"]:
            body = match["fence"].replace("\n" + match["indent"], "\n")
            return f"\n{match['indent']}{self._keep('fence', body, match.start())}\n"
        if match["code"]:
            return self._keep("code", match["code"].strip("`"), match.start())
        if match["marker"]:
            return self._marker(match)
        kind = "display" if match["display"] is not None else "inline"
        if unknown := VALUE.search(match[kind]):
            what = f"{unknown[0]} is not a drawn value, and TeX needs no double braces"
            self.faults.append((what, match.start(kind) + unknown.start()))
        return self._keep(kind, match[kind], match.start())

    def _marker(self, match: re.Match[str]) -> str:
        name, argument = match["marker"], match["argument"]
        if name not in MARKERS:
            self.faults.append(
                (
                    f"{match[0]} is neither a drawn value nor a marker ({', '.join(MARKERS)})",
                    match.start(),
                )
            )
            return self._keep("text", match[0], match.start())
        if (argument is not None) != (name == "figure"):
            self.faults.append(
                ("write {{figure: caption}}, {{verdicts}} and {{reference}}", match.start())
            )
        return self._keep(name, (argument or "").strip(), match.start())

    def _keep(self, kind: str, what: str, where: int) -> str:
        self.kept.append((kind, what, where))
        return f"{OPEN}{len(self.kept) - 1}{CLOSE}"

    def find_asterisks(self, safe: str) -> None:
        """Note emphasis that was not closed: an asterisk or an underscore pair that Markdown left
        in the text.
        """
        words = html.unescape(re.sub(r"<[^>]*>", "", safe))
        if match := re.search(r"\*+|__", words):  # the first: what follows is of the same pair
            around = PLACE.split(words[match.end() : match.end() + 8])[0].split("\n")[0]
            found = self.source.find(match[0] + around)
            self.faults.append(
                (f"“{match[0]}{around}”: emphasis that is not closed", max(found, 0))
            )

    def put_back(self, cleaned: str) -> str:
        safe = TAG.sub(lambda tag: PLACE.sub(self._as_written, tag[0]), cleaned)
        set_ = iter(
            tex.formulas(
                [
                    (what, kind == "display")
                    for kind, what, _at in self.kept
                    if kind in ("inline", "display")
                ]
            )
        )
        text_rows: list[tuple[str, bool]] = []  # HTML, and whether it is a block
        for kind, what, where in self.kept:
            if kind in ("inline", "display"):
                formula = next(set_)
                self.formulas += 1
                if formula.error:
                    self.faults.append((f"TeX: {formula.error}", where))
                text_rows.append((formula.html, False))
            else:
                text_rows.append(self._piece(kind, what, where))
        apart = PARAGRAPH.sub(lambda match: _apart(match, text_rows), safe)
        return PLACE.sub(
            lambda match: text_rows[int(match[1])][0] if int(match[1]) < len(text_rows) else "",
            apart,
        ).strip()

    def _as_written(self, place: re.Match[str]) -> str:
        """Return what stands in an attribute, where no HTML can: a link's title keeps its formula
        as it was written.
        """
        number = int(place[1])
        return html.escape(self.kept[number][1]) if number < len(self.kept) else ""

    def _piece(self, kind: str, what: str, where: int) -> tuple[str, bool]:
        match kind:
            case "text":
                return html.escape(what), False
            case "code":
                return f"<code>{html.escape(' '.join(what.split()))}</code>", False
            case "fence":
                first, _, rest = what.partition("\n")
                body = (
                    rest.rstrip().rpartition("\n")[0]
                    if re.search(r"^[`~]{3,}\s*$", rest, re.MULTILINE)
                    else rest
                )
                return highlight_code(body, first.strip("`~ ").split(" ")[0]), True
            case "figure":
                caption = render(what, inline=True)
                self.faults += [(fault, where) for fault, _at in caption.faults]
                return (
                    (
                        "<figure "
                        f'class="plate"><!--gradus:figure--><figcaption>{caption.html}</figcaption></figure>'
                    ),
                    True,
                )
        return f"<!--gradus:{kind}-->", True


def _apart(match: re.Match[str], text_rows: list[tuple[str, bool]]) -> str:
    """Return a paragraph, ended before each block in it and begun anew behind."""
    inside = PLACE.sub(
        lambda place: f"</p>{place[0]}<p>" if text_rows[int(place[1])][1] else place[0], match[1]
    )
    return re.sub(r"<p>\s*</p>", "", f"<p>{inside}</p>")
