"""Time zones: the names that an account may store, and the zone of a stored name. Tables of zones
change with the system: a stored name may be unknown later.
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
def available_zones() -> frozenset[str]:
    """Return the zones that both Python and PostgreSQL have (one query per process)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        in_database = {name for (name,) in cursor.fetchall()}
    return frozenset(in_database & available_timezones())


def canonical_zone(name: str) -> str | None:
    """Return the canonical name of a zone, or the name itself if only that is available; None if
    neither is.
    """
    names = (CANONICAL_NAMES.get(name, name), name)
    return next((candidate for candidate in names if candidate in available_zones()), None)


@cache
def zone_of(name: str) -> tzinfo:
    """Return the zone of an account, for calculations in Python. A name that is unknown counts as
    UTC, with a line in the log.
    """
    for candidate in (CANONICAL_NAMES.get(name, name), name):
        try:
            return ZoneInfo(candidate)
        except (LookupError, ValueError, OSError):  # unknown, not a name, a folder
            continue
    log.warning("The time zone %r, which an account has, is not known: it counts as UTC.", name)
    return UTC


def database_zone_of(name: str) -> tzinfo:
    """Return the zone in which an account's pages show times. Django passes its name to PostgreSQL
    (`date_hierarchy`), which must have it, too.
    """
    canonical = canonical_zone(name)
    return zone_of(canonical) if canonical else _unknown_to_database(name)


@cache
def _unknown_to_database(name: str) -> tzinfo:
    if zone_of(name) is not UTC:
        log.warning("PostgreSQL does not know the time zone %r: times are shown in UTC.", name)
    return UTC
