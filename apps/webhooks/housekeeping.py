"""Housekeeping jobs of webhooks. What is sent goes out in a thread of its own, since targets may be
slow; the rest is among the slow jobs.
"""

from __future__ import annotations

from apps.webhooks import deliveries, services

ROUND_SECONDS = 10  # after which a round starts no further attempt


def deliver_webhooks() -> int:
    """Send the deliveries that are due. Returns how many arrived."""
    return deliveries.deliver_due(seconds=ROUND_SECONDS)


def delete_old_deliveries() -> int:
    return services.delete_old_deliveries()


def renew_encryption_of_secrets() -> int:
    return services.renew_encryption()


DELIVERY_JOBS = (deliver_webhooks,)
SLOW_JOBS = (delete_old_deliveries, renew_encryption_of_secrets)
