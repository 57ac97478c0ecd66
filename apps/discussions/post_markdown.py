"""A post's Markdown to HTML, by the renderer of the bank (`questions.conversion`), with what only
posts have: folds, citations, mentions, pictures.

A citation leaves a marker in the HTML, `<!--gradus:citation-3-->`, and a fold one for its summary,
`<!--gradus:fold:question:adam-step-->`. `embeds` fills them in for each reader: what they show
depends on who reads. No text can forge them.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block import table as table_rule
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from apps.common.text import displayable, is_blank, without_overlap
from apps.discussions import citations, post_blocks
from apps.discussions.citations import CITATION, Cited
from apps.discussions.limits import (
    MAX_CITATIONS,
    MAX_EMPHASIS_DEPTH,
    MAX_FAULTS,
    MAX_FORMULA_CHARS,
    MAX_FORMULA_HEIGHT,
    MAX_FORMULAS,
    MAX_FORMULAS_HEIGHT,
    MAX_HIGHLIGHTED_CHARS,
    MAX_LIST_DEPTH,
    MAX_MENTIONS,
    MAX_PICTURES,
    MAX_TABLE_CELLS,
)
from apps.discussions.post_blocks import Block, Kind, Line
from apps.questions import tex
from apps.questions.conversion import (
    ATTRIBUTES,
    CODE,
    DISPLAY,
    DOLLAR,
    FENCE,
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

RENDERER_VERSION = "5"  # of this module, post_blocks.py and conversion.py
CITATION_MARKER = re.compile(r"<!--gradus:citation-(?P<place>[0-9]+)-->")
FOLD_MARKER = re.compile(r"<!--gradus:fold:(?P<gives_away>[a-z0-9:.-]*)-->")

# ---------------------------------------------------------------- what Markdown must not see

ESCAPE = r"(?P<escape>\\[!-#%-/:-@\[-`{-~])"  # of anything but a dollar sign, which is extracted
# `$5-$10` is no formula
INLINE = r"\$(?P<inline>(?!\s)(?:\\.|\n(?!\s*\n)|[^$\\\n])+?(?<!\s))\$(?![0-9])"
# a full stop after a citation stays with the sentence before it
CITED = (
    rf"(?<![ \t])(?P<gap>[ \t]*+)(?P<citation>{CITATION.pattern})(?!\()"
    r"(?P<after>[.,;:!?)，。；：！？、）]*)"
)
# Addresses in a sentence are ASCII, so that Chinese may follow at once; the last ones of these
# characters are the sentence's, and so is a bracket that was not opened.
URL_CHARS = r"[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]"
URL = rf"(?<![A-Za-z0-9])(?P<url>https?://{URL_CHARS}+|<https?://[^<>\s]+>)"
HAN = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
MENTION = (
    rf"(?<![^\W{HAN}])(?<![@/+=&\-\\])@(?P<mention>[A-Za-z0-9][A-Za-z0-9_-]{{1,29}})"
    rf"(?![^\W{HAN}])(?![@\-])"
)

# whose lexers need at most half a second for `MAX_HIGHLIGHTED_CHARS` of anything; others need more
LANGUAGES = frozenset(
    [
        *("bash", "c", "c++", "cpp", "css", "cuda", "diff", "go", "html", "ini", "javascript"),
        *("js", "json", "julia", "latex", "md", "py", "pycon", "python", "python3", "r", "rs"),
        *("rust", "sh", "shell", "sql", "tex", "text", "toml", "ts", "typescript", "xml"),
        *("yaml", "yml"),
    ]
)
# of an address the host is what a reader sees: no names and passwords before it
SITE = re.compile(r"https?://[A-Za-z0-9._-]+(?::[0-9]{1,5})?(?:[/?#]|\Z)", re.IGNORECASE)
MAIL = re.compile(r"mailto:[^/?#]", re.IGNORECASE)
LOCAL = re.compile(r"/(?![/\\])|#")
PICTURE = re.compile(r"/pictures/(?P<sha256>[0-9a-f]{64})\.(?:png|jpeg|webp)")
POSTS = Dialect(
    extracted(ESCAPE, FENCE, CODE, DOLLAR, DISPLAY, INLINE, CITED, URL, MENTION),
    TAGS | {"details", "summary", "img"},
    {
        **ATTRIBUTES,
        "details": {"class"},
        "img": {"src", "alt", "loading", "title"},
    },
    link_rel=PEOPLES_LINK_REL,
    budget=tex.Budget(
        formulas=MAX_FORMULAS,
        chars=MAX_FORMULA_CHARS,
        html_chars=1_000_000,
        height=MAX_FORMULAS_HEIGHT,
        formula_height=MAX_FORMULA_HEIGHT,
        seconds=0.3,
        formula_seconds=0.2,
    ),
    languages=LANGUAGES,
    max_highlighted_chars=MAX_HIGHLIGHTED_CHARS,
)
# a list is two levels of the parser, and what is below its limit would be lost: `finish_tokens`
MAX_NESTING = 2 * MAX_LIST_DEPTH + 1
ITEMS = ("list_item_open", "blockquote_open")
EMPHASIS = frozenset(f"{name}_{end}" for name in ("em", "strong", "s") for end in ("open", "close"))
STRONG = (Token("strong_open", "strong", 1), Token("strong_close", "strong", -1))
HREF = re.compile(r'<a href="([^"]*)"')
UNLINKED = re.compile(r'<a(?! href=)(?: [a-z]+="[^"]*")*>(.*?)</a>', re.DOTALL)  # by nh3


@dataclass(frozen=True)
class RenderedPost:
    """HTML, and what stands in it. `faults` are messages for the author, each with its offset in
    the text.
    """

    html: str
    citations: list[Cited] = field(default_factory=list)
    mentions: list[str] = field(default_factory=list)  # handles, as written, each once
    links: list[str] = field(default_factory=list)  # that lead off this site
    pictures: list[str] = field(default_factory=list)  # sha256 of uploaded ones
    faults: list[tuple[str, int]] = field(default_factory=list)


def version() -> str:
    """Return the version of everything that renders posts."""
    return f"{RENDERER_VERSION}-{tex.katex_digest()}"


def render_post(text: str) -> RenderedPost:
    """Render a post of at most `MAX_TEXT_LENGTH`.

    Raises:
        NoKatex: the front end was not built.
    """
    return _PostConversion().convert(displayable(without_placeholders(text)))


class _Markdown(MarkdownIt):
    """A parser that asks its conversion which links it may make. All code is extracted before."""

    def __init__(self, conversion: _PostConversion) -> None:
        super().__init__("commonmark", {"html": False, "maxNesting": MAX_NESTING})
        self.conversion = conversion
        self.enable(["table", "strikethrough"]).disable(["code", "fence", "backticks"])
        self.block.ruler.at("table", conversion.table, {"alt": ["paragraph", "reference"]})
        self.core.ruler.push("posts", conversion.finish_tokens)

    def normalizeLink(self, url: str) -> str:  # noqa: N802 - markdown-it's name
        return super().normalizeLink(self.conversion.as_written(url))

    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        return self.conversion.may_link(url)


class _PostConversion(Conversion):
    dialect = POSTS

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.citations: list[Cited] = []
        self.places: dict[Extract, int] = {}  # of citations
        self.mentions: dict[str, str] = {}  # by their lower case
        self.pictures: list[str] = []
        self.table_cells = 0
        self.parser = _Markdown(self)
        self.environment: dict[str, Any] = {}  # references, which all blocks share

    def convert(self, text: str) -> RenderedPost:
        self.text = text
        blocks = post_blocks.Splitter(self.faults).split(text)
        sanitized = self.sanitize("".join(map(self._block, blocks)))
        safe = displayable(UNLINKED.sub(r"\1", sanitized))
        links = dict.fromkeys(html.unescape(href) for href in HREF.findall(safe))
        return RenderedPost(
            html=without_overlap(self.insert(safe)),
            citations=self.citations,
            mentions=list(self.mentions.values())[:MAX_MENTIONS],
            links=[link for link in links if _leads_off(link)],
            pictures=list(dict.fromkeys(self.pictures)),
            faults=sorted(dict.fromkeys(self.faults), key=lambda fault: fault[1])[:MAX_FAULTS],
        )

    # ------------------------------------------------------------ blocks

    def _block(self, block: Block) -> str:
        match block.kind:
            case Kind.TEXT:
                return self._markdown(block.lines)
            case Kind.QUOTE:
                return f"<blockquote>{self._inside(block)}</blockquote>"
            case Kind.FOLD:
                summary = self.add(Extract("fold", block.gives_away, 0))
                return (
                    f'<details class="spoiler"><summary>{summary}</summary>'
                    f"{self._inside(block)}</details>"
                )

    def _inside(self, block: Block) -> str:
        return "".join(map(self._block, block.blocks))

    def _markdown(self, lines: Sequence[Line]) -> str:
        if not any(line.text.strip() for line in lines):
            return ""
        starts, length = [], 0
        for line in lines:
            starts.append(length)
            length += len(line.text) + 1

        def place(offset: int) -> int:
            number = bisect_right(starts, offset) - 1
            return lines[number].offset + offset - starts[number]

        source = self.extract("\n".join(line.text for line in lines), place)
        return str(self.parser.render(source, self.environment))

    # ------------------------------------------------------------ what is extracted

    def extract_own(self, match: re.Match[str]) -> str:
        if match["citation"]:
            return self._cited(match)
        if match["url"]:
            return self._url(match)
        if match["mention"]:
            return self.placeholder("mention", match[0], match)
        return match[0]  # an escaped character is Markdown's

    def _cited(self, match: re.Match[str]) -> str:
        gap, written, after = match["gap"], match["citation"], match["after"]
        if citations.parse(written) is None:
            self.fault(_advice(written), match.start("citation"))
            return f"{gap}{self.placeholder('text', written, match, 'citation')}{after}"
        citation = self.placeholder("citation", written, match, "citation")
        line = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.start()]
        # of a sentence that the punctuation ends; an address has no space before it
        if re.search(r"\w", line) and (gap or not after.isascii()):
            return f"{after}{gap}{citation}"
        return f"{gap}{citation}{after}"

    def _url(self, match: re.Match[str]) -> str:
        written = match["url"]
        if written.startswith("<"):
            url, rest = written[1:-1], ""
        else:
            url = written
            while url and (
                url[-1] in ".,;:!?'*_~&" or (url[-1] == ")" and url.count(")") > url.count("("))
            ):
                url = url[:-1]
            rest = written[len(url) :]
        if not SITE.match(url):
            return match[0]
        return self.add(Extract("url", url, self.place(match.start()), url)) + rest

    def as_written(self, text: str) -> str:
        """Return a text with what its placeholders stood for."""
        return PLACEHOLDER.sub(lambda match: self.extracts[int(match[1])].source, text)

    # ------------------------------------------------------------ what Markdown asks

    def may_link(self, url: str) -> bool:
        """Return whether a normalized address may be linked to; if not, add a fault."""
        if LOCAL.match(url) or SITE.match(url) or MAIL.match(url):
            return True
        if url:
            message = _("“%(url)s” is no link: write https://, http://, mailto: or /path.")
            self.faults.append((message % {"url": url[:60]}, max(self.text.find(url), 0)))
        return False

    def table(self, state: StateBlock, start: int, end: int, silent: bool) -> bool:
        """Parse a table, unless the post has too many cells; then it and those after it are text.
        A short row is filled up, so that few characters can make many cells.
        """
        if self.table_cells > MAX_TABLE_CELLS or not table_rule(state, start, end, True):
            return False
        if silent:
            return True
        row = start + 1
        rule = state.src[state.bMarks[row] : state.eMarks[row]].strip().strip("|")
        columns = rule.count("|") + 1
        while row < end and not state.isEmpty(row):
            row += 1
        self.table_cells += columns * (row - start)
        if self.table_cells > MAX_TABLE_CELLS:
            message = _("The tables of a post have at most %(count)d cells.")
            offset = max(self.text.find(state.src[state.bMarks[start] : state.eMarks[start]]), 0)
            self.faults.append((message % {"count": MAX_TABLE_CELLS}, offset))
            return False
        return table_rule(state, start, end, False)

    def finish_tokens(self, state: StateCore) -> None:
        """Make of parsed Markdown what posts have: no headings, links for bare addresses, pictures
        of this site; and no citation or mention in a link.
        """
        if any(token.type in ITEMS and token.level >= MAX_NESTING - 1 for token in state.tokens):
            message = _("Lists nest at most %(count)d deep.") % {"count": MAX_LIST_DEPTH}
            self.faults.append((message, self.place(0)))
            state.tokens = _as_lines(state.src)
        is_heading = False
        for token in state.tokens:
            if token.type in ("heading_open", "heading_close"):
                is_heading = token.type == "heading_open"
                token.tag = "p"
            elif token.type == "inline":
                children = self._inline(token.children or [])
                token.children = [*STRONG[:1], *children, *STRONG[1:]] if is_heading else children
            elif style := token.attrs.pop("style", ""):
                token.attrs["class"] = str(style).replace("text-align:", "align-")

    def _inline(self, tokens: Sequence[Token]) -> list[Token]:
        finished: list[Token] = []
        in_link = False
        depth = 0  # of emphasis; what is deeper looks the same, and would be repeated at each block
        for token in tokens:
            if token.type == "link_open":
                in_link = bool(token.attrs["href"])  # of `[a]()` it is empty
            if token.type in EMPHASIS:
                depth += max(token.nesting, 0)
                finished += [token] if depth <= MAX_EMPHASIS_DEPTH else []
                depth += min(token.nesting, 0)
            elif token.type == "image":
                finished += self._picture(token, in_link)
            elif token.type == "text":
                finished += self._words(token.content, in_link)
            elif token.type not in ("link_open", "link_close") or in_link:
                finished.append(token)
            if token.type == "link_close":
                in_link = False
        return finished

    def _words(self, text: str, in_link: bool) -> Iterator[Token]:
        """Yield tokens for a text in which placeholders stand."""
        end = 0
        for match in PLACEHOLDER.finditer(text):
            extract = self.extracts[int(match[1])]
            if extract.kind not in ("url", "citation", "mention"):
                continue
            yield _text(text[end : match.start()])
            end = match.end()
            if in_link:
                yield _text(extract.text)
            elif extract.kind == "url":
                yield from _link(self.parser.normalizeLink(extract.text), extract.text)
            elif extract.kind == "mention":
                self._mention(extract)
                yield _text(match[0])
            elif len(self.citations) < MAX_CITATIONS:
                self.places[extract] = len(self.citations)
                self.citations.append(_parsed(extract))
                yield _text(match[0])
            else:
                message = _("Only the first %(count)d citations of a post are shown in it.")
                self.faults.append((message % {"count": MAX_CITATIONS}, extract.offset))
                run = reverse("experiments:run", args=[_parsed(extract).run])
                yield from _link(run, extract.text)
        yield _text(text[end:])

    def _mention(self, extract: Extract) -> None:
        handle = extract.text.removeprefix("@")
        if self.mentions.setdefault(handle.lower(), handle) and len(self.mentions) > MAX_MENTIONS:
            message = _("Only the first %(count)d people whom a post mentions are notified.")
            self.faults.append((message % {"count": MAX_MENTIONS}, extract.offset))

    def _picture(self, token: Token, in_link: bool) -> Iterator[Token]:
        """Yield an uploaded picture; a link to any other."""
        source = str(token.attrs["src"])
        words = "".join(child.content for child in token.children or [])
        if (uploaded := PICTURE.fullmatch(source)) and len(self.pictures) < MAX_PICTURES:
            self.pictures.append(uploaded["sha256"])
            if is_blank(words):
                token.children = [_text(_("picture"))]
            token.attrs["loading"] = "lazy"
            yield token
            return
        if not source:
            yield from self._words(words, in_link)
            return
        if uploaded:
            message = _("A post shows at most %(count)d pictures.") % {"count": MAX_PICTURES}
        else:
            message = _("A picture of another site is shown as a link. Upload it to show it here.")
        self.faults.append((message, max(self.text.find(self.as_written(token.content)), 0)))
        words = source if is_blank(words) else words
        if in_link:
            yield from self._words(words, in_link)
        else:
            yield from _link(source, words)

    # ------------------------------------------------------------ what is inserted

    def insert_own(self, extract: Extract) -> Insert:
        if extract.kind == "fold":
            return Insert(f"<!--gradus:fold:{extract.text}-->")
        if extract.kind == "mention":
            return Insert(f'<span class="mention">{html.escape(extract.text)}</span>')
        if extract in self.places:
            return Insert(f"<!--gradus:citation-{self.places[extract]}-->", is_block=True)
        return Insert(html.escape(extract.text))


def _parsed(extract: Extract) -> Cited:
    cited = citations.parse(extract.text)
    assert cited is not None, "what is no citation is extracted as text"
    return cited


def _advice(written: str) -> str:
    """Return the message about what is nearly a citation."""
    if written.startswith("[run:"):
        right = _("[run:RUN], where RUN is the whole id of a run, as its address has it")
    elif written.startswith("[claim:"):
        right = _("[claim:lab.claim@RUN], where RUN is the whole id of the run that measured it")
    else:
        right = _("[point:RUN/arm/series/step], its parts percent-encoded")
    message = _("“%(written)s” cites nothing: write %(right)s.")
    return message % {"written": written[:60], "right": right}


def _leads_off(link: str) -> bool:
    """Return whether a link leads off this site."""
    if LOCAL.match(link):
        return False
    return (
        MAIL.match(link) is not None or urlsplit(link).netloc != urlsplit(settings.SITE_URL).netloc
    )


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _link(href: str, words: str) -> Iterator[Token]:
    yield Token("link_open", "a", 1, attrs={"href": href})
    yield _text(words)
    yield Token("link_close", "a", -1)


def _as_lines(source: str) -> list[Token]:
    """Return the tokens of a paragraph that shows Markdown as it was written."""
    lines: list[Token] = []
    for line in source.split("\n"):
        lines += [_text(line), Token("hardbreak", "br", 0)]
    return [
        Token("paragraph_open", "p", 1, block=True),
        Token("inline", "", 0, children=lines[:-1]),
        Token("paragraph_close", "p", -1, block=True),
    ]
