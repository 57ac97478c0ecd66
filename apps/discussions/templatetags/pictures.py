"""What a composer needs in its toolbar to take pictures: `{% picture_tools %}`."""

from __future__ import annotations

from typing import Any

from django import template

from apps.discussions.errors import NotAPicture, PictureTooLarge
from apps.discussions.limits import MAX_PICTURE_BYTES

register = template.Library()


@register.inclusion_tag("discussions/_picture_tools.html")
def picture_tools() -> dict[str, Any]:
    """Render a link to the page that takes a picture; js/pictures.js makes it a button."""
    return {
        "max_bytes": MAX_PICTURE_BYTES,
        "too_large": PictureTooLarge().message,
        "not_a_picture": NotAPicture().message,
    }
