"""A title block says at least two things: a fact alone stands beside the heading."""

from __future__ import annotations

import re

import pytest

from tests.contracts.test_routes import MATRIX, Cast, cast  # noqa: F401 - a fixture

STREAMS = ("experiments:run-events", "discussions:thread-events")
BLOCK = re.compile(r'(?s)<dl class="titleblock[^"]*">(.*?)</dl>')


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["visitor", "owner", "stranger", "superuser"])
def test_no_title_block_has_one_cell(cast: Cast, role: str) -> None:  # noqa: F811
    seen, narrow = 0, []
    for name in MATRIX:
        if name in STREAMS:
            continue
        answer = cast.browsers[role].get(cast.url(name))
        if not answer.headers.get("Content-Type", "").startswith("text/html"):
            continue
        for block in BLOCK.findall(answer.content.decode()):
            seen += 1
            if block.count("<dt") < 2:
                narrow.append(name)
    assert narrow == []
    assert seen > 5
