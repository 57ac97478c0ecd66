"""Any value of question.toml, or of a draft's facts, is either valid or refused with its key; none
raises another error.
"""

from __future__ import annotations

import copy
import datetime
import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.questions import loading, services
from apps.questions.limits import MAX_OPTION_KEY_LENGTH, MAX_SLUG_LENGTH, MAX_TITLE_LENGTH
from apps.questions.markdown_parser import BadFile
from apps.questions.models import Kind
from apps.questions.schema import KINDS
from tests.questions.conftest import TOML, Change

ODD_VALUES: list[Any] = [
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
TOO_LONG = "a" * (MAX_SLUG_LENGTH + 1)  # for a slug
TITLE_TOO_LONG = f"en.md:1: a title has at most {MAX_TITLE_LENGTH} characters"
ROWS = [
    {"values": {"n": 3}, "answer": 1.0, "wrong": [2.0]},
    {"values": {"n": 4}, "answer": 1.5, "wrong": [2.0]},
]


def complete_facts() -> dict[str, Any]:
    facts = tomllib.loads(TOML)
    facts |= {
        "often_said_but": ["no-such-lab.claim"],
        "review": {"truth": "A", "language": datetime.date(2026, 1, 1)},
    }
    facts["code"] |= {"libraries": ["numpy"], "seconds": 1, "visible": ["a"], "wrong": []}
    facts["step"][0]["check"] |= {"range": {"n": [1, 9]}, "whole": ["n"]}
    facts["variant"]["answer"]["reject"] = "n > 100"
    return facts


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    members: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, member in members:
        yield from paths_in(member, (*path, key))


def altered(facts: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(facts)
    inside: Any = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return changed


def test_odd_facts_in_a_file_are_refused_by_file_and_line(
    bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, facts = 0, complete_facts()
    for path in paths_in(facts):
        for value in ODD_VALUES:
            monkeypatch.setattr(
                loading.tomllib,
                "loads",
                lambda _text, path=path, value=value: altered(facts, path, value),
            )
            try:
                folder = loading.read_folder(bank / "losses" / "guess")
                revision, _texts, _passages = loading.build_rows(folder)
            except BadFile as error:
                assert "question.toml:" in str(error)
                refused += 1
                continue
            stored = json.dumps([revision.facts, revision.sources], allow_nan=False)
            assert "\\u0000" not in stored and all(
                len(slug) <= MAX_SLUG_LENGTH for slug in (*revision.labs, *revision.related)
            )
    assert refused > 1000


def test_odd_facts_of_a_draft_are_faults_with_their_key(bank: Path) -> None:
    folder = loading.read_folder(bank / "losses" / "guess")
    revision, texts, _passages = loading.build_rows(folder)
    facts = json.loads(json.dumps(revision.facts))
    facts["variant"]["rows"] = ROWS
    refused = 0
    for path in [(), *paths_in(facts)]:
        for value in ODD_VALUES[:2] if not path else ODD_VALUES:
            revision.facts = altered(facts, path, value) if path else value
            refused += bool(services.render_draft(revision, texts))
    assert refused > 1000
    revision.facts = facts
    assert services.render_draft(revision, texts) == [], "as it was, it can be published"


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("en.md", "You *guess*", "You \x00 *guess*", "en.md:3: here is the character NUL"),
        ("reference.py", "as it is", "as \x00 it is", "reference.py:2: here is the character NUL"),
        ("en.md", "# What", "# What" + "?" * MAX_TITLE_LENGTH, TITLE_TOO_LONG),
        (
            "en.md",
            "### Option a",
            "### Option " + "a" * (MAX_OPTION_KEY_LENGTH + 1),
            f"en.md:15: an option has a key of at most {MAX_OPTION_KEY_LENGTH} characters",
        ),
        (
            "question.toml",
            "[code]",
            "[code]\nseconds = nan",
            "question.toml:32: a number is at most",
        ),
        ("question.toml", 'related = ["second"]', f'related = ["{TOO_LONG}"]', "question.toml:6: "),
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
            'answer = "1 / n", whole = "n"',
            "question.toml:13: whole is a list of symbols",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / n", whole = ["m"]',
            "question.toml:13: whole names m, which is no symbol",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / n", whole = ["n"], range = [0.5, 9]',
            "question.toml:13: the range of n, a whole number, has whole bounds",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / n", whole = ["n"], range = { n = [2, 8] }',
            "question.toml:13: the ranges hold 7 different points, and 8 are compared",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / (n - 4)", whole = ["n"]',
            "question.toml:13: the answer has a value at too few",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "log(n - 2.97)"',
            "question.toml:13: the answer has a value at too few",
        ),
    ],
)
def test_what_cannot_be_stored_names_its_file_and_line(
    bank: Path, change: Change, name: str, old: str, new: str, message: str
) -> None:
    change(name, old, new)
    with pytest.raises(BadFile) as raised:
        loading.read_folder(bank / "losses" / "guess")
    assert message in str(raised.value)


def test_a_file_that_is_no_text_is_named(bank: Path) -> None:
    (bank / "losses" / "guess" / "starter.py").write_bytes(b"\xff\xfe")
    with pytest.raises(BadFile, match=r"starter\.py:1: cannot be read"):
        loading.read_folder(bank / "losses" / "guess")


def test_a_byte_order_mark_is_no_fault(bank: Path) -> None:
    path = bank / "losses" / "guess" / "en.md"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert loading.read_folder(path.parent).english.passage("title").text.startswith("What is")


@pytest.mark.parametrize(
    "toml",
    [
        "slug = 3",
        'slug = "A b"',
        'slug = "a"\ntitle = { en = "" , zh = "x" }',
        f'slug = "{TOO_LONG}"',
    ],
)
@pytest.mark.django_db
def test_a_bank_that_cannot_be_stored_is_refused(bank: Path, toml: str) -> None:
    has_title = "title" in toml or toml == "slug = 3"
    title = "" if has_title else '\ntitle = { en = "G", zh = "G" }'
    (bank / "bank.toml").write_text(toml + title)
    with pytest.raises(BadFile, match=r"bank\.toml:1: "):
        loading.load_questions(bank)


def test_the_kinds_of_the_schema_are_those_of_the_column() -> None:
    assert list(KINDS) == Kind.values
