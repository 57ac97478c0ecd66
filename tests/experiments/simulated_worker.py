"""A worker as the site sees it: requests over HTTP."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from apps.experiments import services
from tests.experiments.conftest import LABS
from workers import wire

DEVICE = {"kind": "cpu", "name": "test", "cores": 2, "memory": 0}
LEASE_REQUEST = {
    "queues": ["labs"],
    "slots": 1,
    "all_slots": 1,
    "device": DEVICE,
    "labs": LABS,
    "engine": 1,
    "versions": {},
}
POINT = {"arm": "relu 1", "series": "dead", "step": [0], "mean": [0.5]}


class SimulatedWorker:
    """A worker as the site sees it: requests with a worker's token."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.token = services.make_worker(name="w1", queues=["labs", "bench"])
        self.run_attempt_token = ""

    def post(self, path: str, body: Any, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        credentials = {
            "Authorization": f"Worker {self.token}",
            wire.RUN_ATTEMPT_HEADER: self.run_attempt_token,
        }
        return self.client.post(
            f"{wire.PREFIX}/{path}",
            data,
            content_type="application/json",
            headers={**credentials, **headers},
        )

    def lease(self) -> dict[str, Any]:
        answer = self.post("lease", LEASE_REQUEST)
        assert answer.status_code == 200, answer.content
        lease = answer.json()
        self.run_attempt_token = lease["token"]
        return lease
