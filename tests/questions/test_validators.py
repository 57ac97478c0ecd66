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
from django.conf import settings

from apps.common import structs, toml
from apps.common.structs import BadFact
from apps.common.toml import line_of
from apps.questions import loading, services, validators
from apps.questions.limits import (
    MAX_HINTS,
    MAX_OPTION_KEY_LENGTH,
    MAX_OPTIONS,
    MAX_PARTS,
    MAX_POINTS,
    MAX_SLUG_LENGTH,
    MAX_TITLE_LENGTH,
)
from apps.questions.markdown_parser import HEADINGS, SUBHEADINGS, BadFile
from apps.questions.models import Kind
from apps.questions.schema import KINDS, Facts
from apps.questions.validators import TextPlace, outline
from tests.questions.conftest import TOML, Change, facts_of

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
    {"values": {"n": 3}, "answers": [1.0], "wrong": [[2.0]]},
    {"values": {"n": 4}, "answers": [1.5], "wrong": [[2.0]]},
]


def complete_facts() -> dict[str, Any]:
    facts = tomllib.loads(TOML)
    day = datetime.date(2026, 1, 1)
    facts |= {
        "often_said_but": ["no-such-lab.claim"],
        "review": {
            "truth": {"on": day, "how": "A"},
            "language": {"on": day, "en": True, "zh": True},
        },
    }
    facts["code"] |= {
        "libraries": ["numpy"],
        "seconds": 1,
        "memory": 256,
        "tolerance": {"absolute": 1e-9},
        "visible": ["a"],
        "complexity": {"size": 10, "at_most": 50},
        "wrong": {"too_slow": "a"},
    }
    facts["derivation"][0]["step"][0]["check"] |= {"range": {"n": [1, 9]}, "whole": ["n"]}
    facts["variant"] |= {"compute": {"twice": "2 * n"}, "reject": "n > 100"}
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
                toml,
                "parse",
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
    del facts["numeric"][0]["answer"], facts["numeric"][0]["wrong"][0]["value"]
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
            "question.toml:34: a number is at most",
        ),
        ("question.toml", 'related = ["second"]', f'related = ["{TOO_LONG}"]', "question.toml:6: "),
        (
            "question.toml",
            '"https://example.org/book"',
            '"https://["',
            "question.toml:11: url is 'https://['; write an address that begins with https://",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / n", range = []',
            "question.toml:15: range is []; write [low, high], or { symbol = [low, high] }",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / n", whole = "n"',
            "question.toml:15: whole is 'n'; write a list of symbols",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / n", whole = ["m"]',
            "question.toml:15: whole names m, which is no symbol",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / n", whole = ["n"], range = [0.5, 9]',
            "question.toml:15: the range of n, a whole number, has whole bounds",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / n", whole = ["n"], range = { n = [2, 8] }',
            "question.toml:15: the ranges hold 7 different points, and 8 are compared",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "1 / (n - 4)", whole = ["n"]',
            "question.toml:15: the answer has a value at too few",
        ),
        (
            "question.toml",
            'answer = "1 / n"',
            'answer = "log(n - 2.97)"',
            "question.toml:15: the answer has a value at too few",
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
    ("slug", "title", "message"),
    [
        ("3", "{ en = 'G', zh = 'G' }", "1: slug is 3; write a slug of at most"),
        ("'A b'", "{ en = 'G', zh = 'G' }", "1: slug is 'A b'; write a slug of at most"),
        (f"'{TOO_LONG}'", "{ en = 'G', zh = 'G' }", "1: slug is 'aaa"),
        ("'a'", "{ en = '', zh = 'G' }", "2: en is ''; write a title of 1 to 200 characters"),
        ("'a'", "{ en = 'G' }", "2: zh is missing: write a title of"),
        ("'a'", "[", "2: is not TOML"),
    ],
)
@pytest.mark.django_db
def test_a_bank_that_cannot_be_stored_is_refused(
    bank: Path, slug: str, title: str, message: str
) -> None:
    (bank / "bank.toml").write_text(f"slug = {slug}\ntitle = {title}")
    with pytest.raises(BadFile, match=rf"bank\.toml:{message}"):
        loading.load_questions(bank)


def test_the_kinds_of_the_schema_are_those_of_the_column() -> None:
    assert list(KINDS) == Kind.values


# ---------------------------------------------------------------- lines

NESTED = """\
topic = "losses"
claims = [
  "a.b",
]
[variant]
reject = "n > 3"
[variant.sample]
n = { from = 1, to = 3 }
[variant.compute]
m = "n"

[[numeric]]
answer = "n"
[[numeric.wrong]]
value = "1"
message = { en = "a", zh = "b" }
[[ numeric . wrong ]]
value = "2"

[[numeric]]
tolerance.relative = 0.1
[[numeric.wrong]]
value = "3"
[numeric.unit]
en = "nats"

[[derivation]]
[[derivation.step]] # 1
[[derivation.step]] # 2
check = { symbols = ["n"] }
[[derivation]]
[[derivation.step]]
check = { symbols = ["m"] }
"""
LINES = {
    (): 1,
    ("difficulty",): 1,
    ("topic",): 1,
    ("claims",): 2,
    ("claims", 0): 2,
    ("variant",): 5,
    ("variant", "reject"): 6,
    ("variant", "sample", "n"): 8,
    ("variant", "sample", "k"): 7,
    ("variant", "compute", "m"): 10,
    ("numeric",): 12,  # where the first of them stands
    ("numeric", 0): 12,
    ("numeric", 0, "tolerance"): 12,
    ("numeric", 0, "answer"): 13,
    ("numeric", 0, "wrong", 0): 14,
    ("numeric", 0, "wrong", 0, "value"): 15,
    ("numeric", 0, "wrong", 0, "message", "zh"): 16,
    ("numeric", 0, "wrong", 1): 17,
    ("numeric", 0, "wrong", 1, "value"): 18,
    ("numeric", 1): 20,
    ("numeric", 1, "answer"): 20,
    ("numeric", 1, "tolerance", "relative"): 21,
    ("numeric", 1, "wrong", 0, "value"): 23,
    ("numeric", 1, "unit"): 24,
    ("numeric", 1, "unit", "en"): 25,
    ("derivation", 0): 27,
    ("derivation", 0, "step", 0): 28,
    ("derivation", 0, "step", 1, "check", "symbols"): 30,
    ("derivation", 1): 31,
    ("derivation", 1, "step", 0): 32,
    ("derivation", 1, "step", 0, "check"): 33,
}


@pytest.mark.parametrize("path", LINES, ids=lambda path: ".".join(map(str, path)))
def test_the_line_of_a_key_is_found_in_nested_arrays(path: structs.Path) -> None:
    tomllib.loads(NESTED)
    assert line_of(NESTED, path) == LINES[path]


# ---------------------------------------------------------------- the outline of the texts


def test_an_outline_counts_what_belongs_to_each_part() -> None:
    places = [
        TextPlace("hint", 0),
        TextPlace("choice", 1),
        TextPlace("option", 1, "a"),
        TextPlace("hint", 1),
        TextPlace("option", 1, "b"),
        TextPlace("derivation", 2),
        TextPlace("step", 2),
        TextPlace("step", 2),
        TextPlace("choice", 3),
        TextPlace("option", 3, "z"),
        TextPlace("point", 0),
        TextPlace("follow_up", 0),
    ]
    assert outline(places) == {
        "hints": 1,
        "points": 1,
        "parts": [
            {"kind": "choice", "hints": 1, "options": ["a", "b"], "steps": 0},
            {"kind": "derivation", "hints": 0, "options": [], "steps": 2},
            {"kind": "choice", "hints": 0, "options": ["z"], "steps": 0},
        ],
    }


@pytest.mark.parametrize(
    "numbers", [[0], [2], [1, 1], [1, 3], [2, 3], [1, 2, 2]], ids=lambda numbers: str(numbers)
)
def test_parts_are_numbered_from_1_without_gaps(numbers: list[int]) -> None:
    with pytest.raises(BadFact, match="parts are numbered 1, 2, 3"):
        outline(TextPlace("numeric", number) for number in numbers)


@pytest.mark.parametrize(
    "place",
    [
        TextPlace("step", 0),
        TextPlace("option", 0, "a"),
        TextPlace("step", 1),  # of a numeric part
        TextPlace("option", 1, "a"),
        TextPlace("hint", 2),  # there is no such part
        TextPlace("point", 1),
        TextPlace("mistake", 1),
        TextPlace("follow_up", 1),
    ],
    ids=str,
)
def test_a_text_that_belongs_to_no_part_is_refused(place: TextPlace) -> None:
    with pytest.raises(BadFact, match=f"of the kind {place.kind} cannot belong to part"):
        outline([TextPlace("numeric", 1), place])


@pytest.mark.parametrize(
    ("place", "count", "name"),
    [
        (TextPlace("point", 0), MAX_POINTS, "key points"),
        (TextPlace("hint", 0), MAX_HINTS, "hints"),
        (TextPlace("hint", 1), MAX_HINTS, "hints"),
        (TextPlace("option", 1, "a"), MAX_OPTIONS, "options"),
    ],
)
def test_there_are_not_too_many(place: TextPlace, count: int, name: str) -> None:
    facts = validators.check(complete_facts())
    texts = [TextPlace("choice", 1), *[place] * (count + 1)]
    with pytest.raises(BadFact, match=f"there are {count + 1} {name}; at most {count}"):
        validators.check_against(facts, outline(texts))


def test_there_are_not_too_many_parts() -> None:
    texts = [TextPlace("numeric", number) for number in range(1, MAX_PARTS + 2)]
    with pytest.raises(BadFact, match=f"there are {MAX_PARTS + 1} parts"):
        validators.check_against(validators.check(complete_facts()), outline(texts))


def test_a_derivation_without_steps_is_refused() -> None:
    facts = facts_of(kinds=["derivation"])
    with pytest.raises(BadFact, match="a derivation has at least one step"):
        validators.check_against(facts, outline([TextPlace("derivation", 1)]))
    validators.check_against(facts, outline([TextPlace("derivation", 1), TextPlace("step", 1)]))


# ---------------------------------------------------------------- the documentation

DOCUMENTATION = (Path(settings.ROOT) / "docs" / "questions.md").read_text(encoding="utf-8")


def test_the_facts_of_the_documentation_are_valid_and_leave_out_no_table() -> None:
    example = DOCUMENTATION.partition("```toml\n")[2].partition("```")[0]
    facts = validators.check(tomllib.loads(example))
    validators.check_samples(facts)
    assert {*Facts.__struct_fields__} - {*tomllib.loads(example)} == {"code", "review"}
    for table in ("numeric", "numeric.wrong", "choice", "order", "derivation", "derivation.step"):
        assert f"[[{table}]]" in example


def test_the_documentation_names_every_heading_in_both_languages() -> None:
    of_parts = [names for names, _parts in SUBHEADINGS.values()]
    for level, headings in (("##", HEADINGS.values()), ("###", of_parts)):
        for heading in (name for names in headings for name in names):
            assert f"`{level} {heading}" in DOCUMENTATION, heading
