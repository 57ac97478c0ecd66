"""Time zones: the names that an account may store, and what a stored name stands for. Tables of
zones change with the system: a name that was known may be gone tomorrow.
"""

from __future__ import annotations

import logging
from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.db import connection

from apps.accounts.zone_names import CANONICAL_NAMES

log = logging.getLogger(__name__)
DEFAULT = "UTC"


@cache
def known_zones() -> frozenset[str]:
    """Return the zones that Python and PostgreSQL both know (one query in the life of a
    process).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        in_database = {name for (name,) in cursor.fetchall()}
    return frozenset(in_database & available_timezones())


def canonical_zone(name: str) -> str | None:
    """Return the present name of a zone, or the name itself where only that is known; None when
    Python or PostgreSQL does not know it.
    """
    names = (CANONICAL_NAMES.get(name, name), name)
    return next((each for each in names if each in known_zones()), None)


@cache
def zone_of(name: str) -> tzinfo:
    """Return the zone of an account, for sums in Python; UTC, and a line in the log, where its name
    is not known any more.
    """
    for each in (CANONICAL_NAMES.get(name, name), name):
        try:
            return ZoneInfo(each)
        except (LookupError, ValueError, OSError):  # not there, not a name, a folder
            continue
    log.warning("The time zone %r, which an account has, is not known: it counts as UTC.", name)
    return UTC


def database_zone_of(name: str) -> tzinfo:
    """Return the zone of an account that pages are shown in. Django hands its name to PostgreSQL
    (`date_hierarchy`), so both must know it.
    """
    known = canonical_zone(name)
    return zone_of(known) if known else _unknown_to_database(name)


@cache
def _unknown_to_database(name: str) -> tzinfo:
    if zone_of(name) is not UTC:
        log.warning("PostgreSQL does not know the time zone %r: times are shown in UTC.", name)
    return UTC
