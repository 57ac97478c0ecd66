"""HTML of questions and answers as text for a terminal."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

from gradus_client.tex import to_unicode

BLOCKS = (
    *("p", "div", "ul", "ol", "li", "pre", "blockquote", "table", "tr", "h1", "h2", "h3", "h4"),
    *("h5", "h6", "figure", "figcaption", "section", "dl", "dt", "dd"),
)
# of a formula only its source is read; drawings have a text of their own
SKIPPED = ("script", "style", "svg", "button", "template")
VOID = ("br", "img", "hr", "wbr", "input", "meta", "link", "col", "source")
MAX_CHARS = 200_000


def printable(text: str) -> str:
    """Return a text without what a terminal would obey: control characters and the like."""
    return "".join(
        one for one in text if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cf", "Cs")
    )


def html_to_text(html: str) -> str:
    """Return HTML as lines of text: formulas as Unicode where they fit, lists with their marks."""
    reader = _Reader()
    reader.feed(html[:MAX_CHARS])
    reader.close()
    lines = [line.rstrip() for line in "".join(reader.parts).split("\n")]
    return printable(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n"))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.lists: list[int | None] = []  # the number of the last item, or None: with bullets
        self.skipped: list[str] = []  # open elements that are not read
        self.formula: list[str] | None = None  # the source that is being read
        self.in_pre = 0
        self.in_row = False  # of a table, between its cells

    # ------------------------------------------------------------ elements

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if self.skipped:
            if tag == "annotation":
                self.formula = []
            elif tag not in VOID:
                self.skipped.append(tag)
            return
        classes = (values.get("class") or "").split()
        if tag in SKIPPED or (tag == "span" and "katex" in classes):
            self.skipped.append(tag)
        elif tag in ("br", "hr"):
            self.parts.append("\n" if tag == "br" else "\n---\n")
        elif tag == "img":
            self.parts.append(f"[{values.get('alt') or '…'}]")
        elif tag in ("ul", "ol"):
            self.line()
            self.lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self.line()
            mark = "•"
            if self.lists and (number := self.lists[-1]) is not None:
                self.lists[-1] = number + 1
                mark = f"{number + 1}."
            self.parts.append(f"{'  ' * max(0, len(self.lists) - 1)}{mark} ")
        elif tag == "pre":
            self.line(2)
            self.in_pre += 1
        elif tag in ("td", "th"):
            self.in_row = False
            if not self.at_line():
                self.parts.append("  ")
        elif tag == "code" and not self.in_pre:
            self.parts.append("`")
        elif tag in BLOCKS:
            self.in_row = tag == "tr"
            self.line(1 if tag == "tr" or self.lists else 2)

    def handle_endtag(self, tag: str) -> None:
        if self.skipped:
            if tag == "annotation" and self.formula is not None:
                self.parts.append(to_unicode("".join(self.formula)))
                self.formula = None
            elif tag in self.skipped:
                while self.skipped.pop() != tag:
                    pass
            return
        if tag in ("ul", "ol") and self.lists:
            self.lists.pop()
            self.line()
        elif tag == "pre":
            self.in_pre = max(0, self.in_pre - 1)
            self.line(2)
        elif tag == "code" and not self.in_pre:
            self.parts.append("`")
        elif tag in ("td", "th", "tr"):
            self.in_row = tag != "tr"
        elif tag in BLOCKS and tag not in ("li", "tr"):
            self.line(1 if self.lists else 2)

    def handle_data(self, data: str) -> None:
        if self.formula is not None:
            self.formula.append(data)
        elif self.skipped:
            return
        elif self.in_pre:
            self.parts.append(data)
        else:
            text = re.sub(r"\s+", " ", data)
            if not text.isspace() or not self.in_row:  # between cells
                self.parts.append(text.lstrip() if self.at_line() else text)

    # ------------------------------------------------------------ lines

    def at_line(self) -> bool:
        return not self.parts or self.parts[-1].endswith("\n")

    def line(self, count: int = 1) -> None:
        """Begin a line, after an empty one if `count` is 2."""
        if not self.parts:
            return
        if self.parts[-1].endswith((". ", "• ")) and count:  # the text of an item follows its mark
            return
        so_far = "".join(self.parts[-3:])
        ends = len(so_far) - len(so_far.rstrip("\n"))
        self.parts.append("\n" * max(0, count - ends))
