"""The site's entry point: `PYTHONPATH=platform uvicorn gradus.asgi:application
--no-proxy-headers`: uvicorn itself would believe them of anybody on this machine.
"""

import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # apps/ and workers/wire.py
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")

from django.core.asgi import get_asgi_application

# WhiteNoise sends files as synchronous iterators, whose few blocks Django reads in a thread: no
# reason for a warning at every start.
warnings.filterwarnings(
    "ignore", message="StreamingHttpResponse must consume synchronous iterators"
)

django_application = get_asgi_application()

from django.conf import settings  # noqa: E402

from apps.common.asgi import BesideRequests, Health, LimitBody, TrustProxies  # noqa: E402
from apps.experiments import listening  # noqa: E402
from workers.wire import MAX_BODY  # noqa: E402

application = Health(
    BesideRequests(
        TrustProxies(
            LimitBody(django_application, max_bytes=MAX_BODY + 1_000),
            proxies=settings.TRUSTED_PROXIES,
        ),
        job=listening.keep_renewing,
        seconds=listening.RENEWAL_SECONDS,
    )
)
