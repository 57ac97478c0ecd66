"""Housekeeping jobs of the API: delete what has expired."""

from __future__ import annotations

from apps.api import services


def delete_expired_tokens() -> int:
    return services.delete_expired_tokens()


def delete_old_requests() -> int:
    return services.delete_old_requests()


SLOW_JOBS = (delete_expired_tokens, delete_old_requests)
