"""Refusals of the API's own."""

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
