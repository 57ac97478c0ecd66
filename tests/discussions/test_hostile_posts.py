"""What somebody hostile posts becomes nothing but the tags, attributes, addresses and markers that
posts have, balanced, with a bounded amount of work.
"""

from __future__ import annotations

import html
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.text import MAX_MARKS, length
from apps.discussions import post_markdown, services
from apps.discussions.errors import BadPost
from apps.discussions.limits import (
    MAX_CITATIONS,
    MAX_FAULTS,
    MAX_FORMULA_CHARS,
    MAX_FORMULAS,
    MAX_MENTIONS,
    MAX_PICTURES,
    MAX_TABLE_CELLS,
    MAX_TEXT_LENGTH,
)
from apps.discussions.post_markdown import RenderedPost, render_post
from apps.questions import tex
from tests.discussions.generated_posts import mixed, posts
from tests.discussions.hostile_posts import HOSTILE_POSTS, RUN, TOO_LARGE
from tests.searching import examples

pytestmark = pytest.mark.attack

# ---------------------------------------------------------------- a strict reader of posts' HTML

PIECE = re.compile(
    r"<!--gradus:(?P<marker>citation-[0-9]+|fold:[a-z0-9:.-]*)-->"
    r"|</(?P<end>[a-z0-9]+)>"
    r"|<(?P<start>[a-zA-Z0-9]+)(?P<attributes>(?: [a-zA-Z-]+=\"[^\"<>]*\")*) ?/?>"
    r"|(?P<text>[^<>]+)"
)
ATTRIBUTE = re.compile(r' ([a-zA-Z-]+)="([^"]*)"')
VOID = {"br", "hr", "img", "wbr"}
CLOSED_AT_ONCE = {"path", "mspace", "mprescripts", "line", "mglyph", "none"}  # KaTeX's `/>`
PLAIN_TAGS = """
p em strong s blockquote ul li br hr table thead tbody tr sup sub wbr summary
"""
POST_TAGS: dict[str, set[str]] = {
    **{tag: set() for tag in PLAIN_TAGS.split()},
    "a": {"href", "title", "rel"},
    "ol": {"start"},
    "th": {"class"},
    "td": {"class"},
    "img": {"src", "alt", "title", "loading"},
    "details": {"class"},
    "code": {"class"},
    "span": {"class"},
    "div": {"class"},
    "pre": {"tabindex"},
}
CLASSES = {
    "details": re.compile("spoiler"),
    "code": re.compile("tex-source(?: display)?"),
    "div": re.compile("code"),
    **dict.fromkeys(("th", "td"), re.compile("align-(?:left|right|center)")),
    "span": re.compile("mention|unbroken|[a-z][a-z0-9]{0,2}|katex(?:-display)?"),
}
KATEX_TAGS = """
span svg path line math semantics annotation mrow mi mo mn ms mtext mspace msup msub msubsup
mfrac msqrt mroot mover munder munderover mtable mtr mtd mlabeledtr mstyle mpadded mphantom
menclose merror mmultiscripts mprescripts none
"""
KATEX_ATTRIBUTES = """
class style aria-hidden xmlns encoding display mathvariant mathcolor mathbackground stretchy
fence separator lspace rspace width height depth voffset minsize maxsize accent accentunder
linethickness columnalign columnspacing rowspacing columnlines rowlines scriptlevel
displaystyle notation mathsize side symmetric movablelimits form viewBox preserveAspectRatio
d x1 x2 y1 y2 stroke-width largeop title linebreak
"""
FORMULA_TAGS, FORMULA_ATTRIBUTES = set(KATEX_TAGS.split()), set(KATEX_ATTRIBUTES.split())
STYLE = re.compile(
    r"(?:(?:height|min-width|width|vertical-align|top|bottom|left|margin-(?:left|right|top)|"
    r"padding-(?:left|right)|font-size|color|background-color|position|border-[a-z-]+|"
    r"text-shadow|transform):[a-zA-Z0-9#.,()% -]*;)*"
)
HREF = re.compile(r"https?://[^/?#\\@:]|mailto:[^/?#]|/(?![/\\])|#", re.IGNORECASE)
REL = "nofollow ugc noopener"
PILE = re.compile(rf"[\u0300-\u036f\u0489]{{{MAX_MARKS + 1}}}")
MAX_HTML_CHARS = 1_200_000
OUT_OF_ORDER = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0e-\x1f\x7f-\x9f\ue000\ue001]")


@dataclass
class Page:
    """A post's HTML, read strictly: what is no piece of it is an error."""

    html: str
    open: list[str] = field(default_factory=list)
    katex: int = 0  # how many open tags enclose the one that began a formula; 0: none
    tags: Counter[str] = field(default_factory=Counter)
    markers: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def read(self) -> Page:
        place = 0
        while place < len(self.html):
            piece = PIECE.match(self.html, place)
            assert piece, f"no HTML of a post: {self.html[place : place + 80]!r}"
            place = piece.end()
            if piece["marker"]:
                self.markers.append(piece["marker"])
            elif piece["end"]:
                assert self.open and self.open[-1] == piece["end"], (piece["end"], self.open[-5:])
                self.open.pop()
                self.katex = 0 if len(self.open) < self.katex else self.katex
            elif piece["start"]:
                self._start(piece)
            else:
                self.words.append(html.unescape(piece["text"]))
        assert not self.open
        return self

    def _start(self, piece: re.Match[str]) -> None:
        tag = piece["start"]
        attributes = dict(ATTRIBUTE.findall(piece["attributes"]))
        self.tags[tag] += 1
        if not self.katex and tag == "span" and attributes.get("class", "").startswith("katex"):
            self.katex = len(self.open) + 1
        if self.katex:
            self._check_katex(tag, attributes)
        else:
            self._check(tag, attributes)
        if not (tag in VOID or (tag in CLOSED_AT_ONCE and piece[0].endswith("/>"))):
            self.open.append(tag)

    def _check(self, tag: str, attributes: dict[str, str]) -> None:
        assert tag in POST_TAGS, tag
        assert set(attributes) <= POST_TAGS[tag], (tag, attributes)
        if "class" in attributes:
            assert CLASSES[tag].fullmatch(attributes["class"]), attributes
        if tag == "a":
            assert "a" not in self.open, "a link in a link"
            assert HREF.match(html.unescape(attributes["href"])), attributes
            assert attributes["rel"] == REL
        if tag == "img":
            assert re.fullmatch(r"/pictures/[0-9a-f]{64}\.(png|jpeg|webp)", attributes["src"])
            assert attributes["loading"] == "lazy" and attributes["alt"].strip()
        if tag == "p":
            assert "p" not in self.open, "a paragraph in a paragraph"

    def _check_katex(self, tag: str, attributes: dict[str, str]) -> None:
        assert tag in FORMULA_TAGS, tag
        assert FORMULA_ATTRIBUTES.issuperset(attributes), attributes
        assert STYLE.fullmatch(attributes.get("style", "")), attributes["style"]
        assert "url(" not in html.unescape(" ".join(attributes.values()))


def check(text: str) -> tuple[RenderedPost, Page]:
    """Render a post; whatever it is, this holds of it."""
    post = render_post(text)
    page = Page(post.html).read()
    assert not OUT_OF_ORDER.search(post.html)
    assert not PILE.search(post.html)
    citations = [marker for marker in page.markers if marker.startswith("citation-")]
    assert citations == [f"citation-{place}" for place in range(len(post.citations))]
    assert page.tags["details"] == page.tags["summary"] == len(page.markers) - len(citations)
    assert len(post.citations) <= MAX_CITATIONS
    assert len(post.mentions) <= MAX_MENTIONS
    assert page.tags["img"] <= MAX_PICTURES and len(post.pictures) <= MAX_PICTURES
    assert page.tags["td"] + page.tags["th"] <= MAX_TABLE_CELLS
    assert len(post.faults) <= MAX_FAULTS
    assert all(0 <= offset <= len(text) + 1 and message for message, offset in post.faults)
    assert all(re.match("https?://|mailto:", link, re.IGNORECASE) for link in post.links)
    return post, page


LONG = [name for name, text in HOSTILE_POSTS.items() if length(text) > 0.9 * MAX_TEXT_LENGTH]
SHORT = [name for name, text in HOSTILE_POSTS.items() if length(text) < MAX_TEXT_LENGTH // 5]
IN_THE_GATE = {*SHORT, *LONG[::12]}


def some_slow(names: Iterable[str]) -> list[Any]:
    """Return parameters: short posts and every twelfth long one for the gate, the others slow."""
    return [
        name if name in IN_THE_GATE else pytest.param(name, marks=pytest.mark.slow)
        for name in names
    ]


@pytest.mark.parametrize("name", some_slow(HOSTILE_POSTS))
def test_a_hostile_post_is_safe_html(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = HOSTILE_POSTS[name]
    assert length(text) <= MAX_TEXT_LENGTH
    sent: list[str] = []
    render = tex._render

    def noted(source: str, *rest: Any) -> tex.Formula:
        sent.append(source)
        return render(source, *rest)

    monkeypatch.setattr(tex, "_render", noted)
    began = time.thread_time()
    post, _page = check(text)
    # what regular expressions do is no call that can be counted; the worst takes a tenth of this
    assert time.thread_time() - began < 8.0
    assert len(sent) <= MAX_FORMULAS and sum(map(len, sent)) <= MAX_FORMULA_CHARS
    assert len(post.html) <= MAX_HTML_CHARS


def test_there_are_many_of_them() -> None:
    assert len(HOSTILE_POSTS) >= 400
    assert len(set(HOSTILE_POSTS.values())) == len(HOSTILE_POSTS)


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large_is_refused_before_it_is_rendered(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[str] = []
    monkeypatch.setattr(post_markdown, "render_post", rendered.append)
    with pytest.raises(BadPost) as refused:
        services.posts.rendered(TOO_LARGE[name])
    assert "at most 20000" in refused.value.message
    with pytest.raises(BadPost):
        services.posts.stored_title(TOO_LARGE[name])
    assert not rendered


# ---------------------------------------------------------------- how much work they are

CALLS = 1_000_000  # of functions, for a quarter of a post; the worst of these have two thirds of it


def calls_of(function: Callable[[], Any]) -> int:
    """Return how many functions a call calls in its thread, those of C included: a measure of work
    that a busy machine does not change.
    """
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", some_slow(LONG))
def test_a_long_hostile_post_is_a_bounded_amount_of_work(name: str) -> None:
    quarter = HOSTILE_POSTS[name][: MAX_TEXT_LENGTH // 4]
    assert calls_of(lambda: render_post(quarter)) <= CALLS


def seconds_of(text: str) -> float:
    """Return the least processor time of several renderings, which is the text's own."""
    times = []
    for _again in range(3):
        began = time.thread_time()
        render_post(text)
        times.append(time.thread_time() - began)
    return min(times)


# where one character more is looked at once more for each of the others: brackets that wait for
# their end, emphasis, definitions that do not end, tables, citations
QUADRATIC = [
    "link-bomb",
    "link-bomb-images",
    "link-bomb-words",
    "link-definition-unclosed",
    "link-destination-unclosed",
    "emphasis-stars-words",
    "emphasis-tildes",
    "emphasis-nested",
    "tex-dollars-words",
    "tex-dollar-and-newlines",
    "code-ticks-apart",
    "citation-unclosed-many",
    "autolinks-unclosed",
    "table-rows",
    "lists-alternating",
    "quotes-growing",
    "angle-brackets",
    "private-use-placeholders-many",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", QUADRATIC)
def test_four_times_the_text_is_not_sixteen_times_the_time(name: str) -> None:
    text = HOSTILE_POSTS[name]
    # a hundredth of a second is more than rendering nothing takes, and less than anybody notices
    assert seconds_of(text) <= 10 * max(seconds_of(text[: len(text) // 4]), 0.01)


# ---------------------------------------------------------------- generated ones


@settings(max_examples=examples(60), deadline=None)
@given(posts)
def test_any_post_made_of_such_pieces_is_safe_html(text: str) -> None:
    check(text)


@settings(max_examples=examples(60), deadline=None)
@given(mixed)
def test_any_hostile_text_in_any_construct_is_safe_html(text: str) -> None:
    check(text)


@settings(max_examples=examples(30), deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_safe_html(text: str) -> None:
    check(text)


@settings(max_examples=examples(20), deadline=None)
@given(posts, st.sampled_from(["a `b` c", f"see [run:{RUN}]", "- x\n- y", "$x$ and @ola"]))
def test_a_post_is_not_changed_by_what_another_one_said(text: str, later: str) -> None:
    before = render_post(later)
    render_post(text)
    assert render_post(later) == before
