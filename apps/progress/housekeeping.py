"""Housekeeping jobs of progress."""

from __future__ import annotations

from apps.progress import services


def tell_of_unread_verdicts() -> int:
    return services.verdicts.tell_of_unread_verdicts()


SLOW_JOBS = (tell_of_unread_verdicts,)
