"""The roles: what somebody may do beyond learning. The one table of their permissions.

A role is a group of this name; whoever is in it has its permissions. The site asks for permissions
(`has_perm`), never for a role. The groups are made, and their permissions restored to this table,
at every start (`services.restore_roles`), so nobody changes them in the admin. The table in words,
with the reasons: docs/roles.md.
"""

from __future__ import annotations

from collections.abc import Mapping


def may(actions: str, app: str, models: str) -> frozenset[str]:
    """Return the permissions for each of `actions` on each of `models` (names between spaces)."""
    return frozenset(
        f"{app}.{action}_{model}" for action in actions.split() for model in models.split()
    )


# what moderators act on, which they and operators look up in the admin
DISCUSSIONS = may("view", "discussions", "thread post flag moderationaction appeal mute")

ROLES: Mapping[str, frozenset[str]] = {
    # Everybody who is signed in is a learner: what they may do to what is theirs takes no
    # permission, so nobody needs to be in this group, and it gives nothing.
    "learner": frozenset(),
    "author": (
        may("view add change", "questions", "bank question revision revisiontext")
        | may("delete", "questions", "revision revisiontext")  # drafts
        | may("publish", "questions", "revision")
        | may("view change", "questions", "report")
        | may("view", "experiments", "lab labversion labwords claim")
    ),
    "moderator": (
        may("view change", "questions", "report")
        | may("view", "questions", "question")
        | {"discussions.moderate"}
        | DISCUSSIONS
    ),
    "instructor": may("view", "progress", "card review reviewsession dailystats attempt answer"),
    "operator": (
        may("view add change delete", "accounts", "user")
        | may("view add delete", "accounts", "invitation")
        | may("view change", "accounts", "outgoingmail")
        | may("view change", "account", "emailaddress")
        | may("view", "auth", "group")
        | may("view", "audit", "auditevent")
        | may("view", "webhooks", "webhook delivery")
        | may(
            "view",
            "experiments",
            "batch claim computeusage lab labversion labwords openedverdict prediction run "
            "runattempt verdict worker",
        )
        | may("add change", "experiments", "worker")
        | may("change", "experiments", "run")
        | DISCUSSIONS
    ),
}
