"""Invite somebody to sign up, and print their link: `manage.py invite ADDRESS`."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from apps.accounts import invitations
from apps.accounts.addresses import check_address
from apps.common.errors import AddressTaken


class Command(BaseCommand):
    help = "Invite an address to sign up; its link works once, within 14 days, for it alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="the e-mail address of who is invited")

    def handle(self, *args: Any, address: str, **options: Any) -> None:
        try:
            validate_email(address)
            check_address(address)
        except ValidationError as error:
            raise CommandError(f"{address!r} is not an e-mail address.") from error
        try:
            self.stdout.write(invitations.invite(address=address))
        except AddressTaken as error:
            raise CommandError(error.message) from error
