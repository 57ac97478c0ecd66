"""Markdown with TeX and code to safe HTML, for every kind of text: markdown-it, then nh3 (a
sanitizer), then what nh3 would strip is inserted again.

Formulas, code and what else Markdown must not see are extracted before it is parsed, so that no
underscore of TeX becomes emphasis. Each leaves a placeholder, a number between two characters of
Unicode's private use area, which passes through markdown-it and nh3 like letters. No text can hold
those characters, nor an entity that stands for them.

A kind of text is a `Dialect` and a child of `Conversion`: the bank's in `rendering`, that of posts
in `apps.discussions.post_markdown`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import nh3
from markdown_it import MarkdownIt

from apps.common.highlighting import highlight_code
from apps.common.text import clean
from apps.questions import tex

OPEN, CLOSE = "\ue000", "\ue001"
PLACEHOLDER = re.compile(f"{OPEN}([0-9]+){CLOSE}")
FORGED = re.compile(r"&#(?:[xX]0*[eE]00[01]|0*5734[45]);")  # entities of OPEN and CLOSE
# A browser may break a line between a formula and the punctuation around it, so that a line begins
# with a comma or ends with an opening bracket; no character between them prevents that.
PUNCTUATED = re.compile(
    r"(?<![（「『《“‘【〈〔〖［｛(\[{])[（「『《“‘【〈〔〖［｛(\[{]*+"
    f"(?:<(?P<tag>strong|em)>)?{OPEN}(?P<number>[0-9]+){CLOSE}(?(tag)</(?P=tag)>)"
    r"[，。、；：！？）」』》”’】〉〕〗］｝％,.;:!?)\]}%]*"
)
MAX_UNBROKEN_CHARS = 24  # of TeX; a longer formula may be broken inside
KATEX_BASE = '<span class="katex-base">'  # a part of a formula that is never broken
TAG = re.compile(r'<[a-z/](?:[^<>"]|"[^"]*")*>')  # as nh3 writes it
# a browser would show a line break between two Chinese characters as a space
CHINESE_LINE_BREAK = re.compile(
    r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])"
)
PARAGRAPH = re.compile(r"<p>((?:(?!</?p>).)*)</p>", re.DOTALL)
INLINE_TAG_OR_PLACEHOLDER = re.compile(
    f"<(?P<slash>/?)(?P<tag>[a-z0-9]+)[^>]*>|{OPEN}(?P<number>[0-9]+){CLOSE}"
)
EMPTY_INLINE = re.compile(r"<(em|strong|s|a|sup|sub)(?: [^>]*)?></\1>")
VOID_TAGS = {"br", "img"}

# ---------------------------------------------------------------- what Markdown must not see

FENCE = (
    r"^(?P<indent> *+)(?P<fence>(?P<ticks>`{3,}+(?=[^`\n]*\n)|~{3,}+)[^\n]*\n"
    r".*?(?:^ *(?P=ticks)[`~]*[ \t]*$|\Z))"
)
CODE = r"(?P<code>(?<!`)(?P<run>`++).*?(?<!`)(?P=run)(?!`))"
DOLLAR = r"(?P<dollar>\\\$)"
DISPLAY = r"\$\$(?P<display>.+?)\$\$"
INLINE = r"\$(?P<inline>(?!\s)(?:\\.|\n(?!\s*\n)|[^$\\\n])+?(?<!\s))\$"


def extracted(*alternatives: str) -> re.Pattern[str]:
    """Return the pattern of what a dialect extracts; it must have the five groups above."""
    return re.compile("|".join(alternatives), re.DOTALL | re.MULTILINE)


TAGS = frozenset(
    [
        *("p", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li"),
        *("a", "br", "hr", "sup", "sub"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    ]
)
PEOPLES_LINK_REL = "nofollow ugc noopener"  # of links in what people write
ATTRIBUTES: Mapping[str, set[str]] = {
    "a": {"href", "title"},
    "ol": {"start"},
    "th": {"class"},
    "td": {"class"},
    "code": {"class"},
}


@dataclass(frozen=True)
class Dialect:
    """What one kind of text may hold. Whatever its HTML has beside these tags and attributes comes
    from a placeholder.
    """

    pattern: re.Pattern[str]  # what is extracted: `extracted`
    tags: frozenset[str]
    attributes: Mapping[str, set[str]]
    link_rel: str
    budget: tex.Budget | None = None  # of its formulas; None: as many as there are
    languages: frozenset[str] | None = None  # of code that is highlighted; None: all
    max_highlighted_chars: int | None = None  # of all its code; the rest has no colours


@dataclass(frozen=True)
class Extract:
    """A part of the text that Markdown must not see."""

    kind: str  # inline, display (formulas), text, code, fence, or one of the dialect's
    text: str
    offset: int  # in the whole text
    source: str = ""  # as it was written

    @property
    def is_formula(self) -> bool:
        return self.kind in ("inline", "display")


@dataclass(frozen=True)
class Insert:
    """What a placeholder becomes."""

    html: str
    is_block: bool = False


def without_placeholders(text: str) -> str:
    """Return a text that can be stored, without the two characters that make a placeholder."""
    return clean(text).replace(OPEN, "").replace(CLOSE, "")


class Conversion:
    """The conversion of one text: what was extracted from it, and its faults, each a message and an
    offset. A kind of text has its own `dialect`, and overrides `extract_own` and `insert_own` for
    what its dialect extracts beside formulas and code.
    """

    dialect: ClassVar[Dialect]

    def __init__(self) -> None:
        self.extracts: list[Extract] = []
        self.faults: list[tuple[str, int]] = []
        self.formula_count = 0
        self.highlighted_chars = 0
        self.place: Callable[[int], int] = int  # of an offset in what is being extracted from

    # ------------------------------------------------------------ before Markdown

    def extract(self, text: str, place: Callable[[int], int] = int) -> str:
        """Return a text with placeholders for what Markdown must not see.

        Args:
            place: returns where in the whole text an offset in this one lies.
        """
        self.place = place
        source = self.dialect.pattern.sub(self._extract, text)
        return CHINESE_LINE_BREAK.sub("", FORGED.sub("\ufffd", source))

    def _extract(self, match: re.Match[str]) -> str:
        if match["dollar"]:
            return self.placeholder("text", "$", match)
        if match["fence"]:
            body = match["fence"].replace("\n" + match["indent"], "\n")
            return f"\n{match['indent']}{self.placeholder('fence', body, match)}\n"
        if match["code"]:
            return self.placeholder("code", match["code"].strip("`"), match)
        for kind in ("display", "inline"):
            if match[kind] is not None:
                self.check_formula(match, kind)
                return self.placeholder(kind, match[kind], match)
        return self.extract_own(match)

    def check_formula(self, match: re.Match[str], kind: str) -> None:
        """Add faults of a formula that KaTeX would not find."""

    def extract_own(self, match: re.Match[str]) -> str:
        """Return what stands for a match of the dialect's own: text or a placeholder."""
        raise NotImplementedError

    def placeholder(self, kind: str, text: str, match: re.Match[str], group: int | str = 0) -> str:
        return self.add(Extract(kind, text, self.place(match.start(group)), match[group]))

    def add(self, extract: Extract) -> str:
        """Return a new placeholder for an extract."""
        self.extracts.append(extract)
        return f"{OPEN}{len(self.extracts) - 1}{CLOSE}"

    def fault(self, message: str, offset: int) -> None:
        """Add a fault, with its offset in the text that is being extracted from."""
        self.faults.append((message, self.place(offset)))

    # ------------------------------------------------------------ Markdown, and the sanitizer

    def markdown(self) -> MarkdownIt:
        """Return the parser of this conversion."""
        return MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(
            ["table", "strikethrough"]
        )

    def sanitize(self, parsed: str) -> str:
        return nh3.clean(
            parsed,
            tags=set(self.dialect.tags),
            attributes={tag: set(names) for tag, names in self.dialect.attributes.items()},
            url_schemes={"http", "https", "mailto"},
            link_rel=self.dialect.link_rel,
        )

    # ------------------------------------------------------------ after it

    def insert(self, sanitized: str) -> str:
        """Return HTML with what its placeholders stand for."""
        safe = TAG.sub(lambda tag: self._with_attributes(tag[0]), sanitized)
        inserts = self._inserts()
        split = PARAGRAPH.sub(lambda match: _split_at_blocks(match[1], inserts), safe)
        joined = PUNCTUATED.sub(lambda match: self._with_punctuation(match, inserts), split)
        return PLACEHOLDER.sub(
            lambda match: inserts[int(match[1])].html if int(match[1]) < len(inserts) else "",
            joined,
        ).strip()

    def _with_attributes(self, tag: str) -> str:
        """Return a tag whose attributes hold neither HTML nor what looks like a marker: the title
        of a link has a formula's TeX.
        """
        inside = PLACEHOLDER.sub(self._source_in_attribute, tag[1:-1])
        return f"<{inside.replace('<', '&lt;').replace('>', '&gt;')}>"

    def _source_in_attribute(self, placeholder: re.Match[str]) -> str:
        number = int(placeholder[1])
        return html.escape(self.extracts[number].text) if number < len(self.extracts) else ""

    def _with_punctuation(self, match: re.Match[str], inserts: Sequence[Insert]) -> str:
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

    def _inserts(self) -> list[Insert]:
        sources = [
            (extract.text, extract.kind == "display")
            for extract in self.extracts
            if extract.is_formula
        ]
        formulas = iter(tex.render_formulas(sources, self.dialect.budget))
        inserts, over_budget = [], set()
        for extract in self.extracts:
            if extract.is_formula:
                formula = next(formulas)
                self.formula_count += 1
                if formula.error and formula.error not in over_budget:
                    self.faults.append((f"TeX: {formula.error}", extract.offset))
                if formula.is_over_budget:
                    over_budget.add(formula.error)  # one fault for all
                inserts.append(Insert(formula.html))
            else:
                inserts.append(self._insert(extract))
        return inserts

    def _insert(self, extract: Extract) -> Insert:
        match extract.kind:
            case "text":
                return Insert(html.escape(extract.text))
            case "code":
                return Insert(f"<code>{html.escape(' '.join(extract.text.split()))}</code>")
            case "fence":
                return Insert(self._highlighted(extract.text), is_block=True)
        return self.insert_own(extract)

    def _highlighted(self, fence: str) -> str:
        info, _newline, code = fence.partition("\n")
        ticks = info[: len(info) - len(info.lstrip(info[0]))]
        before, _newline, last = code.rstrip().rpartition("\n")
        if re.fullmatch(f" *{ticks}[`~]*", last):
            code = before
        language = info.strip("`~ ").split(" ")[0]
        self.highlighted_chars += len(code)
        limit, languages = self.dialect.max_highlighted_chars, self.dialect.languages
        is_known = languages is None or language.lower() in languages
        if not is_known or (limit is not None and self.highlighted_chars > limit):
            language = ""
        return highlight_code(code, language)

    def insert_own(self, extract: Extract) -> Insert:
        """Return what a placeholder of the dialect's own becomes."""
        raise NotImplementedError


def _split_at_blocks(paragraph: str, inserts: Sequence[Insert]) -> str:
    """Return a paragraph that is closed before each block in it, with the tags that are open there,
    and opened again after it.
    """
    open_tags: list[tuple[str, str]] = []  # name, tag
    is_split_in_tag = False

    def at(match: re.Match[str]) -> str:
        nonlocal is_split_in_tag
        if match["tag"]:
            if match["slash"]:
                if open_tags and open_tags[-1][0] == match["tag"]:
                    open_tags.pop()
            elif match["tag"] not in VOID_TAGS:
                open_tags.append((match["tag"], match[0]))
            return match[0]
        number = int(match["number"])
        if number >= len(inserts) or not inserts[number].is_block:
            return match[0]
        is_split_in_tag |= bool(open_tags)
        closing = "".join(f"</{name}>" for name, _tag in reversed(open_tags))
        opening = "".join(tag for _name, tag in open_tags)
        return f"{closing}</p>{match[0]}<p>{opening}"

    inside = INLINE_TAG_OR_PLACEHOLDER.sub(at, paragraph)
    while is_split_in_tag and (emptied := EMPTY_INLINE.sub("", inside)) != inside:
        inside = emptied
    return re.sub(r"<p>\s*</p>", "", f"<p>{inside}</p>")


def open_emphasis(sanitized: str) -> str:
    """Return where emphasis is not closed: an asterisk or two underscores that are still in the
    text, with what follows; empty: nowhere.
    """
    text = html.unescape(re.sub(r"<[^>]*>", "", sanitized))
    match = re.search(r"\*+|__", text)  # the next one belongs to the same pair
    if match is None:
        return ""
    context = PLACEHOLDER.split(text[match.end() : match.end() + 8])[0].split("\n")[0]
    return match[0] + context
