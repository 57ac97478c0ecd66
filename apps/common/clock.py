"""The clocks. Rules of the protocol use the database's clock, the learner's days use `now()`; tests
can step both.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import DateTimeField, Func
from django.utils import timezone


class Clock(Func):
    """The current time as a database expression. `gradus_now()` is `statement_timestamp()` plus an
    offset that only tests set.
    """

    function = "gradus_now"
    output_field = DateTimeField()


def now() -> datetime:
    """Return the site's time for days, pages and mail, never for a rule of the protocol."""
    return timezone.now() + timedelta(seconds=settings.CLOCK_OFFSET)
