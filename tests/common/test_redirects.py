from __future__ import annotations

import pytest

from apps.common.redirects import is_local

pytestmark = pytest.mark.attack


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/labs",
        "/labs/dead-relu?depth=4&from=x",
        "/runs/1#chart",
        "/%2F%2Fevil.example",
        "/实验",
    ],
)
def test_a_path_of_this_site_is_local(path: str) -> None:
    assert is_local(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "labs",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http://evil.example",
        "https:/evil",
        "javascript:alert(1)",
        "\x00/labs",
        " /labs",
        "/\n/evil.example",
        "/\t/evil.example",
        "/" + "x" * 3000,
    ],
)
def test_all_else_is_not(path: str) -> None:
    assert not is_local(path)
