"""Make the groups of the roles, or restore their permissions: `manage.py make_roles`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.accounts import services


class Command(BaseCommand):
    help = "Make the group of each role, with the permissions that docs/roles.md lists."

    def handle(self, *args: Any, **options: Any) -> None:
        services.restore_roles()
