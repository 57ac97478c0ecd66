from typing import Any

from django.apps import AppConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class ExperimentsConfig(AppConfig):
    name = "apps.experiments"
    label = "experiments"
    verbose_name = _("labs and runs")

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from apps.accounts.signals import user_deleting

        user_deleting.connect(_lock_runs, dispatch_uid="experiments.lock_runs")
        user_logged_in.connect(_adopt_opened, dispatch_uid="experiments.adopt_opened")


def _adopt_opened(user: Any, request: HttpRequest, **more: object) -> None:
    from apps.experiments import opened_verdicts, services
    from apps.experiments.reader import opened_by

    if opened := opened_by(request.session):
        services.adopt_opened_verdicts(user=user, opened=opened)
        opened_verdicts.discard_opened(request.session)


def _lock_runs(user: Any, **more: object) -> None:
    from apps.experiments import services

    services.lock_runs_of(user=user)
