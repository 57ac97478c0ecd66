"""Syntax highlighting on the server, with classes for both themes, without a script."""

from __future__ import annotations

from functools import lru_cache

from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.lexers.special import TextLexer
from pygments.util import ClassNotFound


@lru_cache(maxsize=128)
def highlight_code(source: str, language: str = "python") -> SafeString:
    """Return code as HTML: a `div.code` around a `pre` that the keyboard can scroll; without
    colours if the language is unknown.
    """
    try:
        lexer = get_lexer_by_name(language) if language else TextLexer()
    except ClassNotFound:
        lexer = TextLexer()
    html = str(highlight(source, lexer, HtmlFormatter(cssclass="code")))
    return mark_safe(html.replace("<pre>", '<pre tabindex="0">', 1))  # noqa: S308 - pygments escapes
