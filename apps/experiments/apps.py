from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExperimentsConfig(AppConfig):
    name = "apps.experiments"
    label = "experiments"
    verbose_name = _("labs and runs")

    def ready(self) -> None:
        from apps.accounts.signals import user_deleting

        user_deleting.connect(_lock_runs, dispatch_uid="experiments.lock_runs")


def _lock_runs(user: Any, **more: object) -> None:
    from apps.experiments import services

    services.lock_runs_of(user=user)
