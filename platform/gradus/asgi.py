"""The site as an ASGI application, and the connections to it; `gradus.serve` starts both."""

import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # apps/ and workers/wire.py
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")

import django

# WhiteNoise sends files as synchronous iterators, whose few blocks Django reads in a thread: no
# reason for a warning at every start.
warnings.filterwarnings(
    "ignore", message="StreamingHttpResponse must consume synchronous iterators"
)

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402
from django.urls import reverse  # noqa: E402

from apps.archives.limits import MAX_UPLOAD_BYTES  # noqa: E402
from apps.common.asgi import BesideRequests, Handler, Health, LimitBody, TrustProxies  # noqa: E402
from apps.common.client_connections import ClientConnections  # noqa: E402
from apps.experiments import listening  # noqa: E402
from gradus.file_limit import file_limit  # noqa: E402
from workers.wire import MAX_BODY  # noqa: E402

RESERVED_FILES = 240  # descriptors: of the database's pool, Redis, files that are sent
connections = ClientConnections(
    proxies=settings.TRUSTED_PROXIES,
    max_total=max(file_limit() - RESERVED_FILES, 100),
    max_per_network=settings.MAX_CONNECTIONS,
    max_body=max(MAX_BODY, MAX_UPLOAD_BYTES),
)
application = Health(
    BesideRequests(
        TrustProxies(
            LimitBody(
                Handler(),
                max_bytes=MAX_BODY + 1_000,
                larger=dict.fromkeys(
                    (reverse("archives:import"), reverse("archives_api:imports")),
                    MAX_UPLOAD_BYTES + 10_000,
                ),
            ),
            proxies=settings.TRUSTED_PROXIES,
        ),
        job=listening.keep_renewing,
        seconds=listening.RENEWAL_SECONDS,
    )
)
