from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    name = "apps.api"
    label = "api"
    verbose_name = _("REST API")

    def ready(self) -> None:
        from apps.accounts.signals import access_ending

        access_ending.connect(_revoke_tokens, dispatch_uid="api.revoke_tokens")


def _revoke_tokens(user: Any, **_details: Any) -> None:
    from apps.api.services import revoke_tokens  # the models are loaded by now

    revoke_tokens(user=user)
