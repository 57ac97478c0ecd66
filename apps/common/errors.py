"""Expected errors, with a message for the learner or the worker that says what is wrong and what
would be right. Any other exception is a bug.

How one is answered, as a page or as a problem document: `error_views.respond`. The codes are listed
in docs/problems.md.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class Refused(Exception):
    """A rule of the platform refused a request. Shown as a page or fragment, or as a problem
    document with `code`.
    """

    code = "refused"
    status = 409
    title: object = gettext_lazy("That did not go through")  # of the page
    seconds: int | None = None  # after which the same request may succeed: `Retry-After`
    page_words: object = gettext_lazy("Open the page")  # of the link to `extra["page"]`

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


class TooManyUploads(Refused):
    """As many large files are being sent at once as a web process takes."""

    code = "too-many-uploads"
    status = 503
    seconds = 30

    def __init__(self) -> None:
        super().__init__(_("Several large files are being sent just now. Try again in a minute."))


class TooManyStreams(Refused):
    """A person or a network watches as many runs and threads at once as the site allows."""

    code = "too-many-streams"
    status = 429
    seconds = 10

    def __init__(self) -> None:
        super().__init__(
            _("Too many pages follow runs or threads live. Close some, and reload this one.")
        )


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


class WrongHost(Refused):
    """The request names another host or port than those of the site (`ALLOWED_HOSTS`)."""

    code = "wrong-host"
    status = 400
    title = gettext_lazy("This is not the address of this site")

    def __init__(self, site_url: str) -> None:
        text = _("This site is at %(url)s. An operator can add other names in ALLOWED_HOSTS.")
        super().__init__(text % {"url": site_url})


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
    title = gettext_lazy("This form is too large")


class ProjectAccountStays(Refused):
    """The project's own account cannot be deleted."""

    code = "project-account-stays"


class ExceedsPermissions(Refused):
    """Somebody gives what they lack, or touches an account that may do more than theirs."""

    code = "exceeds-permissions"
    status = 403
    title = gettext_lazy("Your permissions do not reach that far")


class LastSuperuserStays(Refused):
    """Without the last active superuser nobody could change people any more."""

    code = "last-superuser-stays"


class AddressTaken(Refused):
    """Another account has this address."""

    code = "address-taken"


class SignInIncomplete(Refused):
    """Signing in with an account of another site did not come to an end, or may not."""

    code = "sign-in-incomplete"
    status = 403
    title = gettext_lazy("You are not signed in yet")
    page_words = gettext_lazy("Sign in another way")


class ProviderAway(Refused):
    """The site with whose account somebody signs in does not answer, or not as it should."""

    code = "provider-away"
    status = 502
    title = gettext_lazy("You are not signed in yet")
    page_words = gettext_lazy("Sign in another way")


class LastWayToSignIn(Refused):
    """Without it its owner could no longer sign in."""

    code = "last-way-to-sign-in"


class PasswordNeeded(Refused):
    """A sensitive request of somebody who has not entered their password lately."""

    code = "password-needed"
    status = 403

    def __init__(self) -> None:
        super().__init__(_("Enter your password again first. Nothing has changed yet."))


class SecondFactorNeeded(Refused):
    """A page of staff, opened by somebody who signs in with a password alone."""

    code = "second-factor-needed"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            _("What staff do takes a second step of signing in. Set one up under Account first.")
        )


class SecondFactorLimit(Refused):
    """The account has as many second factors of a kind as it may."""

    code = "second-factor-limit"


class NotAuthorised(Refused):
    """The token is missing, unknown or revoked."""

    code = "not-authorised"
    status = 401


# ---------------------------------------------------------------- what Django or the site refuses


class Malformed(Refused):
    """The address or the body cannot be parsed at all."""

    code = "malformed"
    status = 400
    title = gettext_lazy("This request could not be processed")

    def __init__(self) -> None:
        super().__init__(
            _("Something in the address or in the form is not valid. Go back and try again.")
        )


class Forbidden(Refused):
    """The account lacks a permission."""

    code = "forbidden"
    status = 403
    title = gettext_lazy("You don't have access to this page")

    def __init__(self) -> None:
        super().__init__(
            _(
                "It requires a permission that your account does not have. An administrator of "
                "this site can grant it."
            )
        )


class NotFound(Refused):
    """There is no such thing, or it is not shared with who asks."""

    code = "not-found"
    status = 404
    title = gettext_lazy("Page not found")

    def __init__(self, message: str = "", **extra: Any) -> None:
        default = _("It may have moved, or it may not be shared with you.")
        super().__init__(message or default, **extra)


class WrongMethod(Refused):
    """The address exists, but not for this method. The header `Allow` says for which ones."""

    code = "method-not-allowed"
    status = 405

    def __init__(self, method: str) -> None:
        super().__init__(_("This address does not take %(method)s.") % {"method": method})


class FormExpired(Refused):
    """A form came without a valid CSRF token."""

    code = "form-expired"
    status = 403
    title = gettext_lazy("The form was not submitted")

    def __init__(self) -> None:
        super().__init__(
            _(
                "The page had expired, or your browser is blocking cookies for this site. "
                "Reload the page and submit the form again."
            )
        )


class SignedOut(Refused):
    """A form of a member's page came without their session."""

    code = "signed-out"
    status = 403
    title = gettext_lazy("You are signed out")

    def __init__(self) -> None:
        super().__init__(
            _("Nothing was changed, and nothing was graded. Sign in, then send it again.")
        )


class OtherAccount(Refused):
    """A form of another account's page."""

    code = "other-account"
    status = 403
    title = gettext_lazy("This form belongs to another account")

    def __init__(self) -> None:
        super().__init__(
            _(
                "It was filled in by somebody who was signed in here before. Nothing was changed, "
                "and what they entered is not shown."
            )
        )


class Away(Refused):
    """The database does not answer, or is busy."""

    code = "away"
    status = 503
    title = gettext_lazy("The database is not responding")
    seconds = 10  # a database that restarts usually answers by then

    def __init__(self) -> None:
        super().__init__(
            _(
                "The database is restarting or overloaded. What you submitted was not saved. Try "
                "again in ten seconds."
            )
        )


class InternalError(Refused):
    """A bug: never raised, but answered like what is."""

    code = "internal-error"
    status = 500
    title = gettext_lazy("Something went wrong on our side")

    def __init__(self) -> None:
        super().__init__(
            _(
                "What you submitted may not have been saved. The error has been logged; try again "
                "in a minute."
            )
        )
