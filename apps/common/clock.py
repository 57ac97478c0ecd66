"""The clocks. Protocol rules read the database's, which tests can step; the site's days read
`now()`, stepped alike.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import DateTimeField, Func
from django.utils import timezone


class Clock(Func):
    """Now, as an expression. `gradus_now()` is `statement_timestamp()` plus an offset that only
    tests set.
    """

    function = "gradus_now"
    output_field = DateTimeField()


def now() -> datetime:
    """Return the site's time: for days, pages and mail, never for a rule of the protocol."""
    return timezone.now() + timedelta(seconds=settings.CLOCK_OFFSET)
