"""Expected errors, with a message for the learner or the worker that says what is wrong and what
would be right. Any other exception is a bug.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _


class Refused(Exception):
    """A rule of the platform refused a request. Shown as a page or fragment, or as a problem
    document with `code`.
    """

    code = "refused"
    status = 409

    def __init__(self, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extra = extra  # further members of the problem document


class TooManyRuns(Refused):
    """The learner has as many runs waiting as the site allows."""

    code = "too-many-runs"
    status = 429


class TooManyAttempts(Refused):
    """Too many attempts in a short time. The next one is allowed after `seconds`."""

    code = "too-many-attempts"
    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(_("Too many attempts in a short time. Wait a moment, then try again."))
        self.seconds = seconds


class AccountGone(Refused):
    """The account was deleted while a request of its owner was processed."""

    code = "account-gone"
    status = 410

    def __init__(self) -> None:
        super().__init__(_("This account was deleted meanwhile, so nothing was saved."))


class BadLink(Refused):
    """A link that works once, or for a time, was used already or is too old."""

    code = "bad-link"
    status = 410


class VerdictHidden(Refused):
    """What was asked for gives a verdict away that its reader has neither predicted nor opened.
    `extra` has the addresses that lead to it.
    """

    code = "verdict-hidden"
    status = 403


class KeyReused(Refused):
    """The same idempotency key came with another request."""

    code = "key-reused"
    status = 422


class BadConfig(Refused):
    """A lab setting is unknown, of the wrong type, or out of bounds. `extra["config"]` has a
    message for each.
    """

    code = "bad-config"
    status = 422


class StaleRunAttempt(Refused):
    """The reporting run attempt was given up; its worker must stop."""

    code = "stale-run-attempt"
    status = 409


class Gap(Refused):
    """Events are missing before these. `extra["last"]` is the number of the last stored one."""

    code = "gap"
    status = 409


class BadRequest(Refused):
    """The body is invalid. The message says where, and what would be right."""

    code = "bad-request"
    status = 400


class TooLarge(Refused):
    """The body is larger than allowed."""

    code = "too-large"
    status = 413


class ProjectAccountStays(Refused):
    """The project's own account cannot be deleted."""

    code = "project-account-stays"


class NotAuthorised(Refused):
    """The token is missing, unknown or revoked."""

    code = "not-authorised"
    status = 401
