"""The cast: Mei has an account, Sam comes new, the operator runs the site."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures

PASSWORD = "seven quiet herons"
OTHER = "eleven loud sparrows"


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
