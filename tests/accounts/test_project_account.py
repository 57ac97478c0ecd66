"""The account `gradus` owns the recorded runs. Nobody can sign in as it."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.test import Client

from apps.accounts.models import User


@pytest.mark.django_db(transaction=True)
def test_the_migration_creates_it_and_deletes_it() -> None:
    call_command("migrate", "accounts", "0001", verbosity=0)
    assert not User.objects.filter(handle="gradus").exists()
    call_command("migrate", "accounts", verbosity=0)
    gradus = User.objects.get(handle="gradus")
    assert not gradus.is_active and not gradus.has_usable_password() and not gradus.is_staff


@pytest.mark.django_db
def test_it_is_created_again_if_it_is_missing() -> None:
    User.objects.filter(handle="gradus").delete()
    gradus = User.objects.project()
    assert (
        User.objects.project() == gradus
        and not gradus.is_active
        and not gradus.has_usable_password()
    )


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["", "!", "gradus"])
def test_nobody_signs_in_as_it(client: Client, password: str) -> None:
    client.post(
        "/accounts/login/",
        {"login": User.objects.project().email, "password": password},
        follow=True,
    )
    assert "_auth_user_id" not in client.session
