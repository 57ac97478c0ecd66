"""Browsers and parts of pages, for the tests of what threads look like."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from apps.accounts.models import User
from apps.discussions.models import Thread

HTMX = {"hx-request": "true"}
REPLY = {"text": "Because of the step.", "key": "k"}


def browser(user: User | None = None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def html_of(path: str, user: User | None = None, **options: Any) -> str:
    return str(browser(user).get(path, **options).content.decode())


def article(html: str, number: int) -> str:
    """Return one post of a thread's page."""
    pattern = rf'<article [^>]*id="post-{number}".*?</article>'
    return str(re.findall(pattern, html, re.DOTALL)[0])


def numbers(html: str) -> list[int]:
    """Return the numbers of the posts on a page."""
    return [int(number) for number in re.findall(r'<article [^>]*id="post-(\d+)"', html)]


def field(html: str, name: str) -> str:
    """Return the value of a hidden field of the form that a post is written with."""
    form = html.partition('id="composer"')[2].partition("</form>")[0]
    return str(re.findall(rf'name="{name}" value="([^"]*)"', form)[0])


def url(thread: Thread, rest: str = "") -> str:
    return f"/threads/{thread.pk}{rest}"
