"""Mei asks, Ola answers, Sam follows, Ada moderates; a site that has a mail server."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from apps.accounts.models import User
from apps.notices.models import Kind, Notice
from apps.notices.services import notify
from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures
from tests.discussions.conftest import (  # noqa: F401 - fixtures
    ada,
    in_general,
    make_person,
    mei,
    ola,
    question,
    sam,
    thread,
)


@pytest.fixture
def sends_mail(settings: Any) -> None:
    """Have a mail server, which nobody reaches: mails stay in the outbox."""
    settings.EMAIL_URL = "smtp+plain://127.0.0.1:1"


def confirm(*people: User) -> None:
    """Have people confirm their addresses."""
    for person in people:
        EmailAddress.objects.create(
            user=person, email=person.canonical_email, verified=True, primary=True
        )


def browser_of(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def tell(person: User, kind: Kind = Kind.MENTION, **more: Any) -> Notice:
    """Tell a person of something; return the notice."""
    values: dict[str, Any] = {
        "subject": "thread:1",
        "title": "Why does the loss stall?",
        "path": "/threads/1/posts/2",
    }
    notify(people=[person.pk], kind=kind, **values | more)
    return Notice.objects.filter(person=person).latest("updated_at", "pk")
