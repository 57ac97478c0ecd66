"""The forms of EMAIL_URL, and the messages about others."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradus import env


@pytest.mark.parametrize(
    ("url", "port", "starttls", "tls", "verify"),
    [
        ("smtp://mail", 587, True, False, True),
        ("smtp://mail:2525/", 2525, True, False, True),
        ("smtps://mail", 465, False, True, True),
        ("smtps://mail?verify=yes", 465, False, True, True),
        ("smtp://mail?verify=no", 587, True, False, False),
        ("smtp+plain://mail", 25, False, False, True),
        ("smtp+plain://mail:1025", 1025, False, False, True),
    ],
)
def test_the_scheme_chooses_tls_and_port(
    url: str, port: int, starttls: bool, tls: bool, verify: bool
) -> None:
    mail = env.mail(url)
    assert (mail["EMAIL_HOST"], mail["EMAIL_PORT"]) == ("mail", port)
    assert (mail["EMAIL_USE_TLS"], mail["EMAIL_USE_SSL"]) == (starttls, tls)
    assert mail["EMAIL_TLS_VERIFY"] is verify


def test_user_and_password_are_unescaped() -> None:
    mail = env.mail("smtp://a%40b:p%2Fw%3F%23@[::1]:587")
    assert (mail["EMAIL_HOST_USER"], mail["EMAIL_HOST_PASSWORD"]) == ("a@b", "p/w?#")
    assert mail["EMAIL_HOST"] == "::1"


def test_without_a_server_mail_is_printed() -> None:
    assert env.mail("") == {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mail.example.org", "must look like smtp://user:password@host:587"),
        ("http://mail", "smtp\\+plain://… for a server without TLS"),
        ("smtp://", "must look like"),
        ("smtp://[::1", "EMAIL_URL: host, user or password hold what a URL cannot"),
        ("smtp://mail:0x", "EMAIL_URL: what follows the host must be a port"),
        ("smtp://mail:99999", "a number up to 65535"),
        ("smtp://user:hush", "Is the @ before the host missing"),
        ("smtp://user:hu\u2100sh@mail", "hold what a URL cannot"),
        ("smtp://user:[hu]sh@mail", "hold what a URL cannot"),
        ("smtp://user@mail", "write both"),
        ("smtp://:hush@mail", "write both"),
        ("smtp://user:hu/sh@mail", "write %2F for /"),
        ("smtp://user:hu?sh@mail", "%3F for \\?"),
        ("smtp://user:hu#sh@mail", "%23 for #"),
        ("smtp://mail?verify=no&verify=yes", "nothing but \\?verify=…"),
        ("smtp://mail?tls=no", "nothing but \\?verify=…"),
        ("smtp://mail?verify=", "write yes, no, or the absolute path"),
        ("smtp://mail?verify=false", "write yes, no, or the absolute path"),
        ("smtp://mail?verify=ca.pem", "write yes, no, or the absolute path"),
        ("smtp+plain://mail?verify=no", "has no certificate to verify"),
        ("smtp://mail?verify=/no/such.pem", "'/no/such.pem' must be a PEM file"),
    ],
)
def test_another_form_is_refused_and_no_part_of_a_password_shown(url: str, message: str) -> None:
    with pytest.raises(env.BadSetting, match=message) as refused:
        env.mail(url)
    assert "hu" not in str(refused.value)


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    with pytest.raises(env.BadSetting, match="must be a PEM file"):
        env.mail(f"smtp://mail?verify={file}")
