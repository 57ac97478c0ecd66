"""Mail goes through the outbox: stored with what causes it, delivered by housekeep when the mail
server is there.
"""

from __future__ import annotations

import logging
import math
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.core.mail import EmailMessage, get_connection
from django.core.management import call_command
from django.db import InternalError, connection, connections, transaction
from django.test import Client
from gradus import env

from apps.accounts import housekeeping, outbox, services
from apps.accounts.addresses import mailbox
from apps.accounts.housekeeping import delete_old_mails, deliver_mails
from apps.accounts.models import OutgoingMail, User
from apps.common.clock import Clock
from apps.experiments.management.commands import housekeep
from tests.accounts.conftest import SAM, SIGN_UP
from tests.accounts.mail_server import MailServer, mail_server
from tests.connections import elsewhere
from tests.experiments.conftest import step_clock

QUEUED, SENT, FAILED = OutgoingMail.State.values


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def configure(settings: Any) -> Callable[[str], None]:
    """Return a function that applies the settings of an EMAIL_URL."""

    def configure(url: str) -> None:
        for name, value in {"EMAIL_URL": url, **env.mail(url)}.items():
            setattr(settings, name, value)
        settings.EMAIL_TIMEOUT = 60  # also on a machine with much else to do
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory" if url else "none"
        settings.ACCOUNT_PREVENT_ENUMERATION = bool(url)

    return configure


@pytest.fixture(autouse=True)
def configured(
    configure: Callable[[str], None], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(f"smtp+plain://{server.host}")
    monkeypatch.setattr(housekeeping, "ROUND_SECONDS", math.inf)


def write_mail(*recipients: str) -> OutgoingMail:
    EmailMessage("Subject", "Text\n.\nwith a dot", to=recipients or ["mei@example.org"]).send()
    return OutgoingMail.objects.latest("pk")


def rows(*fields: str) -> list[tuple[Any, ...]]:
    return list(OutgoingMail.objects.order_by("pk").values_list(*fields))


@pytest.mark.django_db
def test_who_signs_up_while_the_mail_server_is_away_gets_the_link_later(
    client: Client, server: MailServer
) -> None:
    assert client.post(SIGN_UP, SAM)["Location"] == "/accounts/confirm-email/"
    assert User.objects.filter(handle="Sam").exists()
    assert deliver_mails() == 0
    ((state, attempts, error),) = rows("state", "attempts", "error")
    assert (state, attempts) == (QUEUED, 1) and "ConnectionRefusedError" in error
    deliver_mails()
    assert rows("attempts") == [(1,)], "not before a minute is over"
    step_clock(61)
    assert deliver_mails() == 0 and rows("attempts") == [(2,)]
    server.listen()
    step_clock(122)
    assert deliver_mails() == 0 and rows("attempts") == [(2,)], "then not before two are"
    step_clock(182)
    assert deliver_mails() == 1 and deliver_mails() == 0
    assert rows("recipient", "state", "error", "message") == [(SAM["email"], SENT, "", b"")]
    (mail,) = server.received
    link = re.search(r"http://127.0.0.1:8000(/\S+)", mail)
    assert link and client.post(link[1])["Location"] == "/"


@pytest.mark.django_db
def test_a_password_is_reset_while_the_mail_server_is_away(
    client: Client, server: MailServer
) -> None:
    User.objects.create_user("mei@example.org", "Mei")
    sent = client.post("/accounts/password/reset/", {"email": "mei@example.org"})
    assert sent["Location"] == "/accounts/password/reset/done/"
    assert rows("recipient", "state") == [("mei@example.org", QUEUED)]


def test_the_backoff_doubles_up_to_four_hours_and_ends_before_links_do() -> None:
    minutes = [outbox.backoff(n) / timedelta(minutes=1) for n in range(1, 11)]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 240, 240]
    last = sum((outbox.backoff(n) for n in range(1, outbox.MAX_ATTEMPTS)), timedelta())
    assert timedelta(days=2) < last < timedelta(seconds=site.PASSWORD_RESET_TIMEOUT)


@pytest.mark.django_db
def test_after_the_last_attempt_a_mail_has_failed() -> None:
    mail = write_mail()
    OutgoingMail.objects.update(attempts=outbox.MAX_ATTEMPTS - 1)
    deliver_mails()
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (FAILED, outbox.MAX_ATTEMPTS)
    assert mail.message and "ConnectionRefusedError" in mail.error, "so that it can be tried again"


@pytest.mark.django_db
def test_a_last_attempt_that_was_cut_off_is_not_made_again(server: MailServer) -> None:
    server.listen()
    write_mail()
    OutgoingMail.objects.update(attempts=outbox.MAX_ATTEMPTS)
    assert deliver_mails() == 0
    assert rows("state") == [(FAILED,)] and server.received == []


@pytest.mark.django_db
@pytest.mark.parametrize("when", ["RCPT", "DATA"])
def test_a_mail_that_is_refused_is_not_tried_again_and_holds_up_no_other(
    when: str, server: MailServer
) -> None:
    server.listen()
    server.answers[when] = "550 no \x00such user"
    write_mail()
    write_mail()
    assert deliver_mails() == 0
    assert rows("state", "attempts", "error") == [(FAILED, 1, "550 no such user")] * 2
    step_clock(7 * 24 * 3600)
    assert deliver_mails() == 0 and rows("attempts") == [(1,), (1,)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("RCPT", "450 come later"),
        ("DATA", "451 come later"),
        ("MAIL", "550 this sender may not"),
        ("AUTH", "535 wrong password"),
    ],
)
def test_a_temporary_error_is_tried_again(
    verb: str, answer: str, server: MailServer, configure: Callable[[str], None]
) -> None:
    server.listen()
    configure(f"smtp+plain://user:secret@{server.host}")
    server.answers |= {"AUTH": "235 welcome", verb: answer}
    mail = write_mail()
    assert deliver_mails() == 0
    mail.refresh_from_db()
    assert mail.state == QUEUED and answer[4:] in mail.error and "secret" not in mail.error
    server.answers = {"AUTH": "235 welcome"}
    step_clock(61)
    assert deliver_mails() == 1 and len(server.received) == 1


@pytest.mark.django_db
def test_a_password_that_smtp_cannot_encode_is_not_in_the_error(
    server: MailServer, configure: Callable[[str], None]
) -> None:
    server.listen()
    configure(f"smtp+plain://user:geheimnüss@{server.host}")
    mail = write_mail()
    assert deliver_mails() == 0
    mail.refresh_from_db()
    assert mail.state == QUEUED and "EMAIL_URL" in mail.error and "ü" not in mail.error


@pytest.mark.django_db
def test_while_the_server_is_away_a_round_makes_one_attempt() -> None:
    write_mail("a@example.org", "b@example.org")
    deliver_mails()
    assert sorted(rows("attempts")) == [(0,), (1,)]
    deliver_mails()
    assert sorted(rows("attempts")) == [(1,), (1,)]


@pytest.mark.django_db
def test_each_recipient_has_a_row_so_that_one_refused_is_no_trouble_for_others(
    server: MailServer,
) -> None:
    server.listen()
    server.answers["RCPT TO:<gone@example.org>"] = "550 gone"
    EmailMessage(
        "Subject", "Text", to=["Gone <gone@example.org>", "mei@example.org"], bcc=["o@例子.org"]
    ).send()
    assert deliver_mails() == 2
    assert rows("sender", "recipient", "state") == [
        ("gradus@localhost", "gone@example.org", FAILED),
        ("gradus@localhost", "mei@example.org", SENT),
        ("gradus@localhost", "o@xn--fsqu00a.org", SENT),
    ]
    assert not any("xn--fsqu00a" in mail for mail in server.received)


@pytest.mark.django_db
def test_a_connection_that_breaks_after_the_mail_was_taken_is_no_failure(
    server: MailServer,
) -> None:
    server.listen()
    server.answers["QUIT"] = "421 going away"
    write_mail()
    assert deliver_mails() == 1 and rows("state") == [(SENT,)]


@pytest.mark.django_db
def test_an_attempt_that_was_cut_off_is_made_again_after_its_backoff(server: MailServer) -> None:
    server.listen()
    mail = write_mail()
    assert outbox.lease_mail() == mail
    assert deliver_mails() == 0
    step_clock(61)
    assert deliver_mails() == 1
    assert len(server.received) == 1 and "\r\n..\r\n" in server.received[0]


@pytest.mark.django_db(transaction=True)
def test_a_mail_is_stored_with_what_causes_it_or_not_at_all() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        write_mail()
        raise ZeroDivisionError
    assert rows("pk") == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.services
def test_two_that_deliver_at_once_send_a_mail_once(server: MailServer) -> None:
    done = []

    def also_deliver() -> None:
        try:
            done.append(deliver_mails())
        finally:
            connections.close_all()

    server.before_answer = also_deliver  # in the server's thread, on a connection of its own
    server.listen()
    write_mail()
    assert deliver_mails() == 1 and done == [0] and len(server.received) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.services
def test_a_mail_that_is_being_leased_is_skipped_without_waiting(server: MailServer) -> None:
    server.listen()
    write_mail("a@example.org", "b@example.org")
    with transaction.atomic():
        first = outbox.lease_mail()
        assert elsewhere(deliver_mails).result() == 1
    assert first and rows("recipient", "state") == [
        ("a@example.org", QUEUED),
        ("b@example.org", SENT),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.services
def test_two_housekeepers_at_once_send_a_mail_once(server: MailServer) -> None:
    server.listen()
    write_mail()
    other = elsewhere(lambda: call_command("housekeep", once=True))
    call_command("housekeep", once=True)
    other.result()
    assert len(server.received) == 1 and rows("state", "attempts") == [(SENT, 1)]


@pytest.mark.django_db(transaction=True)
def test_a_slow_mail_server_does_not_delay_the_other_jobs(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[int] = []
    started, over, ended = threading.Event(), threading.Event(), threading.Event()
    in_time: list[bool] = []

    def job() -> int:
        rounds.append(1)
        if len(rounds) == 3:
            started.wait(timeout=60)
            over.set()
            raise SystemExit
        return 1

    def deliver() -> int:
        started.set()
        in_time.append(over.wait(timeout=60))
        ended.set()
        return 1

    settings.TICK_SECONDS = 0.01
    monkeypatch.setattr(housekeep, "RUN_JOBS", (job,))
    monkeypatch.setattr(housekeep, "ACCOUNT_JOBS", (deliver,))
    with ThreadPoolExecutor(1) as pool, pytest.raises(SystemExit):
        pool.submit(call_command, "housekeep").result()
    assert ended.wait(timeout=60) and all(in_time)


@pytest.mark.django_db
def test_what_ended_long_ago_is_deleted(settings: Any) -> None:
    settings.MAIL_KEEP_DAYS = 30
    old, young, queued = write_mail(), write_mail(), write_mail()
    for mail, days in ((old, 31), (young, 29)):
        OutgoingMail.objects.filter(pk=mail.pk).update(
            state=FAILED, next_attempt_at=None, ended_at=Clock() - timedelta(days=days)
        )
    assert delete_old_mails() == 1
    assert rows("pk") == [(young.pk,), (queued.pk,)]


@pytest.mark.django_db
def test_mails_to_a_person_who_is_deleted_are_deleted_with_them() -> None:
    mei = User.objects.create_user("Mei@Straße.org", "Mei")
    message = EmailMessage("Subject", "Text", to=[mailbox(mei.email), "sam@example.org"])
    message.send()
    services.delete_user(user=mei)
    assert rows("recipient") == [("sam@example.org",)]


@pytest.mark.django_db
def test_without_a_mail_server_links_are_printed_and_nothing_is_delivered(
    client: Client, configure: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_mail()
    configure("")
    User.objects.create_user("mei@example.org", "Mei")
    client.post("/accounts/password/reset/", {"email": "mei@example.org"})
    assert "http://127.0.0.1:8000/accounts/password/reset/key/" in capsys.readouterr().out
    assert deliver_mails() == 0 and rows("state", "attempts") == [(QUEUED, 0)]


# ---------------------------------------------------------------- errors reported by mail


@pytest.mark.django_db
def test_an_error_is_reported_by_mail_once(settings: Any) -> None:
    settings.ADMINS = [("Operator", "operator@example.org")]
    logging.getLogger("django.request").error("a fault at /\x00")
    assert rows("recipient") == [("operator@example.org",)]
    deliver_mails()
    assert rows("attempts") == [(1,)], "a mail that cannot be sent is not reported"


@pytest.mark.django_db
def test_a_mail_that_cannot_be_stored_is_not_reported_by_mail() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    mail = EmailMessage("Subject", "Text", to=["operator@example.org"])
    assert get_connection(fail_silently=True).send_messages([mail]) == 0
    with pytest.raises(InternalError):
        get_connection().send_messages([mail])
    assert rows("pk") == [], "and the transaction goes on"


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of one's own for 127.0.0.1, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("the program openssl makes the certificate")
    file = tmp_path_factory.mktemp("tls") / "mail.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "3650", "-subj", "/CN=mail"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", file.with_suffix(".key"), "-out", file),
        ],
        check=True,
        capture_output=True,
    )
    return file


@pytest.fixture
def tls_server(server: MailServer, certificate: Path) -> MailServer:
    server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return server


@pytest.mark.django_db
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize(
    ("verify", "sent"), [("", 0), ("?verify=yes", 0), ("?verify=no", 1), ("?verify={}", 1)]
)
def test_a_self_signed_certificate_is_trusted_when_it_is_named(
    scheme: str,
    verify: str,
    sent: int,
    tls_server: MailServer,
    certificate: Path,
    configure: Callable[[str], None],
) -> None:
    tls_server.implicit = scheme == "smtps"
    tls_server.listen()
    configure(f"{scheme}://{tls_server.host}{verify.format(certificate)}")
    mail = write_mail()
    assert deliver_mails() == sent
    mail.refresh_from_db()
    assert mail.state == (SENT if sent else QUEUED) and len(tls_server.received) == sent
    assert sent or "CERTIFICATE_VERIFY_FAILED" in mail.error


@pytest.mark.django_db
def test_a_certificate_for_another_name_is_not_trusted(
    tls_server: MailServer, certificate: Path, configure: Callable[[str], None]
) -> None:
    tls_server.listen()
    port = tls_server.server_address[1]
    configure(f"smtp://localhost:{port}?verify={certificate}")
    mail = write_mail()
    assert deliver_mails() == 0
    mail.refresh_from_db()
    assert "not valid for 'localhost'" in mail.error


@pytest.mark.django_db
def test_without_plain_nothing_is_sent_to_a_server_without_tls(
    server: MailServer, configure: Callable[[str], None]
) -> None:
    server.listen()
    configure(f"smtp://{server.host}")
    mail = write_mail()
    assert deliver_mails() == 0
    mail.refresh_from_db()
    assert mail.state == QUEUED and "STARTTLS" in mail.error and server.received == []
