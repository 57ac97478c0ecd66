"""Who sends a request to the API: the owner of a token, or who is signed in to the site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.crypto import hash_token
from rest_framework.authentication import CSRFCheck, SessionAuthentication, get_authorization_header
from rest_framework.request import Request

from apps.accounts.models import User
from apps.api import services
from apps.api.models import ApiToken
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.errors import FormExpired, NotAuthorised

MAX_TOKEN_LENGTH = 200


class TokenAuthentication(KnoxAuthentication):  # type: ignore[misc] # knox has no types
    """`Authorization: Bearer <token>`. Unlike Knox, reading deletes nothing: housekeep deletes
    tokens that have expired.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        kind, _space, token = get_authorization_header(request).partition(b" ")
        if not kind:
            return None
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            raise NotAuthorised(
                _("Use https. This token could be read on its way: revoke it, and make a new one.")
            )
        if kind.lower() != b"bearer":
            raise NotAuthorised(_("Send `Authorization: Bearer <token>`."))
        user_and_token: tuple[User, ApiToken] = self.authenticate_credentials(token.strip())
        return user_and_token

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        """Return the owner and the row of a token.

        The row is found by the whole hash, so the time it takes tells nothing of a token: to come
        nearer to a stored hash one would have to invert it.

        Raises:
            NotAuthorised: it is unknown, revoked or expired, or its owner cannot sign in.
        """
        digest = hash_token(token[:MAX_TOKEN_LENGTH].decode("ascii", "replace"))
        row = ApiToken.objects.valid().select_related("user").filter(digest=digest).first()
        if row is None or not row.user.is_active:
            record(Kind.API_TOKEN_REFUSED)
            raise NotAuthorised(
                _("This token is unknown, revoked or expired. Make a new one on the account page.")
            )
        services.note_use(row)
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="gradus"'


class SiteSession(SessionAuthentication):
    """Who is signed in to the site, for its own scripts: what changes something needs the CSRF
    token, in the header `X-CSRFToken`.
    """

    def enforce_csrf(self, request: HttpRequest) -> None:
        check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type,return-value]
        check.process_request(request)
        if check.process_view(request, None, (), {}):  # type: ignore[arg-type]
            raise FormExpired


def token_of(request: Any) -> ApiToken | None:
    """Return the token that a request carried; None with a session."""
    return request.auth if isinstance(request.auth, ApiToken) else None
