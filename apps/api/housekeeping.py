"""Housekeeping jobs of the API: delete what has expired."""

from __future__ import annotations

from apps.api import device_logins, services


def delete_expired_tokens() -> int:
    return services.delete_expired_tokens()


def delete_old_requests() -> int:
    return services.delete_old_requests()


def delete_old_device_logins() -> int:
    return device_logins.delete_old()


SLOW_JOBS = (delete_expired_tokens, delete_old_requests, delete_old_device_logins)
