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


# by method, with an empty body; a method that is not here is answered with 405
API: dict[str, dict[str, Answers]] = {
    "api:me": {"get": members(200), "patch": members(428)},
    "api:tokens": {"get": members(200)},
    # that of nobody
    "api:token": {"delete": members(404)},
}
METHODS = ("get", "post", "put", "patch", "delete")
PUBLIC = {"api:schema"}  # no endpoint: a view that everybody reads
ARGUMENTS: dict[str, dict[str, Any]] = {
    "api:token": {"pk": "00000000-0000-4000-8000-000000000000"},
}
