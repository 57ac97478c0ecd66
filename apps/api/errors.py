"""Refusals of the API's own. Those of a program that waits to be signed in have in
`extra["error"]` what RFC 8628 calls the reason.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.common.errors import Refused


class ScopeMissing(Refused):
    """The token was not made for this. `extra["scope"]` is what it lacks."""

    code = "scope-missing"
    status = 403

    def __init__(self, scope: str) -> None:
        text = _("This token lacks the scope “%(scope)s”. Make one that has it.")
        super().__init__(text % {"scope": scope}, scope=scope)


class TooManyTokens(Refused):
    """A person has as many tokens as one may have."""

    code = "too-many-tokens"
    status = 409

    def __init__(self, most: int) -> None:
        text = _("You have %(most)s tokens already. Revoke one that you no longer need.")
        super().__init__(text % {"most": most})


class AuthorizationPending(Refused):
    """Nobody has approved or denied it yet. `Retry-After` says when to ask again."""

    code = "authorization-pending"
    status = 400

    def __init__(self, seconds: int) -> None:
        super().__init__(
            _("Nobody has approved this yet. Ask again in a few seconds."),
            error="authorization_pending",
        )
        self.seconds = seconds


class SlowDown(Refused):
    """It asked sooner than it may. `Retry-After` says when to ask again: from now on the interval
    is longer.
    """

    code = "slow-down"
    status = 400

    def __init__(self, seconds: int) -> None:
        super().__init__(
            _("This asks too often. Wait as long as Retry-After says between two requests."),
            error="slow_down",
        )
        self.seconds = seconds


class ExpiredToken(Refused):
    """The device code is unknown, was used, or is too old."""

    code = "expired-token"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            _("This device code is unknown, used or expired. Start again."), error="expired_token"
        )


class AccessDenied(Refused):
    """The person whom it was shown denied it."""

    code = "access-denied"
    status = 400

    def __init__(self) -> None:
        super().__init__(_("The sign-in of this program was denied."), error="access_denied")


class UnknownUserCode(Refused):
    """No program waits under this code: it is mistyped, used, or too old."""

    code = "unknown-user-code"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            _(
                "No program is waiting under this code. Compare it with the one that is shown; "
                "it is valid for ten minutes, and once."
            )
        )


class BadCursor(Refused):
    """A page was asked for by a cursor that no page gave, or in a size that no page has."""

    code = "bad-cursor"
    status = 400


class PreconditionFailed(Refused):
    """What is to be changed is not what `If-Match` names: somebody changed it meanwhile.
    `extra["etag"]` is the present one.
    """

    code = "precondition-failed"
    status = 412

    def __init__(self, etag: str) -> None:
        super().__init__(
            _("It was changed meanwhile. Read it again, and send If-Match with its new ETag."),
            etag=etag,
        )


class PreconditionRequired(Refused):
    """A change without `If-Match` could undo somebody else's."""

    code = "precondition-required"
    status = 428

    def __init__(self) -> None:
        super().__init__(
            _("Send If-Match with the ETag of what you have read, so that no change is lost.")
        )
