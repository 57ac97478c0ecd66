from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import MAX_HANDLE_LENGTH, MIN_HANDLE_LENGTH, User
from apps.accounts.passwords import MAX_PASSWORD_LENGTH
from tests.accounts.conftest import SAM, SIGN_UP


def errors(response: Any, field: str) -> list[str]:
    assert response.status_code == 200, response.status_code
    return [str(error) for error in response.context["form"].errors.get(field, [])]


@pytest.mark.django_db
def test_it_makes_an_account_and_signs_in(client: Client) -> None:
    response = client.post(SIGN_UP, SAM)
    assert response.status_code == 302 and response["Location"] == "/"
    sam = User.objects.get(handle="Sam")
    assert (sam.email, sam.is_staff, sam.is_active) == ("sam@example.org", False, True)
    assert sam.check_password(SAM["password1"])
    assert client.session["_auth_user_id"] == str(sam.pk)


@pytest.mark.django_db
def test_it_asks_address_handle_and_password_once(client: Client) -> None:
    form = client.get(SIGN_UP).context["form"]
    assert [field.name for field in form.visible_fields()] == ["email", "username", "password1"]


@pytest.mark.django_db
def test_it_goes_on_to_where_one_was_sent_from(client: Client) -> None:
    page = client.get(SIGN_UP + "?next=/labs/dead-relu%3Fdepth%3D4")
    assert 'name="next" value="/labs/dead-relu?depth=4"' in page.content.decode()
    assert (
        client.post(SIGN_UP, SAM | {"next": "/labs/dead-relu?depth=4"})["Location"]
        == "/labs/dead-relu?depth=4"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:evil",
        "evil",
    ],
)
def test_it_never_leads_to_another_site(client: Client, elsewhere: str) -> None:
    assert client.post(SIGN_UP, SAM | {"next": elsewhere})["Location"] == "/"


@pytest.mark.django_db
def test_a_new_account_starts_in_the_browsers_time_zone(client: Client) -> None:
    client.post(SIGN_UP, SAM | {"time_zone": "Asia/Shanghai"})
    assert User.objects.get(handle="Sam").time_zone == "Asia/Shanghai"


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "x" * 5000, "../../etc/passwd"])
def test_a_time_zone_that_nobody_knows_is_utc(client: Client, zone: str) -> None:
    client.post(SIGN_UP, SAM | {"time_zone": zone})
    assert User.objects.get(handle="Sam").time_zone == "UTC"


@pytest.mark.django_db
@pytest.mark.parametrize("handle", ["mei", "MEI", "Mei"])
def test_a_handle_is_taken_in_any_case(client: Client, mei: User, handle: str) -> None:
    assert errors(client.post(SIGN_UP, SAM | {"username": handle}), "username") == [
        "This handle is taken. Choose another."
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["mei@example.org", "MEI@Example.ORG"])
def test_an_address_has_one_account_in_any_case(client: Client, mei: User, email: str) -> None:
    assert errors(client.post(SIGN_UP, SAM | {"email": email}), "email") == [
        "This e-mail address already has an account. Sign in, or reset your password."
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("handle", ["gradus", "Gradus", "ADMIN", "operator"])
def test_some_handles_are_the_sites_own(client: Client, handle: str) -> None:
    assert errors(client.post(SIGN_UP, SAM | {"username": handle}), "username") == [
        "This handle is reserved. Choose another."
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "not an address"),
        ("email", "s" * 300 + "@example.org"),
        ("email", "sam@" + "e" * 300 + ".org"),
        ("email", "sam\x00@example.org"),
        ("email", "a@b." + "c" * 245),
        ("username", "S" * (MIN_HANDLE_LENGTH - 1)),
        ("username", "Sam Jones"),
        ("username", "萨姆"),
        ("username", "x" * (MAX_HANDLE_LENGTH + 1)),
        ("username", "x" * 100_000),
        ("username", "Sa\x00m"),
        ("username", "-sam"),
        ("password1", "short"),
        ("password1", "password1234"),
        ("password1", "sam@example.org"),
        ("password1", "x" * (MAX_PASSWORD_LENGTH + 1)),
        ("password1", "seven\x00quiet herons"),
    ],
)
def test_invalid_values_are_errors_of_their_field(client: Client, field: str, value: str) -> None:
    assert errors(client.post(SIGN_UP, SAM | {field: value}), field)
    assert not User.objects.exclude(handle="gradus").exists()


def test_the_help_of_a_handle_names_its_lengths() -> None:
    field = User._meta.get_field("handle")
    (pattern,) = [v for v in field.validators if hasattr(v, "regex")]
    lengths = f"{MIN_HANDLE_LENGTH} to {MAX_HANDLE_LENGTH} letters"
    assert lengths in str(field.help_text) and lengths in str(pattern.message)
    for length in (MIN_HANDLE_LENGTH, MAX_HANDLE_LENGTH):
        pattern("x" * length)


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["email", "username", "password1"])
def test_every_field_is_required(client: Client, missing: str) -> None:
    assert errors(
        client.post(SIGN_UP, {name: value for name, value in SAM.items() if name != missing}),
        missing,
    )


@pytest.mark.django_db
def test_text_that_no_database_stores_is_refused(client: Client) -> None:
    # a lone surrogate, in UTF-7
    body = b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\n+2AA-\r\n--b--\r\n'
    response = client.post(
        SIGN_UP, body, content_type="multipart/form-data; boundary=b; charset=utf-7"
    )
    assert response.status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["utf-7", "rot13", "base64", "idna"])
def test_a_form_in_another_encoding_is_refused_without_being_read(
    client: Client, charset: str
) -> None:
    """Of `text` the page would show what was typed: a lone surrogate, or what is no text."""
    body = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nx+2AA-y\r\n--b--\r\n'
    content_type = f"multipart/form-data; boundary=b; charset={charset}"
    response = client.generic("POST", SIGN_UP, body, content_type=content_type)
    assert response.status_code == 400 and "UTF-8" in response.content.decode()


@pytest.mark.django_db
def test_a_body_of_megabytes_is_refused(client: Client) -> None:
    assert client.post(SIGN_UP, SAM | {"username": "x" * 2_000_000}).status_code == 413


@pytest.mark.django_db
def test_too_many_attempts_must_wait(client: Client) -> None:
    answers = [client.post(SIGN_UP, SAM | {"email": "no"}) for _attempt in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert "Too many attempts" in answers[-1].content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_who_want_one_handle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms find the handle free; the database refuses the second, as an error of the form."""
    meet = threading.Barrier(2, timeout=120)
    save = User.save

    def save_together(self: User, *args: Any, **kwargs: Any) -> None:
        if self.pk is None:
            meet.wait()
        save(self, *args, **kwargs)

    monkeypatch.setattr(User, "save", save_together)
    answers: list[Any] = []

    def sign_up(email: str, handle: str) -> None:
        answers.append(Client().post(SIGN_UP, SAM | {"email": email, "username": handle}))
        connection.close()

    pair = [
        threading.Thread(target=sign_up, args=who)
        for who in (("sam@example.org", "Sam"), ("ola@example.org", "SAM"))
    ]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    refused = next(answer for answer in answers if answer.status_code == 200)
    assert errors(refused, "username") == ["This handle is taken. Choose another."]
    assert User.objects.filter(handle__iexact="sam").count() == 1
