"""`{% icon "tick" %}`: small line drawings on a 21 px square, in the colour of the text beside
them.
"""

from __future__ import annotations

from functools import cache

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

ICONS = {
    "today": '<path d="M3 5h5v5h5v5h5"/><path d="M3 18h15" opacity=".45"/>',
    "question": (
        '<rect x="4" y="3" width="13" height="15"/><path d="M7.5 8.2a3 3 0 1 1 3.4 3v1.6"/><path '
        'd="M10.7 15.2h.01"/>'
    ),
    "progress": '<path d="M3 18V13h4V9h4V6h4V3h3v15z"/>',
    "lab": (
        '<path d="M3 3v15h15"/><path d="M5.5 6c2 6 4 8.4 11.5 8.8"/><path d="M5.5 9.5c3 3 5 3 '
        '11.5 2" stroke-dasharray="2 2"/>'
    ),
    "claims": (
        '<path d="m3 5.5 1.5 1.5L7.5 3.5M10 5.5h8M3 11l1.5 1.5L7.5 9M10 11h8M3 16.5 4.5 '
        '18l3-3.5M10 16.5h8"/>'
    ),
    "thread": '<path d="M3 4h15v10H9l-4 4v-4H3z"/>',
    "runs": '<circle cx="10.5" cy="10.5" r="7.5"/><path d="M8.5 7v7l5.5-3.5z"/>',
    "person": '<circle cx="10.5" cy="7" r="3.5"/><path d="M3.5 18c.6-4 3.3-6 7-6s6.4 2 7 6"/>',
    "theme": (
        '<circle cx="10.5" cy="10.5" r="7"/><path d="M10.5 3.5v14a7 7 0 0 0 0-14z" '
        'fill="currentColor"/>'
    ),
    "search": '<circle cx="9" cy="9" r="5.5"/><path d="m13.2 13.2 4.8 4.8"/>',
    "keys": (
        '<rect x="2" y="5" width="17" height="11"/><path d="M5 8.5h.01M8.5 8.5h.01M12 '
        '8.5h.01M15.5 8.5h.01M6.5 12.5h8"/>'
    ),
    "notices": '<path d="M5 14V8.5a5.5 5.5 0 0 1 11 0V14l1.5 1.5h-14z"/><path d="M9 18h3"/>',
    "close": '<path d="m5 5 11 11M16 5 5 16"/>',
    "tick": '<path d="m4 11 4.5 4.5L17 6"/>',
    "cross": '<path d="m5 5 11 11M16 5 5 16"/>',
    "depends": '<path d="M3 8c2.5-3 5-3 7.5 0s5 3 7.5 0M3 14c2.5-3 5-3 7.5 0s5 3 7.5 0"/>',
    "unclear": '<circle cx="10.5" cy="10.5" r="7.5" stroke-dasharray="2.5 2.5"/>',
    "lock": '<rect x="4.5" y="9" width="12" height="9"/><path d="M7 9V6.5a3.5 3.5 0 0 1 7 0V9"/>',
    "play": '<path d="M6 4v13l11-6.5z"/>',
    "stop": '<rect x="5" y="5" width="11" height="11"/>',
    "up": '<path d="M10.5 17V5M5 10l5.5-5.5L16 10"/>',
    "down": '<path d="M10.5 4v12M5 11l5.5 5.5L16 11"/>',
    "link": (
        '<path d="M9 12.5 12.5 9M8 8.5 10.5 6a3.2 3.2 0 0 1 4.5 4.5L12.5 13M13 12.5 10.5 15A3.2 '
        '3.2 0 0 1 6 10.5L8.5 8"/>'
    ),
    "bookmark": '<path d="M6 3h9v15l-4.5-4L6 18z"/>',
    "note": '<path d="M5 3h11v15H5z"/><path d="M8 7.5h5M8 10.5h5M8 13.5h3"/>',
    "quote": (
        '<path d="M3 12h5.5v5H3zM12 12h5.5v5H12zM3 12c0-4 1.5-6.5 5-8M12 12c0-4 1.5-6.5 5-8"/>'
    ),
    "pencil": '<path d="m4 17 1-4L14 4l3 3-9 9z"/><path d="m12 6 3 3"/>',
}


@register.simple_tag
@cache  # a page of posts has a hundred
def icon(name: str) -> SafeString:
    """Return the drawing `name` as SVG, hidden from screen readers: a word stands beside it.

    Raises:
        KeyError: there is no such drawing.
    """
    frame = (
        '<svg class="icon" viewBox="0 0 21 21" width="20" height="20" aria-hidden="true" '
        'fill="none" stroke="currentColor" stroke-width="1.6">{}</svg>'
    )
    return format_html(frame, mark_safe(ICONS[name]))  # noqa: S308 - our own drawings
