"""What a token may do. A scope gives nothing that its owner may not do: `author` and `operate` take
the permissions of a role besides (docs/roles.md).
"""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Scope(TextChoices):
    READ = "read", _("read what you can see, and what is yours")
    STUDY = "study", _("answer questions, review cards, change plan, notes and settings")
    RUN = "run", _("predict, start and stop runs, make them visible")
    POST = "post", _("write threads and posts, vote, mark notices as read")
    ACCOUNT = "account", _("download your data, see and change webhooks and sessions")
    AUTHOR = "author", _("write and publish questions, as far as your role allows")
    OPERATE = "operate", _("see workers, queues and everybody's runs, as far as your role allows")


LEARNER_SCOPES = (Scope.READ, Scope.STUDY, Scope.RUN, Scope.POST)


def choices() -> list[tuple[str, object]]:
    """Return the scopes for the model's field, so that a new one needs no migration."""
    return list(Scope.choices)
