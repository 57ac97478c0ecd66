"""Other sites with whose accounts people sign in here (GitHub, Google), if the site has keys for
them. allauth speaks OAuth 2 with them: state, PKCE, tokens. What becomes of whom they name is
decided in `connected_accounts`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount import app_settings
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.base import ProviderException
from allauth.socialaccount.providers.github.provider import GitHubProvider
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.google.provider import GoogleProvider
from allauth.socialaccount.providers.google.views import GoogleOAuth2Adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from requests import RequestException, Session

from apps.accounts.addresses import check_address
from apps.common.errors import ProviderAway, SignInIncomplete

log = logging.getLogger(__name__)
NAMES: Mapping[str, str] = {"github": "GitHub", "google": "Google"}
MAX_NAME_LENGTH = 100  # characters
NO_MAILBOX = "@users.noreply.github.com"
# what a provider's answer may raise that is not what it should be
UNUSABLE = (
    OAuth2Error,
    ProviderException,
    RequestException,
    PermissionDenied,
    ImproperlyConfigured,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)


@dataclass(frozen=True)
class Identity:
    """Who somebody is, as a provider says."""

    provider: str
    uid: str  # which never changes there
    name: str  # by which its owner knows the account: a login, or an address
    addresses: tuple[str, ...]  # those that the provider has verified, the primary one first

    @property
    def provider_name(self) -> str:
        return NAMES[self.provider]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Identity:
        return cls(**{**values, "addresses": tuple(values["addresses"])})


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Keys come from the settings alone, not from a table. No answer leads elsewhere."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        return [
            SocialApp(provider=name, **keys)
            for name, options in app_settings.PROVIDERS.items()
            for keys in options["APPS"]
            if provider in (None, name) and client_id in (None, keys["client_id"])
        ]

    def get_requests_session(self) -> Session:
        session: Session = super().get_requests_session()
        session.max_redirects = 0  # a redirect would take a token along
        return session


class _Endpoints:
    """Mixin for allauth's adapters: the addresses of a provider's endpoints may be others (tests),
    and the way back begins with SITE_URL, never with the request's host.
    """

    provider_id: str

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)  # type: ignore[call-arg]
        for name, url in app_settings.PROVIDERS[self.provider_id].get("ENDPOINTS", {}).items():
            setattr(self, name, url)

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return settings.SITE_URL + reverse("provider_callback", args=[self.provider_id])


class GitHubEndpoints(_Endpoints, GitHubOAuth2Adapter):
    pass


class GoogleEndpoints(_Endpoints, GoogleOAuth2Adapter):
    pass


class GitHubSignIn(GitHubProvider):
    oauth2_adapter_class = GitHubEndpoints


class GoogleSignIn(GoogleProvider):
    oauth2_adapter_class = GoogleEndpoints

    def extract_email_addresses(self, data: Mapping[str, Any]) -> list[EmailAddress]:
        addresses: list[EmailAddress] = super().extract_email_addresses(data)
        for address in addresses:  # allauth takes "false" for true
            address.verified = data.get("verified_email") is True
        return addresses


ENDPOINTS: Mapping[str, Any] = {"github": GitHubEndpoints, "google": GoogleEndpoints}


def available() -> list[tuple[str, str]]:
    """Return the providers that this site has keys for, each with its name."""
    return [(key, name) for key, name in NAMES.items() if is_available(key)]


def is_available(provider: str) -> bool:
    return provider in NAMES and bool(app_settings.PROVIDERS.get(provider, {}).get("APPS"))


def begin(
    request: HttpRequest, provider: str, *, process: str, onward: str, **data: Any
) -> HttpResponse:
    """Send a browser to a provider. Its session remembers for ten minutes what for: the state that
    the provider gives back is the name of that entry.

    Args:
        process: what the way back is for; see `provider_views`.
        onward: local path to which it leads in the end.
    """
    to = get_adapter(request).get_provider(request, provider)
    response: HttpResponse = to.redirect(request, process, next_url=onward, data=data)
    return response


@dataclass(frozen=True)
class Begun:
    """What a way to a provider was begun for."""

    process: str
    onward: str
    data: Mapping[str, Any]
    code_verifier: str | None  # of PKCE


def begun(request: HttpRequest, provider: str) -> Begun:
    """Return what a browser that comes back from a provider was sent there for. That counts once.

    Raises:
        SignInIncomplete: it was not sent from here, too long ago, or has come back before.
    """
    state_id = request.GET.get("state", "")
    state = statekit.unstash_state(request, provider_id=provider, state_id=state_id)
    if state is None:
        raise SignInIncomplete(
            _(
                "This way back from %(provider)s was used already, is more than ten minutes old, "
                "or was not begun in this browser. Begin again."
            )
            % {"provider": NAMES[provider]},
            page=reverse("account_login"),
        )
    return Begun(
        process=state["process"],
        onward=state.get("next", "/"),
        data=state["data"],
        code_verifier=state.get("pkce_code_verifier"),
    )


def identify(request: HttpRequest, provider: str, code_verifier: str | None) -> Identity:
    """Ask a provider who has come back from it. Its token is used here and kept nowhere.

    Raises:
        SignInIncomplete: they have not agreed.
        ProviderAway: it does not answer, or not as it should.
    """
    name = {"provider": NAMES[provider]}
    if request.GET.get("error") == "access_denied":
        raise SignInIncomplete(
            _("%(provider)s was not allowed to say who you are. Nothing was changed.") % name,
            page=reverse("account_login"),
        )
    try:
        return _ask(request, provider, code_verifier)
    except UNUSABLE as error:
        # nothing of the answer: it may hold a token
        log.warning("%s did not say who somebody is: %s", provider, type(error).__name__)
        raise ProviderAway(
            _(
                "%(provider)s does not answer as it should. Nothing was changed. Try again in a "
                "few minutes."
            )
            % name,
            page=reverse("account_login"),
        ) from error


def _ask(request: HttpRequest, provider: str, code_verifier: str | None) -> Identity:
    endpoints = ENDPOINTS[provider](request)
    app = endpoints.get_provider().app
    client = endpoints.get_client(request, app)
    tokens = endpoints.get_access_token_data(request, app, client, code_verifier)
    # of Google: the same is asked of its endpoint, so that nothing signed has to be checked
    tokens.pop("id_token", None)
    token = endpoints.parse_token(tokens)
    login = endpoints.complete_login(request, app, token, response=tokens)
    account: SocialAccount = login.account
    name = account.extra_data["login" if provider == "github" else "email"]
    # allauth makes a text of anything, and everybody with the same would be one person
    if not isinstance(name, str) or not (account.uid.isascii() and account.uid.isdigit()):
        raise TypeError("no number, or no name")
    return Identity(
        provider=provider,
        uid=account.uid,
        name=name[:MAX_NAME_LENGTH],
        addresses=tuple(_usable(login.email_addresses)),
    )


def _usable(addresses: list[EmailAddress]) -> Iterator[str]:
    """Yield the addresses that are verified and to which mail can be written."""
    for address in addresses:
        if address.verified is not True or address.email.endswith(NO_MAILBOX):
            continue
        try:
            check_address(address.email)
        except ValidationError:
            continue
        yield address.email
