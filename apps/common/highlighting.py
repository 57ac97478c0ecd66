"""Code as it is printed: highlight_code on the server by classes, so that both themes read and no
script is needed.
"""

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
    """Return code as HTML: a `div.code` around a `pre` that the keyboard can scroll; uncoloured
    where the language is unknown.
    """
    try:
        lexer = get_lexer_by_name(language) if language else TextLexer()
    except ClassNotFound:
        lexer = TextLexer()
    page = str(highlight(source, lexer, HtmlFormatter(cssclass="code")))
    return mark_safe(page.replace("<pre>", ('<pre tabindex="0">'), 1))  # noqa: S308 - pygments escapes
