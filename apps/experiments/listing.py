"""Code as it is printed: coloured on the server by classes, so that both themes read and no script is needed."""

from __future__ import annotations

from functools import lru_cache

from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


@lru_cache(maxsize=128)
def python(source: str) -> SafeString:
    """Return Python code as HTML: a `div.code` around a `pre`."""
    return mark_safe(highlight(source, PythonLexer(), HtmlFormatter(cssclass="code")))  # noqa: S308 - pygments escapes
