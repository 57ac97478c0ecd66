"""What must be consistent in question.toml beyond the types of `schema`: parts, expressions,
samples, texts. Pure; an error has the path of the key that it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.common import structs
from apps.common.structs import BadFact, Path
from apps.questions import expressions, marking, sampling, variants
from apps.questions.limits import MAX_HINTS, MAX_OPTIONS, MAX_PARTS, MAX_POINTS
from apps.questions.sampling import Sample, SampledAnswer
from apps.questions.schema import Facts, Numeric, Row, StepCheck, Variant
from apps.questions.variants import PART_KINDS

# the kinds of parts that a text may belong to, and the texts that belong to none
BELONGS_TO = {
    "option": (variants.CHOICE, variants.ORDER),
    "step": (variants.DERIVATION,),
    "hint": PART_KINDS,
}
OF_THE_QUESTION = ("hint", "point", "mistake", "follow_up")


def check(value: Mapping[str, Any]) -> Facts:
    """Return facts, each of which is consistent in itself.

    Raises:
        BadFact: a key is unknown, missing, or wrong.
    """
    facts = structs.convert(value, Facts)
    if not facts.kinds or len(set(facts.kinds)) != len(facts.kinds):
        raise BadFact(("kinds",), "name at least one kind, each once")
    if others := ", ".join(sorted(set(facts.often_said_but) - set(facts.claims))):
        raise BadFact(("often_said_but",), f"{others}: not among the question's claims")
    names = _variant(facts.variant)
    for number, numeric in enumerate(facts.numeric):
        _numeric(numeric, names, bool(facts.variant.rows), ("numeric", number))
    if facts.variant.rows:
        _rows(facts.variant.rows, [len(numeric.wrong) for numeric in facts.numeric])
    for number, choice in enumerate(facts.choice):
        _right(choice.right, ("choice", number, "right"))
        if choice.form == "one" and len(choice.right) != 1:
            message = "of the form “one” exactly one option is right"
            raise BadFact(("choice", number, "right"), message)
    for number, order in enumerate(facts.order):
        _right(order.right, ("order", number, "right"))
    for number, derivation in enumerate(facts.derivation):
        for at, step in enumerate(derivation.step):
            if step.check:
                _step_check(step.check, ("derivation", number, "step", at, "check"))
    return facts


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


def check_against(facts: Facts, outlined: Mapping[str, Any]) -> None:
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
    for kind in PART_KINDS:
        count, in_texts = len(getattr(facts, kind)), len(parts_of[kind])
        # steps that the learner marks need no facts
        if count != in_texts and (kind != variants.DERIVATION or count):
            message = f"there are {count} [[{kind}]] and {in_texts} ## Part: {kind}"
            raise BadFact((kind,), message)
    for kind in (variants.CHOICE, variants.ORDER):
        pairs = zip(getattr(facts, kind), parts_of[kind], strict=True)
        for number, (part, texts) in enumerate(pairs):
            _options(part.right, kind, texts["options"], (kind, number, "right"))
    if any(not part["steps"] for part in parts_of[variants.DERIVATION]):
        raise BadFact((variants.DERIVATION,), "a derivation has at least one step (### Step)")
    pairs = zip(facts.derivation, parts_of[variants.DERIVATION], strict=False)
    for number, (derivation, texts) in enumerate(pairs):
        count = len(derivation.step)
        if count and count != texts["steps"]:
            message = f"there are {count} [[derivation.step]] and {texts['steps']} ### Step"
            raise BadFact((variants.DERIVATION, number), message)


def _check_bounds(outlined: Mapping[str, Any]) -> None:
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
    kinds: Collection[str] = facts.kinds
    is_chosen = bool(parts_of[variants.CHOICE] or parts_of[variants.ORDER])
    for kind, is_there, what in (
        ("numeric", bool(parts_of[variants.NUMERIC]), "## Part: numeric"),
        ("choice", is_chosen, "## Part: choice or order"),
        ("derivation", bool(parts_of[variants.DERIVATION]), "## Part: derivation"),
        ("code", facts.code is not None, "[code]"),
    ):
        _both_or_neither(kind in kinds, is_there, ("kinds",), f"kind {kind}", what)
    if {"concept", "open"} & set(kinds) and not points:
        message = "concept and open questions are marked by key points: there are none"
        raise BadFact(("kinds",), f"{message} (## Key points)")


def _both_or_neither(
    has_first: bool, has_second: bool, path: Path, first: str, second: str
) -> None:
    if has_first and not has_second:
        raise BadFact(path, f"there is {first}, but no {second}")
    if has_second and not has_first:
        raise BadFact(path, f"there is {second}, but no {first}")


def check_samples(facts: Facts) -> None:
    """Sample every variant, and check that no wrong answer counts as right.

    Raises:
        BadFact: a variant cannot be sampled, or a wrong answer counts as right.
    """
    for seed in range(sampling.SEEDS):
        try:
            sampled = sampling.sample(facts, seed)
        except sampling.NoSample as error:
            raise BadFact(("variant", "reject"), f"no values are accepted: {error}") from None
        except expressions.BadExpression as error:
            path = ("variant", "compute", error.part)
            raise BadFact(path, f"{error.part} needs itself") from None
        except expressions.NoValue as error:
            message = f"with seed {seed} an expression has no value: {error}"
            raise BadFact(("variant",), message) from None
        for number, (part, answer) in enumerate(zip(facts.numeric, sampled.answers, strict=True)):
            _check_mistakes(part, answer, sampled, seed, ("numeric", number))


def _check_mistakes(
    facts: Numeric, answer: SampledAnswer, sampled: Sample, seed: int, path: Path
) -> None:
    part = variants.numeric_part("", 0, facts, answer)
    for number, value in enumerate(answer.wrong):
        if part.is_right(value):
            values = sampling.format_values(sampled.values)
            message = f"with seed {seed} ({values}) this is the right answer too: "
            raise BadFact((*path, "wrong", number, "value"), f"{message}reject such values")


# ---------------------------------------------------------------- parts


def _variant(variant: Variant) -> list[str]:
    """Check `[variant]`, and return the names that expressions may use."""
    for table, of_table in (("sample", variant.sample), ("compute", variant.compute)):
        for name in of_table:
            _symbol(name, ("variant", table, name))
    names = [*variant.sample, *variant.compute]
    for name, text in variant.compute.items():
        path: Path = ("variant", "compute", name)
        if name in variant.sample:
            raise BadFact(path, f"{name} is sampled already ([variant.sample])")
        _expression(text, [other for other in names if other != name], path)
    if variant.reject is not None:
        _expression(variant.reject, names, ("variant", "reject"))
    return names


def _symbol(name: str, path: Path) -> None:
    if not expressions.is_free_name(name):
        message = "letters, digits and _, and no word of the expression language"
        raise BadFact(path, f"{name!r} cannot be a symbol: {message}")


def _expression(text: str, names: Collection[str], path: Path) -> None:
    try:
        expressions.read(text, names)
    except expressions.BadExpression as error:
        allowed = ", ".join(names) or "numbers"
        message = f"“{text[:60]}” is no expression of {allowed}: {error}"
        raise BadFact(path, message) from None


def _numeric(numeric: Numeric, names: Sequence[str], has_rows: bool, path: Path) -> None:
    """Check one `[[numeric]]`, whose expressions may use `names`; where `variant.py` generates the
    variants, it has none.
    """
    formulas = {(*path, "answer"): numeric.answer}
    for number, mistake in enumerate(numeric.wrong):
        formulas[*path, "wrong", number, "value"] = mistake.value
    for of_formula, formula in formulas.items():
        key = of_formula[-1]
        if has_rows and formula is not None:
            raise BadFact(of_formula, f"the {key} comes from variant.py: leave {key} out")
        if not has_rows and formula is None:
            message = f"the {key} is missing ({key} = …), and there is no variant.py"
            raise BadFact(of_formula, message)
        if formula is not None:
            _expression(formula, names, of_formula)


def _rows(rows: Sequence[Row], mistakes: Sequence[int]) -> None:
    """Check variants that `variant.py` returned.

    Args:
        mistakes: how many wrong answers each numeric part has.
    """
    for number, row in enumerate(rows):
        if (
            len(row.answers) != len(mistakes)
            or [len(of_part) for of_part in row.wrong] != list(mistakes)
            or row.values.keys() != rows[0].values.keys()
        ):
            message = (
                f"each variant has {len(mistakes)} answers, for each answer its wrong ones "
                f"({', '.join(map(str, mistakes))}), and values of the same names as the first"
            )
            raise BadFact(("variant", "rows", number), message)


def _right(options: Sequence[str], path: Path) -> None:
    if len(set(options)) != len(options):
        raise BadFact(path, 'right names each option once: ["a", "c"]')


def _options(right: Collection[str], kind: str, keys: list[str], path: Path) -> None:
    if twice := sorted(key for key, count in Counter(keys).items() if count > 1):
        raise BadFact(path, f"option {twice[0]} is there {keys.count(twice[0])} times")
    if len(keys) < 2:
        raise BadFact(path, f"a part of the kind {kind} has at least two options (### Option a)")
    if missing := set(right) - set(keys):
        message = f"there is no option {', '.join(sorted(missing))}; there are {', '.join(keys)}"
        raise BadFact(path, message)
    if kind == variants.ORDER and set(right) != set(keys):
        raise BadFact(path, "right names every option, in the right order")


def _step_check(check: StepCheck, path: Path) -> None:
    for name in check.symbols:
        _symbol(name, (*path, "symbols"))
    _expression(check.answer, check.symbols, (*path, "answer"))
    by_symbol = check.range if isinstance(check.range, dict) else {}
    ranges = by_symbol.values() if isinstance(check.range, dict) else [check.range]
    if any(bounds and not bounds[0] < bounds[1] for bounds in ranges):
        raise BadFact((*path, "range"), "low is below high in a range: [0.5, 3]")
    for key, named in (("range", by_symbol), ("whole", check.whole)):
        if others := sorted({*named} - {*check.symbols}):
            raise BadFact((*path, key), f"{key} names {', '.join(others)}, which is no symbol")
    for name in check.whole:
        if not all(float(bound).is_integer() for bound in marking.range_of(check, name)):
            message = f"the range of {name}, a whole number, has whole bounds: [2, 9]"
            raise BadFact((*path, "range"), message)
    if (points := marking.points_of(check)) < marking.COMPARED_POINTS:
        message = (
            f"the ranges hold {points:g} different points, and {marking.COMPARED_POINTS} are "
            "compared: widen them"
        )
        raise BadFact((*path, "range"), message)
    for seed in range(sampling.SEEDS):
        if not marking.derivation(check.answer, check, seed).is_right:
            message = (
                "the answer has a value at too few places of the range: "
                f"{marking.COMPARED_POINTS} random ones are compared"
            )
            raise BadFact((*path, "answer"), message)
