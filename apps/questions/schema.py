"""The schema of question.toml: its keys, their types, and what must be consistent. Pure; an error
has the path of the key that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from apps.common.topics import TOPICS
from apps.questions import expressions, marking, validators, variants
from apps.questions.limits import (
    DIFFICULTIES,
    MAX_CLAIM_LENGTH,
    MAX_DIFFICULTY,
    MAX_SLUG_LENGTH,
    MIN_DIFFICULTY,
)
from apps.questions.validators import BadFact as BadFact
from apps.questions.validators import Facts as Facts
from apps.questions.validators import Path as Path

KINDS = ("concept", "derivation", "numeric", "choice", "code", "open")
CHOICE_FORMS = ("one", "several", "order")
REQUIRED_KEYS = ("topic", "kinds", "difficulty")
KEYS: dict[str, Collection[str]] = {  # of each table
    "": {
        *REQUIRED_KEYS,
        "labs",
        "claims",
        "related",
        "often_said_but",
        "sources",
        "variant",
        "choice",
        "step",
        "code",
        "review",
    },
    "sources": {"text", "url"},
    "variant": {"tolerance", "unit", "sample", "answer", "wrong", "rows"},
    "variant.wrong": {"value", "message"},
    "variant.tolerance": {"relative", "absolute"},
    "choice": {"form", "right"},
    "step": {"check"},
    "step.check": {"symbols", "answer", "range", "whole"},
    "code": {
        "function",
        "libraries",
        "seconds",
        "memory",
        "tolerance",
        "visible",
        "complexity",
        "wrong",
    },
    "review": {"truth", "language"},
}
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
CLAIM = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
ROW_KEYS = {"values", "answer", "wrong"}
MAX_RELATIVE_TOLERANCE = 0.2


def check(facts: Facts) -> None:
    """Check that all keys are known, of the right type, and consistent.

    Raises:
        BadFact: they are not.
    """
    validators.check_keys(facts, KEYS[""], "", ())
    validators.check_storable(facts)
    for key in REQUIRED_KEYS:
        if key not in facts:
            raise BadFact((), f"{key} is missing")
    validators.check_one_of(facts["topic"], TOPICS, ("topic",))
    kinds = validators.list_of_texts(facts, "kinds")
    for kind in kinds:
        validators.check_one_of(kind, KINDS, ("kinds",))
    if not kinds or len(set(kinds)) != len(kinds):
        raise BadFact(("kinds",), "name at least one kind, each once")
    if type(facts["difficulty"]) is not int or facts["difficulty"] not in DIFFICULTIES:
        message = f"difficulty is a whole number from {MIN_DIFFICULTY} to {MAX_DIFFICULTY}"
        raise BadFact(("difficulty",), message)
    _links(facts)
    for number, source in enumerate(validators.list_of_tables(facts, "sources")):
        _source(source, ("sources", number))
    if "variant" in facts:
        _variant(facts["variant"])
    for number, choice in enumerate(validators.list_of_tables(facts, "choice")):
        _choice(choice, ("choice", number))
    for number, step in enumerate(validators.list_of_tables(facts, "step")):
        _step(step, ("step", number))
    if "code" in facts:
        validators.check_keys(facts["code"], KEYS["code"], "code", ("code",))


def check_against(
    facts: Facts,
    counts: Mapping[str, int],
    options: Mapping[int, Sequence[str]],
    has_rows: bool = False,
) -> None:
    """Check that facts and texts describe the same parts.

    Args:
        counts: how many texts of each kind there are.
        options: the keys of each choice's options.
        has_rows: whether variant.py generates the variants, instead of expressions.
    Raises:
        BadFact: they do not.
    """
    kinds, steps, choices = facts["kinds"], facts.get("step", []), facts.get("choice", [])
    has_variant = "variant" in facts
    validators.check_both_or_neither(
        has_variant, bool(counts.get("numeric")), ("variant",), "[variant]", "## Part: numeric"
    )
    validators.check_both_or_neither(
        "numeric" in kinds, has_variant, ("kinds",), "kind numeric", "[variant]"
    )
    validators.check_both_or_neither(
        "choice" in kinds, bool(choices), ("kinds",), "kind choice", "[[choice]]"
    )
    validators.check_both_or_neither(
        "derivation" in kinds, bool(counts.get("step")), ("kinds",), "kind derivation", "## Step"
    )
    validators.check_both_or_neither(
        "code" in kinds, "code" in facts, ("kinds",), "kind code", "[code]"
    )
    if {"concept", "open"} & set(kinds) and not counts.get("point"):
        raise BadFact(
            ("kinds",),
            "concept and open questions are marked by key points: there are none (## Key points)",
        )
    if has_variant and not has_rows and "answer" not in facts["variant"]:
        raise BadFact(
            ("variant",),
            "the answer is missing ([variant.answer] value), and there is no variant.py",
        )
    if steps and len(steps) != counts.get("step", 0):
        raise BadFact(
            ("step",), f"there are {len(steps)} [[step]] and {counts.get('step', 0)} ## Step"
        )
    if len(choices) != counts.get("choice", 0):
        raise BadFact(
            ("choice",),
            f"there are {len(choices)} [[choice]] and {counts.get('choice', 0)} ## Part: choice",
        )
    for number, choice in enumerate(choices):
        _options(choice, list(options.get(number, [])), ("choice", number, "right"))


def check_samples(variant: Facts) -> None:
    """Sample every variant, and check that no wrong answer counts as right.

    Raises:
        BadFact: a variant cannot be sampled, or a wrong answer counts as right.
    """
    wrong = variant.get("wrong", [])
    for seed in range(variants.SEEDS):
        try:
            sampled = variants.sample(variant, seed)
        except variants.NoSample as error:
            message = f"no values are accepted: {error}"
            raise BadFact(("variant", "answer", "reject"), message) from None
        except expressions.BadExpression as error:
            raise BadFact(("variant", "answer", error.part), f"{error.part} needs itself") from None
        except expressions.NoValue as error:
            message = f"with seed {seed} an expression has no value: {error}"
            raise BadFact(("variant",), message) from None
        if len(sampled.wrong) != len(wrong):
            messages = {answer.message["en"] for answer in sampled.wrong}
            number = next(
                n for n, answer in enumerate(wrong) if answer["message"]["en"] not in messages
            )
            values = variants.format_values(sampled.values)
            message = (
                f"with seed {seed} ({values}) this is the right answer too: reject such values"
            )
            raise BadFact(("variant", "wrong", number, "value"), message)


# ---------------------------------------------------------------- parts


def _links(facts: Facts) -> None:
    for key in ("labs", "related"):
        for slug in validators.list_of_texts(facts, key):
            if not is_slug(slug):
                raise BadFact((key,), f"{slug!r} is not a slug")
    for key in ("claims", "often_said_but"):
        for claim in validators.list_of_texts(facts, key):
            if not CLAIM.fullmatch(claim) or len(claim) > MAX_CLAIM_LENGTH:
                raise BadFact((key,), f"{claim!r} is not a claim (lab.claim)")
    others = set(facts.get("often_said_but", [])) - set(facts.get("claims", []))
    if others:
        message = f"{', '.join(sorted(others))}: not among the question's claims"
        raise BadFact(("often_said_but",), message)


def is_slug(text: str) -> bool:
    return bool(SLUG.fullmatch(text)) and len(text) <= MAX_SLUG_LENGTH


def _source(source: Facts, path: Path) -> None:
    validators.check_keys(source, KEYS["sources"], "sources", path)
    if not isinstance(source.get("text"), str) or not source["text"].strip():
        raise BadFact(path, "a source has a text")
    if "url" in source and not _is_web_address(source["url"]):
        raise BadFact((*path, "url"), "a source's url begins with https:// (or http://)")


def _is_web_address(url: Any) -> bool:
    try:
        return isinstance(url, str) and urlsplit(url).scheme in ("https", "http")
    except ValueError:  # a bracket without its other half
        return False


def _variant(variant: Facts) -> None:
    validators.check_keys(variant, KEYS["variant"], "variant", ("variant",))
    samples, answer = variant.get("sample", {}), variant.get("answer", {})
    wrong_answers = variant.get("wrong", [])
    validators.check_table(samples, ("variant", "sample"))
    validators.check_table(answer, ("variant", "answer"))
    if not isinstance(wrong_answers, list):
        raise BadFact(("variant", "wrong"), "write [[variant.wrong]], once for each")
    if "tolerance" in variant:
        _tolerance(variant["tolerance"], ("variant", "tolerance"))
    if "unit" in variant:
        validators.check_bilingual(variant["unit"], ("variant", "unit"))
    names = [_sampled_name(name, values) for name, values in samples.items()]
    computed = [name for name in answer if name != "reject"]
    for name in computed:
        validators.check_symbol(name, ("variant", "answer", name))
    names += computed
    for name, text in answer.items():
        others = [other for other in names if other != name]
        validators.parse_expression(text, others, ("variant", "answer", name))
    if "answer" in variant and "value" not in answer:
        raise BadFact(("variant", "answer"), "value is missing")
    for number, wrong in enumerate(wrong_answers):
        path: Path = ("variant", "wrong", number)
        validators.check_keys(wrong, KEYS["variant.wrong"], "variant.wrong", path)
        validators.check_bilingual(wrong.get("message"), (*path, "message"))
        if "value" in wrong or "answer" in variant:
            validators.parse_expression(wrong.get("value"), names, (*path, "value"))
    if "rows" in variant:
        check_rows(variant["rows"], len(wrong_answers))


def _tolerance(tolerance: Facts, path: Path) -> None:
    validators.check_keys(tolerance, KEYS["variant.tolerance"], "variant.tolerance", path)
    for key, value in tolerance.items():
        if not validators.is_number(value) or value < 0:
            raise BadFact(path, f"{key} is a number from 0")
        if key == "relative" and value > MAX_RELATIVE_TOLERANCE:
            raise BadFact(path, f"{key} is a number from 0 to {MAX_RELATIVE_TOLERANCE}")


def check_rows(rows: Any, wrong_answers: int) -> None:
    """Check that rows are variants as `variant.py` returns them, each with so many wrong answers.

    Raises:
        BadFact: they are not.
    """
    message = (
        f"rows are a list; each has values (numbers by name), an answer and {wrong_answers} wrong "
        "answers, all of them numbers"
    )
    if not isinstance(rows, list) or not rows:
        raise BadFact(("variant", "rows"), message)
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping) or set(row) != ROW_KEYS:
            raise BadFact(("variant", "rows", number), message)
        values, answer, wrong = row["values"], row["answer"], row["wrong"]
        has_values = isinstance(values, Mapping) and set(values) == set(rows[0]["values"])
        if not has_values or not isinstance(wrong, list) or len(wrong) != wrong_answers:
            raise BadFact(("variant", "rows", number), message)
        if not all(map(validators.is_number, (*values.values(), answer, *wrong))):
            raise BadFact(("variant", "rows", number), message)


def _sampled_name(name: str, values: Any) -> str:
    path: Path = ("variant", "sample", name)
    validators.check_symbol(name, path)
    if name in variants.RESERVED_NAMES:
        raise BadFact(path, f"{name} is reserved for [variant.answer]")
    if validators.is_number(values):
        return name
    if isinstance(values, Mapping) and set(values) == {"choices"}:
        choices = values["choices"]
        if isinstance(choices, list) and choices and all(map(validators.is_number, choices)):
            return name
    elif isinstance(values, Mapping) and set(values) == {"from", "to"}:
        first, last = values["from"], values["to"]
        if (
            type(first) is int
            and type(last) is int
            and validators.is_number(first)
            and validators.is_number(last)
            and first <= last
        ):
            return name
    raise BadFact(
        path, "write { choices = [1, 2] }, { from = 2, to = 5 } (whole numbers), or a number"
    )


def _choice(choice: Facts, path: Path) -> None:
    validators.check_keys(choice, KEYS["choice"], "choice", path)
    validators.check_one_of(choice.get("form"), CHOICE_FORMS, (*path, "form"))
    right = choice.get("right")
    if (
        not isinstance(right, list)
        or not right
        or not all(isinstance(key, str) for key in right)
        or len(set(right)) != len(right)
    ):
        raise BadFact((*path, "right"), 'right is a list of options, each once: ["a", "c"]')
    if choice["form"] == "one" and len(right) != 1:
        raise BadFact((*path, "right"), "of the form “one” exactly one option is right")


def _options(choice: Facts, keys: list[str], path: Path) -> None:
    if len(keys) < 2:
        raise BadFact(path, "a choice has at least two options (### Option a)")
    if missing := set(choice["right"]) - set(keys):
        message = f"there is no option {', '.join(sorted(missing))}; there are {', '.join(keys)}"
        raise BadFact(path, message)
    if choice["form"] == "order" and set(choice["right"]) != set(keys):
        raise BadFact(path, "of the form “order” right names every option, in the right order")


def _step(step: Facts, path: Path) -> None:
    validators.check_keys(step, KEYS["step"], "step", path)
    if "check" not in step:
        return
    check, path = step["check"], (*path, "check")
    validators.check_keys(check, KEYS["step.check"], "step.check", path)
    symbols = check.get("symbols")
    if not isinstance(symbols, list) or not all(isinstance(name, str) for name in symbols):
        raise BadFact(path, 'symbols is a list of names: ["n", "m"]')
    for name in symbols:
        validators.check_symbol(name, path)
    expression = validators.parse_expression(check.get("answer"), symbols, path)
    ranges = check.get("range", {})
    for bounds in ranges.values() if isinstance(ranges, Mapping) else [ranges]:
        if (
            not isinstance(bounds, list)
            or len(bounds) != 2
            or not all(map(validators.is_number, bounds))
            or not bounds[0] < bounds[1]
        ):
            raise BadFact(path, "range is [low, high], or { symbol = [low, high] }")
    if isinstance(ranges, Mapping) and set(ranges) - set(symbols):
        others = ", ".join(sorted(set(ranges) - set(symbols)))
        raise BadFact(path, f"range names {others}, which is no symbol")
    _whole_symbols(check, path)
    if not marking.derivation(expression.text, check).is_right:
        message = (
            "the answer has a value at too few places of the range: "
            f"{marking.COMPARED_POINTS} random ones are compared"
        )
        raise BadFact(path, message)


def _whole_symbols(check: Facts, path: Path) -> None:
    """Check the symbols that are whole numbers, in a check whose symbols and ranges are valid."""
    whole = check.get("whole", [])
    if not isinstance(whole, list) or not all(isinstance(name, str) for name in whole):
        raise BadFact(path, 'whole is a list of symbols: ["n", "p"]')
    if others := ", ".join(sorted(set(whole) - set(check["symbols"]))):
        raise BadFact(path, f"whole names {others}, which is no symbol")
    for name in whole:
        if not all(float(bound).is_integer() for bound in marking.range_of(check, name)):
            raise BadFact(path, f"the range of {name}, a whole number, has whole bounds: [2, 9]")
    if (points := marking.points_of(check)) < marking.COMPARED_POINTS:
        message = (
            f"the ranges hold {points:g} different points, and {marking.COMPARED_POINTS} are "
            "compared: widen them"
        )
        raise BadFact(path, message)


def line_of(source: str, path: Path) -> int:
    """Return the line of a TOML file on which the key at `path` stands, or else the line of the
    table around it.
    """
    keys = [part for part in path if isinstance(part, str)]
    number = next((part for part in path if isinstance(part, int)), 0)
    best, inside = 1, ""
    seen: dict[str, int] = {}
    for at, line in enumerate(source.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\]]+)\]+", line):
            name = header[1].strip()
            seen[name] = seen.get(name, -1) + 1
            inside = name if seen[name] == number or not line.strip().startswith("[[") else ""
            if inside and name == ".".join(keys[: name.count(".") + 1]):
                best = at
        elif keys and (key := re.match(r"\s*([A-Za-z0-9_-]+)\s*=", line)):
            place = [*inside.split("."), key[1]] if inside else [key[1]]
            if place == keys[: len(place)] and (inside or not seen):
                best = at
    return best
