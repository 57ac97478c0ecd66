"""The cast: Mei has an account, Sam comes new, the operator runs the site."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.core.mail import EmailMessage
from django.test import Client

from apps.accounts.models import User
from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures

PASSWORD = "seven quiet herons"
OTHER = "eleven loud sparrows"
SAM = {"email": "sam@example.org", "username": "Sam", "password1": PASSWORD}
SIGN_UP = "/accounts/signup/"


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "Mei", PASSWORD)


@pytest.fixture
def signed_in(mei: User) -> Client:
    client = Client()
    client.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("operator@example.org", "boss", PASSWORD)


def link_in(mail: EmailMessage) -> str:
    link = re.search(re.escape(settings.SITE_URL) + r"(/\S+)", str(mail.body))
    assert link, mail.body
    return link[1]
