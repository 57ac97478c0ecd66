"""Run by `benchmarks.api` with the settings of its site: a token, and the time of endpoints beside
the services and selectors that they call, in one process and without HTTP.

    python benchmarks/api_calls.py handle slug pairs

Prints JSON: `token`, and by name of an endpoint the seconds of `bare` and `api`, in turn.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.test import Client  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.api.scopes import Scope  # noqa: E402
from apps.api.services import make_token  # noqa: E402
from apps.progress import selectors, services  # noqa: E402
from apps.questions.models import Question  # noqa: E402

PAGE = 25


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    handle, slug, pairs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    settings.ALLOWED_HOSTS = ["*"]
    user, question = User.objects.get(handle=handle), Question.objects.get(slug=slug)
    token = make_token(user=user, name="benchmark", scopes=tuple(Scope), days=1)[1]
    client = Client(headers={"Authorization": f"Bearer {token}"})
    attempt = services.attempts.begin_attempt(user=user, question=question)

    def send(method: str, path: str, body: object = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        answer = client.generic(
            method, f"/api/v1/{path}", data, content_type="application/json", secure=True
        )
        assert answer.status_code < 300, answer.content

    fields = {"text": "Its gradient does not vanish."}
    endpoints: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "POST attempts/<id>/answers": (
            lambda: services.answers.check_answer(
                user=user, question=question, part="written", fields=fields, key=uuid4()
            ),
            lambda: send(
                "POST", f"attempts/{attempt.pk}/answers", {"part": "written", "answer": fields}
            ),
        ),
        "GET cards?is_due=true": (
            lambda: list(selectors.cards.due_cards(user)[: PAGE + 1]),
            lambda: send("GET", "cards?is_due=true"),
        ),
        "GET statistics": (
            lambda: (
                selectors.statistics.mastery(user, selectors.plans.plan_of(user)),
                selectors.statistics.calibration_bins(user),
            ),
            lambda: send("GET", "statistics"),
        ),
    }
    taken: dict[str, dict[str, list[float]]] = {}
    for name, (bare, api) in endpoints.items():
        bare(), api()
        turns = [(seconds(bare), seconds(api)) for _ in range(pairs)]
        taken[name] = {"bare": [turn[0] for turn in turns], "api": [turn[1] for turn in turns]}
    print(json.dumps({"token": token, "endpoints": taken}))


if __name__ == "__main__":
    main()
