"""The web process: `PYTHONPATH=platform python -m gradus.serve --host 127.0.0.1 --port 8000`. It is
uvicorn, takes all its options, and adds those without which no site should run.
"""

from __future__ import annotations

import sys

import uvicorn

from gradus.file_limit import raise_file_limit

OPTIONS = (
    "gradus.asgi:application",
    # with limits: apps/common/client_connections.py
    "--http=gradus.asgi:connections",
    "--timeout-keep-alive=10",
    "--ws=none",
    # uvicorn itself would believe them of anybody on this machine; TRUSTED_PROXIES says whom
    "--no-proxy-headers",
    "--no-server-header",
)

if __name__ == "__main__":
    raise_file_limit()
    uvicorn.main([*OPTIONS, *sys.argv[1:]], prog_name="gradus.serve")
