"""When the site could hear its workers. A worker that nobody could have heard is not silent: its
lease does not run out while no web process listens.

Every web process renews one mark, `ListeningMark`, all the time. Silence is measured up to the mark
(`RunAttemptQuerySet.silent`); whoever finds that it stood still makes good for the time to every
run attempt, before it goes on.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import connections, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F
from django.db.models.functions import Least

from apps.common.clock import Clock
from apps.common.error_views import is_away
from apps.experiments.models import ListeningMark, RunAttempt

log = logging.getLogger(__name__)
RENEWAL_SECONDS = 1.0
PAUSE = timedelta(seconds=3)  # without renewal, from which on it counts


def keep_renewing() -> None:
    """Renew the mark; called every `RENEWAL_SECONDS` in each web process. While the database is
    away no worker is heard either; a bug is logged with its traceback, and ends no renewal.
    """
    try:
        if pause := renew():
            log.warning("for %.0f s no worker could be heard; leases last so much longer", pause)
    except Exception as error:
        log.warning("the site cannot say that it listens: %s", error, exc_info=not is_away(error))
    finally:
        connections.close_all()


@transaction.atomic
def renew() -> float:
    """Record that a web process listens. If none did for a while, or the clock was set, the times
    of all live run attempts are moved by as much, at most to the present.

    Returns:
        Seconds by which they were moved; 0 usually.
    """
    mark = ListeningMark.objects.select_for_update().annotate(now=Clock()).first()
    if mark is None:
        ListeningMark.objects.bulk_create([ListeningMark()], ignore_conflicts=True)
        return 0.0
    pause: timedelta = mark.now - mark.listened_at
    if abs(pause) > PAUSE:
        _move_run_attempts(pause)
    if pause > PAUSE:
        ListeningMark.objects.update(away_at=F("listened_at"), back_at=Clock())
    ListeningMark.objects.update(listened_at=Clock())
    return pause.total_seconds() if abs(pause) > PAUSE else 0.0


def _move_run_attempts(pause: timedelta) -> None:
    # one that is locked is just being reported on, or deleted: waiting for it could be a deadlock
    live = RunAttempt.objects.select_for_update(skip_locked=True).filter(ended_at=None)
    moved = {
        name: Least(ExpressionWrapper(F(name) + pause, DateTimeField()), Clock())
        for name in ("started_at", "last_heartbeat_at", "last_progress_at")
    }
    RunAttempt.objects.filter(pk__in=list(live.values_list("pk", flat=True))).update(**moved)
