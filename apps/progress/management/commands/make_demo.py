from __future__ import annotations

import secrets
from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.base import BaseCommand, CommandParser

from apps.accounts.models import User
from apps.progress import demo


class Command(BaseCommand):
    help = (
        "Create the demonstration account: eight weeks of simulated reviews, and copies of "
        "recorded runs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--email",
            default="demo@localhost",
            help="of the account; created if there is none",
        )
        parser.add_argument("--password", default="", help="generated and printed if not given")
        parser.add_argument("--seed", type=int, default=demo.SEED)

    def handle(self, *args: Any, email: str, password: str, seed: int, **options: Any) -> None:
        user = User.objects.filter(canonical_email=email).first()
        if user is None:
            password = password or secrets.token_urlsafe(12)
            user = User.objects.create_user(email, self._handle(), password)
            EmailAddress.objects.create(
                user=user, email=user.canonical_email, verified=True, primary=True
            )
            self.stdout.write(f"Sign in as {user.email} with {password}")
        else:
            self.stdout.write(
                f"Sign in as {user.email} with the password that was printed when it was created; "
                f"to change it: ./gradus manage changepassword {user.email}"
            )
        self.stdout.write(demo.fill(user=user, seed=seed))

    def _handle(self) -> str:
        taken = set(
            User.objects.filter(handle__istartswith="demo").values_list("handle", flat=True)
        )
        return next(
            name
            for name in ("demo", *(f"demo{n}" for n in range(2, len(taken) + 3)))
            if name not in taken
        )
