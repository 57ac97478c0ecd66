"""Mails about notices: what they say and to whom, once each whatever fails."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from gradus import env

from apps.accounts import housekeeping as mail_housekeeping
from apps.accounts import outbox
from apps.accounts import services as accounts
from apps.accounts.models import OutgoingMail, User
from apps.common.clock import Clock
from apps.notices import housekeeping, mails, services
from apps.notices.digest_times import COLLECTING
from apps.notices.housekeeping import make_notice_mails
from apps.notices.models import Delivery, Kind, Notice
from tests.accounts.mail_server import MailServer, mail_server
from tests.connections import elsewhere
from tests.discussions.conftest import make_person, reply
from tests.experiments.conftest import step_clock
from tests.notices.conftest import confirm, tell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sends_mail")]
SOON = COLLECTING.total_seconds() + 1
NEXT_DAY = 26 * 3600  # the next digest is due by then, in every zone
SITE = "http://127.0.0.1:8000"


@pytest.fixture
def reader(mei: User) -> User:
    """Mei, with a confirmed address."""
    confirm(mei)
    return mei


def due_at_once(person: User) -> None:
    """Have all that a person is to be mailed due now, without stepping a clock."""
    Notice.objects.filter(person=person).update(mail_due_at=Clock() - timedelta(seconds=1))


def parsed(mail: OutgoingMail) -> EmailMessage:
    message = message_from_bytes(bytes(mail.message), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def stored() -> list[EmailMessage]:
    return [parsed(mail) for mail in OutgoingMail.objects.order_by("pk")]


def texts(message: EmailMessage) -> tuple[str, str]:
    """Return what a mail says, as text and as HTML."""
    bodies = [message.get_body(("plain",)), message.get_body(("html",))]
    assert all(bodies)
    text, html = (str(body.get_content()).replace("\r\n", "\n") for body in bodies if body)
    return text, html


# ---------------------------------------------------------------- when


def test_what_is_mailed_at_once_waits_a_few_minutes_and_is_one_mail(
    reader: User, ola: User
) -> None:
    tell(reader, actor=ola)
    tell(reader, actor=ola, subject="thread:2", title="Another thread")
    tell(reader, Kind.MODERATION, subject="action:1", details={"action": "lock", "of": "thread"})
    assert make_notice_mails() == 0
    step_clock(SOON)
    assert make_notice_mails() == 1
    assert make_notice_mails() == 0
    (message,) = stored()
    assert message["Subject"] == "Gradus: 3 notices"
    text, _html = texts(message)
    assert text.count("ola mentions you") == 2 and "Another thread" in text


def test_the_digest_comes_once_a_day_and_tells_of_the_kinds_that_belong_to_it(
    reader: User, ola: User
) -> None:
    tell(reader, Kind.REPLY, actor=ola)
    tell(reader, Kind.FOLLOWED, actor=ola, subject="thread:2", title="A thread I follow")
    tell(reader, Kind.VERDICT, subject="run:1", title="A lab")
    step_clock(NEXT_DAY)
    assert make_notice_mails() == 1
    (message,) = stored()
    text, _html = texts(message)
    assert "A thread I follow" in text and "A lab" not in text
    assert make_notice_mails() == 0


def test_a_mail_at_once_leaves_what_waits_for_the_digest(reader: User) -> None:
    tell(reader, Kind.REPLY, title="For the digest", subject="thread:2")
    tell(reader)
    step_clock(SOON)
    make_notice_mails()
    (message,) = stored()
    assert "For the digest" not in texts(message)[0]
    assert Notice.objects.to_be_mailed().get().kind == Kind.REPLY


def test_what_was_read_before_is_not_mailed(reader: User) -> None:
    tell(reader)
    services.mark_read(person=reader)
    step_clock(NEXT_DAY)
    assert make_notice_mails() == 0 and stored() == []


def test_what_counts_up_after_a_mail_is_mailed_again_with_what_is_new(
    reader: User, ola: User, sam: User
) -> None:
    tell(reader, actor=ola)
    due_at_once(reader)
    make_notice_mails()
    for _ in range(2):
        tell(reader, actor=sam)
    due_at_once(reader)
    make_notice_mails()
    first, second = stored()
    assert first["Subject"] == "Gradus: ola mentions you: Why does the loss stall?"
    assert "2 posts mention you, the last by sam" in second["Subject"]
    assert Notice.objects.get().count == 3


def test_a_change_of_settings_moves_what_waits(reader: User) -> None:
    tell(reader, Kind.REPLY)
    services.change_deliveries(person=reader, deliveries={Kind.REPLY: Delivery.AT_ONCE})
    step_clock(SOON)
    assert make_notice_mails() == 1
    tell(reader)
    services.change_deliveries(person=reader, deliveries={Kind.MENTION: Delivery.SITE})
    step_clock(NEXT_DAY)
    assert make_notice_mails() == 0 and len(stored()) == 1


def test_the_delivery_that_holds_is_that_of_the_moment_of_mailing(reader: User) -> None:
    """A notice that was stored while its owner turned the mail off is not mailed."""
    tell(reader, Kind.VERDICT)
    due_at_once(reader)
    assert make_notice_mails() == 0
    assert not Notice.objects.to_be_mailed().exists()


# ---------------------------------------------------------------- to whom


def test_an_address_that_nobody_confirmed_gets_no_mail(mei: User, ola: User) -> None:
    confirm(ola)
    tell(mei)
    tell(ola)
    step_clock(SOON)
    make_notice_mails()
    assert [mail.recipient for mail in OutgoingMail.objects.all()] == [ola.email]
    assert not Notice.objects.to_be_mailed().exists(), "nobody looks at it again"


def test_a_confirmed_address_of_before_does_not_count(reader: User) -> None:
    User.objects.filter(pk=reader.pk).update(
        email="new@example.org", canonical_email="new@example.org"
    )
    tell(reader)
    step_clock(SOON)
    assert make_notice_mails() == 0 and stored() == []


def test_who_can_no_longer_sign_in_gets_no_mail(reader: User) -> None:
    tell(reader)
    User.objects.filter(pk=reader.pk).update(is_active=False)
    step_clock(SOON)
    assert make_notice_mails() == 0 and stored() == []


def test_a_site_without_a_mail_server_makes_no_mails_for_later(reader: User, settings: Any) -> None:
    settings.EMAIL_URL = ""
    tell(reader)
    settings.EMAIL_URL = "smtp+plain://127.0.0.1:1"
    step_clock(NEXT_DAY)
    assert make_notice_mails() == 0 and stored() == []


# ---------------------------------------------------------------- what it says


def test_a_mail_has_text_and_html_and_can_be_stopped_by_mail_programs(
    reader: User, ola: User
) -> None:
    tell(reader, actor=ola)
    due_at_once(reader)
    make_notice_mails()
    (message,) = stored()
    text, html = texts(message)
    for body in (text, html):
        assert "ola mentions you" in body and "Why does the loss stall?" in body
        assert f"{SITE}/threads/1/posts/2" in body
    assert message["To"] == "mei@example.org"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (url,) = re.fullmatch(r"<(http://\S+)>", message["List-Unsubscribe"].strip()).groups()  # type: ignore[union-attr]
    assert url.startswith(f"{SITE}/notices/unsubscribe/") and url in text and url in html
    assert message["Auto-Submitted"] == "auto-generated"
    assert not re.search(r"<(img|link|script|style|iframe)|url\(|style=|color:", html)
    assert '<meta name="color-scheme" content="light dark">' in html


@pytest.mark.parametrize("delivery", [Delivery.AT_ONCE, Delivery.DIGEST])
def test_a_mail_is_in_the_readers_language(delivery: Delivery, reader: User, ola: User) -> None:
    accounts.choose_language(user=reader, language="zh-hans")
    services.change_deliveries(person=reader, deliveries={Kind.MENTION: delivery})
    tell(reader, actor=ola, details={"title": {"en": "Dead ReLU", "zh": "死亡 ReLU"}})
    due_at_once(reader)
    make_notice_mails()
    (message,) = stored()
    text, html = texts(message)
    assert 'lang="zh-Hans"' in html and "死亡 ReLU" in message["Subject"]
    assert "ola 提到了你" in text and "ola 提到了你" in html
    latin = re.sub(r"https?://\S+|<[^>]*>|Gradus|ola|mei|ReLU", "", text + html)
    assert not re.search(r"[A-Za-z]{3,}", latin), latin


def test_without_a_language_of_its_own_an_account_has_that_of_its_last_sign_in(
    reader: User,
) -> None:
    assert reader.mail_language == "en"
    accounts.note_page_language(user=reader, language="zh-hans")
    accounts.note_page_language(user=reader, language="fr")
    reader.refresh_from_db()
    assert reader.mail_language == "zh-hans"
    accounts.choose_language(user=reader, language="en")
    reader.refresh_from_db()
    assert reader.mail_language == "en"


def test_a_mail_quotes_no_post(reader: User, ola: User, thread: Any) -> None:
    reply(ola, thread, "The secret is the learning rate.")
    due_at_once(reader)
    make_notice_mails()
    (message,) = stored()
    assert "secret" not in "".join(texts(message)) + message["Subject"]


@pytest.mark.attack
@pytest.mark.parametrize(
    "title",
    [
        "Hello\r\nBcc: everybody@example.org",
        "Hello\nContent-Type: text/html\n\n<script>alert(1)</script>",
        "Hello\x0b\x1c\x85\u2028\u2029there",
        "\u202eevil\u2066 \u200f\ufeff",
        "=?utf-8?q?Bcc=3A_everybody?=",
        "x" * 300,
        "é" * 300,
        "<b>&amp;</b>\"'</title>",
    ],
)
def test_hostile_titles_and_handles_stay_within_their_line(
    title: str, reader: User, ola: User
) -> None:
    User.objects.filter(pk=ola.pk).update(handle="ola\r\nBcc: eve@example.org")
    ola.refresh_from_db()
    tell(reader, actor=ola, title=title)
    due_at_once(reader)
    make_notice_mails()
    (message,) = stored()
    assert "Bcc" not in message and message.get_content_type() == "multipart/alternative"
    assert OutgoingMail.objects.get().recipient == "mei@example.org"
    text, html = texts(message)
    assert not re.search("[\x00-\x08\x0b-\x1f\x85\u2028\u202a-\u202e\u2066-\u2069]", text + html)
    assert not re.search("[\r\n\u202e]", str(message["Subject"]))
    assert len(message["Subject"].strip()) <= mails.MAX_SUBJECT_CHARS + len(mails.PREFIX)
    assert "<script>" not in html and "<b>" not in html
    titles = [line for line in text.splitlines() if line.startswith("  ") and "http" not in line]
    assert titles == [f"  {mails.one_line(title)}"]


def test_a_long_digest_lists_some_and_says_how_many_more(reader: User) -> None:
    for n in range(mails.MAX_LISTED + 7):
        tell(reader, Kind.REPLY, subject=f"thread:{n}", title=f"Thread number {n}")
    due_at_once(reader)
    make_notice_mails()
    (message,) = stored()
    text, html = texts(message)
    assert text.count("Thread number") == html.count("Thread number") == mails.MAX_LISTED
    assert "And 7 more" in text and "And 7 more" in html
    assert message["Subject"] == "Gradus: 37 notices"


# ---------------------------------------------------------------- once, whatever fails


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """Have a mail server, which is away until it listens."""
    monkeypatch.setattr(mail_housekeeping, "ROUND_SECONDS", math.inf)
    with mail_server() as server:
        url = f"smtp+plain://{server.host}"
        for name, value in {"EMAIL_URL": url, **env.mail(url)}.items():
            setattr(settings, name, value)
        settings.EMAIL_TIMEOUT = 60
        yield server


def test_a_mail_server_that_is_away_delays_a_mail_and_never_doubles_it(
    reader: User, server: MailServer
) -> None:
    tell(reader)
    due_at_once(reader)
    for _ in range(3):
        make_notice_mails()
        mail_housekeeping.deliver_mails()
    assert OutgoingMail.objects.get().state == "queued"
    server.listen()
    step_clock(3600)
    for _ in range(3):
        make_notice_mails()
        mail_housekeeping.deliver_mails()
    (received,) = server.received
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in received


class Crashed(Exception):
    pass


def test_a_crash_after_a_mail_was_stored_leaves_neither_mail_nor_mark(
    reader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(reader)
    due_at_once(reader)

    def crash(*_: Any) -> None:
        raise Crashed

    with monkeypatch.context() as patch:
        patch.setattr(mails, "_mark_mailed", crash)
        with pytest.raises(Crashed), transaction.atomic():
            mails.store_due_mails(pk=reader.pk)
    assert stored() == [] and Notice.objects.to_be_mailed().count() == 1
    assert make_notice_mails() == 1 and len(stored()) == 1


def test_a_person_whose_mail_cannot_be_made_holds_up_nobody_else(
    reader: User, ola: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm(ola)
    tell(reader)
    tell(ola)
    for person in (reader, ola):
        due_at_once(person)
    message_to = mails.message_to

    def fail(person: User, *rest: Any) -> Any:
        if person == reader:
            raise ValueError("cannot be written")
        return message_to(person, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(mails, "message_to", fail)
        assert make_notice_mails() == 1
        assert make_notice_mails() == 0
    assert [mail.recipient for mail in OutgoingMail.objects.all()] == [ola.email]
    step_clock(housekeeping.POSTPONED_SECONDS + 1)
    assert make_notice_mails() == 1, "it was postponed, not lost"


def test_a_round_has_an_end(reader: User, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [make_person(f"person{n}") for n in range(3)]
    confirm(*people)
    for person in people:
        tell(person)
        due_at_once(person)
    monkeypatch.setattr(housekeeping, "MAX_PEOPLE", 2)
    assert [make_notice_mails() for _ in range(3)] == [2, 1, 0]
    tell(people[0])
    due_at_once(people[0])
    monkeypatch.setattr(housekeeping, "ROUND_SECONDS", -1)
    assert make_notice_mails() == 0


@pytest.mark.django_db(transaction=True)
def test_two_at_once_mail_a_person_once(reader: User) -> None:
    tell(reader, Kind.REPLY)
    due_at_once(reader)
    store_mail = outbox.store_mail
    meanwhile: list[bool] = []

    def store(**values: Any) -> int:
        meanwhile.append(elsewhere(lambda: mails.store_due_mails(pk=reader.pk)).result())
        return store_mail(**values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "store_mail", store)
        assert mails.store_due_mails(pk=reader.pk)
    assert meanwhile == [False] and len(stored()) == 1


@pytest.mark.django_db(transaction=True)
def test_housekeep_finds_these_jobs_and_two_copies_mail_once(
    reader: User, server: MailServer
) -> None:
    server.listen()
    tell(reader)
    due_at_once(reader)
    other = elsewhere(lambda: call_command("housekeep", once=True))
    call_command("housekeep", once=True)
    other.result()
    call_command("housekeep", once=True)
    assert len(server.received) == 1


def test_a_deleted_account_leaves_no_mail(reader: User) -> None:
    tell(reader)
    due_at_once(reader)
    make_notice_mails()
    accounts.delete_user(user=reader)
    assert not OutgoingMail.objects.exists() and not Notice.objects.exists()
