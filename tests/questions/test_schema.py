"""What does not fit the types of question.toml is named by its line, with what would be right; junk
in any place is refused, or fits.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.common import toml
from apps.common.structs import MAX_NESTING, BadFact
from apps.questions import schema, validators
from tests.questions.conftest import facts_of
from tests.questions.test_validators import altered, complete_facts, paths_in

SOURCE = """\
topic = "losses"
kinds = ["numeric"]
difficulty = 2
labs = ["a-lab"]
claims = ["a-lab.claim"]
related = ["second"]
often_said_but = ["a-lab.claim"]
synonyms = { en = ["chance"], zh = ["瞎猜"] }

[[sources]]
text = "A book."
url = "https://example.org/book"

[variant]
reject = "n > 3"
[variant.sample]
n = { from = 2, to = 9 }
[variant.compute]
m = "n + 1"

[[numeric]]
answer = "m"
tolerance = { relative = 1e-3 }
unit = { en = "nats", zh = "奈特" }
[[numeric.wrong]]
value = "n"
message = { en = "No.", zh = "不对。" }

[[choice]]
form = "one"
right = ["a"]
[[order]]
right = ["b", "a"]

[[derivation]]
[[derivation.step]]
[derivation.step.check]
symbols = ["n"]
answer = "1 / n"
range = { n = [1, 9] }
whole = ["n"]

[code]
function = "f"
libraries = ["numpy"]
seconds = 2
memory = 256
tolerance = { absolute = 1e-9 }
visible = ["four"]
complexity = { size = 10, at_most = 50 }
[code.wrong]
slow = "four"

[review]
truth = { on = 2026-11-21, how = "computed" }
language = { on = 2026-11-21, en = true, zh = true }
"""
BOTH = "write both languages: { en = “…”, zh = “…” }"
A_SLUG = "write a slug of at most 64 characters, such as why-nonlinearity"
A_CLAIM = "write a claim (lab.claim), such as dead-relu.lr-kills"
A_SAMPLE = "write { choices = [1, 2] }, { from = 2, to = 5 } (whole numbers), or a number"
SYNONYMS = "write at most 24 synonyms, each of 1 to 64 characters"
OPTIONS = 'write a list of options, each once: ["a", "c"]'
A_TEXT = "write a text, in quotes"
FORMULA = "write an expression, in quotes: “2 * n”"
A_TOLERANCE = "write { relative = 1e-3 }, or { absolute = 0.5 } for a count"
RANGE = "write [low, high], or { symbol = [low, high] }"
SYMBOLS = 'write a list of symbols: ["n", "m"]'
# text, what stands there instead, the line that is named (from there), the message
FAULTS = [
    # keys that are not known, in each table
    ("difficulty = 2", "difficulty = 2\nlevel = 2", 1, "unknown key 'level'. Known: choice, "),
    ("{ en = [", "{ fr = [", 0, "unknown key 'fr'. Known: en, zh"),
    ("url =", "link =", 0, "unknown key 'link'. Known: text, url"),
    ("reject =", "rejects =", 0, "unknown key 'rejects'. Known: compute, reject, rows, sample"),
    ("from = 2", "form = 2", 0, "unknown key 'form'. Known: choices, from, to"),
    ("answer = ", "answers = ", 0, "unknown key 'answers'. Known: answer, tolerance, unit, wrong"),
    ("{ relative", "{ exact", 0, "unknown key 'exact'. Known: absolute, relative"),
    ("unit = { en", "unit = { de", 0, "unknown key 'de'. Known: en, zh"),
    ('value = "n"', 'values = "n"', 0, "unknown key 'values'. Known: message, value"),
    ("form =", "kind =", 0, "unknown key 'kind'. Known: form, right"),
    ('right = ["b"', 'wrong = ["b"', 0, "unknown key 'wrong'. Known: right"),
    ("[[derivation.step]]", "steps = 2\n", 0, "unknown key 'steps'. Known: step"),
    ("[derivation.step.check]", "points = 2\n", 0, "unknown key 'points'. Known: check"),
    ("whole =", "wholes =", 0, "unknown key 'wholes'. Known: answer, range, symbols, whole"),
    ("seconds =", "minutes =", 0, "unknown key 'minutes'. Known: complexity, function, "),
    ("at_most", "most", 0, "unknown key 'most'. Known: at_most, size"),
    ("[review]", "[review]\nstyle = 1", 1, "unknown key 'style'. Known: language, truth"),
    ("how =", "why =", 0, "unknown key 'why'. Known: how, on"),
    # keys that are missing
    ('topic = "losses"\n', "", 0, "topic is missing: write one of: activation-functions, "),
    ("kinds =", "# kinds =", -1, "kinds is missing: write a list; each entry is one of: concept, "),
    ("difficulty = 2\n", "", -2, "difficulty is missing: write a whole number from 1 to 5"),
    ('text = "A book."\n', "", -1, f"text is missing: {A_TEXT}"),
    ("tolerance = { relative", "# ", -2, f"tolerance is missing: {A_TOLERANCE}"),
    ("{ relative = 1e-3 }", "{}", 0, A_TOLERANCE),
    (', zh = "奈特"', "", 0, f"zh is missing: {BOTH}"),
    ('answer = "m"\n', "", -1, "the answer is missing (answer = …), and there is no variant.py"),
    ('value = "n"\n', "", -1, "the value is missing (value = …), and there is no variant.py"),
    ("message =", "# message =", -2, f"message is missing: {BOTH}"),
    ('form = "one"\n', "", -1, "form is missing: write one of: one, several"),
    ('right = ["b", "a"]\n', "", -1, f"right is missing: {OPTIONS}"),
    ('symbols = ["n"]\n', "", -1, f"symbols is missing: {SYMBOLS}"),
    ('answer = "1 / n"\n', "", -2, f"answer is missing: {FORMULA}"),
    ("function =", "# function =", -1, f"function is missing: {A_TEXT}"),
    ("size = 10, ", "", 0, "size is missing: write a whole number"),
    # what is of another type, or out of bounds
    ('topic = "losses"', "topic = 3", 0, "topic is 3; write one of: activation-functions, "),
    ('kinds = ["numeric"]', 'kinds = ["hard"]', 0, "entry 1 of kinds is 'hard'; write one of: con"),
    ('kinds = ["numeric"]', "kinds = []", 0, "name at least one kind, each once"),
    ("difficulty = 2", "difficulty = 6", 0, "difficulty is 6; write a whole number from 1 to 5"),
    ("difficulty = 2", "difficulty = true", 0, "difficulty is True; write a whole number from 1"),
    ("difficulty = 2", "difficulty = 2.5", 0, "difficulty is 2.5; write a whole number from 1 to"),
    ('["a-lab"]', '["A lab"]', 0, f"entry 1 of labs is 'A lab'; {A_SLUG}"),
    ('["a-lab.claim"]', '["a-lab"]', 0, f"entry 1 of claims is 'a-lab'; {A_CLAIM}"),
    ('["second"]', '"second"', 0, "related is 'second'; write a list; each entry is a slug"),
    ('often_said_but = ["a-lab', 'often_said_but = ["b-lab', 0, "b-lab.claim: not among the"),
    ('zh = ["瞎猜"]', 'zh = "瞎猜"', 0, f"zh is '瞎猜'; {SYNONYMS}"),
    ("synonyms = {", "synonyms = 3 # {", 0, "synonyms is 3; write a table: [synonyms]"),
    ('text = "A book."', 'text = " "', 0, f"text is ' '; {A_TEXT}"),
    ('"https://', '"ftp://', 0, "; write an address that begins with https:// (or http://)"),
    ("[[sources]]", "[sources]", 0, "; write [[sources]], once for each"),
    ('reject = "n > 3"', "reject = true", 0, f"reject is True; {FORMULA}"),
    ("{ from = 2, to = 9 }", "{ from = 2.5, to = 9 }", 0, A_SAMPLE),
    ("{ from = 2, to = 9 }", "{ from = 9, to = 2 }", 0, A_SAMPLE),
    ("{ from = 2, to = 9 }", "{ from = 2 }", 0, A_SAMPLE),
    ("{ from = 2, to = 9 }", "{ choices = [] }", 0, A_SAMPLE),
    ("{ from = 2, to = 9 }", '{ choices = ["2"] }', 0, A_SAMPLE),
    ("{ from = 2, to = 9 }", "{ choices = [1], from = 2, to = 9 }", 0, A_SAMPLE),
    ("{ from = 2, to = 9 }", '"2"', 0, f"n is '2'; {A_SAMPLE}"),
    ('m = "n + 1"', "m = 1", 0, f"m is 1; {FORMULA}"),
    ('m = "n + 1"', 'n = "1"', 0, "n is sampled already ([variant.sample])"),
    ('m = "n + 1"', '"a b" = "1"', 0, "'a b' cannot be a symbol: letters, digits and _"),
    ("[[numeric]]", "[numeric]", 0, "; write [[numeric]], once for each"),
    ('answer = "m"', "answer = 3", 0, f"answer is 3; {FORMULA}"),
    ("relative = 1e-3", "relative = 0.3", 0, "relative is 0.3; write a number from 0 to 0.2"),
    ("relative = 1e-3", "absolute = -1", 0, "absolute is -1; write a number from 0"),
    ("{ relative = 1e-3 }", "0.1", 0, f"tolerance is 0.1; {A_TOLERANCE}"),
    ("{ relative = 1e-3 }", "{ relative = nan }", 0, "a number is at most 1e+300"),
    ('unit = { en = "nats"', "unit = { en = 3", 0, f"; {BOTH}"),
    ("[[numeric.wrong]]", "[numeric.wrong]", 0, "; write [[numeric.wrong]], once for each"),
    ('message = { en = "No."', 'message = { en = ""', 0, f"; {BOTH}"),
    ('form = "one"', 'form = "none"', 0, "form is 'none'; write one of: one, several"),
    ('right = ["a"]', 'right = ["a", "b"]', 0, "of the form “one” exactly one option is right"),
    ('right = ["b", "a"]', 'right = ["b", "b"]', 0, "right names each option once"),
    ('right = ["b", "a"]', "right = []", 0, f"right is []; {OPTIONS}"),
    ('symbols = ["n"]', 'symbols = "n"', 0, f"symbols is 'n'; {SYMBOLS}"),
    ('symbols = ["n"]', 'symbols = ["n", "sum"]', 0, "'sum' cannot be a symbol"),
    ("range = { n = [1, 9] }", "range = [1, 2, 3]", 0, f"range is [1, 2, 3]; {RANGE}"),
    ("range = { n = [1, 9] }", "range = { n = 1 }", 0, f"range is {{'n': 1}}; {RANGE}"),
    ("range = { n = [1, 9] }", "range = [9, 1]", 0, "low is below high in a range"),
    ("range = { n = [1, 9] }", "range = { p = [1, 9] }", 0, "range names p, which is no symbol"),
    ("range = { n = [1, 9] }", 'range = { "" = [1, 9] }', 0, "range names , which is no symbol"),
    ('whole = ["n"]', "whole = [1]", 0, f"whole is [1]; {SYMBOLS}"),
    ('function = "f"', "function = 1", 0, f"function is 1; {A_TEXT}"),
    ('["numpy"]', "numpy", 0, "is not TOML"),
    ('["numpy"]', "[1]", 0, f"entry 1 of libraries is 1; {A_TEXT}"),
    ("seconds = 2", "seconds = -2", 0, "seconds is -2; write a number from 0"),
    ("memory = 256", 'memory = "256"', 0, "memory is '256'; write a number from 0"),
    ("size = 10", "size = 1.5", 0, "size is 1.5; write a whole number"),
    ('slow = "four"', "slow = 4", 0, f"slow is 4; {A_TEXT}"),
    ('visible = ["four"]', "visible = 4", 0, "visible is 4; write a list; each entry is a text"),
    ("truth = { on = 2026-11-21", 'truth = { on = "today"', 0, "on is 'today'; write a date: 2026"),
    ("en = true", "en = 1", 0, "en is 1; write true or false"),
    ("[review]", "[[review]]", 0, "; write a table: [review]"),
    ('topic = "losses"', f"topic = {'9' * 5000}", 0, "is not TOML"),
    ('topic = "losses"', f"topic = {'[' * 5000}", 0, "is not TOML"),
    ('topic = "losses"', f"topic = {'[' * 50}{']' * 50}", 0, f"nested at most {MAX_NESTING} deep"),
]


def read(source: str) -> schema.Facts:
    try:
        return validators.check(toml.parse(source))
    except BadFact as error:
        raise toml.BadToml(toml.line_of(source, error.path), error.message) from None


def test_the_example_fits_and_has_every_key_of_every_table() -> None:
    stored = schema.as_json(read(SOURCE))
    assert schema.read(stored) == read(SOURCE)
    missing = {"choices"}, {"absolute"}, {"rows"}, {"relative"}
    names = {name for path in paths_in(stored) for name in path if isinstance(name, str)}
    structs = [kind for kind in vars(schema).values() if isinstance(kind, type(schema.Facts))]
    fields = {name for kind in structs for name in kind.__struct_encode_fields__}
    assert fields - names <= set().union(*missing) | {"slug", "title", "values", "answers"}


@pytest.mark.parametrize(
    ("old", "new", "below", "message"),
    FAULTS,
    ids=[fault[3][:50] for fault in FAULTS],
)
def test_a_fault_names_its_line_and_what_is_right(
    old: str, new: str, below: int, message: str
) -> None:
    start = SOURCE.index(old)
    with pytest.raises(toml.BadToml) as raised:
        read(SOURCE[:start] + new + SOURCE[start + len(old) :])
    assert message in raised.value.message
    assert raised.value.line == max(1, SOURCE[:start].count("\n") + 1 + below)


ROWS: list[dict[str, Any]] = [{"values": {"n": 3}, "answers": [1.0], "wrong": [[2.0]]}]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "write a list of variants, each with values"),
        (3, "write a list of variants, each with values"),
        ([{"values": {}, "answers": [1.0]}], "write a list of variants"),
        ([{**ROWS[0], "answers": ["1"]}], "write a list of variants"),
        ([{**ROWS[0], "seed": 1}], "write a list of variants"),
        (
            [{**ROWS[0], "answers": []}],
            "each variant has 1 answers, for each answer its",
        ),
        (
            [{**ROWS[0], "wrong": [[]]}],
            "its wrong ones (1), and values of the same names",
        ),
        ([*ROWS, {**ROWS[0], "values": {"m": 3}}], "values of the same names as the first"),
    ],
)
def test_variants_of_a_program_that_do_not_fit_are_refused(rows: Any, message: str) -> None:
    numeric = {"tolerance": {"absolute": 1}, "wrong": [{"message": {"en": "No.", "zh": "不。"}}]}
    about = schema.as_json(facts_of(numeric=[numeric]))
    assert validators.check({**about, "variant": {"rows": ROWS}})
    with pytest.raises(BadFact) as raised:
        validators.check({**about, "variant": {"rows": rows}})
    assert message in raised.value.message and raised.value.path[:2] == ("variant", "rows")


# ---------------------------------------------------------------- junk

KEYS = st.sampled_from(
    ["en", "zh", "from", "to", "choices", "n", "answer", "check", "a` - at `$.b"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=8),
    st.sampled_from(["n", "1 / n", "a-lab", "\x00", "\ud800", 10**400, -(10**400), 1e308]),
    st.dates(),
    st.datetimes(),
    st.times(),
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    tables = st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=3)
    return st.lists(inner, max_size=3) | tables


JUNK = st.recursive(SCALARS, containers, max_leaves=8)
PLACES = sorted(paths_in(complete_facts()), key=str)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), JUNK, st.none() | st.text(max_size=4) | KEYS)
def test_junk_in_any_place_is_refused_or_fits(
    path: tuple[Any, ...], junk: Any, key: str | None
) -> None:
    written = altered(complete_facts(), path, junk)
    if key is not None and len(path) > 1:  # also beside what is there
        inside: Any = written
        for step in path[:-1]:
            inside = inside[step]
        if isinstance(inside, dict):
            inside[key] = junk
    try:
        checked = validators.check(written)
        validators.check_samples(checked)
    except BadFact as error:
        assert error.message and toml.line_of(SOURCE, error.path) >= 1
        return
    stored = json.loads(json.dumps(schema.as_json(checked), allow_nan=False))
    assert isinstance(stored, Mapping) and schema.read(stored) == checked


def test_a_list_of_tables_is_written_with_double_brackets() -> None:
    for table in ("[derivation]", "derivation = 3", "[[derivation]]\nstep = 3"):
        path = "derivation.step" if "step" in table else "derivation"
        with pytest.raises(toml.BadToml, match=rf"write \[\[{path}\]\], once for each"):
            read(f'topic = "losses"\nkinds = ["open"]\ndifficulty = 1\n{table}\n')


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_what_is_nested_deeply_is_refused(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    for depth in (MAX_NESTING, 200, 900):
        junk = json.loads(opening * depth + "1" + closing * depth)
        with pytest.raises(BadFact):
            validators.check({**schema.as_json(facts_of()), "variant": junk})


def test_a_date_is_stored_as_text_and_read_again() -> None:
    facts = facts_of(review={"truth": {"on": datetime.date(2026, 1, 2)}})
    stored = schema.as_json(facts)
    assert stored["review"] == {"truth": {"on": "2026-01-02"}}
    assert validators.check(stored) == facts
