"""Tags for pages about accounts."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.accounts import providers
from apps.accounts.models import User

register = template.Library()


@register.simple_tag
def sends_mail() -> bool:
    """Return whether the site has a mail server (EMAIL_URL); without one, mail is printed to its
    log.
    """
    return bool(settings.EMAIL_URL)


@register.simple_tag(takes_context=True)
def account_link(context: Any, url_name: str, words: str) -> SafeString:
    """Return a line of the list of an account's pages; the page that is open is marked."""
    url = reverse(url_name)
    current = SafeString(' aria-current="page"') if context["request"].path == url else ""
    return format_html('<li><a href="{}"{}>{}</a></li>', url, current, words)


@register.simple_tag
def person_name(person: User) -> SafeString:
    """Return the handle of somebody, as a link if they have a public page."""
    if not person.has_public_page:
        return format_html("{}", person.handle)
    return person_link(person.handle)


@register.simple_tag
def person_link(handle: str) -> SafeString:
    """Return a link to the public page of somebody who has one."""
    return format_html('<a href="{}">{}</a>', reverse("discussions:person", args=[handle]), handle)


@register.simple_tag
def sign_in_providers() -> list[tuple[str, str]]:
    """Return with whose accounts people sign in here: for each a key and a name."""
    return providers.available()


@register.simple_tag
def signup_mode() -> str:
    """Return who may create an account: `open`, `invitation` or `closed`."""
    return str(settings.SIGNUP)
