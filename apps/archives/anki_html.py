"""HTML of the bank as a card of Anki shows it. Pure.

Formulas that KaTeX has set become TeX again, which Anki sets by MathJax: each carries its source.
Links lead to the site, wherever the card is.
"""

from __future__ import annotations

import re
from html import escape, unescape
from html.parser import HTMLParser

KATEX = ("katex", "katex-display")
MATHJAX = {False: ("\\(", "\\)"), True: ("\\[", "\\]")}
VOID = frozenset(["br", "hr", "img", "wbr", "input", "path", "line", "rect", "circle"])
LOCAL_LINK = re.compile(r'(<a [^>]*?href=")(/[^"]*")')


def card_html(html: str, site_url: str) -> str:
    """Return HTML for a field of a note.

    Args:
        site_url: without a slash at its end.
    """
    return LOCAL_LINK.sub(rf"\g<1>{site_url}\g<2>", with_mathjax(html))


def with_mathjax(html: str) -> str:
    r"""Return HTML in which each formula of KaTeX is its TeX, in `\(…\)`, or `\[…\]` where it has a
    line of its own.
    """
    if "katex" not in html:
        return html
    parser = _Formulas()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts)


class _Formulas(HTMLParser):
    """Copies HTML as it is, but for the elements of KaTeX: of those, only the annotation with the
    TeX.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self.depth = 0  # of open elements within a formula; 0: outside
        self.is_display = False
        self.is_tex = False
        self.tex = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if self.depth:
            self.depth += tag not in VOID
            self.is_display |= "katex-display" in classes
            self.is_tex |= tag == "annotation"
        elif any(name in KATEX for name in classes):
            self.depth, self.tex, self.is_display = 1, "", "katex-display" in classes
        else:
            self.parts.append(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.depth:
            self.parts.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if not self.depth:
            self.parts.append(f"</{tag}>")
            return
        self.is_tex &= tag != "annotation"
        self.depth -= tag not in VOID
        if not self.depth:
            opening, closing = MATHJAX[self.is_display]
            self.parts.append(f"{opening}{escape(self.tex.strip(), quote=False)}{closing}")

    def handle_data(self, data: str) -> None:
        self._text(data, data)

    def handle_entityref(self, name: str) -> None:
        self._text(f"&{name};", unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self._text(f"&#{name};", unescape(f"&#{name};"))

    def handle_comment(self, data: str) -> None:
        pass  # a marker that nothing fills

    def _text(self, source: str, text: str) -> None:
        if not self.depth:
            self.parts.append(source)
        elif self.is_tex:
            self.tex += text


# ---------------------------------------------------------------- the look of a card

FIGURE_STYLE = """
svg{background:#fafcf8;font:13px sans-serif}text{fill:#3f4f47}
.minor,.major,.line,.axis,.mark{fill:none}.minor{stroke:#dce9dc}.major{stroke:#b9d2bd}
.axis{stroke:#56655d;stroke-width:1.5}.mark{stroke:#3f4f47;stroke-dasharray:2 4}
.region{fill:#e4ece4;fill-opacity:.8}.measured{fill:#1565b8;fill-opacity:.55;stroke:#0f559c}
.tick{text-anchor:end}.mid,.name,.value{text-anchor:middle}.unit.end{text-anchor:end}
.line{stroke:#1565b8;stroke-width:2;stroke-linejoin:round}.line.dashed{stroke-dasharray:7 5}
.a1{stroke:#7a4fa3}.a2{stroke:#0c7a70}.a3{stroke:#8a6a00}.a4{stroke:#b03a78}.a5{stroke:#4c6b1f}
.a6{stroke:#6b6f76}.dots circle{fill:#fafcf8;stroke:#1565b8;stroke-width:2}
.d1 circle{stroke:#7a4fa3}.d2 circle{stroke:#0c7a70}.d3 circle{stroke:#8a6a00}
.d4 circle{stroke:#b03a78}.d5 circle{stroke:#4c6b1f}.d6 circle{stroke:#6b6f76}
"""
FIGURE_LABEL = re.compile(r'aria-label="([^"]*)"')


def figure_file(svg: str) -> str:
    """Return a figure of the bank as a file that shows it alone, without the site's stylesheet."""
    style = f"<style>{FIGURE_STYLE.strip()}</style>"
    with_namespace = svg.strip().replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    start, close, rest = with_namespace.partition(">")
    return f"{start}{close}{style}{rest}\n"


def figure_image(svg: str, name: str) -> str:
    """Return the element that shows a figure's file, with its text alternative."""
    label = FIGURE_LABEL.search(svg)
    return f'<img src="{name}" alt="{label[1] if label else ""}">'
