from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any
from unicodedata import normalize

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation
from django.utils.module_loading import import_string
from gradus import settings as site_settings
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.forms.sign_in import PASSWORD_HELP
from apps.accounts.models import User
from apps.accounts.passwords import (
    MAX_ESTIMATED_LENGTH,
    MAX_PASSWORD_LENGTH,
    MAX_TYPED_LENGTH,
    MIN_GUESSES,
    MIN_PASSWORD_LENGTH,
    CommonPasswordValidator,
    GuessesValidator,
)
from tests.accounts.conftest import OTHER, PASSWORD, link_in
from tests.common.reauthenticating import enter_password

pytestmark = pytest.mark.attack

WEAK = (
    "123456789012",
    "aaaaaaaaaaaa",
    " " * 12,
    "abcabcabcabc",
    "qwertyuiopas",
    "abcd1234efgh",
    "112233445566",
    "ｐａｓｓｗｏｒｄ１２３４",
    "Password2026!!",
    "aabbaabbabab",
    "gradus-gradus",
    "gradus 12345",
    "qwertyuiop123",
    "password12345",
    "iloveyou1234",
    "1q2w3e4r5t6y",
    "P@ssw0rd1234",
    "zaq12wsxcde3",
    "Summer2026!!",
    "teQuieroMucho",
)
STRONG = (
    "quietheronsseven",
    "849103756293",
    "七只安静的苍鹭站在河边钓鱼",
    "αβδγηεκιλθμν",
    "correct horse battery staple",
    "xK7mQ2vPz9Lw",
)
RESET = "/accounts/password/reset/"


def ask_for_link(
    client: Client, mails: list[EmailMessage], address: str = "mei@example.org"
) -> str:
    assert client.post(RESET, {"email": address})["Location"] == RESET + "done/"
    return link_in(mails[-1])


def test_the_site_makes_guessing_as_dear_as_owasp_asks() -> None:
    (name,) = site_settings.PASSWORD_HASHERS  # as they are, and not as conftest.py changes them
    hasher = import_string(name)()
    assert hasher.algorithm == "argon2"
    assert hasher.memory_cost >= 19 * 1024 and hasher.time_cost >= 2  # KiB, rounds


@pytest.mark.django_db
def test_a_mailed_link_sets_a_new_password(
    client: Client, mei: User, mailoutbox: list[EmailMessage]
) -> None:
    form = client.get(ask_for_link(client, mailoutbox), follow=True)
    address = form.redirect_chain[-1][0]
    assert mei.email not in address and form.status_code == 200
    assert (
        client.post(address, {"password1": OTHER})["Location"]
        == "/accounts/password/reset/key/done/"
    )
    mei.refresh_from_db()
    assert mei.check_password(OTHER)


@pytest.mark.django_db
def test_the_link_works_once(client: Client, mei: User, mailoutbox: list[EmailMessage]) -> None:
    link = ask_for_link(client, mailoutbox)
    client.post(client.get(link)["Location"], {"password1": OTHER})
    again = Client().get(link)
    assert again.status_code == 200 and "This link is no longer valid" in again.content.decode()


@pytest.mark.django_db
def test_a_forged_link_is_not_valid(client: Client, mei: User) -> None:
    for key in ("1-x", f"{mei.pk}-set-password", "zzzzzzzzzzzzzzzzzzzz-abc", "1-" + "x" * 3000):
        assert (
            "This link is no longer valid"
            in client.get(f"/accounts/password/reset/key/{key}/").content.decode()
        )


@pytest.mark.django_db
def test_an_address_without_an_account_is_said_without_mail_and_not_with_it(
    client: Client, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    assert client.post(RESET, {"email": "no@example.org"}).context["form"].errors["email"] == [
        "There is no account with this e-mail address."
    ]
    settings.ACCOUNT_PREVENT_ENUMERATION = True
    assert client.post(RESET, {"email": "no@example.org"})["Location"] == RESET + "done/"
    assert "has no account" in str(mailoutbox[-1].body)


@pytest.mark.django_db
def test_the_projects_own_account_gets_no_link(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    client.post(RESET, {"email": User.objects.project().email})
    assert not mailoutbox


@pytest.mark.django_db
def test_asking_often_is_told_to_wait(client: Client, mei: User) -> None:
    answers = [client.post(RESET, {"email": mei.email}) for _attempt in range(6)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429]
    assert int(answers[-1]["Retry-After"]) <= 60


def test_changing_it_ends_every_other_session(mei: User, signed_in: Client) -> None:
    elsewhere = Client()
    elsewhere.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    assert elsewhere.get("/settings").status_code == 200
    response = signed_in.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": OTHER}
    )
    assert response["Location"] == "/settings"
    assert signed_in.get("/settings").status_code == 200
    assert elsewhere.get("/settings").status_code == 302


def test_changing_it_takes_the_present_one(signed_in: Client, mei: User) -> None:
    response = signed_in.post(
        "/accounts/password/change/", {"oldpassword": "wrong", "password1": OTHER}
    )
    assert response.context["form"].errors["oldpassword"] == ["That is not your current password."]
    mei.refresh_from_db()
    assert mei.check_password(PASSWORD)


@pytest.mark.parametrize(
    "new",
    [
        "short",
        "password1234",
        "x" * (MAX_PASSWORD_LENGTH + 1),
        "with\x00nothing inside",
        "mei@example.org",
        "x" * (MAX_TYPED_LENGTH + 1),
        *WEAK,
    ],
)
def test_a_weak_or_odd_password_is_refused(signed_in: Client, mei: User, new: str) -> None:
    response = signed_in.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new}
    )
    assert response.status_code == 200 and response.context["form"].errors["password1"]
    mei.refresh_from_db()
    assert mei.check_password(PASSWORD)


def test_resetting_it_ends_every_session(
    signed_in: Client, mei: User, mailoutbox: list[EmailMessage]
) -> None:
    client = Client()
    client.post(client.get(ask_for_link(client, mailoutbox))["Location"], {"password1": OTHER})
    assert signed_in.get("/settings").status_code == 302


def test_a_new_password_undoes_nothing_that_an_operator_changed_meanwhile(
    signed_in: Client, mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_password = User.set_password

    def deactivate_and_hash(user: User, password: str) -> None:
        User.objects.filter(pk=mei.pk).update(is_active=False, handle="May")
        hash_password(user, password)

    monkeypatch.setattr(User, "set_password", deactivate_and_hash)
    form = {"oldpassword": PASSWORD, "password1": OTHER}
    signed_in.post("/accounts/password/change/", form)
    monkeypatch.undo()
    mei.refresh_from_db()
    assert (mei.is_active, mei.handle) == (False, "May") and mei.check_password(OTHER)


def test_the_help_names_the_minimum_length() -> None:
    assert f"At least {MIN_PASSWORD_LENGTH} characters" in str(PASSWORD_HELP)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_reason_has_its_sentence_in_the_readers_language(language: str) -> None:
    texts = set()
    with translation.override(language):
        for weak in ("short", "long " * 30, "tequieromucho", "summer2026!!", "quelvraz-kx7w"):
            with pytest.raises(ValidationError) as refused:
                validate_password(weak, User(handle="quelvraz", email="s@example.org"))
            texts.add(refused.value.messages[0])
    assert len(texts) == 5
    assert all(text.isascii() == (language == "en") or "Gradus" in text for text in texts)


@pytest.mark.parametrize("strong", STRONG)
def test_no_kind_of_character_is_asked_for(signed_in: Client, mei: User, strong: str) -> None:
    form = {"oldpassword": PASSWORD, "password1": strong}
    assert signed_in.post("/accounts/password/change/", form)["Location"] == "/settings"
    mei.refresh_from_db()
    assert mei.check_password(strong)


@pytest.mark.parametrize(
    ("handle", "email", "weak"),
    [
        ("samantha", "x@example.org", "Samantha2026"),
        ("x1", "sam.jackson@example.org", "jackson-12-34"),
        ("x1", "sam@longcompany.example", "longcompany.example!"),
        ("x1", "Sam@Example.org", "sam@example.org1"),
    ],
)
def test_handle_and_address_are_refused_wherever_a_password_is_set(
    client: Client, db: None, handle: str, email: str, weak: str
) -> None:
    form = {"email": email, "username": handle, "password1": weak}
    page = client.post("/accounts/signup/", form)
    assert any("too similar" in text for text in page.context["form"].errors["password1"])
    for password in (weak, WEAK[0]):
        with pytest.raises(ValidationError):
            User.objects.create_superuser(email, handle, password)
    assert not User.objects.filter(email=email).exists()


def test_one_password_in_every_form_of_unicode(
    client: Client, mei: User, mailoutbox: list[EmailMessage]
) -> None:
    composed = "crème brûlée ﬁrst"
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        link = ask_for_link(client, mailoutbox)
        new = normalize(form, composed)
        client.post(client.get(link)["Location"], {"password1": new})
        for typed in ("NFC", "NFD", "NFKC", "NFKD"):
            login = {"login": mei.email, "password": normalize(typed, composed)}
            assert Client().post("/accounts/login/", login).status_code == 302, (form, typed)


def test_spaces_at_the_ends_belong_to_a_password(mei: User) -> None:
    mei.set_password(f" {PASSWORD} ")
    assert not mei.check_password(PASSWORD) and mei.check_password(f" {PASSWORD} ")


def test_the_longest_password_signs_in_however_its_letters_are_typed(mei: User) -> None:
    longest = "".join(chr(0x1EA0 + 2 * (n * 7 % 30)) for n in range(MAX_PASSWORD_LENGTH))
    validate_password(longest, mei)
    mei.set_password(longest)
    mei.save()
    login = {"login": mei.email, "password": normalize("NFD", longest)}
    assert Client().post("/accounts/login/", login).status_code == 302


def test_the_operators_programs_refuse_weak_ones(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "aaaaaaaaaaaa")
    with pytest.raises(CommandError, match="too easy to guess"):
        call_command(
            "createsuperuser",
            "--noinput",
            canonical_email="kim@example.org",
            email="kim@example.org",
            handle="kim",
        )
    assert not User.objects.filter(handle="kim").exists()


def test_the_admin_refuses_weak_ones(client: Client, operator: User, mei: User) -> None:
    enter_password(client, operator)
    weak = {"password1": WEAK[1], "password2": WEAK[1], "usable_password": "true"}
    page = client.post(f"/admin/accounts/user/{mei.pk}/password/", weak)
    assert "too easy to guess" in page.content.decode()
    page = client.post("/admin/accounts/user/add/", weak | {"email": "k@ex.org", "handle": "kim"})
    assert "too easy to guess" in page.content.decode()
    mei.refresh_from_db()
    assert mei.check_password(PASSWORD) and not User.objects.filter(handle="kim").exists()


def test_nine_thousand_common_passwords_of_the_minimum_length_are_known() -> None:
    common = CommonPasswordValidator().passwords
    assert len(common) > 9000
    assert all(len(password) >= MIN_PASSWORD_LENGTH for password in common)


def test_of_a_long_password_only_the_beginning_is_estimated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def estimate(text: str) -> SimpleNamespace:
        seen.append(text)
        return SimpleNamespace(guesses=MIN_GUESSES)

    monkeypatch.setattr("apps.accounts.passwords.zxcvbn", estimate)
    GuessesValidator().validate("4@8({[<369!1|7$50+%2" * 20)
    assert [len(text) for text in seen] == [MAX_ESTIMATED_LENGTH]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_an_estimate_of_any_text_is_made(text: str) -> None:
    with suppress(ValidationError):
        GuessesValidator().validate(text)
