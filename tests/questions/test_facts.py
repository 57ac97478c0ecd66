"""Whatever stands in question.toml or in a draft's facts is either right or refused with its key:
nothing else comes of it.
"""

from __future__ import annotations

import copy
import datetime
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.questions import loading, services
from apps.questions.markdown_parser import BadFile
from tests.questions.conftest import TOML, Change

STRANGE: list[Any] = [
    *(
        0,
        1,
        -1,
        True,
        1.5,
        float("nan"),
        float("inf"),
        10**400,
        10**30,
        "",
        "x",
        "\x00",
        "a" * 300,
        "https://[",
        "9**9**9",
    ),
    *(
        [],
        [1],
        [[]],
        ["x"],
        ["a" * 300],
        [{}],
        [3, 0.5],
        [0, 10**400],
        [0.1, True],
        ["\x00"],
        datetime.date(2020, 1, 1),
    ),
    *(
        {},
        {"a": 1},
        {"en": "a", "zh": "\x00"},
        {"from": 1, "to": 10**400},
        {"choices": [10**400]},
        {"n": 0},
        {"n": [0]},
    ),
]
ROWS = [
    {"values": {"n": 3}, "answer": 1.0, "wrong": [2.0]},
    {"values": {"n": 4}, "answer": 1.5, "wrong": [2.0]},
]


def whole() -> dict[str, Any]:
    facts = tomllib.loads(TOML)
    facts |= {
        "often_said_but": ["no-such-lab.claim"],
        "review": {"truth": "A", "language": datetime.date(2026, 1, 1)},
    }
    facts["code"] |= {"libraries": ["numpy"], "seconds": 1, "visible": ["a"], "wrong": []}
    facts["step"][0]["check"]["range"] = {"n": [1, 9]}
    facts["variant"]["answer"]["reject"] = "n > 100"
    return facts


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, each in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield from places(each, (*path, key))


def altered(facts: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(facts)
    inside: Any = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return changed


def test_strange_facts_in_a_file_are_refused_by_file_and_line(
    bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, facts = 0, whole()
    for path in places(facts):
        for value in STRANGE:
            monkeypatch.setattr(
                loading.tomllib,
                "loads",
                lambda _text, path=path, value=value: altered(facts, path, value),
            )
            try:
                revision, _pieces, _lines = loading.rows_of(
                    loading.read_folder(bank / "losses" / "guess")
                )
            except BadFile as error:
                assert "question.toml:" in str(error)
                refused += 1
                continue
            kept = json.dumps([revision.facts, revision.sources], allow_nan=False)
            assert "\\u0000" not in kept and all(
                len(slug) <= 64 for slug in (*revision.labs, *revision.related)
            )
    assert refused > 1000


def test_strange_facts_of_a_draft_are_faults_with_their_key(bank: Path) -> None:
    one = loading.read_folder(bank / "losses" / "guess")
    revision, text_rows, _lines = loading.rows_of(one)
    facts = json.loads(json.dumps(revision.facts))
    facts["variant"]["rows"] = ROWS
    refused = 0
    for path in [(), *places(facts)]:
        for value in STRANGE[:2] if not path else STRANGE:
            revision.facts = altered(facts, path, value) if path else value
            refused += bool(services.faults_of(revision, text_rows))
    assert refused > 1000
    revision.facts = facts
    assert services.faults_of(revision, text_rows) == [], "as it was, it can be published"


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("en.md", "You *guess*", "You \x00 *guess*", "en.md:3: here is the character NUL"),
        ("reference.py", "as it is", "as \x00 it is", "reference.py:2: here is the character NUL"),
        ("en.md", "# What", "# " + "What " * 80, "en.md:1: a title has at most 300 characters"),
        (
            "en.md",
            "### Option a",
            "### Option " + "a" * 17,
            "en.md:15: an option has a key of at most 16 characters",
        ),
        (
            "question.toml",
            "[code]",
            "[code]\nseconds = nan",
            "question.toml:32: a number is at most",
        ),
        ("question.toml", 'related = ["second"]', f'related = ["{"a" * 65}"]', "question.toml:6: "),
        (
            "question.toml",
            '"https://example.org/book"',
            '"https://["',
            "question.toml:10: a source's url begins with",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / n", range = []',
            "question.toml:13: range is [low, high]",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "log(n - 2.97)"',
            "question.toml:13: the answer has a value at too few",
        ),
    ],
)
def test_what_no_table_could_hold_names_its_file_and_line(
    bank: Path, change: Change, name: str, old: str, new: str, said: str
) -> None:
    change(name, old, new)
    with pytest.raises(BadFile) as raised:
        loading.read_folder(bank / "losses" / "guess")
    assert said in str(raised.value)


def test_a_file_that_is_no_text_is_named(bank: Path) -> None:
    (bank / "losses" / "guess" / "starter.py").write_bytes(b"\xff\xfe")
    with pytest.raises(BadFile, match=r"starter\.py:1: cannot be read"):
        loading.read_folder(bank / "losses" / "guess")


def test_the_mark_that_some_editors_put_first_is_no_fault(bank: Path) -> None:
    path = bank / "losses" / "guess" / "en.md"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert loading.read_folder(path.parent).english.one("title").text.startswith("What is")


@pytest.mark.parametrize(
    "said",
    [
        "slug = 3",
        'slug = "A b"',
        'slug = "a"\ntitle = { en = "" , zh = "x" }',
        f'slug = "{"a" * 65}"',
    ],
)
@pytest.mark.django_db
def test_a_bank_that_cannot_be_kept_is_refused(bank: Path, said: str) -> None:
    (bank / "bank.toml").write_text(
        said + ("" if "title" in said else '\ntitle = { en = "G", zh = "G" }')
    )
    if said == "slug = 3":
        (bank / "bank.toml").write_text("slug = 3")
    with pytest.raises(BadFile, match=r"bank\.toml:1: "):
        loading.load_questions(bank)
