"""The site under uvicorn, in a thread of the test: unlike Django's live server, it streams."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


@contextmanager
def serving() -> Iterator[str]:
    """Serve the site on a free port; yields its address."""
    from gradus.asgi import application, connections

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)  # connections wait until uvicorn has started
        config = uvicorn.Config(
            application,
            http=connections,  # type: ignore[arg-type]  # makes them, as a class would
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=1,
            proxy_headers=False,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=60)
