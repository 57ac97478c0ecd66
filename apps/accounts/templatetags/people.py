"""Tags for pages about accounts."""

from __future__ import annotations

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def sends_mail() -> bool:
    """Return whether the site has a mail server (EMAIL_URL); without one, mail is printed to its
    log.
    """
    return bool(settings.EMAIL_URL)
