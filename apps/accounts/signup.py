"""Signing up, where two people may meet: what the form did not see, the database's constraint says,
in the form's words.
"""

from __future__ import annotations

from typing import Any

from allauth.account import views as allauth
from django.db import IntegrityError, transaction
from django.http import HttpResponse

from apps.accounts.adapter import AccountAdapter

CONSTRAINTS = {
    "one_account_an_address": ("email", "email_taken"),
    "handles_are_unique": ("username", "username_taken"),
}


class SignupView(allauth.SignupView):  # type: ignore[misc]
    def form_valid(self, form: Any) -> HttpResponse:
        try:
            with transaction.atomic():  # the account and its mail are stored together
                response: HttpResponse = super().form_valid(form)
                return response
        except IntegrityError as error:
            name = error.__cause__.diag.constraint_name if error.__cause__ else None  # type: ignore[attr-defined]
            if name not in CONSTRAINTS:
                raise
            field, message = CONSTRAINTS[name]
            form.add_error(field, AccountAdapter.error_messages[message])
            refused: HttpResponse = self.form_invalid(form)
            return refused
