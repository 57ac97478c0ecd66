from __future__ import annotations

import time
import uuid
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import PROJECT_HANDLE, User
from apps.experiments import recording, services
from apps.experiments.loading import evidence_of
from apps.experiments.models import Lab, Run


class Command(BaseCommand):
    help = (
        "Run labs with their default settings through the real queue, and write what came of it to "
        "apps/experiments/evidence."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("lab", nargs="*", help="slugs (default: all labs)")
        parser.add_argument("--wait", type=float, default=900, help="seconds to wait for one run")

    def handle(self, *args: Any, lab: list[str], wait: float, **options: Any) -> None:
        owner = User.objects.get(handle=PROJECT_HANDLE)
        labs = Lab.objects.offered().select_related("current__words_row")
        if unknown := set(lab) - {one.slug for one in labs}:
            raise CommandError(
                f"No such lab: {', '.join(sorted(unknown))}. There are "
                f"{', '.join(one.slug for one in labs)}."
            )
        for one in labs:
            if lab and one.slug not in lab:
                continue
            replicates = (
                one.current.words["profile"]["standard"].get("replicates", Run.STANDARD_REPLICATES)
                if one.current
                else 0
            )
            run = services.queue_run(
                owner=owner, lab=one, config={}, key=uuid.uuid4().hex, replicates=replicates
            )
            self._wait_for(run, wait)
            services.set_run_visibility(run=run, shared=True)
            path = settings.EVIDENCE_FOLDER / f"{one.slug}{recording.SUFFIX}"
            try:
                recording.write(path, evidence_of(run))
            except ValueError as error:
                raise CommandError(str(error)) from None
            outcomes = ", ".join(
                f"{v.claim.partition('.')[2]} {v.outcome}" for v in run.verdicts.all()
            )
            self.stdout.write(
                f"{one.slug}: {run.seconds:.1f} s on {run.device.get('name')}; {outcomes}"
            )

    def _wait_for(self, run: Run, wait: float) -> None:
        deadline = time.monotonic() + wait
        while not run.is_over:
            if time.monotonic() > deadline:
                services.request_cancel(run=run)
                raise CommandError(
                    f"{run.version.lab_id} did not finish within {wait:g} "
                    "s. Is a worker connected? ./gradus doctor"
                )
            time.sleep(0.5)
            run.refresh_from_db()
        if run.state != Run.State.SUCCEEDED:
            raise CommandError(f"{run.version.lab_id} ended as {run.state}: {run.error}")
