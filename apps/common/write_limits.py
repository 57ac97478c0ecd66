"""How often one person may write, and how much: more than anybody does by hand; how often a program
may read; and how often the visitors of a network may begin a session: one that stores something is
a row for days.

Each kind of write has a bucket of so many writes, which fills again with time. A long text counts
as several. The buckets are rows of the cache, a table in the database; an advisory lock makes each
exact for requests at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpRequest

from apps.common.errors import TooManyAttempts
from apps.common.locks import lock
from apps.common.networks import client_network

CHARS_A_WRITE = 4_000  # of a form that count as one write more


@dataclass(frozen=True)
class Limit:
    """`burst` writes at once, and then one every `seconds`."""

    burst: int
    seconds: float

    @property
    def refill_seconds(self) -> float:
        """How long an empty bucket takes to be full."""
        return self.burst * self.seconds


@dataclass(frozen=True)
class Bucket:
    """What is left of a bucket."""

    kind: str
    left: int  # writes
    full_after_seconds: float


LIMITS = {
    "answers": Limit(240, 1.0),
    "archives": Limit(60, 15.0),  # orders, downloads and uploads
    "device-codes": Limit(60, 15.0),  # of programs, entered: also of who guesses
    "devices": Limit(60, 15.0),  # of a network: programs that ask to be signed in
    "flags": Limit(60, 15.0),  # of posts, and appeals
    "grades": Limit(1_000, 1.0),  # kept in the browser without a connection, then sent at once
    "moderation": Limit(240, 1.0),
    "notes": Limit(240, 1.0),
    "pictures": Limit(60, 15.0),
    "posts": Limit(60, 15.0),  # threads, replies and edits
    "predictions": Limit(60, 5.0),
    "previews": Limit(240, 2.0),
    "reads": Limit(1_000, 0.1),  # of the API
    "reports": Limit(60, 15.0),
    "shares": Limit(60, 5.0),
    "stops": Limit(60, 5.0),
    "submits": Limit(60, 5.0),  # of runs
    "votes": Limit(240, 1.0),
    "webhooks": Limit(60, 15.0),  # changes, tests and redeliveries
    "other": Limit(240, 1.0),
    "visits": Limit(240, 15.0),  # of a network, such as classes behind one address
}
# by URL name; every other form of a member's page is "other"
KINDS = {
    "api_pages:device": "device-codes",
    "api_pages:device-decide": "device-codes",
    "archives:import": "archives",
    "archives:import-confirm": "archives",
    "archives:import-discard": "archives",
    "archives:make": "archives",
    "archives:download": "archives",
    "archives:delete": "archives",
    "discussions:new": "posts",
    "discussions:reply": "posts",
    "discussions:post-edit": "posts",
    "discussions:post-delete": "posts",
    "discussions:post-vote": "votes",
    "discussions:preview": "previews",
    "discussions:picture-upload": "pictures",
    "experiments:lab": "submits",
    "experiments:run-rerun": "submits",
    "experiments:run-stop": "stops",
    "experiments:run-visibility": "shares",
    "experiments:pending-prediction": "predictions",
    "experiments:verdict-open": "predictions",
    "experiments:verdicts-open": "predictions",
    "progress:question-check": "answers",
    "progress:question-reveal": "answers",
    "progress:question-hint": "answers",
    "progress:question-points": "answers",
    "progress:question-grade": "grades",
    "progress:question-note": "notes",
    "progress:private-card-new": "notes",
    "progress:private-card-edit": "notes",
    "progress:private-card-delete": "notes",
    "progress:private-cards-delete": "notes",
    "questions:report": "reports",
    "discussions:post-flag": "flags",
    "discussions:appeal": "flags",
    "discussions:moderation-post": "moderation",
    "discussions:moderation-thread": "moderation",
    "discussions:moderation-person": "moderation",
    "discussions:moderation-decision": "moderation",
    "webhooks:new": "webhooks",
    "webhooks:edit": "webhooks",
    "webhooks:secret": "webhooks",
    "webhooks:switch": "webhooks",
    "webhooks:delete": "webhooks",
    "webhooks:test": "webhooks",
    "webhooks:redeliver": "webhooks",
}

# by URL name: what is stored of a visitor, in a session
VISITS = {
    "experiments:lab",
    "experiments:verdict-open",
    "experiments:verdicts-open",
    "passkey_options",
    "provider_sign_in",
}


def kind_of(url_name: str) -> str:
    return KINDS.get(url_name, "other")


def count_visit(request: HttpRequest, size: int = 0) -> None:
    """Count a session that a visitor begins. Arguments and errors are those of `count_write`."""
    network = client_network(request.META["REMOTE_ADDR"])
    count_write(who=network or "", kind="visits", size=size)


def count_write(*, who: object, kind: str, size: int = 0) -> Bucket:
    """Count a write. Returns what is left.

    Args:
        who: primary key of a person, or a network.
        size: characters of the form.
    Raises:
        TooManyAttempts: the bucket of this kind is empty; says for how long.
    """
    limit, key = LIMITS[kind], f"writes:{kind}:{who}"
    cost = (1 + size // CHARS_A_WRITE) * limit.seconds
    with transaction.atomic():
        lock(key)
        now = _database_seconds()
        # when the bucket is full again. A clock that was set back must not close it for longer.
        full_at = min(cache.get(key, now), now + limit.refill_seconds)
        after = max(full_at, now) + cost
        if max(full_at, now) > now and after > now + limit.refill_seconds:
            raise TooManyAttempts(math.ceil(after - now - limit.refill_seconds))
        cache.set(key, after, timeout=math.ceil(limit.refill_seconds + cost))
    seconds = after - now
    left = max(math.floor(limit.burst - seconds / limit.seconds), 0)
    return Bucket(kind, left, full_after_seconds=seconds)


def _database_seconds() -> float:
    """Return the seconds since 1970 by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM gradus_now())::float8")
        return float(cursor.fetchone()[0])
