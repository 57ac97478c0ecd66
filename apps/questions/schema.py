"""The schema of question.toml: its keys, their types, and what must be consistent. Pure; an error
has the path of the key that it is about.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from apps.common.topics import TOPICS
from apps.questions import expressions, marking, sampling, validators, variants
from apps.questions.limits import (
    DIFFICULTIES,
    MAX_CLAIM_LENGTH,
    MAX_DIFFICULTY,
    MAX_HINTS,
    MAX_OPTIONS,
    MAX_PARTS,
    MAX_POINTS,
    MAX_SLUG_LENGTH,
    MAX_SYNONYM_LENGTH,
    MAX_SYNONYMS,
    MIN_DIFFICULTY,
)
from apps.questions.sampling import Sample, SampledAnswer
from apps.questions.validators import BadFact as BadFact
from apps.questions.validators import Facts as Facts
from apps.questions.validators import Path as Path
from apps.questions.variants import PART_KINDS

KINDS = ("concept", "derivation", "numeric", "choice", "code", "open")
CHOICE_FORMS = ("one", "several")
REQUIRED_KEYS = ("topic", "kinds", "difficulty")
KEYS: dict[str, Collection[str]] = {  # of each table
    "": {
        *REQUIRED_KEYS,
        "labs",
        "claims",
        "related",
        "often_said_but",
        "synonyms",
        "sources",
        "variant",
        *variants.PART_KINDS,
        "code",
        "review",
    },
    "sources": {"text", "url"},
    "synonyms": {"en", "zh"},
    "variant": {"sample", "compute", "reject", "rows"},
    "numeric": {"answer", "tolerance", "unit", "wrong"},
    "numeric.wrong": {"value", "message"},
    "numeric.tolerance": {"relative", "absolute"},
    "choice": {"form", "right"},
    "order": {"right"},
    "derivation": {"step"},
    "derivation.step": {"check"},
    "derivation.step.check": {"symbols", "answer", "range", "whole"},
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
ROW_KEYS = {"values", "answers", "wrong"}
MAX_RELATIVE_TOLERANCE = 0.2
# the kinds of parts that a text may belong to, and the texts that belong to none
BELONGS_TO = {
    "option": (variants.CHOICE, variants.ORDER),
    "step": (variants.DERIVATION,),
    "hint": PART_KINDS,
}
OF_THE_QUESTION = ("hint", "point", "mistake", "follow_up")


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
    if "synonyms" in facts:
        _synonyms(facts["synonyms"])
    names = _variant(facts.get("variant", {}))
    for number, numeric in enumerate(validators.list_of_tables(facts, "numeric")):
        _numeric(numeric, names, "rows" in facts.get("variant", {}), ("numeric", number))
    if "rows" in facts.get("variant", {}):
        mistakes = [len(numeric.get("wrong", [])) for numeric in facts.get("numeric", [])]
        check_rows(facts["variant"]["rows"], mistakes)
    for number, choice in enumerate(validators.list_of_tables(facts, "choice")):
        _choice(choice, ("choice", number))
    for number, order in enumerate(validators.list_of_tables(facts, "order")):
        validators.check_keys(order, KEYS["order"], "order", ("order", number))
        _right(order, ("order", number))
    for number, derivation in enumerate(validators.list_of_tables(facts, "derivation")):
        _derivation(derivation, ("derivation", number))
    if "code" in facts:
        validators.check_keys(facts["code"], KEYS["code"], "code", ("code",))


@dataclass(frozen=True)
class TextPlace:
    """Where a text stands in its question, without its words."""

    kind: str  # a kind of part, or hint, option, step, point, ...
    part: int  # that it belongs to, from 1; 0: the whole question
    key: str = ""  # of an option


def outline(texts: Iterable[TextPlace]) -> dict[str, Any]:
    """Return what the texts of a question, in their order, say of its parts: how many hints, steps
    and key points there are, and the keys of the options.

    Raises:
        BadFact: the parts are not numbered 1, 2, 3, …, or a text belongs to none of them.
    """
    places = list(texts)

    def count(kind: str, part: int = 0) -> int:
        return sum(place.kind == kind and place.part == part for place in places)

    numbered = sorted((place.part, place.kind) for place in places if place.kind in PART_KINDS)
    if [part for part, _kind in numbered] != list(range(1, len(numbered) + 1)):
        numbers = ", ".join(str(part) for part, _kind in numbered)
        raise BadFact((), f"parts are numbered 1, 2, 3, … as they stand; these are {numbers}")
    for place in places:
        allowed = BELONGS_TO.get(place.kind, ()) if place.part else OF_THE_QUESTION
        owner = dict(numbered).get(place.part, "") if place.part else place.kind
        if place.kind not in PART_KINDS and owner not in allowed:
            message = f"a text of the kind {place.kind} cannot belong to part {place.part}"
            raise BadFact((), message)
    return {
        "hints": count("hint"),
        "points": count("point"),
        "parts": [
            {
                "kind": kind,
                "hints": count("hint", part),
                "options": [p.key for p in places if (p.kind, p.part) == ("option", part)],
                "steps": count("step", part),
            }
            for part, kind in numbered
        ],
    }


def check_against(facts: Facts, outlined: Facts) -> None:
    """Check that facts and texts describe the same parts.

    Args:
        outlined: the outline of the texts.
    Raises:
        BadFact: they do not, or cannot.
    """
    _check_bounds(outlined)
    parts_of = {
        kind: [part for part in outlined["parts"] if part["kind"] == kind] for kind in PART_KINDS
    }
    _check_kinds(facts, parts_of, outlined["points"])
    for kind in (variants.NUMERIC, variants.CHOICE, variants.ORDER, variants.DERIVATION):
        count, in_texts = len(facts.get(kind, [])), len(parts_of[kind])
        # steps that the learner marks need no facts
        if count != in_texts and (kind != variants.DERIVATION or count):
            message = f"there are {count} [[{kind}]] and {in_texts} ## Part: {kind}"
            raise BadFact((kind,), message)
    for kind in (variants.CHOICE, variants.ORDER):
        for number, (part, texts) in enumerate(
            zip(facts.get(kind, []), parts_of[kind], strict=True)
        ):
            _options(part, kind, texts["options"], (kind, number, "right"))
    if any(not part["steps"] for part in parts_of[variants.DERIVATION]):
        raise BadFact((variants.DERIVATION,), "a derivation has at least one step (### Step)")
    pairs = zip(facts.get(variants.DERIVATION, []), parts_of[variants.DERIVATION], strict=False)
    for number, (derivation, texts) in enumerate(pairs):
        steps = derivation.get("step", [])
        if steps and len(steps) != texts["steps"]:
            message = f"there are {len(steps)} [[derivation.step]] and {texts['steps']} ### Step"
            raise BadFact((variants.DERIVATION, number), message)


def _check_bounds(outlined: Facts) -> None:
    bounds = {
        "parts": (len(outlined["parts"]), MAX_PARTS),
        "key points": (outlined["points"], MAX_POINTS),
        "hints": (max(owner["hints"] for owner in (outlined, *outlined["parts"])), MAX_HINTS),
        "options": (max((len(p["options"]) for p in outlined["parts"]), default=0), MAX_OPTIONS),
    }
    for name, (count, most) in bounds.items():
        if count > most:
            raise BadFact((), f"there are {count} {name}; at most {most} are allowed")


def _check_kinds(facts: Facts, parts_of: Mapping[str, list[Any]], points: int) -> None:
    kinds = facts["kinds"]
    is_chosen = bool(parts_of[variants.CHOICE] or parts_of[variants.ORDER])
    for kind, is_there, what in (
        ("numeric", bool(parts_of[variants.NUMERIC]), "## Part: numeric"),
        ("choice", is_chosen, "## Part: choice or order"),
        ("derivation", bool(parts_of[variants.DERIVATION]), "## Part: derivation"),
        ("code", "code" in facts, "[code]"),
    ):
        validators.check_both_or_neither(kind in kinds, is_there, ("kinds",), f"kind {kind}", what)
    if {"concept", "open"} & set(kinds) and not points:
        message = "concept and open questions are marked by key points: there are none"
        raise BadFact(("kinds",), f"{message} (## Key points)")


def check_samples(facts: Facts) -> None:
    """Sample every variant, and check that no wrong answer counts as right.

    Raises:
        BadFact: a variant cannot be sampled, or a wrong answer counts as right.
    """
    variant, numeric = facts.get("variant", {}), facts.get("numeric", [])
    for seed in range(sampling.SEEDS):
        try:
            sampled = sampling.sample(variant, numeric, seed)
        except sampling.NoSample as error:
            raise BadFact(("variant", "reject"), f"no values are accepted: {error}") from None
        except expressions.BadExpression as error:
            path = ("variant", "compute", error.part)
            raise BadFact(path, f"{error.part} needs itself") from None
        except expressions.NoValue as error:
            message = f"with seed {seed} an expression has no value: {error}"
            raise BadFact(("variant",), message) from None
        for number, (part, answer) in enumerate(zip(numeric, sampled.answers, strict=True)):
            _check_mistakes(part, answer, sampled, seed, ("numeric", number))


def _check_mistakes(
    facts: Facts, answer: SampledAnswer, sampled: Sample, seed: int, path: Path
) -> None:
    part = variants.numeric_part("", 0, facts, answer)
    for number, value in enumerate(answer.wrong):
        if part.is_right(value):
            values = sampling.format_values(sampled.values)
            message = f"with seed {seed} ({values}) this is the right answer too: "
            raise BadFact((*path, "wrong", number, "value"), f"{message}reject such values")


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


def _synonyms(synonyms: Any) -> None:
    validators.check_keys(synonyms, KEYS["synonyms"], "synonyms", ("synonyms",))
    for language in synonyms:
        texts = validators.list_of_texts(synonyms, language, ("synonyms",))
        has_good_length = all(0 < len(text.strip()) <= MAX_SYNONYM_LENGTH for text in texts)
        if len(texts) > MAX_SYNONYMS or not has_good_length:
            message = (
                f"at most {MAX_SYNONYMS} synonyms, each of 1 to {MAX_SYNONYM_LENGTH} characters"
            )
            raise BadFact(("synonyms", language), message)


def _variant(variant: Facts) -> list[str]:
    """Check `[variant]`, and return the names that expressions may use."""
    validators.check_keys(variant, KEYS["variant"], "variant", ("variant",))
    samples, computed = variant.get("sample", {}), variant.get("compute", {})
    validators.check_table(samples, ("variant", "sample"))
    validators.check_table(computed, ("variant", "compute"))
    names = [_sampled_name(name, values) for name, values in samples.items()]
    for name in computed:
        path: Path = ("variant", "compute", name)
        validators.check_symbol(name, path)
        if name in samples:
            raise BadFact(path, f"{name} is sampled already ([variant.sample])")
    names += computed
    for name, text in computed.items():
        others = [other for other in names if other != name]
        validators.parse_expression(text, others, ("variant", "compute", name))
    if "reject" in variant:
        validators.parse_expression(variant["reject"], names, ("variant", "reject"))
    return names


def _numeric(numeric: Facts, names: Sequence[str], has_rows: bool, path: Path) -> None:
    """Check one `[[numeric]]`, whose expressions may use `names`; where `variant.py` generates the
    variants, it has none.
    """
    validators.check_keys(numeric, KEYS["numeric"], "numeric", path)
    if "tolerance" not in numeric:
        message = "tolerance is missing: { relative = 1e-3 }, or { absolute = 0.5 } for a count"
        raise BadFact(path, message)
    _tolerance(numeric["tolerance"], (*path, "tolerance"))
    if "unit" in numeric:
        validators.check_bilingual(numeric["unit"], (*path, "unit"))
    if has_rows == ("answer" in numeric):
        message = (
            "the answer comes from variant.py: leave answer out"
            if has_rows
            else "the answer is missing (answer = …), and there is no variant.py"
        )
        raise BadFact(path, message)
    if not has_rows:
        validators.parse_expression(numeric["answer"], names, (*path, "answer"))
    mistakes = numeric.get("wrong", [])
    if not isinstance(mistakes, list):
        raise BadFact((*path, "wrong"), "write [[numeric.wrong]], once for each")
    for number, wrong in enumerate(mistakes):
        of_wrong: Path = (*path, "wrong", number)
        validators.check_keys(wrong, KEYS["numeric.wrong"], "numeric.wrong", of_wrong)
        validators.check_bilingual(wrong.get("message"), (*of_wrong, "message"))
        if not has_rows:
            validators.parse_expression(wrong.get("value"), names, (*of_wrong, "value"))


def _tolerance(tolerance: Facts, path: Path) -> None:
    validators.check_keys(tolerance, KEYS["numeric.tolerance"], "numeric.tolerance", path)
    for key, value in tolerance.items():
        if not validators.is_number(value) or value < 0:
            raise BadFact(path, f"{key} is a number from 0")
        if key == "relative" and value > MAX_RELATIVE_TOLERANCE:
            raise BadFact(path, f"{key} is a number from 0 to {MAX_RELATIVE_TOLERANCE}")


def check_rows(rows: Any, mistakes: Sequence[int]) -> None:
    """Check that rows are variants as `variant.py` returns them.

    Args:
        mistakes: how many wrong answers each numeric part has.
    Raises:
        BadFact: they are not.
    """
    message = (
        f"rows are a list; each has values (numbers by name), {len(mistakes)} answers, and for "
        f"each answer its wrong ones ({', '.join(map(str, mistakes))}), all of them numbers"
    )
    if not isinstance(rows, list) or not rows:
        raise BadFact(("variant", "rows"), message)
    for number, row in enumerate(rows):
        if not _is_row(row, mistakes) or set(row["values"]) != set(rows[0]["values"]):
            raise BadFact(("variant", "rows", number), message)


def _is_row(row: Any, mistakes: Sequence[int]) -> bool:
    if not isinstance(row, Mapping) or set(row) != ROW_KEYS:
        return False
    values, answers, wrong = row["values"], row["answers"], row["wrong"]
    if not (
        isinstance(values, Mapping)
        and isinstance(answers, list)
        and isinstance(wrong, list)
        and all(isinstance(of_part, list) for of_part in wrong)
        and len(answers) == len(mistakes)
        and [len(of_part) for of_part in wrong] == list(mistakes)
    ):
        return False
    return all(map(validators.is_number, (*values.values(), *answers, *chain(*wrong))))


def _sampled_name(name: str, values: Any) -> str:
    path: Path = ("variant", "sample", name)
    validators.check_symbol(name, path)
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
    _right(choice, path)
    if choice["form"] == "one" and len(choice["right"]) != 1:
        raise BadFact((*path, "right"), "of the form “one” exactly one option is right")


def _right(part: Facts, path: Path) -> None:
    right = part.get("right")
    if (
        not isinstance(right, list)
        or not right
        or not all(isinstance(key, str) for key in right)
        or len(set(right)) != len(right)
    ):
        raise BadFact((*path, "right"), 'right is a list of options, each once: ["a", "c"]')


def _options(part: Facts, kind: str, keys: list[str], path: Path) -> None:
    if twice := sorted(key for key, count in Counter(keys).items() if count > 1):
        raise BadFact(path, f"option {twice[0]} is there {keys.count(twice[0])} times")
    if len(keys) < 2:
        raise BadFact(path, f"a part of the kind {kind} has at least two options (### Option a)")
    if missing := set(part["right"]) - set(keys):
        message = f"there is no option {', '.join(sorted(missing))}; there are {', '.join(keys)}"
        raise BadFact(path, message)
    if kind == variants.ORDER and set(part["right"]) != set(keys):
        raise BadFact(path, "right names every option, in the right order")


def _derivation(derivation: Facts, path: Path) -> None:
    validators.check_keys(derivation, KEYS["derivation"], "derivation", path)
    steps = derivation.get("step", [])
    if not isinstance(steps, list):
        raise BadFact((*path, "step"), "write [[derivation.step]], once for each")
    for number, step in enumerate(steps):
        _step(step, (*path, "step", number))


def _step(step: Facts, path: Path) -> None:
    validators.check_keys(step, KEYS["derivation.step"], "derivation.step", path)
    if "check" not in step:
        return
    check, path = step["check"], (*path, "check")
    validators.check_keys(check, KEYS["derivation.step.check"], "derivation.step.check", path)
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
    for seed in range(sampling.SEEDS):
        if not marking.derivation(expression.text, check, seed).is_right:
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
    """Return the line of a TOML file on which the key at `path` stands (of an array of tables the
    first of them), or else the line of the table around it.
    """
    line, longest = 1, 0
    for number, place in _places(source):
        if place == (*path, 0):
            return number
        if longest < len(place) <= len(path) and path[: len(place)] == place:
            line, longest = number, len(place)
    return line


def _places(source: str) -> Iterator[tuple[int, Path]]:
    """Yield the lines on which tables and keys begin, each with its path."""
    table: Path = ()
    indexes: dict[Path, int] = {}  # of the latest table of each array
    for number, line in enumerate(source.splitlines(), start=1):
        if header := re.match(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]", line):
            names, table = re.split(r"\s*\.\s*", header[2]), ()
            for name in names:
                table += (name,)
                if header[1] == "[[" and name is names[-1]:
                    indexes[table] = indexes.get(table, -1) + 1
                if table in indexes:
                    table += (indexes[table],)
            yield number, table
        elif key := re.match(r"\s*([A-Za-z0-9_.-]+)\s*=", line):
            yield number, (*table, *key[1].split("."))
