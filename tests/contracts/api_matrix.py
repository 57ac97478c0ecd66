"""Who gets what of `/api/v1/`, by route, method and role: the part of the table of
`test_routes.py` that is for programs. Objects in the addresses are the owner's.
"""

from __future__ import annotations

from typing import Any

# of a visitor, the owner, a stranger, and staff of any role, or of each of them in turn
Answers = tuple[Any, ...]


def members(answer: Any) -> Answers:
    """Those of an address that everybody who is signed in may use alike."""
    return (401, answer, answer, answer)


def same(answer: Any) -> Answers:
    return (answer,) * 4


def operators(answer: Any) -> Answers:
    """Those of an address that operators and superusers alone may use."""
    return (401, 403, 403, 403, 403, 403, answer, answer)


def authors(answer: Any) -> Answers:
    """Those of an address that authors and superusers alone may use."""
    return (401, 403, 403, answer, 403, 403, 403, answer)


PRIVATE: Answers = (404, 200, 404, 404)  # a run that is not shared
OWN: Answers = (401, 200, 404, 404)


# by method, with an empty body; a method that is not here is answered with 405
API: dict[str, dict[str, Answers]] = {
    "api:me": {"get": members(200), "patch": members(428)},
    "api:tokens": {"get": members(200)},
    # anybody may begin, and nothing is answered about anybody
    "api:device": {"post": same(400)},
    "api:device-token": {"post": same(400)},
    # that of nobody
    "api:token": {"delete": members(404)},
    # with a session it takes the password, which the learners have not entered
    "api:sessions": {"get": members(200)},
    "api:session": {"delete": (401, 403, 403, 404)},
    "api:sign-out": {"post": (401, 403, 403, 200)},
    # with a session, adding one takes the password, which the learners have not entered
    "webhooks_api:webhooks": {"get": members(200), "post": (401, 403, 403, 400)},
    "webhooks_api:webhook": {
        "get": OWN,
        "patch": (401, 403, 403, 404),
        "delete": (401, 204, 404, 404),
    },
    "webhooks_api:secret": {"post": (401, 403, 403, 404)},
    "webhooks_api:test": {"post": (401, 201, 404, 404)},
    "webhooks_api:deliveries": {"get": OWN},
    "webhooks_api:delivery": {"get": OWN},
    # it waits already
    "webhooks_api:redeliver": {"post": (401, 409, 404, 404)},
    "archives_api:exports": {"get": members(200), "post": members(201)},
    # those of nobody; tests/archives/test_api.py has strangers
    "archives_api:export": {"get": members(404), "delete": members(404)},
    "archives_api:export-file": {"post": (401, 403, 403, 404)},
    "archives_api:imports": {"get": members(200), "post": members(415)},  # JSON is no archive
    "archives_api:import": {"get": members(404), "delete": members(404)},
    "archives_api:import-confirm": {"post": members(404)},
    "experiments_api:labs": {"get": same(200)},
    "experiments_api:lab": {"get": same(200)},
    "experiments_api:lab-source": {"get": same(200)},
    "experiments_api:runs": {"get": members(200), "post": members(400)},
    "experiments_api:compare": {"get": same(400)},  # it names no run
    "experiments_api:run": {"get": PRIVATE, "patch": (401, 400, 404, 404)},
    "experiments_api:run-points": {"get": PRIVATE},
    "experiments_api:run-batches": {"get": PRIVATE},
    "experiments_api:run-source": {"get": PRIVATE},
    "experiments_api:run-cancel": {"post": OWN},
    "experiments_api:run-rerun": {"post": (401, 201, 404, 404)},
    "experiments_api:run-verdict": {"post": OWN},
    "experiments_api:claims": {"get": same(200)},
    "experiments_api:workers": {"get": operators(200)},
    "experiments_api:queues": {"get": operators(200)},
    "experiments_api:operated-runs": {"get": operators(200)},
    "experiments_api:operated-run": {"delete": operators(204)},
    "questions_api:questions": {"get": same(200)},
    "questions_api:reports": {"post": members(400)},
    # an author, and a superuser; of questions, moderators see the list
    "questions_api:all-questions": {"get": (401, 403, 403, 200, 200, 403, 403, 200)},
    "questions_api:revisions": {"get": authors(200), "post": authors(201)},
    # that of nobody; tests/questions/test_api_authors.py has drafts
    "questions_api:revision": {"get": authors(404), "patch": authors(404)},
    "questions_api:publish": {"post": authors(404)},
    "progress_api:question": {"get": same(200)},
    "progress_api:question-attempts": {"post": members(200)},
    "progress_api:attempts": {"get": members(200)},
    # those of nobody; tests/progress/test_api_attempts.py has strangers
    "progress_api:attempt": {"get": members(404)},
    "progress_api:answers": {"post": members(404)},
    "progress_api:hints": {"post": members(404)},
    "progress_api:reveal": {"post": members(404)},
    "progress_api:grade": {"post": members(404)},
    "progress_api:points": {"post": members(404)},
    "progress_api:cards": {"get": members(200)},
    "progress_api:card": {"get": members(404), "put": members(200), "patch": members(400)},
    "progress_api:private-cards": {"get": members(200), "post": members(400)},
    "progress_api:private-card": {"get": (401, 200, 404, 404), "delete": (401, 204, 404, 404)},
    "progress_api:reviews": {"get": members(200)},
    "progress_api:review-undo": {"post": members(409)},
    "progress_api:review-session": {
        "get": members(404),
        "post": members(409),
        "delete": members(204),
    },
    "progress_api:review-skip": {"post": members(404)},
    "progress_api:note": {"get": members(200), "put": members(400)},
    "progress_api:bookmarks": {"get": members(200)},
    "progress_api:bookmark": {"put": members(204), "delete": members(204)},
    "progress_api:plan": {"get": members(200), "patch": members(428)},
    "progress_api:today": {"get": members(200)},
    "progress_api:statistics": {"get": members(200)},
    "progress_api:forecast": {"get": members(200)},
    "progress_api:unread-verdicts": {"get": members(200)},
    "progress_api:unread-verdict": {"delete": (401, 204, 404, 404)},
    "discussions_api:threads": {"get": same(200), "post": members(400)},
    "discussions_api:thread": {"get": same(200)},
    "discussions_api:thread-follow": {"put": members(400)},
    "discussions_api:posts": {"get": same(200), "post": members(400)},
    "discussions_api:post": {
        "get": same(200),
        "patch": (401, 400, 403, 403),
        "delete": (401, 204, 403, 403),
    },
    "discussions_api:post-revisions": {"get": same(200)},
    "discussions_api:vote": {"put": members(400), "delete": (401, 403, 204, 204)},
    # the first post is no answer
    "discussions_api:acceptance": {"put": members(403), "delete": members(403)},
    "discussions_api:flag": {"put": members(400)},
    "discussions_api:preview": {"post": members(400)},
    "discussions_api:actions": {"get": members(200)},
    "discussions_api:action": {"get": OWN},
    "discussions_api:appeal": {"post": (401, 400, 404, 404)},
    "notices_api:notices": {"get": members(200)},
    "notices_api:unread-count": {"get": members(200)},
    "notices_api:read-all": {"post": members(400)},
    # that of nobody; tests/notices/test_api.py has strangers
    "notices_api:read": {"put": members(404)},
    "notices_api:settings": {"get": members(200)},
    "notices_api:setting": {"put": members(400)},
}
METHODS = ("get", "post", "put", "patch", "delete")
# no endpoints: a view that everybody reads, and streams, which tests/experiments/test_sse.py and
# tests/discussions/test_thread_events.py ask
PUBLIC = {"api:schema", "experiments_api:run-events", "discussions_api:thread-events"}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "api:token": {"pk": "00000000-0000-4000-8000-000000000000"},
    "api:session": {"name": "nothing"},
    "discussions_api:thread-events": {"pk": 0},
    "archives_api:export": {"key": "x"},
    "archives_api:export-file": {"key": "x"},
    "archives_api:import": {"key": "x"},
    "archives_api:import-confirm": {"key": "x"},
    "experiments_api:lab": {"slug": "dead-relu"},
    "experiments_api:lab-source": {"slug": "dead-relu"},
    "questions_api:reports": {"slug": "how-long"},
    "questions_api:revisions": {"slug": "how-long"},
    "questions_api:revision": {"pk": 999_999},
    "questions_api:publish": {"pk": 999_999},
    "progress_api:question": {"slug": "how-long"},
    "progress_api:question-attempts": {"slug": "how-long"},
    "progress_api:card": {"slug": "how-long"},
    "progress_api:private-card": {"slug": "private-nothing"},  # `Cast` has one
    "progress_api:note": {"slug": "how-long"},
    "progress_api:bookmark": {"slug": "how-long"},
    "notices_api:read": {"pk": 0},
    "notices_api:setting": {"notice_kind": "reply"},
}
