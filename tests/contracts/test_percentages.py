"""A percentage is written one way: `80%`, without a space before the sign, in English as in
Chinese. `apps.common.number_format.percent` writes it, and a lab's sentences do by `{effect:.0%}`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.common.browsing import SPACED_PERCENT
from tests.contracts.test_routes import MATRIX, Cast, cast  # noqa: F401 - a fixture
from tests.contracts.test_vocabulary import ROOT, files
from tests.experiments.pages_cast import SURE, measured, queued

# what pages, mails and answers of the API are made of; of Python, its texts
FOLDERS = ("apps/", "templates/", "platform/", "clients/python/gradus_client/", "workers/labs/")
TEXTS = (".html", ".txt", ".po", ".toml", ".md", ".svg", ".js")
STREAMS = ("experiments:run-events", "discussions:thread-events")


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of what a file may show: each text of a module that is no docstring,
    with {} for what is filled in; otherwise each line.
    """
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(source.splitlines(), start=1)
        return
    tree = ast.parse(source)
    bodies = [getattr(node, "body", None) for node in ast.walk(tree)]
    said_of_code = {
        body[0].value
        for body in bodies
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and node not in said_of_code:
            yield node.lineno, str(node.value)


def test_no_text_has_a_space_before_the_percent_sign() -> None:
    spaced = [
        f"{path.relative_to(ROOT)}:{line}: {text.strip()[:100]}"
        for path in files(".py", *TEXTS)
        if path.relative_to(ROOT).as_posix().startswith(FOLDERS)
        if path.name != "checks.py" and "migrations" not in path.parts
        for line, text in texts_of(path)
        if SPACED_PERCENT.search(text)
    ]
    assert spaced == []


@pytest.mark.parametrize(
    ("text", "is_spaced"),
    [
        ("80 %", True),
        ("80\N{NO-BREAK SPACE}%, right", True),
        ("at %(sure)s %%: the answer", True),
        ("<i>{{ n }} %</i>", True),
        ("把握 {percent} %。", True),
        ("80%", False),
        ("30% to 95%", False),
        ("{% if n == 1 %}", False),
        ("{{ n }}{% endif %}", False),
        ("%(low)s %(high)s", False),
        ("%Y-%m-%d %H:%M", False),
    ],
)
def test_a_spaced_percentage_is_told_from_what_is_none(text: str, is_spaced: bool) -> None:
    assert bool(SPACED_PERCENT.search(text)) is is_spaced


class Words(HTMLParser):
    """The text of a page, and what its attributes say, without code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.feed(re.sub(r"(?s)<(script|style|code|pre)\b.*?</\1>", "", page))

    def handle_data(self, data: str) -> None:
        self.lines.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.lines += [value for name, value in attrs if value and name not in ("href", "d")]


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_no_page_shows_one_with_a_space(cast: Cast, language: str) -> None:  # noqa: F811
    owner = cast.browsers["owner"]
    cast.run = measured(queued(cast.run.owner, cast.run.version.lab, "predicted", prediction=SURE))
    seen, spaced = 0, []
    for name in MATRIX:
        if name in STREAMS:
            continue
        answer = owner.get(cast.url(name), headers={"accept-language": language})
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            words = "".join(Words(answer.content.decode()).lines)
            seen += words.count("%")
            spaced += [f"{name}: {match[0]}" for match in SPACED_PERCENT.finditer(words)]
    assert spaced == []
    assert seen > 20, "there are percentages to look at"
