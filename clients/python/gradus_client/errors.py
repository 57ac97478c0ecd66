"""What can go wrong: a refusal of the site, with the code of its problem document (RFC 9457), or a
site that cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gradus_client.words import tr


class GradusError(Exception):
    """Anything of this client that a program may want to handle. Its text is for people."""


class ConnectionFailed(GradusError):
    """The site could not be reached, or the connection was cut and stayed so."""


class NotUnderstood(GradusError):
    """The answer is none of Gradus, or of a version that this client does not know."""


class InsecureAddress(GradusError):
    """A token would be sent where others can read it."""


class NotSignedIn(GradusError):
    """No token is stored for the site."""


class MissingExtra(GradusError):
    """A package that this needs is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            tr(
                "This needs {package}, which is not installed: pip install 'gradus-client[{extra}]'"
            ).format(package=package, extra=extra)
        )


class BadDownload(GradusError):
    """What was downloaded is not what the site has, and was deleted."""


class FieldError:
    """What is wrong in which field; a field within another is `settings.depth`."""

    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message

    def __repr__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Refused(GradusError):
    """The site refused a request. `docs/problems.md` of Gradus lists the codes."""

    codes: ClassVar[tuple[str, ...]] = ()  # which become this class

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int = 0,
        retry_after: float | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail  # a sentence, in the language that was asked for
        self.status = status
        self.retry_after = retry_after  # seconds, after which the same request may succeed
        self.members: dict[str, Any] = dict(members or {})  # of the document, besides

    @property
    def errors(self) -> list[FieldError]:
        """Return what is wrong in which field; empty where no field is to blame."""
        listed = self.members.get("errors")
        if isinstance(listed, list):
            return [
                FieldError(str(one.get("field", "")), str(one.get("message", "")))
                for one in listed
                if isinstance(one, dict)
            ]
        named = self.members.get("config")  # of lab settings: a message for each
        if isinstance(named, dict):
            return [FieldError(str(name), str(message)) for name, message in named.items()]
        return []


class NotAuthorised(Refused):
    """The token is missing, unknown, revoked or expired."""

    codes: ClassVar[tuple[str, ...]] = ("not-authorised",)


class ScopeMissing(Refused):
    """The token was not made for this; `members["scope"]` is what it lacks."""

    codes: ClassVar[tuple[str, ...]] = ("scope-missing",)


class Forbidden(Refused):
    """The account lacks a permission, or a second factor."""

    codes: ClassVar[tuple[str, ...]] = ("forbidden", "second-factor-needed", "exceeds-permissions")


class NotFound(Refused):
    """There is no such thing, or it is not shared with you."""

    codes: ClassVar[tuple[str, ...]] = ("not-found",)


class Invalid(Refused):
    """Something that was sent is not right; `errors` says what."""

    codes: ClassVar[tuple[str, ...]] = (
        "bad-request",
        "bad-config",
        "bad-cursor",
        "malformed",
        "bad-answer",
    )


class BadAnswer(Invalid):
    """An answer cannot be read as what its part takes. It was not counted."""

    codes: ClassVar[tuple[str, ...]] = ("bad-answer",)


class VerdictHidden(Refused):
    """Points or a verdict that you have neither predicted nor opened."""

    codes: ClassVar[tuple[str, ...]] = ("verdict-hidden",)


class RunsNotShared(Refused):
    """A text cites private runs of yours, and was not posted: to agree that everybody sees them,
    send it again with these `share_run_ids`.
    """

    codes: ClassVar[tuple[str, ...]] = ("runs-not-shared",)

    @property
    def share_run_ids(self) -> list[str]:
        listed = self.members.get("share_run_ids")
        return [str(one) for one in listed] if isinstance(listed, list) else []


class KeyReused(Refused):
    """The idempotency key came with another request before."""

    codes: ClassVar[tuple[str, ...]] = ("key-reused",)


class Changed(Refused):
    """It was changed since you read it."""

    codes: ClassVar[tuple[str, ...]] = (
        "precondition-failed",
        "precondition-required",
        "edit-conflict",
    )


class TooMany(Refused):
    """Too much in too short a time, or at once; see `retry_after`."""

    codes: ClassVar[tuple[str, ...]] = (
        "too-many-attempts",
        "too-many-runs",
        "too-many-streams",
        "too-many-uploads",
    )


class Away(Refused):
    """The site is restarting, or its database is."""

    codes: ClassVar[tuple[str, ...]] = ("away",)


class DeviceLoginRefused(Refused):
    """A program that waits to be signed in gets no token, yet or at all."""

    codes: ClassVar[tuple[str, ...]] = (
        "authorization-pending",
        "slow-down",
        "expired-token",
        "access-denied",
    )


_BY_CODE: dict[str, type[Refused]] = {
    code: kind
    for kind in (
        NotAuthorised,
        ScopeMissing,
        Forbidden,
        NotFound,
        Invalid,
        BadAnswer,  # after `Invalid`, of which it is one
        VerdictHidden,
        RunsNotShared,
        KeyReused,
        Changed,
        TooMany,
        Away,
        DeviceLoginRefused,
    )
    for code in kind.codes
}


def refusal(status: int, document: Mapping[str, Any], retry_after: float | None) -> Refused:
    """Return the error of a problem document."""
    code = str(document.get("code", "refused"))
    members = {
        name: value
        for name, value in document.items()
        if name not in ("type", "title", "status", "code", "detail")
    }
    return _BY_CODE.get(code, Refused)(
        code,
        str(document.get("detail") or document.get("title") or code),
        status=status,
        retry_after=retry_after,
        members=members,
    )
