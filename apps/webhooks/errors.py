"""What `webhooks` refuses."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.webhooks.limits import MAX_QUEUED, MAX_WEBHOOKS


class TooManyWebhooks(Refused):
    """The person has as many webhooks as the site allows."""

    code = "too-many-webhooks"

    def __init__(self) -> None:
        text = _("You have %(n)s webhooks, which is the most. Delete one to add another.")
        super().__init__(text % {"n": MAX_WEBHOOKS})


class InvalidWebhook(Refused):
    """An address, a description or the events of a webhook cannot be taken. `extra["fields"]` has a
    message for each.
    """

    code = "invalid-webhook"
    status = 422

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(next(iter(fields.values())), fields=fields)
        self.fields = fields


class SecretChanged(Refused):
    """A new secret was asked for by a page of an older state: another one was made since."""

    code = "secret-changed"

    def __init__(self) -> None:
        super().__init__(
            _(
                "A new secret was made meanwhile, so no other was. Reload the page of the webhook "
                "to make one more."
            )
        )


class StillQueued(Refused):
    """A delivery that waits already cannot be delivered again."""

    code = "still-queued"

    def __init__(self) -> None:
        super().__init__(_("This delivery waits for its next attempt already."))


class TooManyQueued(Refused):
    """As many deliveries of the webhook wait as the site keeps."""

    code = "too-many-queued"
    status = 429
    seconds = 60

    def __init__(self) -> None:
        text = _("%(n)s deliveries of this webhook wait already, which is the most. Try later.")
        super().__init__(text % {"n": MAX_QUEUED})
