"""Deleting a person deletes all their rows and no others.

Both people here have a row in every table that refers to people.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import NestedObjects
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.deletion import HANDED_OVER, reach
from apps.accounts.models import EmailChange, Invitation, OutgoingMail, User
from apps.api.models import DeviceLogin, IdempotentRequest
from apps.api.scopes import Scope
from apps.api.services import make_token
from apps.archives.models import Export, Import
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock
from apps.common.errors import ProjectAccountStays, StaleRunAttempt
from apps.discussions.models import (
    Appeal,
    Citation,
    Flag,
    Follow,
    ModerationAction,
    Mute,
    Picture,
    Post,
    Thread,
    Vote,
)
from apps.experiments.models import Lab, LabVersion, OpenedVerdict, Run
from apps.experiments.services import PredictionInput
from apps.notices.models import Notice, Preference
from apps.progress import services
from apps.progress.models import Answer
from apps.questions import private_cards
from apps.questions.models import Question, Report, RevisionText
from apps.questions.private_cards import CardText
from apps.questions.services import report_mistake
from apps.webhooks.models import Delivery, Webhook
from tests.common.editing import send
from tests.common.reauthenticating import enter_password
from tests.experiments.conftest import event, report
from tests.experiments.pages_cast import loaded, measured, queued, started
from tests.progress.conftest import make_question

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
# tables of which a person has no row, although one of theirs could have it by its relations
NONE_OF_THEIRS = {RevisionText}  # parts of questions: a private card has none
PEOPLE = "/admin/accounts/user/"


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


@pytest.fixture
def question(db: None) -> Question:
    return make_question("why-relu")


def with_everything(handle: str, lab: Lab, question: Question) -> User:
    """Return a person who has a row in every table that refers to people."""
    person = User.objects.create_user(f"{handle}@example.org", handle)
    address = EmailAddress.objects.create(user=person, email=person.email, verified=True)
    EmailConfirmation.objects.create(email_address=address, key=handle)
    EmailChange.objects.create(user=person, email=f"new-{person.email}")
    OutgoingMail.objects.create(
        sender="gradus@localhost", recipient=f"old-{person.email}", message=b"x", person=person
    )
    Invitation.objects.create(
        email=f"friend-{handle}@example.org", token_hash=handle.encode(), created_by=person
    )
    account = SocialAccount.objects.create(user=person, provider="github", uid=handle)
    SocialToken.objects.create(account=account, token="x")  # none is ever stored
    Authenticator.objects.create(user=person, type="totp", data={"secret": "x"})
    person.groups.add(Group.objects.get_or_create(name="authors")[0])
    person.user_permissions.add(Permission.objects.get(codename="view_question"))
    Client().force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    noted(person, about=person)
    noted(person, about=address)
    record(Kind.ADDRESS_CHANGED, person=person, personal={"after": {"email": person.email}})
    prediction = PredictionInput("holds", 80, {})
    run = measured(queued(person, lab, prediction=prediction))  # its verdict waits to be read
    other = LabVersion.objects.create(lab=lab, code_hash=handle)
    OpenedVerdict.objects.create(user=person, version=other, config_hash=run.config_hash)
    assert question.current is not None
    report_mistake(
        reporter=person, revision=question.current, about="fact", text="No.", language="en", key="k"
    )
    services.plans.change_plan(
        user=person, interview=None, minutes=30, retention=90, two_buttons=False
    )
    services.plans.write_note(user=person, question=question, text="My own words.")
    services.plans.set_bookmark(user=person, question=question, is_set=True)
    own_card = private_cards.create(owner=person, text=CardText("My own front.", "My own back."))
    services.reviews.add_card(user=person, question=own_card)
    services.attempts.begin_attempt(user=person, question=own_card)
    services.plans.write_note(user=person, question=own_card, text="Beside my card.")
    services.reviews.add_card(user=person, question=question)
    session = services.reviews.start_session(user=person)
    attempt = services.attempts.open_attempt(user=person, question=question)
    Answer.objects.create(
        user=person,
        attempt=attempt,
        revision=question.current,
        part="written",
        place=1,
        seed=0,
        entered={},
        outcome="kept",
        graded_by="self",
        key=uuid.uuid4(),
    )
    services.reviews.record(
        user=person, question=question, review_id=uuid.uuid4(), rating=3, session=session
    )
    with_discussions(person, run)
    make_token(user=person, name="laptop", scopes=[Scope.READ], days=30)
    DeviceLogin.objects.create(
        digest=handle.encode(),
        user_code=handle[:8],
        name="laptop",
        scopes=["read"],
        state="approved",
        user=person,
        expires_at=Clock(),
    )
    IdempotentRequest.objects.create(person=person, key=handle, fingerprint=b"")
    webhook = Webhook.objects.create(
        owner=person, url="https://hooks.example.org/", host="hooks.example.org", events=[]
    )
    Delivery.objects.create(webhook=webhook, event="run.finished", body="{}")
    Export.objects.create(owner=person)
    Import.objects.create(owner=person, name="deck.apkg", size_bytes=1)
    return person


def with_discussions(person: User, run: Run) -> None:
    """Give a person a row in every table of discussions and notices that refers to people."""
    key = person.handle
    thread = Thread.objects.create(
        author=person, key=key, title="A thread", about="run", run=run, language="en"
    )
    post, other = (
        Post.objects.create(
            thread=thread, number=number, author=person, key=f"{key}{number}", language="en"
        )
        for number in (1, 2)
    )
    Thread.objects.filter(pk=thread.pk).update(accepted=other, accepted_by=person)
    Citation.objects.create(post=post, position=0, kind="run", run=run, cited=run.pk)
    Vote.objects.create(post=post, user=person, value=1)
    Follow.objects.create(thread=thread, user=person)
    Picture.objects.create(
        sha256=key, owner=person, format="png", size_bytes=1, width=1, height=1
    ).posts.add(post)
    Flag.objects.create(post=post, flagger=person, reason="spam")
    action = ModerationAction.objects.create(
        kind="mute", moderator=person, person=person, thread=thread, post=post, reason="No."
    )
    Mute.objects.create(person=person, action=action, ends_at=Clock() + timedelta(days=1))
    Appeal.objects.create(action=action, person=person, text="Why?")
    Notice.objects.create(person=person, actor=person, kind="reply", subject=key, title="A thread")
    Preference.objects.create(person=person, kind="reply", delivery="never")


def noted(by: User, about: Model) -> LogEntry:
    return LogEntry.objects.create(
        user=by,
        content_type=ContentType.objects.get_for_model(about),
        object_id=str(about.pk),
        object_repr=str(about),
        action_flag=CHANGE,
    )


@pytest.fixture
def mei(lab: Lab, question: Question) -> User:
    return with_everything("mei", lab, question)


@pytest.fixture
def ola(mei: User, lab: Lab, question: Question) -> User:
    return with_everything("ola", lab, question)


@pytest.fixture
def boss(db: None) -> Client:
    client = Client()
    enter_password(
        client, User.objects.create_superuser("boss@example.org", "boss", "a long password")
    )
    return client


def rows(user: User) -> dict[str, list[Any]]:
    """Return the primary keys of all rows that a person's deletion reaches, by table."""
    tables, keys = reach(), {}
    for model in {**tables.kept, **tables.deleted}:
        rows = [*tables.kept_rows(model, [user.pk]), *tables.deleted_rows(model, [user.pk])]
        keys[model._meta.label] = sorted(row.pk for row in rows)
    return keys


def test_this_file_has_a_row_in_every_table_that_refers_to_people(mei: User) -> None:
    """A new table needs a row in `with_everything`, so that its deletion is tested."""
    empty = [table for table, pks in rows(mei).items() if not pks]
    assert empty == [model._meta.label for model in NONE_OF_THEIRS]


def test_what_is_counted_is_what_django_would_delete(mei: User) -> None:
    collector = NestedObjects(using="default")
    collector.collect([mei])
    ours = {User, *reach().deleted, *HANDED_OVER} - NONE_OF_THEIRS
    assert set(collector.model_objs) == ours and not collector.protected


def test_all_that_is_theirs_goes_and_nothing_of_anybody_else(mei: User, ola: User) -> None:
    theirs, others, questions = rows(mei), rows(ola), Question.objects.count()
    accounts.delete_user(user=mei)
    assert rows(ola) == others and Question.objects.count() == questions
    assert not User.objects.filter(pk=mei.pk).exists()
    for model in reach().deleted:
        pks = theirs[model._meta.label]
        assert not model._base_manager.filter(pk__in=pks).exists(), model


def test_what_others_rely_on_stays_without_the_name(mei: User) -> None:
    theirs = rows(mei)
    accounts.delete_user(user=mei)
    assert Report.objects.get().reporter is None
    for model in reach().kept.keys() - reach().deleted.keys():
        pks = theirs[model._meta.label]
        assert model._base_manager.filter(pk__in=pks).count() == len(pks), model
    log = LogEntry.objects.filter(pk__in=theirs["admin.LogEntry"])
    assert {entry.user for entry in log} == {User.objects.project()}
    assert not any("mei" in entry.object_repr for entry in LogEntry.objects.all())


def test_deleting_again_changes_nothing(mei: User) -> None:
    accounts.delete_user(user=mei)
    accounts.delete_user(user=mei)
    assert not User.objects.filter(handle="mei").exists()


def test_the_projects_account_is_refused(db: None) -> None:
    with pytest.raises(ProjectAccountStays, match="gradus"):
        accounts.delete_user(user=User.objects.project())


def test_a_worker_on_a_run_that_is_gone_is_told_to_stop(mei: User, lab: Lab) -> None:
    lease = started(queued(mei, lab, key="another"))
    accounts.delete_user(user=mei)
    assert not Run.objects.exists()
    with pytest.raises(StaleRunAttempt):
        report(lease, event(0.1))


# ---------------------------------------------------------------- in the admin


def test_an_operator_sees_what_goes_and_deletes_it(boss: Client, mei: User) -> None:
    url = f"{PEOPLE}{mei.pk}/delete/"
    page = boss.get(url)
    text = page.content.decode()
    assert page.status_code == 200 and "Reviews: 1" in text and "Runs: 1" in text
    assert "Stays, without the name:" in text and "Reports of mistakes: 1" in text
    assert "Security events: 2" in text
    assert "Private cards: 1" in text and "Questions: " not in text  # none of the bank's goes
    assert send(boss, url, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=mei.pk).exists()


def test_many_are_deleted_at_once_but_never_the_projects_account(
    boss: Client, mei: User, ola: User
) -> None:
    people = {"action": "delete_selected", "_selected_action": [mei.pk, ola.pk]}
    both = {**people, "_selected_action": [mei.pk, User.objects.project().pk]}
    assert "Reviews: 2" in send(boss, PEOPLE, people).content.decode()
    send(boss, PEOPLE, both | {"post": "yes"})
    assert User.objects.filter(handle__in=["mei", "gradus"]).count() == 2
    assert send(boss, PEOPLE, people | {"post": "yes"}).status_code == 302
    assert set(User.objects.values_list("handle", flat=True)) == {"gradus", "boss"}


def test_who_may_not_delete_people_deletes_nobody(client: Client, mei: User) -> None:
    helper = User.objects.create_user("helper@example.org", "helper", is_staff=True)
    helper.user_permissions.set(
        Permission.objects.filter(
            codename__in=["view_user", "change_user", "delete_note", "view_question"]
        )
    )
    enter_password(client, helper)
    url = f"{PEOPLE}{mei.pk}/delete/"
    assert client.get(url).status_code == 403
    assert send(client, url, {"post": "yes"}).status_code == 403
    people = {"action": "delete_selected", "_selected_action": [mei.pk], "post": "yes"}
    send(client, PEOPLE, people)
    assert User.objects.filter(pk=mei.pk).exists()
    helper.user_permissions.add(Permission.objects.get(codename="delete_user"))
    assert send(client, url, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=mei.pk).exists()


def test_an_operator_who_deletes_themselves_is_signed_out(boss: Client) -> None:
    me = User.objects.get(handle="boss")
    User.objects.create_superuser("ola@example.org", "ola")
    assert send(boss, f"{PEOPLE}{me.pk}/delete/", {"post": "yes"}).status_code == 302
    assert boss.get(PEOPLE).headers["Location"].startswith("/admin/login/")
