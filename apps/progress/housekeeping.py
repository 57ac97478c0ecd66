"""Housekeeping jobs of progress."""

from __future__ import annotations

import logging
import time

from apps.progress import services, webhook_events
from apps.webhooks.services import people_with_due_digest, postpone_digest

log = logging.getLogger(__name__)
ROUND_SECONDS = 5  # after which a round counts nobody's cards any more
MAX_PEOPLE = 200  # of a round
POSTPONED_SECONDS = 3600  # after an error of ours


def tell_of_unread_verdicts() -> int:
    return services.verdicts.tell_of_unread_verdicts()


def tell_webhooks_of_due_cards() -> int:
    """Tell webhooks of cards that are due today, person by person, so that one error does not hold
    up the rest. Returns how many people's were told.
    """
    end = time.monotonic() + ROUND_SECONDS
    count = 0
    for pk in people_with_due_digest(MAX_PEOPLE):
        if time.monotonic() >= end:
            break
        try:
            count += webhook_events.tell_of_due_cards(pk=pk)
        except Exception:
            log.exception("the due cards of person %s were not told of; again in an hour", pk)
            postpone_digest(owner=pk, seconds=POSTPONED_SECONDS)
    return count


SLOW_JOBS = (tell_of_unread_verdicts, tell_webhooks_of_due_cards)
