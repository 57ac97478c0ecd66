"""Seconds and queries of the pages of 2,000 threads with 200,000 posts.

    python -m benchmarks.threads [requests [part of the addresses]]

Each request goes over HTTP to one web process. A visitor, a member (ola), the author of the longest
thread (mei), and a moderator (ada) take turns. Queries are counted by the same process that counts
them in tests, on the same database. Targets: at most 100 ms and 12 queries a page; the latter is
asserted, and `tests/discussions/test_few_queries.py` asserts it of few threads.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

import httpx

from benchmarks.site import machine, quantile, seconds_to_get, site_for_benchmark
from tests.e2e.people import Member
from tests.e2e.system import System

MAX_QUERIES = 12
SCRIPT = "tests/discussions/large_threads.py"
VISITOR, MEMBER, AUTHOR, MODERATOR = "", "ola", "mei", "ada"
EVERYBODY = (VISITOR, MEMBER, AUTHOR, MODERATOR)
SIGNED_IN = (MEMBER, AUTHOR, MODERATOR)
LISTS = (
    "",
    "?page=33",
    "?order=newest",
    "?order=best",
    "?order=best&page=60",
    "?order=unanswered",
    "?show=unanswered",
    "?language=zh",
    "?about=question",
    "?about=question:{question}",
    "?about=lab:dead-relu",
    "?words=gradient",
    "?words=why+does+the+loss+stall",
    "?words=quokka",
    "?words=nothingofthekind",
    "?words=梯度",
    "?words=鸭嘴兽",
    "?words=鸟",
    "?words=gradient+梯度&language=zh&order=best",
)
OWN_LISTS = ("?show=mine", "?show=following", "?show=following&words=gradient&order=newest")
THREADS = (
    "/threads/{long}",
    "/threads/{long}?page=13",
    "/threads/{long}?page=25",
    "/threads/{longest}?page=20",
    "/threads/{folded}",
    "/threads/{folded}?show=1",
    "/threads/{long}/posts/333",
    "/threads/panel?about=question:{question}",
    "/threads/panel?about=lab:dead-relu",
    "/threads/panel?about=claim:dead-relu.lr-kills",
    "/threads/panel?about=run:{run}",
)
NOTICES = ("/notices", "/notices?page=3", "/notices/settings")
MODERATION = (
    "/moderation",
    "/moderation?page=90",
    "/moderation?show=flagged&reason=spam",
    "/moderation?show=pending&language=zh",
    "/moderation?show=appealed",
    "/moderation/log",
    "/moderation/log?page=40",
    "/moderation/log?person=ada&kind=lock",
    "/moderation/log?person=person-900",
    "/moderation/mutes",
    "/moderation/threads/{long}/posts/333",
)
NAMES = """
    SELECT (SELECT id FROM discussions_thread WHERE key = 'large-0'),
           (SELECT id FROM discussions_thread ORDER BY replies DESC LIMIT 1),
           (SELECT id FROM discussions_thread WHERE about = 'question' AND state = 'published'
            ORDER BY replies DESC LIMIT 1),
           (SELECT slug FROM questions_question JOIN discussions_thread thread
            ON question_id = questions_question.id GROUP BY slug ORDER BY count(*) DESC LIMIT 1),
           (SELECT id FROM experiments_run WHERE version_id IN (SELECT id FROM
            experiments_labversion WHERE lab_id = 'dead-relu') AND at_defaults LIMIT 1)
"""


def pages(system: System) -> dict[str, tuple[str, ...]]:
    """Return the addresses, each with who reads them."""
    row = system.query(NAMES)[0]
    names = dict(zip(("long", "longest", "folded", "question", "run"), row, strict=True))
    readers = {
        **{f"/threads{query}": EVERYBODY for query in LISTS},
        **{f"/threads{query}": SIGNED_IN for query in OWN_LISTS},
        **dict.fromkeys(THREADS, EVERYBODY),
        **dict.fromkeys(NOTICES, SIGNED_IN),
        **dict.fromkeys(MODERATION, (MODERATOR,)),
    }
    return {path.format(**names): who for path, who in readers.items()}


def milliseconds(
    clients: Mapping[str, httpx.Client], path: str, readers: tuple[str, ...], requests: int
) -> dict[str, list[float]]:
    """Return how long each reader waited for a page, the first time aside."""
    turns = [
        {who: 1000 * seconds_to_get(clients[who], path) for who in readers}
        for _ in range(requests + 1)
    ]
    return {who: [turn[who] for turn in turns[1:]] for who in readers}


def count_queries(
    system: System, readers: Mapping[str, tuple[str, ...]]
) -> dict[tuple[str, str], int]:
    asked = [(who, path) for path, whos in readers.items() for who in whos]
    counts = json.loads(system.manage_script(SCRIPT, "queries", json.dumps(asked)))
    return dict(zip(asked, counts, strict=True))


def measure(system: System, requests: int, part: str = "") -> bool:
    """Print the figures, of addresses with `part` in them alone. Returns whether no page asks too
    much.
    """
    readers = {path: who for path, who in pages(system).items() if part in path}
    queries = count_queries(system, readers)
    clients = {who: Member(system, who).http for who in SIGNED_IN}
    clients[VISITOR] = httpx.Client(base_url=system.url, timeout=60, trust_env=False)
    for client in clients.values():
        client.follow_redirects = True  # a permalink leads to a page
    fragment = {"hx-request": "true"}
    columns = "".join(f"{who:>19}" for who in ("visitor", "member", "author", "moderator"))
    print(f"{'p50, p95 in ms, queries':<52}{columns}")
    for path, whos in readers.items():
        for client in clients.values():
            client.headers.pop("hx-request", None)
            client.headers.update(fragment if path.startswith("/threads/panel") else {})
        times = milliseconds(clients, path, whos, requests)
        figures = [
            f"{quantile(times[who], 0.5):7.0f} {quantile(times[who], 0.95):5.0f} "
            f"{queries[who, path]:5}"
            if who in times
            else ""
            for who in EVERYBODY
        ]
        print(f"{path:<52}{''.join(f'{figure:>19}' for figure in figures)}", flush=True)
    for name, (statements, taken) in json.loads(system.manage_script(SCRIPT, "writes")).items():
        print(f"{name} in the thread with 2,000 followers: {taken:.0f} ms, {statements} statements")
    for client in clients.values():
        client.close()
    most = max(queries.values())
    print(f"most queries of a page: {most}")
    return most <= MAX_QUERIES


def main() -> int:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    print(machine())
    with site_for_benchmark("web") as system:
        system.manage_script(SCRIPT, "fill")
        return 0 if measure(system, requests, "".join(sys.argv[2:3])) else 1


if __name__ == "__main__":
    sys.exit(main())
