"""The site's environment: what follows from SITE_URL, and messages about invalid values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = "kept very long, and of more than five different letters"
SHOWN = (
    "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE",
    "SESSION_COOKIE_NAME",
    "CSRF_COOKIE_NAME",
    "LANGUAGE_COOKIE_NAME",
    "SECURE_SSL_REDIRECT",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "DEBUG",
)
SHOW = (
    "from gradus import settings; import json; "
    f"print(json.dumps({{n: getattr(settings, n) for n in {SHOWN}}}))"
)


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "platform"),
        "SECRET_KEY": KEY,
    }
    variables["DATABASE_URL"] = os.environ["DATABASE_URL"]
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=variables | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def settings(**environ: str) -> dict[str, object]:
    shown = run("-c", SHOW, **environ)
    assert shown.returncode == 0, shown.stderr
    return dict(json.loads(shown.stdout))


def test_the_audit_log_is_kept_for_a_month_at_least() -> None:
    refused = run("-c", SHOW, AUDIT_KEEP_DAYS="29")
    assert refused.returncode != 0 and "AUDIT_KEEP_DAYS must be at least 30" in refused.stderr


def test_https_turns_on_what_requires_it() -> None:
    values = settings(SITE_URL="https://gradus.example/")
    assert values == {
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SESSION_COOKIE_NAME": "__Host-sid",
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "LANGUAGE_COOKIE_NAME": "__Host-language",
        "SECURE_SSL_REDIRECT": False,
        "ALLOWED_HOSTS": ["gradus.example", "127.0.0.1", "localhost", "[::1]"],
        "CSRF_TRUSTED_ORIGINS": ["https://gradus.example"],
        "DEBUG": False,
    }


def test_http_turns_on_none_of_it() -> None:
    values = settings(SITE_URL="http://192.0.2.7:8000", ALLOWED_HOSTS="192.0.2.7,lab.local")
    assert not any(
        values[name] for name in SHOWN if name.startswith("SECURE") or name.endswith("_SECURE")
    )
    assert (values["SESSION_COOKIE_NAME"], values["CSRF_COOKIE_NAME"]) == ("sid", "csrf")
    assert values["ALLOWED_HOSTS"] == ["192.0.2.7", "lab.local"]


def test_a_site_under_https_passes_the_checks_for_deployment() -> None:
    checked = run(
        "manage.py",
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        SITE_URL="https://gradus.example",
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"LEASE_SECONDS": "soon"}, "LEASE_SECONDS='soon' is not a number"),
        ({"LEASE_SECONDS": "nan"}, "LEASE_SECONDS='nan' is not a number"),
        ({"MAX_QUEUED": "inf"}, "MAX_QUEUED='inf' is not a number"),
        ({"TICK_SECONDS": "0"}, "TICK_SECONDS=0: write a number above 0"),
        ({"KILL_SECONDS": "-1"}, "KILL_SECONDS=-1: write a number above 0"),
        ({"LEASE_SECONDS": "5"}, "HEARTBEAT_SECONDS must be less than LEASE_SECONDS"),
        ({"DEBUG": "maybe"}, "DEBUG='maybe': write 1 or 0"),
        ({"SITE_URL": "gradus.example"}, "SITE_URL='gradus.example': write the address"),
        (
            {"SITE_URL": "https://gradus.example/prep"},
            "write the address of the site without a path",
        ),
        ({"SITE_URL": "http://[::1"}, "SITE_URL='http://[::1': write the address"),
        ({"SITE_URL": "http://h:port"}, "SITE_URL: what follows the host must be a port"),
        ({"ALLOWED_HOSTS": "h,https://g"}, "ALLOWED_HOSTS: 'https://g' is not a host"),
        ({"ALLOWED_HOSTS": "::1"}, "ALLOWED_HOSTS: '::1' is not a host"),
        ({"ALLOWED_HOSTS": "h:port"}, "ALLOWED_HOSTS: 'h:port' is not a host"),
        ({"TRUSTED_PROXIES": "10.0.0.1,proxy"}, "TRUSTED_PROXIES: 'proxy' does not appear"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES: 10.0.0.1/8 has host bits set"),
        ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL must begin with postgresql://"),
        (
            {"DATABASE_URL": "postgresql://h:port/x"},
            "DATABASE_URL: what follows the host must be a port",
        ),
        ({"EMAIL_URL": "smtp://mail:99999"}, "EMAIL_URL: what follows the host must be a port"),
        ({"EMAIL_URL": "smtp://mail?verify=maybe"}, "EMAIL_URL: verify='maybe': write yes, no"),
        ({"MAIL_KEEP_DAYS": "0"}, "MAIL_KEEP_DAYS=0: write a number above 0"),
        ({"POINTS_KEEP_DAYS": "-1"}, "POINTS_KEEP_DAYS must be 0 (never) or a number of days"),
        ({"GRADUS_CLOCK_OFFSET": "60"}, "GRADUS_CLOCK_OFFSET is for tests"),
    ],
    ids=repr,
)
def test_an_invalid_value_is_named(environ: dict[str, str], message: str) -> None:
    refused = run("-c", "import gradus.settings", **environ)
    assert refused.returncode == 1
    assert message in refused.stderr.splitlines()[-1]


LOG_LINES = """
import logging.config
from gradus import settings
logging.config.dictConfig(settings.LOGGING)
for status in (404, 422, 500):
    logging.getLogger("django.request").warning("status %s", status, extra={"status_code": status})
logging.getLogger("apps").warning("no wake-up")
"""


def test_the_log_has_errors_but_no_invalid_forms() -> None:
    log = run("-c", LOG_LINES).stderr
    assert all(line in log for line in ("status 404", "status 500", "no wake-up"))
    assert "422" not in log


def test_a_contact_that_is_none_and_former_keys_are_read() -> None:
    assert settings(SECURITY_CONTACT="mailto:a@b.example,https://b.example/x") is not None
    refused = run("-c", SHOW, SECURITY_CONTACT="a@b.example")
    assert "neither mailto:name@host nor an address with https://" in refused.stderr
    keys = run(
        "-c",
        "from gradus import settings; print(settings.SECRET_KEY_FALLBACKS)",
        SECRET_KEY_FALLBACKS="one,two",
    )
    assert keys.stdout.strip() == "['one', 'two']"


def test_keys_of_a_provider_let_forms_lead_there() -> None:
    show = (
        "from gradus import settings as s; print(s.CONTENT_SECURITY_POLICY['DIRECTIVES']"
        "['form-action'][1:], s.SOCIALACCOUNT_PROVIDERS['github']['APPS'])"
    )
    assert run("-c", show).stdout.strip() == "[] []"
    keys = run("-c", show, GITHUB_CLIENT_ID="gradus", GITHUB_SECRET="hush").stdout
    assert keys.startswith("['https://github.com'] [{'client_id': 'gradus', 'secret': 'hush'}]")
