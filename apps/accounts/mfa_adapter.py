"""Overrides of allauth's rules about second factors."""

from __future__ import annotations

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.accounts import encryption
from apps.accounts.models import User
from apps.accounts.second_factors import WRONG_CODE


class MFAAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": WRONG_CODE}

    def get_totp_issuer(self) -> str:
        return f"Gradus {settings.SITE_HOST}"

    def get_totp_label(self, user: User) -> str:
        return user.handle

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return encryption.decrypt(encrypted_text)
        except encryption.Unreadable as error:
            raise ValidationError(
                _(
                    "This site has a new key, and can no longer check your codes. Ask an operator "
                    "to remove your second step."
                )
            ) from error

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        # the host that a passkey belongs to, which is one of ALLOWED_HOSTS: HostMiddleware
        return {"id": context.request.get_host().partition(":")[0], "name": "Gradus"}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, object]:
        entity: dict[str, object] = super().get_public_key_credential_user_entity(user)
        return entity | {"name": user.handle, "display_name": user.handle}
