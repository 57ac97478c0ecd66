"""One account an address: whatever casing joins two spellings, they are one account or two that
work, never an error and never the account of somebody else.
"""

from __future__ import annotations

import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from io import StringIO
from typing import Any

import pytest
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.validators import validate_email
from django.db import connection
from django.test import Client

from apps.accounts.addresses import canonical_email, check_address, mailbox
from apps.accounts.models import User
from tests.accounts.conftest import OTHER, PASSWORD
from tests.common.editing import edit
from tests.common.reauthenticating import enter_password

LOGIN, SIGNUP, RESET = "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"
CASINGS: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.lower,
    str.casefold,
    lambda text: unicodedata.normalize("NFKC", text),
    lambda text: unicodedata.normalize("NFKC", text).casefold(),
)


@cache  # not at import: it takes seconds
def joined() -> list[str]:
    """Return every character that some casing joins with another one."""
    characters: set[str] = set()
    every = [chr(n) for n in range(0x21, sys.maxunicode + 1) if not 0xD800 <= n <= 0xDFFF]
    for casing in CASINGS:
        classes: dict[str, list[str]] = defaultdict(list)
        for character in every:
            classes[casing(character)].append(character)
        for text, members in classes.items():
            if len(members) > 1 or members[0] != text:
                characters.update(members, (c for c in text if c > " "))
    return sorted(characters)


SPELLINGS = [  # of one address and of its neighbours
    ("sam@ex.org", "ſam@ex.org"),
    ("kim@ex.org", "\u212aim@ex.org"),  # the sign of the kelvin
    ("ida@fish.org", "ida@fısh.org"),
    ("ida@fish.org", "ida@fiſh.org"),
    ("ida@kex.org", "ida@\u212aex.org"),
    ("ida@strasse.org", "ida@straße.org"),
    ("ida@σας.org", "ida@ΣΑΣ.org"),
    ("ida@例子.org", "ida@xn--fsqu00a.org"),
    ("ida@ex.org", "ida@ｅｘ.org"),
    ("ida@ex.org", "Ida@EX.ORG"),
]


def test_the_canonical_form_is_its_own_and_has_no_other_case() -> None:
    for character in joined():
        for address in (f"{character}da@ex.org", f"ida@e{character}x.org", character):
            form = canonical_email(address)
            assert canonical_email(form) == form == form.lower(), (character, address, form)


def test_what_ascii_calls_two_cases_is_one_address() -> None:
    assert canonical_email(" Mei.Li@Example.ORG ") == "mei.li@example.org"
    assert canonical_email("") == "" and canonical_email("MEI") == "mei"
    assert canonical_email("mei@[IPv6:::1]") == "mei@[ipv6:::1]"


@pytest.mark.parametrize(
    "address",
    [
        "a@" + "ä" * 63 + ".org",
        "a@❤.org",
        "a@ex\u200dx.org",
        "İda@ex.org",
        "ıda@ex.org",  # needs SMTPUTF8
        '"\x01"@ex.org',
        '"\\\x0b"@ex.org',
    ],
)
def test_what_no_mail_reaches_is_no_address(address: str) -> None:
    with pytest.raises(ValidationError):
        check_address(address)


@pytest.mark.parametrize("address", ["=?utf-8?q?mei?=@ex.org", '"mei"@ex.org', "=?x?q?m?=@ex.org"])
def test_an_address_whose_mail_would_go_to_another_one_is_no_address(address: str) -> None:
    with pytest.raises(ValidationError):
        check_address(address)


def test_mail_to_letters_that_are_not_ascii_goes_where_the_canonical_form_says() -> None:
    """Else nobody gets it, and whoever owns the address could neither sign up nor sign in."""
    assert mailbox("ſam@Straße.org") == "sam@xn--strae-oqa.org"
    assert mailbox("\u212aim@ex.org") == "kim@ex.org"
    assert mailbox("Kim@ex.org") == "Kim@ex.org"


def accepted(addresses: Iterator[str]) -> Iterator[str]:
    for address in addresses:
        try:
            validate_email(address)
            check_address(address)
        except ValidationError:
            continue
        yield address


@pytest.mark.django_db
@pytest.mark.parametrize(
    "nth",
    [
        pytest.param(150, id="a part of Unicode"),
        pytest.param(1, id="all of Unicode", marks=pytest.mark.slow),
    ],
)
def test_every_address_finds_its_own_account_whatever_joins_its_characters(
    nth: int,
) -> None:
    """One account for each canonical form, and every spelling finds that one."""
    characters = joined()[::nth]
    spellings = [f"{character}da@ex.org" for character in characters]
    spellings += list(accepted(f"ida@e{character}x.org" for character in characters))
    forms = sorted({canonical_email(address) for address in spellings})
    User.objects.bulk_create(
        User(email=form, handle=f"u{n}", password="!") for n, form in enumerate(forms)
    )
    owners = dict(User.objects.values_list("canonical_email", "pk"))
    assert len(owners) == len(forms) + 1, "and the project's own"
    for address in spellings:
        assert User.objects.get_by_natural_key(address).pk == owners[canonical_email(address)]
    for address in accepted(iter(spellings)):
        users = filter_users_by_email(canonical_email(address), for_login=True)
        assert [user.pk for user in users] == [owners[canonical_email(address)]], address


def sign_up(address: str, handle: str, password: str) -> bool:
    """Return whether an account was made; refusing it is said at the address."""
    response = Client().post(SIGNUP, {"email": address, "username": handle, "password1": password})
    if response.status_code == 302:
        return True
    assert response.status_code == 200 and list(response.context["form"].errors) == ["email"]
    return False


def signed_in_as(address: str, password: str) -> str | None:
    client = Client()
    response = client.post(LOGIN, {"login": address, "password": password})
    assert response.status_code in (200, 302), address
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).handle if pk else None


@pytest.mark.django_db
@pytest.mark.parametrize(("first", "second"), [*SPELLINGS, *(pair[::-1] for pair in SPELLINGS)])
def test_two_spellings_are_one_account_or_two_that_work(first: str, second: str) -> None:
    assert sign_up(first, "First", PASSWORD)
    same = canonical_email(first) == canonical_email(second)
    assert sign_up(second, "Second", OTHER) is not same
    assert signed_in_as(first, PASSWORD) == "First"
    assert signed_in_as(second, PASSWORD) == ("First" if same else None)
    assert signed_in_as(second, OTHER) == (None if same else "Second")
    assert signed_in_as(first, OTHER) is None
    assert EmailAddress.objects.count() == User.objects.exclude(handle="gradus").count()


@pytest.mark.django_db
@pytest.mark.parametrize(("first", "second"), SPELLINGS)
def test_a_link_for_a_new_password_goes_to_the_address_of_the_account(
    settings: Any, first: str, second: str
) -> None:
    """Whoever asks may own another mailbox that only looks alike: what they typed gets no link."""
    settings.ACCOUNT_PREVENT_ENUMERATION = True
    ida = User.objects.create_user(first, "Ida", PASSWORD)
    assert Client().post(RESET, {"email": second}).status_code == 302
    assert len(mail.outbox) == 1
    (to,) = mail.outbox[0].to
    has_link = "/password/reset/key/" in mail.outbox[0].body
    assert has_link == (canonical_email(first) == canonical_email(second))
    if has_link:
        assert to == f"{first.rpartition('@')[0]}@{ida.canonical_email.rpartition('@')[2]}"
    mail.outbox[0].message()  # can be written


@pytest.mark.django_db
def test_mail_goes_to_the_address_as_it_was_typed(client: Client, settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    client.post(SIGNUP, {"email": " Ida.Li@Example.ORG", "username": "Ida", "password1": PASSWORD})
    ida = User.objects.get(handle="Ida")
    assert (ida.email, ida.canonical_email) == ("Ida.Li@Example.ORG", "ida.li@example.org")
    assert mail.outbox[0].to == ["Ida.Li@example.org"]
    key = mail.outbox[0].body.split("/confirm-email/")[1].split("/")[0]
    client.post(f"/accounts/confirm-email/{key}/")
    ida.refresh_from_db()
    assert (ida.email, ida.canonical_email) == ("Ida.Li@Example.ORG", "ida.li@example.org")
    assert list(EmailAddress.objects.values_list("email", "verified")) == [
        ("ida.li@example.org", True)
    ]


@pytest.mark.django_db
def test_who_signs_up_again_hears_of_it_at_the_address_of_the_account(
    client: Client, settings: Any
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION, settings.ACCOUNT_PREVENT_ENUMERATION = "mandatory", True
    User.objects.create_user("kim@ex.org", "Kim", PASSWORD)
    form = {"email": "\u212aim@ex.org", "username": "Second", "password1": OTHER}
    assert client.post(SIGNUP, form)["Location"] == "/accounts/confirm-email/"
    assert [message.to for message in mail.outbox] == [["kim@ex.org"]]
    assert not User.objects.filter(handle="Second").exists()


@pytest.mark.django_db
def test_spellings_of_one_address_share_one_limit_on_tries(mei: User) -> None:
    spellings = ["mei@example.org", "MEI@example.org", " Mei@ＥＸＡＭＰＬＥ.org", "mei@Example.org"]
    answers = [
        Client().post(LOGIN, {"login": spellings[n % 4], "password": "wrong"}).status_code
        for n in range(6)
    ]
    assert answers == [200] * 5 + [429]
    answers = [Client().post(RESET, {"email": spellings[n % 4]}).status_code for n in range(6)]
    assert answers == [302] * 5 + [429]


@pytest.mark.django_db
def test_an_address_that_mail_cannot_be_written_to_is_refused_where_it_is_typed(
    client: Client, settings: Any
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    form = {"email": "ida@" + "ä" * 63 + ".org", "username": "Ida", "password1": PASSWORD}
    response = client.post(SIGNUP, form)
    assert response.status_code == 200 and response.context["form"].errors["email"]


@pytest.mark.django_db
def test_the_commands_find_an_account_by_any_spelling() -> None:
    User.objects.create_superuser("Kim@Ex.org", "Kim", PASSWORD)
    out = StringIO()
    call_command("make_operator", "--again", "--email", "\u212aIM@ex.org", stdout=out)
    assert "/operator/" in out.getvalue()
    call_command("make_demo", "--email", "kIM@EX.ORG", stdout=out)
    assert User.objects.exclude(handle="gradus").count() == 1
    assert User.objects.get_by_natural_key("KIM@ex.org").handle == "Kim"


# ---------------------------------------------------------------- another address


def verified(user: User) -> User:
    EmailAddress.objects.create(user=user, email=user.canonical_email, verified=True, primary=True)
    return user


def test_an_address_that_an_operator_replaced_opens_nothing(
    operator: User, mei: User, settings: Any
) -> None:
    verified(mei)
    boss = Client()
    enter_password(boss, operator)
    page = f"/admin/accounts/user/{mei.pk}/change/"
    assert edit(boss, page, handle="May").status_code == 302
    assert signed_in_as("mei@example.org", PASSWORD) == "May"
    assert edit(boss, page, email="Mei@new.example.org").status_code == 302
    assert signed_in_as("mei@example.org", PASSWORD) is None
    assert signed_in_as("mei@new.example.org", PASSWORD) == "May"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_PREVENT_ENUMERATION = True
    Client().post(RESET, {"email": "mei@example.org"})
    assert "/password/reset/key/" not in mail.outbox[-1].body
    assert signed_in_as("mei@new.example.org", PASSWORD) is None
    assert mail.outbox[-1].to == ["Mei@new.example.org"], "who has to be asked whether it is theirs"


def test_an_address_is_saved_with_its_canonical_form(mei: User) -> None:
    verified(mei)
    mei.email = "May@Example.org"
    mei.save(update_fields=["email"])
    mei.refresh_from_db()
    assert mei.canonical_email == "may@example.org"
    assert not EmailAddress.objects.exists()


def test_another_spelling_of_an_address_stays_verified(mei: User) -> None:
    verified(mei)
    mei.email = "MEI@example.org"
    mei.save()
    assert EmailAddress.objects.get().verified


def test_no_operator_gives_an_account_a_second_address(operator: User, mei: User) -> None:
    boss = Client()
    enter_password(boss, operator)
    verified(mei)
    address = EmailAddress.objects.get()
    pages = "/admin/account/emailaddress/"
    new = {"user": mei.pk, "email": "other@example.org", "verified": "on"}
    assert boss.post(f"{pages}add/", new).status_code == 403
    changed = edit(boss, f"{pages}{address.pk}/change/", email="other@example.org", verified=[])
    assert changed.status_code == 302
    address.refresh_from_db()
    assert (address.email, address.verified) == ("mei@example.org", False)


# ---------------------------------------------------------------- handles


@pytest.mark.django_db
def test_a_handle_has_no_character_that_casing_joins_outside_ascii() -> None:
    (pattern,) = [v for v in User._meta.get_field("handle").validators if hasattr(v, "regex")]
    for character in joined():
        try:
            pattern(f"a{character}")
        except ValidationError:
            continue
        assert character.isascii(), character


@pytest.mark.django_db
def test_handles_are_compared_by_ascii_alone_whatever_the_database_speaks() -> None:
    """In Turkish, the lower case of I is not i."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef('handles_are_unique'::regclass)")
        assert 'COLLATE "C"' in cursor.fetchone()[0]
    User.objects.create_user("a@ex.org", "IDA", PASSWORD)
    with pytest.raises(ValidationError):
        User(email="b@ex.org", handle="ida", password="!").full_clean()
