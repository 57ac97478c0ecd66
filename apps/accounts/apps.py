from typing import Any

from django.apps import AppConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"
    verbose_name = _("people")

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from apps.accounts import sessions

        def begin(request: HttpRequest | None, **_details: Any) -> None:
            if request is not None:
                sessions.begin(request)

        user_logged_in.connect(begin, weak=False, dispatch_uid="accounts.sessions.begin")
