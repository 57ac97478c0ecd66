"""Signing up. When two requests race for one handle or address, the database's constraint refuses
the second, which becomes an error of the form.
"""

from __future__ import annotations

from typing import Any

from allauth.account import views as allauth
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpResponse

from apps.accounts.adapter import AccountAdapter
from apps.accounts.invitations import FIELD, invitation_for, token_in

FORM_ERRORS = {  # constraint: (field, key of AccountAdapter.error_messages)
    "one_account_an_address": ("email", "email_taken"),
    "handles_are_unique": ("username", "username_taken"),
}


class SignupView(allauth.SignupView):  # type: ignore[misc]
    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs()
        if settings.SIGNUP == "invitation":
            kwargs["invitation"] = invitation_for(self.request)
            kwargs["initial"] = {**kwargs.get("initial", {}), FIELD: token_in(self.request)}
        return kwargs

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            with transaction.atomic():  # account and mail are stored together
                response: HttpResponse = super().form_valid(form)
                return response
        except IntegrityError as error:
            constraint = error.__cause__.diag.constraint_name if error.__cause__ else None  # type: ignore[attr-defined]
            if constraint not in FORM_ERRORS:
                raise
            field, message = FORM_ERRORS[constraint]
            form.add_error(field, AccountAdapter.error_messages[message])
            refused: HttpResponse = self.form_invalid(form)
            return refused
