"""Staff give nothing that they lack, and touch nobody who may do more: neither by the pages of the
admin nor by what is sent without them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.accounts import people_services, services
from apps.accounts.models import Session, User
from apps.common.errors import ExceedsPermissions, LastSuperuserStays, Refused
from tests.accounts.conftest import OTHER, PASSWORD
from tests.common.editing import edit, fields_of, send
from tests.common.reauthenticating import enter_password
from tests.connections import at_once

pytestmark = pytest.mark.attack
LOCK = re.compile(r'WHERE "accounts_user"\."id" = (\d+) .*FOR NO KEY UPDATE')


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [people_services.end_sessions_of, people_services.remove_second_factors_of]
)
def test_people_are_locked_in_one_order_whoever_lists_them(change: Callable[..., int]) -> None:
    boss = User.objects.create_superuser("boss@example.org", "boss", PASSWORD)
    people = [User.objects.create_user(f"p{n}@example.org", f"p{n}") for n in range(3)]
    with CaptureQueriesContext(connection) as queries:
        change(by=boss, people=people[::-1])
    locked = [int(lock[1]) for query in queries if (lock := LOCK.search(query["sql"]))]
    firsts = list(dict.fromkeys(locked))
    assert firsts == [person.pk for person in people]


@pytest.mark.django_db
def test_the_owners_of_addresses_are_locked_in_one_order() -> None:
    boss = User.objects.create_superuser("boss@example.org", "boss", PASSWORD)
    people = [User.objects.create_user(f"p{n}@example.org", f"p{n}") for n in range(3)]
    rows = [EmailAddress.objects.create(user=person, email=person.email) for person in people]
    for change in (people_services.verify_addresses, people_services.delete_addresses):
        with CaptureQueriesContext(connection) as queries:
            change(by=boss, addresses=rows[::-1])
        locked = [int(lock[1]) for query in queries if (lock := LOCK.search(query["sql"]))]
        assert list(dict.fromkeys(locked)) == [person.pk for person in people]


PEOPLE, GROUPS = "/admin/accounts/user/", "/admin/auth/group/"
ADDRESSES = "/admin/account/emailaddress/"
# of who changes people, groups and addresses: all that Django has for these
POWERS = [
    f"{action}_{model}"
    for model in ("user", "group", "emailaddress")
    for action in ("view", "add", "change", "delete")
]
OTHERS = ["publish_revision", "view_card", "change_run", "add_worker"]  # that anybody may have


def permissions(*codenames: str) -> list[Permission]:
    return list(Permission.objects.filter(codename__in=codenames))


@pytest.fixture
def ola(db: None) -> User:
    """Who may do everything with people, groups and addresses, and nothing else."""
    ola = User.objects.create_user("ola@example.org", "ola", PASSWORD, is_staff=True)
    ola.user_permissions.set(permissions(*POWERS))
    return ola


@pytest.fixture
def helper(ola: User) -> Client:
    client = Client()
    enter_password(client, ola)
    return client


def powerful(kind: str) -> User:
    """Return somebody who may do more than Ola, as a superuser, by a permission, or by a group."""
    kim = User.objects.create_user("kim@example.org", "kim", PASSWORD)
    if kind == "superuser":
        User.objects.filter(pk=kim.pk).update(is_superuser=True, is_staff=True)
    elif kind == "inactive superuser":
        User.objects.filter(pk=kim.pk).update(is_superuser=True, is_active=False)
    elif kind == "permission":
        kim.user_permissions.set(permissions("view_card"))
    else:
        kim.groups.add(Group.objects.create(name="readers"))
        kim.groups.get().permissions.set(permissions("view_card"))
    EmailAddress.objects.create(user=kim, email="kim@example.org", verified=False)
    Client().force_login(kim, backend="django.contrib.auth.backends.ModelBackend")
    kim.refresh_from_db()
    return kim


def facts() -> Any:
    """Return all that staff could change, to see that nothing was."""
    return (
        list(User.objects.order_by("pk").values_list("pk", *_columns(User, "last_login"))),
        list(User.groups.through.objects.order_by("pk").values_list()),
        list(User.user_permissions.through.objects.order_by("pk").values_list()),
        list(Group.objects.order_by("pk").values_list()),
        list(Group.permissions.through.objects.order_by("pk").values_list()),
        list(EmailAddress.objects.order_by("pk").values_list()),
        list(Session.objects.filter(user__handle="kim").values_list("pk")),
        LogEntry.objects.count(),
    )


def _columns(model: Any, *without: str) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if field.name not in without]


KINDS = ["superuser", "inactive superuser", "permission", "group"]
PASSWORDS = {"password1": OTHER, "password2": OTHER, "usable_password": "true"}


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_touches_who_may_do_more(kind: str, helper: Client, ola: User) -> None:
    kim = powerful(kind)
    address = EmailAddress.objects.get()
    before = facts()
    page = helper.get(f"{PEOPLE}{kim.pk}/change/")
    assert page.status_code == 200 and fields_of(page).keys() <= {
        "csrfmiddlewaretoken",
        "_shown_values",
    }
    assert kim.password not in page.content.decode()
    changed = {"handle": "kim", "email": "mine@example.org", "time_zone": "UTC"}
    chosen = {"_selected_action": [kim.pk, ola.pk], "post": "yes"}
    attempts = [
        (f"{PEOPLE}{kim.pk}/change/", changed),
        (f"{PEOPLE}{kim.pk}/password/", PASSWORDS),
        (f"{PEOPLE}{kim.pk}/delete/", {"post": "yes"}),
        (PEOPLE, chosen | {"action": "delete_selected"}),
        (PEOPLE, chosen | {"action": "sign_out"}),
        (PEOPLE, chosen | {"action": ["x", "sign_out"], "index": "1"}),
        (f"{ADDRESSES}{address.pk}/change/", {"verified": "on", "primary": "on"}),
        (f"{ADDRESSES}{address.pk}/delete/", {"post": "yes"}),
        (ADDRESSES, {"action": "make_verified", "_selected_action": [address.pk]}),
        (
            ADDRESSES,
            {"action": "delete_selected", "_selected_action": [address.pk], "post": "yes"},
        ),
    ]
    for url, form in attempts:
        assert send(helper, url, form).status_code == 403, (url, form)
        assert facts() == before, (url, form)


@pytest.mark.parametrize("flag", people_services.STAFF_FLAGS)
def test_superusers_alone_make_superusers_and_staff(
    flag: str, helper: Client, ola: User, mei: User
) -> None:
    for person in (mei, ola):
        shown = fields_of(helper.get(f"{PEOPLE}{person.pk}/change/"))
        assert flag not in shown and "groups" not in shown  # a list without a choice
        before = facts()
        answer = edit(helper, f"{PEOPLE}{person.pk}/change/", handle="x9", **{flag: "on"})
        assert answer.status_code == 403 and "Superusers alone" in answer.content.decode()
        assert facts() == before
    new = PASSWORDS | {"handle": "new", "email": "new@example.org", flag: "on"}
    assert helper.post(f"{PEOPLE}add/", new).status_code == 403
    setattr(mei, flag, True)
    with pytest.raises(ExceedsPermissions):
        people_services.save_person(by=ola, person=mei)
    assert not User.objects.filter(**{flag: True}).exclude(pk=ola.pk).exists()


def test_nobody_gives_what_they_lack(helper: Client, ola: User, mei: User) -> None:
    [beyond], [within] = permissions("view_card"), permissions("view_user")
    strong, weak = Group.objects.create(name="strong"), Group.objects.create(name="weak")
    strong.permissions.set([beyond, within])
    weak.permissions.set([within])
    before = facts()
    for person in (mei, ola):
        page = f"{PEOPLE}{person.pk}/change/"
        for gift in ({"user_permissions": [beyond.pk]}, {"groups": [strong.pk, weak.pk]}):
            answer = edit(helper, page, **gift)
            assert "Select a valid choice" in answer.content.decode() and facts() == before
    for group in (strong, weak):
        form = {"name": "stolen", "permissions": [beyond.pk]}
        answer = edit(helper, f"{GROUPS}{group.pk}/change/", **form)
        assert answer.status_code in (200, 403) and facts() == before
        assert edit(helper, f"{GROUPS}add/", **form).status_code == 200 and facts() == before
        assert edit(helper, f"{GROUPS}{group.pk}/change/", **form, _saveasnew="1").status_code in (
            200,
            403,
        )
    both = {"action": "delete_selected", "_selected_action": [strong.pk, weak.pk], "post": "yes"}
    assert send(helper, GROUPS, both).status_code == 403 and facts() == before
    mine = edit(helper, f"{PEOPLE}{mei.pk}/change/", groups=[weak.pk], user_permissions=[within.pk])
    assert mine.status_code == 302
    assert (mei.groups.get(), mei.user_permissions.get()) == (weak, within)
    assert edit(helper, f"{GROUPS}{weak.pk}/change/", name="weaker").status_code == 302


def test_a_superuser_may_do_it_all(operator: User, mei: User) -> None:
    client = Client()
    enter_password(client, operator)
    kim = powerful("permission")
    group = Group.objects.create(name="readers")
    flags = {"is_staff": "on", "is_superuser": "on", "groups": [group.pk]}
    assert edit(client, f"{PEOPLE}{kim.pk}/change/", **flags).status_code == 302
    assert client.post(f"{PEOPLE}{kim.pk}/password/", PASSWORDS).status_code == 302
    kim.refresh_from_db()
    assert kim.is_superuser and kim.groups.get() == group and kim.check_password(OTHER)
    end = {"action": "sign_out", "_selected_action": [kim.pk]}
    Client().force_login(kim, backend="django.contrib.auth.backends.ModelBackend")
    assert "have ended" in client.post(PEOPLE, end, follow=True).content.decode()
    assert not Session.objects.filter(user=kim).exists()
    assert client.post(f"{PEOPLE}{kim.pk}/delete/", {"post": "yes"}).status_code == 302


def test_the_last_superuser_who_can_sign_in_stays(operator: User) -> None:
    client = Client()
    enter_password(client, operator)
    User.objects.create_superuser("off@example.org", "off", PASSWORD, is_active=False)
    before = facts()
    page = f"{PEOPLE}{operator.pk}/change/"
    for change in ({"is_superuser": []}, {"is_active": []}):
        answer = edit(client, page, **change)
        assert answer.status_code == 409 and "last superuser" in answer.content.decode()
    every = {"action": "delete_selected", "_selected_action": [u.pk for u in User.objects.all()]}
    for url, form in (
        (f"{PEOPLE}{operator.pk}/delete/", {}),
        (PEOPLE, every | {"_selected_action": [operator.pk]}),
    ):
        assert send(client, url, form | {"post": "yes"}).status_code == 409
    assert facts()[:-1] == before[:-1]
    with pytest.raises(LastSuperuserStays):
        services.delete_user(user=operator)


@pytest.mark.django_db(transaction=True)
def test_two_superusers_who_demote_each_other_at_once_do_not_both_succeed() -> None:
    people = [
        User.objects.create_superuser(f"{name}@example.org", name, PASSWORD)
        for name in ("ada", "bob")
    ]

    def demote() -> bool:
        person, by = people if not done else people[::-1]
        done.append(person)
        other = User.objects.get(pk=person.pk)
        other.is_superuser = False
        try:
            people_services.save_person(by=by, person=other)
        except Refused:
            return False
        return True

    done: list[User] = []
    assert sorted(at_once(demote, times=2)) == [False, True]
    assert User.objects.filter(is_superuser=True).count() == 1


def test_what_somebody_lost_meanwhile_counts_no_more(ola: User, mei: User) -> None:
    assert ola.has_perm("accounts.change_user")  # which Django remembers
    ola.user_permissions.clear()
    for attempt in (
        lambda: people_services.set_password_of(by=ola, person=mei, password=OTHER),
        lambda: people_services.save_person(by=ola, person=mei),
        lambda: people_services.end_sessions_of(by=ola, people=[mei]),
        lambda: people_services.delete_people(by=ola, people=[mei]),
    ):
        with pytest.raises(ExceedsPermissions):
            attempt()
    mei.refresh_from_db()
    assert mei.check_password(PASSWORD)


def test_who_may_only_look_at_addresses_verifies_none(helper: Client, ola: User, mei: User) -> None:
    address = EmailAddress.objects.create(user=mei, email=mei.canonical_email, verified=False)
    chosen = {"action": "make_verified", "_selected_action": [address.pk]}
    ola.user_permissions.set(permissions("view_emailaddress"))
    helper.post(ADDRESSES, chosen)
    address.refresh_from_db()
    assert not address.verified
    ola.user_permissions.set(permissions("view_emailaddress", "change_emailaddress"))
    assert "1 address is verified" in helper.post(ADDRESSES, chosen, follow=True).content.decode()
    address.refresh_from_db()
    assert address.verified


def test_people_and_groups_are_edited_on_their_own_pages_alone() -> None:
    """Lists that edit rows, and inlines, would be further ways in."""
    for model in (User, Group, EmailAddress):
        page = admin.site._registry[model]
        assert not page.list_editable and not page.inlines and not page.save_as
    for page in admin.site._registry.values():
        inner = {inline.model for inline in page.inlines}
        assert not inner & {User, Group, EmailAddress, User.groups.through}


# ---------------------------------------------------------------- whatever anybody tries


def effective(person: User) -> frozenset[str]:
    """Return what somebody may do, or could once they are active: "*" for everything."""
    direct = Permission.objects.filter(user=person).values_list("codename", flat=True)
    by_groups = Permission.objects.filter(group__user=person).values_list("codename", flat=True)
    flags = {"*"} if person.is_superuser else set()
    return frozenset(direct) | frozenset(by_groups) | flags | ({"staff"} & _staff(person))


def _staff(person: User) -> set[str]:
    return {"staff"} if person.is_staff else set()


def key_of(person: User) -> Any:
    """Return by what somebody signs in."""
    return person.password, person.canonical_email, person.is_active


some = st.sets(st.sampled_from(POWERS + OTHERS), max_size=6)
CHANGES = (
    "person",
    "new person",
    "password",
    "delete",
    "sessions",
    "group",
    "new group",
    "no group",
)


class AnyChange(TestCase):
    @settings(max_examples=5)  # each with every change to each of two people, in both ways
    @given(
        mine=st.builds(
            lambda lacking, more: (set(POWERS) - lacking) | more,
            st.sets(st.sampled_from(POWERS), max_size=2),
            st.sets(st.sampled_from(OTHERS), max_size=2),
        ),
        theirs=some,
        in_group=some,
        gift=some,
        flags=st.sets(st.sampled_from(["is_staff", "is_superuser", "email", "member"])),
    )
    def test_never_gives_anybody_what_its_author_lacks(
        self,
        mine: set[str],
        theirs: set[str],
        in_group: set[str],
        gift: set[str],
        flags: set[str],
    ) -> None:
        people = {
            "actor": User.objects.create_user("ola@example.org", "ola", is_staff=True),
            "other": User.objects.create_user("mei@example.org", "mei"),
            "boss": User.objects.create_superuser("boss@example.org", "boss"),
        }
        group = Group.objects.create(name="helpers")
        people["actor"].user_permissions.set(permissions(*mine))
        people["other"].user_permissions.set(permissions(*theirs))
        group.permissions.set(permissions(*in_group))
        people["other"].groups.add(group)
        client = Client()
        enter_password(client, people["actor"])
        cookies = client.cookies.copy()
        rows = {name: User.objects.get(pk=person.pk) for name, person in people.items()}
        before = {name: effective(row) for name, row in rows.items()}
        keys = {name: key_of(row) for name, row in rows.items()}
        granted = permissions(*gift)
        ways: tuple[Callable[..., None], ...] = (by_the_service, by_the_admin)
        for change, target, attempt in itertools.product(CHANGES, ("actor", "other"), ways):
            client.cookies = cookies.copy()  # a password of one's own has changed the session
            with transaction.atomic():
                with suppress(Refused), transaction.atomic():
                    attempt(client, change, dict(people), target, group, granted, flags)
                where = f"{change} of {target} {attempt.__name__}"
                for person in User.objects.exclude(handle="gradus"):
                    name = {one.pk: name for name, one in rows.items()}.get(person.pk, "")
                    gained = effective(person) - before.get(name, frozenset())
                    assert gained <= before["actor"] - {"staff", "*"}, (where, name, gained)
                for name, power in before.items():
                    row = User.objects.filter(pk=rows[name].pk).first()
                    if not power <= before["actor"]:
                        assert row is not None and key_of(row) == keys[name], (where, name)
                transaction.set_rollback(True)


def by_the_service(
    client: Client,
    change: str,
    people: dict[str, User],
    target: str,
    group: Group,
    gift: list[Permission],
    flags: set[str],
) -> None:
    by, person = people["actor"], User.objects.get(pk=people[target].pk)
    if "person" in change:
        person = person if change == "person" else User(email="new@example.org", handle="new")
        for flag in flags & {"is_staff", "is_superuser"}:
            setattr(person, flag, True)
        if "email" in flags:
            person.email = "mine@example.org"
        groups = [group] if "member" in flags else []
        people_services.save_person(by=by, person=person, groups=groups, permissions=gift)
    elif change == "password":
        people_services.set_password_of(by=by, person=person, password=None)
    elif change == "delete":
        other = User.objects.get(pk=people["other"].pk)
        people_services.delete_people(by=by, people=[other, person])
    elif change == "sessions":
        people_services.end_sessions_of(by=by, people=[person])
    elif change == "no group":
        people_services.delete_groups(by=by, groups=[group])
    else:
        changed = group if change == "group" else Group(name="new")
        people_services.save_group(by=by, group=changed, permissions=gift)


def by_the_admin(
    client: Client,
    change: str,
    people: dict[str, User],
    target: str,
    group: Group,
    gift: list[Permission],
    flags: set[str],
) -> None:
    """Send what a hostile script would: fields that the pages do not show, and no check before."""
    pk, chosen = people[target].pk, [permission.pk for permission in gift]
    form: dict[str, Any] = {"handle": "h1", "time_zone": "UTC", "is_active": "on"}
    form |= {"email": "mine@example.org" if "email" in flags else people[target].email}
    form |= dict.fromkeys(flags & {"is_staff", "is_superuser"}, "on")
    form |= {"user_permissions": chosen, "groups": [group.pk] if "member" in flags else []}
    forms = {
        "person": (f"{PEOPLE}{pk}/change/", form),
        "new person": (f"{PEOPLE}add/", form | PASSWORDS | {"email": "new@example.org"}),
        "password": (f"{PEOPLE}{pk}/password/", PASSWORDS),
        "delete": (PEOPLE, {"action": "delete_selected", "post": "yes", "_selected_action": [pk]}),
        "sessions": (PEOPLE, {"action": "sign_out", "_selected_action": [pk]}),
        "group": (f"{GROUPS}{group.pk}/change/", {"name": "g1", "permissions": chosen}),
        "new group": (f"{GROUPS}add/", {"name": "g2", "permissions": chosen}),
        "no group": (f"{GROUPS}{group.pk}/delete/", {"post": "yes"}),
    }
    assert send(client, *forms[change]).status_code < 500
