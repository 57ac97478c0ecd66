"""A browser whose member has just entered their password again, as sensitive pages ask."""

from __future__ import annotations

from types import SimpleNamespace

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from django.test import Client

from apps.accounts.models import User


def enter_password(client: Client, user: User) -> None:
    """Sign in, with the password entered a moment ago. Who has none gets one."""
    if not user.has_usable_password():
        user.set_password("graph paper and pencils")
        user.save(update_fields=["password"])
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    request = SimpleNamespace(session=client.session, user=user)
    reauthenticate_by_password(request)
    request.session.save()
