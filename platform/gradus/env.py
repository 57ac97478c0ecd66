"""Reading the environment: typed values, and the URLs of database and mail server. No other module
of the site reads it.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

HOST = re.compile(r"(?P<host>\*|[^\s:/@\[\]*]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}|\*))?")
ORIGIN = re.compile(r"https?://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")  # as browsers send it
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
MIN_POSTGRES_MAJOR = 15  # as in launcher.database


class BadSetting(Exception):
    """An environment variable has an invalid value. The message names it, and what would be
    valid.
    """


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def texts(name: str) -> list[str]:
    """Return the entries of a variable, with commas between."""
    return [entry for entry in os.environ.get(name, "").split(",") if entry]


def contacts(name: str) -> list[str]:
    """Return the mailto: and https: addresses of a variable, with commas between."""
    result = texts(name)
    for entry in result:
        if not re.fullmatch(r"(mailto:[^\s@]+@[^\s@]+|https://\S+)", entry):
            raise BadSetting(
                f"{name}: {entry!r} is neither mailto:name@host nor an address with https://."
            )
    return result


def link(name: str) -> str:
    """Return the address of a page, http or https, or an empty text."""
    value = os.environ.get(name, "")
    if value and not re.fullmatch(r"https?://[^\s/]+\S*", value):
        raise BadSetting(f"{name}={value!r} is no address with http:// or https://.")
    return value


def choice(name: str, choices: tuple[str, ...]) -> str:
    """Return one of `choices`, by default the first."""
    value = os.environ.get(name) or choices[0]
    if value not in choices:
        raise BadSetting(f"{name}={value!r} is none of {', '.join(choices)}.")
    return value


def number(name: str, default: float) -> float:
    value = os.environ.get(name, "")
    try:
        result = float(value) if value else default
    except ValueError:
        result = math.nan
    if not math.isfinite(result):
        raise BadSetting(f"{name}={value!r} is not a number.")
    return result


def positive(name: str, default: float) -> float:
    result = number(name, default)
    if result <= 0:
        raise BadSetting(f"{name}={result:g}: write a number above 0.")
    return result


def sign_in_keys(name: str, client_id: str, secret: str) -> list[dict[str, str]]:
    """Return the keys of a site with whose accounts people may sign in here, as allauth takes them;
    none if there are none.
    """
    if bool(client_id) != bool(secret):
        raise BadSetting(
            f"{name}_CLIENT_ID and {name}_SECRET: write both, as the provider shows them, or "
            "neither."
        )
    return [{"client_id": client_id, "secret": secret}] if client_id else []


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").lower()
    if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return value in ("1", "true", "yes", "on") if value else default
    raise BadSetting(f"{name}={value!r}: write 1 or 0.")


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the addresses and networks that a variable lists, with commas between."""
    entries = [entry.strip() for entry in os.environ.get(name, "").split(",")]
    try:
        return [ipaddress.ip_network(entry) for entry in entries if entry]
    except ValueError as error:
        raise BadSetting(
            f"{name}: {error}. Write addresses and networks with commas between, such as "
            "127.0.0.1,10.0.0.0/8."
        ) from None


def port(parts: SplitResult, name: str) -> int | None:
    try:
        return parts.port
    except ValueError:  # its text shows what stands there: of user:password without @, the password
        raise BadSetting(
            f"{name}: what follows the host must be a port, a number up to 65535. Is the @ before "
            "the host missing?"
        ) from None


def site_url(name: str, default: str) -> SplitResult:
    """Return the parts of the site's address: scheme, host and perhaps a port."""
    value = (os.environ.get(name) or default).rstrip("/")
    try:
        parts = urlsplit(value)
    except ValueError:  # an unclosed bracket
        parts = SplitResult("", "", "", "", "")
    is_more = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or is_more:
        raise BadSetting(
            f"{name}={value!r}: write the address of the site without a path, such as "
            "https://gradus.example or http://192.0.2.7:8000."
        )
    port(parts, name)
    return parts


def hosts(name: str) -> dict[str, set[str]]:
    """Return the host names that a variable lists, with the ports written after each: a number, or
    * for any.
    """
    result: dict[str, set[str]] = {}
    for entry in filter(None, (entry.strip() for entry in os.environ.get(name, "").split(","))):
        match = HOST.fullmatch(entry)
        if match is None:
            raise BadSetting(
                f"{name}: {entry!r} is not a host. Write names with commas between, such as "
                "gradus.example,192.0.2.7,[2001:db8::7], with :port or :* where it differs from "
                "that of SITE_URL."
            )
        result.setdefault(match["host"].lower(), set()).update(filter(None, [match["port"]]))
    return result


def origins(name: str) -> list[str]:
    """Return the origins that a variable lists, with commas between: scheme, host, perhaps a
    port.
    """
    result = texts(name)
    for entry in result:
        if not ORIGIN.fullmatch(entry):
            raise BadSetting(
                f"{name}: {entry!r} is not an origin. Write scheme and host in lower case, with "
                "a port if it is not the usual one, and commas between, such as "
                "https://notes.example,http://localhost:5173."
            )
    return result


def database(url: str) -> dict[str, Any]:
    """Return Django's form of `postgresql://user:password@host:port/name?option=value` (`host` may
    be a socket's folder).
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise BadSetting(
            "DATABASE_URL must begin with postgresql://. Gradus runs on PostgreSQL "
            f"{MIN_POSTGRES_MAJOR} or newer, nothing else."
        )
    options = dict(parse_qsl(parts.query))
    number = port(parts, "DATABASE_URL")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": options.pop("port", "") or str(number or ""),
        "OPTIONS": options,
    }


MAIL_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


def mail(url: str) -> dict[str, Any]:
    """Return Django's mail settings of `smtp://user:password@host:port?verify=…`: `smtp` uses
    STARTTLS, `smtps` TLS from the start, `smtp+plain` no TLS.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    parts = _mail_parts(url)
    return {
        "EMAIL_BACKEND": "apps.accounts.email_backend.OutboxBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port(parts, "EMAIL_URL") or MAIL_PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp",
        "EMAIL_TLS_VERIFY": _tls_verify(parts),
        "EMAIL_TIMEOUT": 10,
    }


def _mail_parts(url: str) -> SplitResult:
    """Return the parts of a valid mail URL. The message about another one shows no part of it,
    which may be the password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may show the password
        raise BadSetting(
            "EMAIL_URL: host, user or password hold what a URL cannot. In a user or password "
            "write %5B for [, %5D for ], and other signs than letters and digits likewise."
        ) from None
    if parts.scheme not in MAIL_PORTS or not parts.hostname:
        raise BadSetting(
            "EMAIL_URL must look like smtp://user:password@host:587, smtps://… for TLS from the "
            "start, or smtp+plain://… for a server without TLS."
        )
    options = [name for name, _value in parse_qsl(parts.query, keep_blank_values=True)]
    if parts.path.strip("/") or parts.fragment or options not in ([], ["verify"]):
        raise BadSetting(
            "EMAIL_URL: nothing but ?verify=… may follow host and port. In a user or password "
            "write %2F for /, %3F for ?, %23 for # and %40 for @."
        )
    if bool(parts.username) != bool(parts.password):
        raise BadSetting(
            "EMAIL_URL: write both, smtp://user:password@host, or neither, smtp://host."
        )
    return parts


def _tls_verify(parts: SplitResult) -> bool | str:
    """Return whether the mail server's certificate is verified, or the file of CA certificates by
    which it is.
    """
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if options and parts.scheme == "smtp+plain":
        raise BadSetting(
            "EMAIL_URL: smtp+plain:// has no certificate to verify. Leave ?verify=… out, or write "
            "smtp:// or smtps://."
        )
    verify = options.get("verify", "yes")
    if verify in ("yes", "no"):
        return verify == "yes"
    if not Path(verify).is_absolute():
        raise BadSetting(
            f"EMAIL_URL: verify={verify!r}: write yes, no, or the absolute path of a PEM file "
            "with the certificates to trust."
        )
    try:
        ssl.create_default_context(cafile=verify)
    except OSError as error:  # ssl.SSLError is one
        raise BadSetting(
            f"EMAIL_URL: verify={verify!r} must be a PEM file with the certificates to trust, "
            f"which this process may read ({error.strerror or error})."
        ) from None
    return verify


def s3_storage(url: str) -> dict[str, Any]:
    """Return Django's form of `https://KEY:SECRET@server/bucket?region=…`, the bucket for uploaded
    files: of Amazon, or of a server that speaks its protocol. The message about another URL shows
    no part of it, which may be the secret.
    """
    parts, bucket, region = _s3_parts(url)
    try:
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config
    except ImportError:
        raise BadSetting(
            "BUCKET_URL is set, but boto3 is not installed: "
            ".venv/bin/pip install -r requirements-s3.txt"
        ) from None
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    number = port(parts, "BUCKET_URL")
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "access_key": unquote(parts.username or "") or None,
            "secret_key": unquote(parts.password or "") or None,
            "endpoint_url": f"{parts.scheme}://{host}" + (f":{number}" if number else ""),
            "region_name": region,
            "file_overwrite": True,  # a name says what is in it
            "max_memory_size": 1 << 20,  # of a file that is read; the rest goes to the disk
            "transfer_config": TransferConfig(use_threads=False),
            "client_config": Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=3,
                read_timeout=10,
                retries={"total_max_attempts": 2, "mode": "standard"},
                # servers other than Amazon's do not all know its newer checksums
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        },
    }


def _s3_parts(url: str) -> tuple[SplitResult, str, str]:
    """Return the parts of a bucket's URL, the bucket and the region."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:  # its text may show the secret
        parts, options = SplitResult("", "", "", "", ""), {}
    bucket = parts.path.strip("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or not BUCKET.fullmatch(bucket):
        raise BadSetting(
            "BUCKET_URL must look like https://KEY:SECRET@s3.eu-central-1.amazonaws.com/bucket"
            "?region=eu-central-1. In KEY and SECRET write %2F for /, %2B for +, %40 for @."
        )
    if bool(parts.username) != bool(parts.password):
        raise BadSetting("BUCKET_URL: write both, https://KEY:SECRET@server/bucket, or neither.")
    if parts.fragment or set(options) - {"region"}:
        raise BadSetting("BUCKET_URL: nothing but ?region=… may follow the bucket.")
    return parts, bucket, options.get("region", "us-east-1")
