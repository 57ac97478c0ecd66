"""What the audit log tells: each kind of event with its sentence, and how many of a kind are kept
one by one. A new kind is one line here, and one call of `services.record` where it happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Kind(TextChoices):
    """The name is stored, at most 40 characters, and stays. The sentence says what happened, to
    operators and to the person whom it concerns; `subject` and `details` of the row say to what.
    """

    SIGNED_IN = "signed-in", _("Signed in with the password.")
    SIGNED_IN_NEW = "signed-in-new", _("Signed in after signing up.")
    SIGNED_IN_CONFIRMED = "signed-in-confirmed", _("Signed in by confirming the e-mail address.")
    SIGNED_IN_TWO_STEPS = "signed-in-two-steps", _("Signed in with a second step.")
    SIGNED_IN_PASSKEY = "signed-in-passkey", _("Signed in with a passkey.")
    SIGNED_IN_PROVIDER = (
        "signed-in-provider",
        _("Signed in with an account of another site."),
    )
    PROVIDER_CONNECTED = (
        "provider-connected",
        _("An account of another site was connected, which signs in here."),
    )
    PROVIDER_DISCONNECTED = (
        "provider-disconnected",
        _("An account of another site was disconnected."),
    )
    SIGNED_OUT = "signed-out", _("Signed out.")
    SESSIONS_ENDED = "sessions-ended", _("Sessions were ended.")
    SIGN_IN_FAILED = "sign-in-failed", _("A wrong password was entered.")
    SECOND_STEP_FAILED = (
        "second-step-failed",
        _("The password was right, but the code of the second step was wrong."),
    )
    SIGN_IN_REFUSED = "sign-in-refused", _("Further attempts to sign in were refused.")
    SIGN_IN_INACTIVE = "sign-in-inactive", _("A deactivated account could not sign in.")
    OPERATOR_LINK_MADE = "operator-link-made", _("A one-time link for the operator was made.")
    OPERATOR_LINK_USED = "operator-link-used", _("Signed in with the operator's one-time link.")
    INVITATION_MADE = "invitation-made", _("Somebody was invited to sign up.")
    INVITATION_WITHDRAWN = "invitation-withdrawn", _("An invitation was withdrawn.")
    INVITATION_USED = "invitation-used", _("Signed up by an invitation.")
    ACCOUNT_CREATED = "account-created", _("The account was created.")
    DELETION_ASKED = (
        "deletion-asked",
        _("The deletion of the account was asked for; it waits for seven days."),
    )
    DELETION_REVOKED = "deletion-revoked", _("The account is kept: its deletion was revoked.")
    ACCOUNT_DELETED = "account-deleted", _("An account was deleted.")
    ADDRESS_CONFIRMED = "address-confirmed", _("The e-mail address was confirmed.")
    ADDRESS_CHANGE_ASKED = (
        "address-change-asked",
        _("Another e-mail address was asked for; both mailboxes must agree."),
    )
    ADDRESS_CHANGE_STOPPED = (
        "address-change-stopped",
        _("The change of the e-mail address was stopped."),
    )
    ADDRESS_CHANGED = "address-changed", _("The e-mail address was changed.")
    PASSWORD_CHANGED = "password-changed", _("The password was changed.")
    PASSWORD_RESET = "password-reset", _("A new password was set by the link from a mail.")
    PASSWORD_RESET_ASKED = (
        "password-reset-asked",
        _("A link to set a new password was asked for."),
    )
    TOTP_ADDED = "totp-added", _("An authenticator app was set up.")
    TOTP_REMOVED = "totp-removed", _("The authenticator app was removed.")
    PASSKEY_ADDED = "passkey-added", _("A passkey was added.")
    PASSKEY_REMOVED = "passkey-removed", _("A passkey was removed.")
    RECOVERY_CODES_MADE = "recovery-codes-made", _("New recovery codes were made.")
    RECOVERY_CODE_USED = "recovery-code-used", _("A recovery code was used to sign in.")
    SECOND_FACTORS_REMOVED = (
        "second-factors-removed",
        _("An operator removed the second step of signing in."),
    )
    RIGHTS_CHANGED = "rights-changed", _("The rights of the account were changed.")
    ROLE_CHANGED = "role-changed", _("The permissions of a role were changed.")
    ROLE_DELETED = "role-deleted", _("A role was deleted.")
    ADMIN_REFUSED = "admin-refused", _("A page of the admin was refused.")
    WORKER_TOKEN_ISSUED = "worker-token-issued", _("A worker was given a token.")
    WORKER_REVOKED = "worker-revoked", _("A worker's token was revoked.")
    WORKER_TOKEN_USED = "worker-token-used", _("A worker's token was used from a new place.")
    WORKER_TOKEN_REFUSED = "worker-token-refused", _("An unknown or revoked token was refused.")
    API_TOKEN_MADE = "api-token-made", _("A token for a program was made.")
    API_TOKEN_REVOKED = "api-token-revoked", _("Tokens of programs were revoked.")
    API_TOKEN_REFUSED = (
        "api-token-refused",
        _("An unknown, revoked or expired token of a program was refused."),
    )
    DEVICE_APPROVED = "device-approved", _("A program was allowed to sign in by its code.")
    DEVICE_DENIED = "device-denied", _("A program that asked to sign in was denied.")
    REVISION_PUBLISHED = "revision-published", _("A revision of a question was published.")
    QUESTION_CHANGED = "question-changed", _("A question was withdrawn or offered again.")
    BANK_CHANGED = "bank-changed", _("A bank was made public, or hidden.")
    REPORT_DECIDED = "report-decided", _("A report of a mistake was decided.")
    RUN_STOPPED = "run-stopped", _("An operator stopped a run.")
    POST_HIDDEN = "post-hidden", _("A post was hidden.")
    POST_RESTORED = "post-restored", _("A hidden post was restored.")
    POST_APPROVED = "post-approved", _("A post was approved.")
    POST_REJECTED = "post-rejected", _("A post was not approved.")
    FLAGS_DISMISSED = "flags-dismissed", _("Flags on a post were dismissed.")
    THREAD_LOCKED = "thread-locked", _("A thread was locked.")
    THREAD_UNLOCKED = "thread-unlocked", _("A thread was unlocked.")
    THREAD_MOVED = "thread-moved", _("A thread was moved.")
    PERSON_MUTED = "person-muted", _("A person was muted in threads.")
    PERSON_UNMUTED = "person-unmuted", _("A person may write in threads again.")
    APPEAL_DECIDED = "appeal-decided", _("An appeal was decided.")
    WEBHOOK_CREATED = "webhook-created", _("A webhook was added.")
    WEBHOOK_CHANGED = "webhook-changed", _("A webhook was changed.")
    WEBHOOK_SECRET_CHANGED = "webhook-secret-changed", _("A webhook was given a new secret.")
    WEBHOOK_DISABLED = "webhook-disabled", _("A webhook was disabled, because it did not work.")
    WEBHOOK_DELETED = "webhook-deleted", _("A webhook was deleted.")
    ARCHIVE_ORDERED = "archive-ordered", _("An archive of all data was ordered.")
    DATA_IMPORTED = "data-imported", _("Data from a file was imported.")
    ARCHIVE_DOWNLOADED = "archive-downloaded", _("An archive of all data was downloaded.")


# whom they concern reads of them where they appeal, without the name of who decided
OF_MODERATORS = (
    Kind.POST_HIDDEN,
    Kind.POST_RESTORED,
    Kind.POST_APPROVED,
    Kind.POST_REJECTED,
    Kind.FLAGS_DISMISSED,
    Kind.THREAD_LOCKED,
    Kind.THREAD_UNLOCKED,
    Kind.THREAD_MOVED,
    Kind.PERSON_MUTED,
    Kind.PERSON_UNMUTED,
    Kind.APPEAL_DECIDED,
)


def choices() -> list[tuple[str, Any]]:
    """Return the kinds for the model's field, so that a new one needs no migration."""
    return Kind.choices


@dataclass(frozen=True)
class Limit:
    """How many events of a kind, and of one source, are kept one by one within an hour; of more
    only the 10th, 100th, 1000th, …, with the number. So nobody fills the disk by trying.
    """

    events: int
    # the source: the person, or for what strangers do the network, with a limit for the whole site
    of_person: bool = False


MAX_OF_SITE = 500  # events of a kind within an hour, from all networks together
LIMITS = {
    Kind.SIGN_IN_FAILED: Limit(20),
    Kind.SECOND_STEP_FAILED: Limit(20, of_person=True),
    Kind.SIGN_IN_REFUSED: Limit(1),
    Kind.SIGN_IN_INACTIVE: Limit(20),
    Kind.PASSWORD_RESET_ASKED: Limit(20),
    Kind.WORKER_TOKEN_REFUSED: Limit(1),
    Kind.API_TOKEN_REFUSED: Limit(1),
    Kind.SIGNED_IN: Limit(20, of_person=True),
    Kind.SIGNED_IN_TWO_STEPS: Limit(20, of_person=True),
    Kind.SIGNED_IN_PASSKEY: Limit(20, of_person=True),
    Kind.SIGNED_IN_PROVIDER: Limit(20, of_person=True),
    Kind.SESSIONS_ENDED: Limit(20, of_person=True),
    Kind.SIGNED_OUT: Limit(20, of_person=True),
    Kind.PASSWORD_CHANGED: Limit(20, of_person=True),
    Kind.ARCHIVE_DOWNLOADED: Limit(20, of_person=True),
    Kind.ADMIN_REFUSED: Limit(20, of_person=True),
}
