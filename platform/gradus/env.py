"""The only reader of the environment: three tiny typed readers, and the forms that our URLs
take.
"""

from __future__ import annotations

import math
import os
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit


class BadSetting(Exception):
    """An environment variable says something that we cannot use. Names the variable, and what would
    be right.
    """


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def number(name: str, default: float) -> float:
    value = os.environ.get(name, "")
    try:
        found = float(value) if value else default
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise BadSetting(f"{name}={value!r} is not a number.")
    return found


def positive(name: str, default: float) -> float:
    found = number(name, default)
    if found <= 0:
        raise BadSetting(f"{name}={found:g}: write a number above 0.")
    return found


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").lower()
    if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return value in ("1", "true", "yes", "on") if value else default
    raise BadSetting(f"{name}={value!r}: write 1 or 0.")


def database(url: str) -> dict[str, Any]:
    """Return Django's form of `postgresql://user:password@host:port/name?option=value` (`host` may
    be a socket's folder).
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise BadSetting(
            "DATABASE_URL must begin with postgresql://. Gradus runs on PostgreSQL 15 or "
            "newer, nothing else."
        )
    options = dict(parse_qsl(parts.query))
    port = _port(parts, "DATABASE_URL")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": options.pop("port", "") or str(port or ""),
        "OPTIONS": options,
    }


def mail(url: str) -> dict[str, Any]:
    """Return Django's mail settings of `smtp://user:password@host:port` (`smtps://` for TLS from
    the start).
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise BadSetting(
            "EMAIL_URL must look like smtp://user:password@host:587 (or smtps://… for TLS "
            "from the start)."
        )
    secure = parts.scheme == "smtps"
    port = _port(parts, "EMAIL_URL") or (465 if secure else 587)
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": secure,
        "EMAIL_USE_TLS": not secure,
        "EMAIL_TIMEOUT": 10,
    }


def _port(parts: SplitResult, name: str) -> int | None:
    try:
        return parts.port
    except ValueError as error:
        raise BadSetting(f"{name}: {error}.") from None
