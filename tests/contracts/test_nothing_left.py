"""After an account is deleted, no row of any table has a word that was its owner's alone: names,
addresses of now and before, what their tokens, passkeys, webhooks and browsers were called.

What people said to others stays without a name: none of it has the word here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client

from apps.accounts import connected_accounts, email_changes, invitations, second_factors
from apps.accounts import services as accounts
from apps.accounts.housekeeping import delete_due_accounts
from apps.accounts.models import EmailChange, OutgoingMail, Session, User
from apps.accounts.providers import Identity
from apps.accounts.sessions import BROWSER, SessionStore
from apps.api import device_logins
from apps.api.scopes import Scope
from apps.api.services import make_token, revoke_tokens
from apps.archives.models import Import
from apps.archives.services import exports
from apps.common.clock import Clock, now
from apps.discussions import services as discussions
from apps.discussions.models import Post, Thread
from apps.discussions.subjects import Subject
from apps.notices import mails
from apps.notices.models import Delivery as HowToHear
from apps.notices.models import Kind, Notice, Preference
from apps.progress import services as progress
from apps.webhooks import deliveries
from apps.webhooks import services as webhooks
from apps.webhooks.failures import Failure
from apps.webhooks.models import Delivery, Event
from tests.common.editing import edit, send
from tests.common.reauthenticating import enter_password
from tests.experiments.conftest import step_clock
from tests.progress.conftest import make_question

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
WORD = "zyzzyva"  # in all that is theirs
PASSWORD = "seven quiet herons"
FIRST, SECOND, THIRD = (f"{WORD}.{n}@example.org" for n in (1, 2, 3))
WEEK = 7 * 24 * 3600


@pytest.fixture(autouse=True)
def stores_mail(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    settings.EMAIL_BACKEND = "apps.accounts.email_backend.OutboxBackend"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_PREVENT_ENUMERATION = True
    settings.SIGNUP = "invitation"


@pytest.fixture
def sam(db: None) -> User:
    return User.objects.create_user("sam@example.org", "Sam", PASSWORD)


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss@example.org", "boss", PASSWORD)


def places() -> Iterator[str]:
    """Yield where in the database the word is: the tables, and the rows."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            name = connection.ops.quote_name(table)
            cursor.execute(
                f"SELECT row::text FROM {name} row WHERE row::text ~* %s",
                [f"{WORD}|{WORD.encode().hex()}"],
            )
            yield from (f"{table}: {row[:300]}" for (row,) in cursor.fetchall())
    for session in Session.objects.all():  # which are compressed
        if WORD in (data := str(SessionStore().decode(session.session_data))).lower():
            yield f"accounts_session: {data}"


def signed_up() -> tuple[User, Client]:
    """Return a person who was invited, signed up and confirmed their address, and their browser."""
    link = invitations.invite(address=FIRST)
    browser = Client(HTTP_USER_AGENT=f"Mozilla/5.0 {WORD}")
    form = {"email": FIRST, "username": WORD.title(), "password1": PASSWORD}
    browser.post("/accounts/signup/", form | {"invitation": link.partition("invitation=")[2]})
    person = User.objects.get(handle=WORD.title())
    EmailAddress.objects.filter(user=person).update(verified=True)
    browser.post("/accounts/login/", {"login": FIRST, "password": PASSWORD})
    assert browser.get("/settings").status_code == 200
    return person, browser


def change_address(person: User, address: str) -> None:
    change = email_changes.change_address(user=person, address=address, session_key=None)
    assert change is not None
    for side in EmailChange.Side:
        email_changes.confirm(token=email_changes.token_of(change, side), session_key=None)
    person.refresh_from_db()
    assert person.email == address


def sign_in_in_all_ways(person: User) -> None:
    for _n in range(8):  # whoever guesses; the owner is told
        Client().post("/accounts/login/", {"login": person.email, "password": "wrong " + WORD})
    Client().post("/accounts/password/reset/", {"email": person.email})
    identity = Identity("github", "12345", f"{WORD}-hub", ())
    connected_accounts.connect(user=person, identity=identity)
    [account] = connected_accounts.accounts_of(person)
    connected_accounts.disconnect(user=person, pk=account.pk)
    connected_accounts.connect(user=person, identity=identity)
    credential = {"clientExtensionResults": {"credProps": {"rk": False}}}
    second_factors.add_passkey(
        user=person, name=f"{WORD} phone", credential=credential, session_key=None
    )
    second_factors.remove(user=person, pk=Authenticator.objects.get(type="webauthn").pk)
    second_factors.add_passkey(
        user=person, name=f"{WORD} key", credential=credential, session_key=None
    )


def use_programs(person: User) -> None:
    for _n in range(2):
        make_token(user=person, name=f"{WORD}'s laptop", scopes=[Scope.READ], days=7)
        revoke_tokens(user=person)
    make_token(user=person, name=f"{WORD}'s desk", scopes=[Scope.READ], days=7)
    for is_approved in (True, False):
        login, code = device_logins.start(name=f"gradus on {WORD}", scopes=[Scope.READ])
        device_logins.decide(user=person, code=login.user_code, is_approved=is_approved)
        if is_approved:
            device_logins.poll(code)
    for n in range(2):
        webhook, _secret = webhooks.create_webhook(
            owner=person,
            url=f"https://{WORD}.example.org/{n}",
            events=[Event.RUN_FINISHED.value],
            description=f"{WORD}'s",
        )
        webhooks.change_webhook(
            webhook=webhook,
            url=f"https://{WORD}.example.net/{n}",
            events=[Event.RUN_FINISHED.value],
            description=WORD,
        )
        webhooks.send_test(webhook=webhook)
        [test] = [one for one in deliveries.lease(1) if one.webhook_id == webhook.pk]
        late = deliveries.Outcome(1.0, failure=Failure.TIMEOUT, detail=WORD)
        deliveries.store_outcome(delivery=test, outcome=late)
        if n:
            webhooks.delete_webhook(webhook=webhook)
        else:
            webhooks.disable_webhook(pk=webhook.pk, reason=webhook.Disabled.SECRET)


def study(person: User) -> None:
    question = make_question("why-relu")
    progress.plans.write_note(user=person, question=question, text=f"{WORD} wrote this.")
    progress.reviews.add_card(user=person, question=question)
    exports.order(owner=person)
    Import.objects.create(owner=person, name=f"{WORD}.apkg", size_bytes=1)


def talk(person: User, other: User, moderator: User) -> None:
    """Have a person write where others hear of it, on the site, by mail and by webhooks."""
    EmailAddress.objects.update_or_create(
        user=other, email=other.email, defaults={"verified": True, "primary": True}
    )
    for kind in (Kind.REPLY, Kind.ACCEPTED):
        Preference.objects.create(person=other, kind=kind, delivery=HowToHear.AT_ONCE)
    webhooks.create_webhook(
        owner=other, url="https://hooks.example.org/", events=[Event.POST_REPLIED.value]
    )
    about = Subject(Thread.About.GENERAL)
    thread = discussions.threads.start_thread(
        author=other, subject=about, title="Why is it so?", text="Why?", language="en", key="a"
    )
    post = discussions.posts.reply(
        author=person, thread=thread, text="Because of the mean.", language="en", key="b"
    )
    assert Delivery.objects.filter(body__icontains=WORD, webhook__owner=other).count() == 1
    Notice.objects.filter(person=other).update(mail_due_at=Clock())
    assert mails.store_due_mails(pk=other.pk)
    OutgoingMail.objects.filter(recipient=other.email).update(
        state="sent", message=b"", ended_at=Clock(), next_attempt_at=None
    )
    discussions.flags.flag(
        flagger=person, post=Post.objects.get(thread=thread, number=1), reason="spam"
    )
    discussions.moderation.hide(moderator=moderator, post=post, reason="It is beside the point.")
    discussions.moderation.mute(
        moderator=moderator, person=person, until=now() + timedelta(days=1), reason="Enough."
    )


def administer(person: User, operator: User) -> None:
    """Have an operator change their account and their addresses in the admin."""
    browser = Client()
    enter_password(browser, operator)
    url = f"/admin/accounts/user/{person.pk}/change/"
    assert edit(browser, url, handle=f"{WORD}2").status_code == 302
    address = EmailAddress.objects.get(user=person)
    url = f"/admin/account/emailaddress/{address.pk}/"
    assert edit(browser, f"{url}change/", verified=[]).status_code == 302
    assert send(browser, f"{url}delete/", {"post": "yes"}).status_code == 302
    browser.get("/admin/")  # which shows what was done, and forgets it


def test_no_row_has_a_word_that_was_theirs_alone(sam: User, boss: User) -> None:
    person, browser = signed_up()
    change_address(person, SECOND)
    change_address(person, THIRD)
    email_changes.change_address(user=person, address=f"{WORD}.4@example.org", session_key=None)
    sign_in_in_all_ways(person)
    use_programs(person)
    study(person)
    talk(person, sam, boss)
    administer(person, boss)
    person.refresh_from_db()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    session = browser.session
    session[BROWSER] = f"Mozilla/5.0 {WORD}"
    session.save()
    accounts.ask_for_deletion(user=person)
    assert {place.partition(":")[0] for place in places()} >= {
        "accounts_user",
        "accounts_session",
        "accounts_outgoingmail",
        "audit_auditevent",
        "django_admin_log",
        "progress_note",
        "webhooks_delivery",
    }
    step_clock(WEEK + 1)
    assert delete_due_accounts() == 1
    left = list(places())
    assert not left, "\n".join(left)
