"""Signing in with an account of another site: a provider answers over HTTP, as GitHub and Google
do. Nobody gets into an account by it that they have not connected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.core import mail
from django.core.cache import cache
from django.test import Client
from gradus import env

from apps.accounts import connected_accounts, invitations, services
from apps.accounts.models import Session, User
from apps.accounts.sessions import SIGNED_IN_AT
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent
from apps.common.errors import LastWayToSignIn
from tests.accounts.conftest import PASSWORD
from tests.accounts.identity_provider import Person, ProviderServer, provider_server, there
from tests.common.reauthenticating import enter_password

pytestmark = [pytest.mark.django_db, pytest.mark.attack]
SIGN_IN, SIGN_UP = "/accounts/login/with/{}/", "/accounts/signup/with/"
PAGE = "/settings/sign-in"


@pytest.fixture
def provider(settings: Any) -> Iterator[ProviderServer]:
    with provider_server() as server:
        settings.SOCIALACCOUNT_PROVIDERS = server.providers()
        cache.clear()
        yield server


def sent_to(answer: Any) -> str:
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def come(client: Client, name: str = "github", **form: str) -> Any:
    """Go to the provider and come back."""
    return client.get(there(sent_to(client.post(SIGN_IN.format(name), form))))


def joined(client: Client, handle: str = "Mei", **form: str) -> Any:
    assert sent_to(come(client, **form)) == SIGN_UP
    return client.post(SIGN_UP, {"username": handle, "time_zone": "Asia/Shanghai"})


def words(answer: Any, status: int = 403) -> str:
    assert answer.status_code == status, answer.status_code
    return " ".join(answer.content.decode().split())


def user_of(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


# ---------------------------------------------------------------- without keys


def test_without_keys_there_is_no_button_and_no_page(client: Client, signed_in: Client) -> None:
    for page in ("/accounts/login/", "/accounts/signup/"):
        assert "Continue with" not in client.get(page).content.decode()
    assert "Connect " not in signed_in.get(PAGE).content.decode()
    for name in ("github", "google", "myspace"):
        assert client.post(SIGN_IN.format(name)).status_code == 404
        assert client.get(SIGN_IN.format(name) + "callback/").status_code == 404
    assert "form-action 'self';" in client.get("/accounts/login/")["Content-Security-Policy"] + ";"


def test_one_key_without_the_other_is_a_fault_that_is_named() -> None:
    assert env.sign_in_keys("GITHUB", "", "") == []
    keys = env.sign_in_keys("GITHUB", "gradus", "hush")
    assert keys == [{"client_id": "gradus", "secret": "hush"}]
    for pair in (("gradus", ""), ("", "hush")):
        with pytest.raises(env.BadSetting, match="GITHUB_CLIENT_ID and GITHUB_SECRET: write both"):
            env.sign_in_keys("GITHUB", *pair)


# ---------------------------------------------------------------- signing up and in


@pytest.mark.parametrize("name", ["github", "google"])
def test_somebody_new_chooses_a_handle_and_has_an_account(
    client: Client, provider: ProviderServer, name: str
) -> None:
    page = client.get("/accounts/login/?next=/labs").content.decode()
    assert "Continue with GitHub" in page and "Continue with Google" in page
    answer = come(client, name, next="/labs/dead-relu")
    assert sent_to(answer) == SIGN_UP and not User.objects.filter(handle="Mei").exists()
    page = client.get(SIGN_UP).content.decode()
    assert "mei@example.org" in page and f'value="{"mei-l" if name == "github" else "mei"}"' in page
    answer = client.post(SIGN_UP, {"username": "Mei", "time_zone": "Asia/Shanghai"})
    assert sent_to(answer) == "/labs/dead-relu"
    mei = User.objects.get(handle="Mei")
    assert user_of(client) == str(mei.pk)
    assert (mei.email, mei.time_zone, mei.has_usable_password()) == (
        "mei@example.org",
        "Asia/Shanghai",
        False,
    )
    assert EmailAddress.objects.get(user=mei).verified
    account = SocialAccount.objects.get()
    known_as = "mei-l" if name == "github" else "mei@example.org"
    assert (account.user, account.uid, account.extra_data) == (mei, "4711", {"name": known_as})
    assert not SocialToken.objects.exists() and not SocialApp.objects.exists()
    stored = str(list(Session.objects.values_list("session_data", flat=True)))
    assert not any(token in stored for token in provider.tokens)
    kinds = set(AuditEvent.objects.filter(person=mei).values_list("kind", flat=True))
    assert {Kind.ACCOUNT_CREATED, Kind.PROVIDER_CONNECTED, Kind.SIGNED_IN_NEW} <= kinds


def test_who_has_connected_it_signs_in_as_with_a_password(
    client: Client, provider: ProviderServer
) -> None:
    joined(Client())
    mei = User.objects.get(handle="Mei")
    mei.language = "zh-hans"
    mei.save()
    assert sent_to(come(client, next="/labs?page=2")) == "/labs?page=2"
    assert user_of(client) == str(mei.pk)
    assert AuditEvent.objects.filter(kind=Kind.SIGNED_IN_PROVIDER, person=mei).count() == 1
    assert client.cookies["known"].value, "the browser is known from now on"
    assert client.session[SIGNED_IN_AT] and Session.objects.filter(user=mei).count() == 2
    assert sent_to(client.post(SIGN_IN.format("github"), {"next": "/labs"})) == "/labs"


def test_the_second_step_is_asked_for(client: Client, provider: ProviderServer) -> None:
    joined(Client())
    TOTP.activate(User.objects.get(handle="Mei"), "JBSWY3DPEHPK3PXP")
    assert sent_to(come(client)).startswith("/accounts/login/second-step/")
    assert user_of(client) is None


def test_a_deactivated_account_stays_closed(client: Client, provider: ProviderServer) -> None:
    joined(Client())
    User.objects.filter(handle="Mei").update(is_active=False)
    assert sent_to(come(client)) == "/accounts/inactive/" and user_of(client) is None


# ---------------------------------------------------------------- addresses


def test_an_account_is_never_joined_by_its_address(
    client: Client, mei: User, provider: ProviderServer
) -> None:
    provider.person.addresses = [("other@example.org", True), ("MEI@Example.org", True)]
    text = words(come(client))
    assert "mei@example.org already has an account here. Sign in to it with your password" in text
    assert user_of(client) is None and not SocialAccount.objects.exists()
    assert sent_to(client.get(SIGN_UP)) == "/accounts/login/"


@pytest.mark.parametrize("name", ["github", "google"])
@pytest.mark.parametrize("verified", [False, None, "true"])
def test_an_address_that_is_not_verified_there_makes_no_account(
    client: Client, provider: ProviderServer, name: str, verified: Any
) -> None:
    provider.person.addresses = [("sam@example.org", verified)]
    assert "has verified no e-mail address of yours" in words(come(client, name))
    assert sent_to(client.get(SIGN_UP)) == "/accounts/login/"


def test_the_primary_address_is_taken_and_none_without_a_mailbox(
    client: Client, provider: ProviderServer
) -> None:
    hidden = ("4711+mei@users.noreply.github.com", True)
    provider.person.addresses = [hidden, ("b@example.org", True), ("a@example.org", False)]
    joined(client)
    assert User.objects.get(handle="Mei").email == "b@example.org"


# ---------------------------------------------------------------- who may sign up


def test_a_closed_site_takes_nobody_new_and_lets_in_who_has_an_account(
    client: Client, provider: ProviderServer, settings: Any
) -> None:
    joined(Client())
    settings.SIGNUP = "closed"
    assert sent_to(come(client)) == "/" and user_of(client)
    provider.person = Person(uid=1, addresses=[("sam@example.org", True)])
    assert "not accepting new accounts" in words(come(Client()))


def test_an_invitation_comes_along_and_is_for_its_address(
    client: Client, provider: ProviderServer, settings: Any
) -> None:
    settings.SIGNUP = "invitation"
    assert "Sign-up takes an invitation" in words(come(client))
    token = invitations.invite(address="sam@example.org").partition("invitation=")[2]
    page = client.get("/accounts/signup/", {"invitation": token}).content.decode()
    assert page.count(f'name="invitation" value="{token}"') >= 2
    assert "Your invitation is for sam@example.org" in words(come(client, invitation=token))
    provider.person.addresses.append(("Sam@example.org", True))
    assert sent_to(joined(client, "Sam", invitation=token)) == "/"
    assert User.objects.get(handle="Sam").canonical_email == "sam@example.org"
    assert AuditEvent.objects.filter(kind=Kind.INVITATION_USED).exists()
    provider.person = Person(uid=1, addresses=[("sam2@example.org", True)])
    assert "takes an invitation" in words(come(Client(), invitation=token))


def test_the_site_may_close_between_the_provider_and_the_form(
    client: Client, provider: ProviderServer, settings: Any
) -> None:
    come(client)
    settings.SIGNUP = "closed"
    words(client.post(SIGN_UP, {"username": "Mei"}))
    assert not User.objects.filter(handle="Mei").exists()


@pytest.mark.parametrize("handle", ["", "x", "gradus", "Olà", "mei\x00", "OLA"])
def test_a_handle_is_checked_as_at_every_sign_up(
    client: Client, provider: ProviderServer, handle: str
) -> None:
    User.objects.create_user("ola@example.org", "Ola")
    answer = joined(client, handle)
    assert answer.status_code == 200 and answer.context["form"].errors["username"]
    assert SocialAccount.objects.count() == 0


# ---------------------------------------------------------------- the way there and back


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_it_never_leads_to_another_site(
    client: Client, provider: ProviderServer, onward: str
) -> None:
    joined(Client())
    assert sent_to(come(client, next=onward)) == "/"


def test_the_way_back_counts_once_and_in_its_own_browser(
    client: Client, provider: ProviderServer
) -> None:
    joined(Client())
    url = sent_to(client.post(SIGN_IN.format("github")))
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"] and len(asked["state"][0]) >= 16
    assert asked["redirect_uri"][0].startswith("http://127.0.0.1:8000/")
    back = there(url)
    other = Client()
    assert "not begun in this browser" in words(other.get(back)) and user_of(other) is None
    as_google = back.replace("/github/", "/google/")
    assert "not begun in this browser" in words(client.get(as_google))
    assert client.get(back).status_code == 302 and user_of(client)
    client.logout()
    assert "used already" in words(client.get(back))
    assert "not begun" in words(client.get(back.replace("state=", "state=x")))


def test_who_does_not_agree_there_reads_so(client: Client, provider: ProviderServer) -> None:
    state = parse_qs(urlsplit(sent_to(client.post(SIGN_IN.format("google")))).query)["state"][0]
    query = {"state": state, "error": "access_denied"}
    text = words(client.get(SIGN_IN.format("google") + "callback/", query))
    assert "Google was not allowed to say who you are" in text and "/accounts/login/" in text


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/token", 500, "{}"),
        ("/token", 200, '{"error": "bad_verification_code"}'),
        ("/token", 200, "[]"),
        ("/token", 200, '{"access_token": ["x"]}'),
        ("/token", 302, ""),
        ("/user", 401, "{}"),
        ("/user", 200, "<html>"),
        ("/user", 200, "[]"),
        ("/user", 200, '{"id": null, "login": "x"}'),
        ("/user", 200, '{"login": "mei"}'),
        ("/user", 200, '{"id": 1, "login": {"x": 1}}'),
        ("/emails", 200, '{"message": "no"}'),
        ("/emails", 200, '[{"email": 1}]'),
        ("/emails", 503, ""),
    ],
)
def test_a_provider_that_answers_nonsense_is_a_page_in_words(
    client: Client, provider: ProviderServer, path: str, status: int, body: str
) -> None:
    provider.spoiled[path] = status, body
    answer = come(client)
    text = words(answer, answer.status_code)
    assert "does not answer as it should" in text or "verified no e-mail address" in text
    assert answer.status_code in (403, 502) and user_of(client) is None
    assert not SocialAccount.objects.exists()


def test_a_provider_that_is_away_is_a_page_in_words(
    client: Client, provider: ProviderServer
) -> None:
    back = there(sent_to(client.post(SIGN_IN.format("github"))))
    provider.shutdown()
    provider.server_close()
    assert "GitHub does not answer" in words(client.get(back), 502)


def test_a_network_goes_there_so_often_in_a_minute(
    client: Client, provider: ProviderServer, settings: Any
) -> None:
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"provider_sign_in": "2/m/ip"}
    codes = [client.post(SIGN_IN.format("github")).status_code for _attempt in range(3)]
    assert codes == [302, 302, 429]


# ---------------------------------------------------------------- connecting


@pytest.fixture
def at_home(mei: User, provider: ProviderServer) -> Client:
    """Mei's browser, in which she has entered her password."""
    EmailAddress.objects.create(user=mei, email=mei.email, verified=True, primary=True)
    client = Client()
    enter_password(client, mei)
    return client


def connected(client: Client, name: str = "github") -> Any:
    answer = client.post(f"{PAGE}/with/{name}")
    return client.get(there(sent_to(answer)), follow=True)


def test_one_connects_and_disconnects_on_the_account_page(at_home: Client, mei: User) -> None:
    assert "Connect GitHub" in at_home.get(PAGE).content.decode()
    text = words(connected(at_home), 200)
    assert "GitHub signs you in from now on" in text and "mei-l" in text
    assert "Connect GitHub" not in text and "Connect Google" in text
    assert "was connected" in str(mail.outbox[-1].body)
    browser = Client()
    assert sent_to(come(browser)) == "/" and user_of(browser) == str(mei.pk)
    pk = SocialAccount.objects.get().pk
    assert sent_to(at_home.post(f"{PAGE}/accounts/{pk}/remove")) == PAGE
    assert "was disconnected" in str(mail.outbox[-1].body)
    assert "already has an account here" in words(come(Client()))
    kinds = list(AuditEvent.objects.filter(person=mei).values_list("kind", flat=True))
    assert Kind.PROVIDER_CONNECTED in kinds and Kind.PROVIDER_DISCONNECTED in kinds
    assert at_home.post(f"{PAGE}/accounts/{pk}/remove").status_code == 404


def test_connecting_and_disconnecting_ask_for_the_password(
    signed_in: Client, mei: User, provider: ProviderServer
) -> None:
    row = SocialAccount.objects.create(user=mei, provider="github", uid="1", extra_data={})
    for path in (f"{PAGE}/with/google", f"{PAGE}/accounts/{row.pk}/remove"):
        assert sent_to(signed_in.post(path)).startswith("/accounts/reauthenticate/")
    assert SocialAccount.objects.count() == 1 and not provider.asked


def test_an_account_there_belongs_to_one_account_here(at_home: Client, mei: User) -> None:
    connected(at_home)
    ola = User.objects.create_user("ola@example.org", "Ola", PASSWORD)
    browser = Client()
    enter_password(browser, ola)
    assert "connected to another account here" in words(connected(browser))
    assert SocialAccount.objects.get().user == mei
    assert connected(at_home).status_code == 200, "once more is the same"
    assert SocialAccount.objects.count() == 1


def test_nobody_connects_for_who_signs_in_meanwhile(at_home: Client, mei: User) -> None:
    back = there(sent_to(at_home.post(f"{PAGE}/with/github")))
    states = at_home.session["socialaccount_states"]
    at_home.force_login(
        User.objects.create_user("ola@example.org", "Ola"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    late = at_home.session
    late["socialaccount_states"] = states
    late.save()
    assert "no longer signed in to the account" in words(at_home.get(back))
    assert not SocialAccount.objects.exists()


def test_the_last_way_to_sign_in_stays(client: Client, provider: ProviderServer) -> None:
    joined(client)
    mei = User.objects.get(handle="Mei")
    row = SocialAccount.objects.get()
    assert "You have no password here" in client.get(PAGE).content.decode()
    # without a password the page leads to where one is set, and the services refuse
    assert sent_to(client.post(f"{PAGE}/accounts/{row.pk}/remove")).startswith(
        "/accounts/password/set/"
    )
    with pytest.raises(LastWayToSignIn, match="the only way in which you sign in"):
        connected_accounts.disconnect(user=mei, pk=row.pk)
    assert SocialAccount.objects.exists()


def test_a_session_that_is_found_open_gets_no_password(
    client: Client, provider: ProviderServer
) -> None:
    joined(client)
    page = "/accounts/password/set/"
    assert client.get(page).status_code == 200, "who has just signed in"
    session = client.session
    session[SIGNED_IN_AT] -= 3600
    session.save()
    new = {"password1": PASSWORD}
    assert "Show that it is you" in words(client.post(page, new))
    mei = User.objects.get(handle="Mei")
    assert not mei.has_usable_password()
    before = client.session.session_key
    provider.person = Person(uid=1)
    there_as_other = there(sent_to(client.post(f"{PAGE}/with/github/confirm")))
    assert "is not connected to your account" in words(client.get(there_as_other))
    provider.person = Person()
    back = there(sent_to(client.post(f"{PAGE}/with/github/confirm", {"next": page + "?next=/"})))
    assert sent_to(client.get(back)) == page + "?next=/"
    assert client.session.session_key != before
    assert client.post(page, new).status_code == 302
    mei.refresh_from_db()
    assert mei.check_password(PASSWORD)


def test_who_becomes_the_operator_loses_what_was_connected(provider: ProviderServer) -> None:
    joined(Client())
    services.make_operator(email="mei@example.org")
    assert User.objects.get(handle="Mei").is_superuser and not SocialAccount.objects.exists()
