"""The whole loop by the REST API alone, with the standard library and httpx:

    GRADUS_TOKEN=gradus_… python docs/api_walk.py https://gradus.example

A question is answered, looked up and graded; a lab is predicted and run, and its events are read as
they come; the verdict is compared with the prediction; what is due is listed; and a thread about
the question cites the run, which is shared for it. The token needs the scopes read, study, run and
post; make one under Account → API tokens.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

QUESTION, LAB = "dead-relu", "dead-relu"
SETTINGS = {"depth": 2, "width": 16, "epochs": 4}  # a few seconds
ENDED = ("succeeded", "failed", "limit_exceeded", "cancelled", "lost")


def main(site: str, token: str) -> None:
    api = httpx.Client(
        base_url=f"{site.rstrip('/')}/api/v1/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    print("Signed in as", call(api, "GET", "me")["handle"])
    study(api)
    run = experiment(api)
    discuss(api, run)


def call(api: httpx.Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Send a request, and return what it is answered; end with the reason if it is refused."""
    answer = api.request(method, path, json=body, headers=headers)
    if answer.is_error:
        problem = answer.json()
        sys.exit(f"{method} {path}: {problem['code']}: {problem['detail']} {problem.get('errors')}")
    return answer.json() if answer.content else None


# ---------------------------------------------------------------- study


def study(api: httpx.Client) -> None:
    attempt = call(api, "POST", f"questions/{QUESTION}/attempts", {})
    print("Question:", attempt["title"])
    address = f"attempts/{attempt['id']}"
    for part in attempt["parts"]:
        if part["kind"] == "numeric":
            answered = {"part": part["name"], "answer": {"text": "0.5"}, "confidence": 75}
            attempt = call(api, "POST", f"{address}/answers", answered)
            outcome = next(one for one in attempt["parts"] if one["name"] == part["name"])
            print(f"Part {part['name']}: 0.5 is {outcome['outcome']}. {outcome['feedback']}")
    written = {"written": "Its pre-activation is negative on every example."}
    attempt = call(api, "POST", f"{address}/reveal", written)
    print("Key points:", len(attempt["reference_answer"]["points_html"]))
    grade = {"rating": 3, "review_id": attempt["next_review_id"]}
    attempt = call(api, "POST", f"{address}/grade", grade)
    print("Graded; due again at", attempt["due_at"])
    print("Cards:", len(call(api, "GET", "cards")["results"]))


# ---------------------------------------------------------------- predict and run


def experiment(api: httpx.Client) -> Any:
    lab = call(api, "GET", f"labs/{LAB}")
    print("Lab:", lab["question"])
    prediction = {
        "outcome": lab["outcomes"][0]["outcome"],
        "confidence": 80,
        "sketch": {arm["name"]: 0.3 for arm in lab["sketched_arms"]},
    }
    order = {"lab_id": LAB, "settings": SETTINGS, "prediction": prediction}
    key = {"Idempotency-Key": uuid4().hex}  # sent again, it would queue nothing more
    run = call(api, "POST", "runs", order, **key)
    assert call(api, "POST", "runs", order, **key)["id"] == run["id"]
    points = 0
    for kind, data in events(api, f"runs/{run['id']}/events"):
        points += len(data["step"]) if kind == "points" else 0
        if kind == "state":
            print("Run:", data["state"])
            if data["state"] in ENDED:
                break
    run = call(api, "GET", f"runs/{run['id']}")
    curves = call(api, "GET", f"runs/{run['id']}/points")["curves"]
    print(f"{points} points came live, of {sum(len(curve['step']) for curve in curves)}")
    for verdict in run["verdicts"]:
        print(f"{verdict['claim']}: {verdict['outcome']}. {verdict['sentence']}")
    predicted = run["prediction"]
    print("You predicted", predicted["outcome"], "and were right:", predicted["was_right"])
    return run


def events(api: httpx.Client, path: str) -> Iterator[tuple[str, Any]]:
    """Yield kind and data of the events of a stream; cut off, it goes on after the last one."""
    last = ""
    while True:
        headers = {"Last-Event-ID": last} if last else {}
        try:
            with api.stream("GET", path, headers=headers, timeout=45) as answer:
                answer.raise_for_status()
                kind = data = ""
                for line in answer.iter_lines():
                    name, _, value = line.partition(": ")
                    if name == "event":
                        kind = value
                    elif name == "id":
                        last = value
                    elif name == "data":
                        data = value
                    elif not line and data:
                        yield kind, json.loads(data)
                        kind = data = ""
        except httpx.TransportError:
            print("Connection lost; going on after event", last or "0")


# ---------------------------------------------------------------- discuss


def discuss(api: httpx.Client, run: Any) -> None:
    thread = {
        "about": f"question:{QUESTION}",
        "title": "Does a dead unit come back?",
        "text": f"I predicted that it would, and ran it:\n\n[run:{run['id']}]",
        "share_run_ids": [run["id"]],
    }
    begun = call(api, "POST", "threads", thread, **{"Idempotency-Key": uuid4().hex})
    first = call(api, "GET", f"threads/{begun['id']}/posts")["results"][0]
    cited = first["cites"][0]
    print("Thread:", begun["url"], "cites run", cited["run_id"])


if __name__ == "__main__":
    if len(sys.argv) != 2 or "GRADUS_TOKEN" not in os.environ:
        sys.exit(__doc__)
    main(sys.argv[1], os.environ["GRADUS_TOKEN"])
