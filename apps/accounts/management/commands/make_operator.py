"""Create the first operator and print a one-time sign-in link: `manage.py make_operator
[--email ADDRESS] [--again]`.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.urls import reverse

from apps.accounts import services
from apps.accounts.addresses import check_address


class Command(BaseCommand):
    help = (
        "Create the first operator if there is none, and print a sign-in link that works once, "
        "within 24 hours."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--email",
            default="",
            help=f"the operator's address (default: {services.DEFAULT_OPERATOR})",
        )
        parser.add_argument(
            "--again", action="store_true", help="print a new link for an existing operator"
        )

    def handle(self, *args: Any, email: str, again: bool, **options: Any) -> None:
        if email:
            try:
                validate_email(email)
                check_address(email)
            except ValidationError as error:
                raise CommandError(f"{email!r} is not an e-mail address.") from error
        token = services.make_operator(email=email, again=again)
        if token:
            self.stdout.write(settings.SITE_URL + reverse("accounts:operator", args=[token]))
        elif again:
            raise CommandError(f"There is no operator with the address {email}.")
