"""Bounds of webhooks: how many, how long, how often."""

from __future__ import annotations

from datetime import timedelta

MAX_WEBHOOKS = 10  # of a person
MAX_URL_CHARS = 500
MAX_DESCRIPTION_CHARS = 100
MAX_QUEUED = 500  # deliveries of a webhook that wait; what happens beyond is not told
MAX_BODY_BYTES = 65_536
MAX_DETAIL_CHARS = 300

# of an attempt, in seconds
ATTEMPT_SECONDS = 10.0  # in all: name, connection, TLS, request, head of the answer
CONNECT_SECONDS = 3.0  # of these, for the connection
EXCERPT_SECONDS = 2.0  # for the body of an answer, whose status has decided already
MAX_EXCERPT_BYTES = 1_024  # of the body of an answer
MAX_HEAD_BYTES = 16_384  # of an answer: status line and headers
MAX_ADDRESSES = 4  # of a name that are tried

# ten attempts in about a day: after 1, 3, 9, 27 and 81 minutes, 4 hours, then every 6 hours
FIRST_BACKOFF, BACKOFF_FACTOR, MAX_BACKOFF = timedelta(minutes=1), 3, timedelta(hours=6)
JITTER = 0.1  # of a backoff, in both directions
MAX_ATTEMPTS = 10
MAX_LOGGED_ATTEMPTS = 30  # of a delivery, the latest: it may be redelivered
DISABLED_AFTER = timedelta(days=3)  # without a success, once a delivery has failed for good

MAX_AT_ONCE = 8  # attempts of the site
MAX_OF_ONE = 2  # of these to one host, and of one person

ROTATION = timedelta(hours=24)  # for which deliveries are signed with the former secret, too


def backoff(attempts: int) -> timedelta:
    """Return the time from the start of an attempt, the `attempts`-th, to the start of the next,
    before its jitter.
    """
    factor: int = BACKOFF_FACTOR ** min(attempts - 1, 10)
    return min(FIRST_BACKOFF * factor, MAX_BACKOFF)
