"""What the forms of `accounts` share: addresses and passwords as they are typed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.accounts import services
from apps.accounts.addresses import canonical_email, check_address
from apps.accounts.models import User
from apps.accounts.passwords import MAX_PASSWORD_LENGTH, MAX_TYPED_LENGTH, TOO_LONG

NO_PASSWORD = _("You have no password yet. Set one under Account, How you sign in.")


class TypedAddressField(forms.EmailField):
    """An address as it was typed, to which mail can be written."""

    default_validators = [*forms.EmailField.default_validators, check_address]


class AddressField(TypedAddressField):
    """An address in its canonical form, by which allauth looks up accounts and counts attempts."""

    def clean(self, value: Any) -> str:
        return canonical_email(super().clean(value))


def check_typed_length(password: str) -> None:
    """Refuse what takes long to normalize and to hash. The browser does not bound the field: it
    would cut a password that is pasted, silently.
    """
    if len(password) > MAX_TYPED_LENGTH:
        raise ValidationError(TOO_LONG, params={"max": MAX_PASSWORD_LENGTH})


def own_password(user: User, password: str) -> str:
    """Return the current password that a form asks for, if it is right."""
    if not user.has_usable_password():
        raise ValidationError(NO_PASSWORD)
    if not services.is_own_password(user=user, password=password):
        raise ValidationError(_("That is not your current password."))
    return password
