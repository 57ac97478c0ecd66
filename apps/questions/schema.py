"""What question.toml may say, and whether it makes sense. Pure; errors carry the path of the key
that they are about.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from apps.common.topics import TOPICS
from apps.questions import expressions, marking, validators, variants
from apps.questions.validators import BadFact as BadFact
from apps.questions.validators import Facts as Facts
from apps.questions.validators import Path

KINDS = ("concept", "derivation", "numeric", "choice", "code", "open")
FORMS = ("one", "several", "order")
NEEDED = ("topic", "kinds", "difficulty")
KNOWN: dict[str, Collection[str]] = {
    "": {
        *NEEDED,
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
    "step.check": {"symbols", "answer", "range"},
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
MAX_CHARS = {SLUG: 64, CLAIM: 128}  # characters, as the columns hold them
ROW = {"values", "answer", "wrong"}


def check(facts: Facts) -> None:
    """See that facts are known, of the right type, and make sense together.

    Raises:
        BadFact: one is not.
    """
    validators.known(facts, KNOWN[""], "", ())
    validators.storable(facts)
    for key in NEEDED:
        if key not in facts:
            raise BadFact((), f"{key} is missing")
    validators.one_of(facts["topic"], TOPICS, ("topic",))
    kinds = validators.texts(facts, "kinds")
    for kind in kinds:
        validators.one_of(kind, KINDS, ("kinds",))
    if not kinds or len(set(kinds)) != len(kinds):
        raise BadFact(("kinds",), "name at least one kind, each once")
    if type(facts["difficulty"]) is not int or not 1 <= facts["difficulty"] <= 5:
        raise BadFact(("difficulty",), "difficulty is a whole number from 1 to 5")
    _links(facts)
    for number, source in enumerate(validators.tables(facts, "sources")):
        _source(source, ("sources", number))
    if "variant" in facts:
        _variant(facts["variant"])
    for number, choice in enumerate(validators.tables(facts, "choice")):
        _choice(choice, ("choice", number))
    for number, step in enumerate(validators.tables(facts, "step")):
        _step(step, ("step", number))
    if "code" in facts:
        validators.known(facts["code"], KNOWN["code"], "code", ("code",))


def check_against(
    facts: Facts,
    counts: Mapping[str, int],
    options: Mapping[int, Sequence[str]],
    has_rows: bool = False,
) -> None:
    """See that facts and words tell of the same parts.

    Args:
        counts: how many passages of each kind the words have.
        options: the keys of each choice's options.
        has_rows: whether variant.py makes the variants, in the place of expressions.
    Raises:
        BadFact: they do not.
    """
    kinds, steps, choices = facts["kinds"], facts.get("step", []), facts.get("choice", [])
    variant = "variant" in facts
    validators.agree(
        variant, bool(counts.get("numeric")), ("variant",), "[variant]", "## Part: numeric"
    )
    validators.agree("numeric" in kinds, variant, ("kinds",), "kind numeric", "[variant]")
    validators.agree("choice" in kinds, bool(choices), ("kinds",), "kind choice", "[[choice]]")
    validators.agree(
        "derivation" in kinds, bool(counts.get("step")), ("kinds",), "kind derivation", "## Step"
    )
    validators.agree("code" in kinds, "code" in facts, ("kinds",), "kind code", "[code]")
    if {"concept", "open"} & set(kinds) and not counts.get("point"):
        raise BadFact(
            ("kinds",),
            "concept and open questions are marked by key points: there are none (## Key points)",
        )
    if variant and not has_rows and "answer" not in facts["variant"]:
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
    """Draw every variant, and see that no wrong answer is right, and that no two mistakes lead to
    the same number.

    Raises:
        BadFact: something cannot be drawn, or a wrong answer counts as right.
    """
    wrong = variant.get("wrong", [])
    for seed in range(variants.SEEDS):
        try:
            sampled = variants.sample(variant, seed)
        except variants.NoSample as error:
            raise BadFact(
                ("variant", "answer", "reject"), f"nothing can be drawn: {error}"
            ) from None
        except expressions.BadExpression as error:
            raise BadFact(("variant", "answer", error.part), f"{error.part} needs itself") from None
        except expressions.NoValue as error:
            raise BadFact(
                ("variant",), f"with seed {seed} an expression has no value: {error}"
            ) from None
        if len(sampled.wrong) != len(wrong):
            told = {each.message["en"] for each in sampled.wrong}
            number = next(n for n, each in enumerate(wrong) if each["message"]["en"] not in told)
            what = (
                f"with seed {seed} ({_said(sampled.values)}) this "
                "is the right answer too: reject such draws"
            )
            raise BadFact(("variant", "wrong", number, "value"), what)


# ---------------------------------------------------------------- parts


def _links(facts: Facts) -> None:
    for key, pattern in (
        ("labs", SLUG),
        ("related", SLUG),
        ("claims", CLAIM),
        ("often_said_but", CLAIM),
    ):
        for each in validators.texts(facts, key):
            if not pattern.fullmatch(each) or len(each) > MAX_CHARS[pattern]:
                raise BadFact(
                    (key,),
                    f"{each!r} is not a {'slug' if pattern is SLUG else 'claim (lab.claim)'}",
                )
    strange = set(facts.get("often_said_but", [])) - set(facts.get("claims", []))
    if strange:
        raise BadFact(
            ("often_said_but",), f"{', '.join(sorted(strange))}: not among the question's claims"
        )


def _source(source: Facts, path: Path) -> None:
    validators.known(source, KNOWN["sources"], "sources", path)
    if not isinstance(source.get("text"), str) or not source["text"].strip():
        raise BadFact(path, "a source has a text")
    if "url" in source and not _is_address(source["url"]):
        raise BadFact((*path, "url"), "a source's url begins with https:// (or http://)")


def _is_address(url: Any) -> bool:
    try:
        return isinstance(url, str) and urlsplit(url).scheme in ("https", "http")
    except ValueError:  # a bracket without its other half
        return False


def _variant(variant: Facts) -> None:
    validators.known(variant, KNOWN["variant"], "variant", ("variant",))
    draw, answer, wrongs = (
        variant.get(name, empty) for name, empty in (("sample", {}), ("answer", {}), ("wrong", []))
    )
    validators.table(draw, ("variant", "sample"))
    validators.table(answer, ("variant", "answer"))
    if not isinstance(wrongs, list):
        raise BadFact(("variant", "wrong"), "write [[variant.wrong]], once for each")
    if "tolerance" in variant:
        _tolerance(variant["tolerance"], ("variant", "tolerance"))
    if "unit" in variant:
        validators.both(variant["unit"], ("variant", "unit"))
    names = [_drawn(name, how) for name, how in draw.items()]
    computed = [name for name in answer if name != "reject"]
    for name in computed:
        validators.symbol(name, ("variant", "answer", name))
    names += computed
    for name, text in answer.items():
        validators.expression(
            text, [each for each in names if each != name], ("variant", "answer", name)
        )
    if "answer" in variant and "value" not in answer:
        raise BadFact(("variant", "answer"), "value is missing")
    for number, wrong in enumerate(wrongs):
        path: Path = ("variant", "wrong", number)
        validators.known(wrong, KNOWN["variant.wrong"], "variant.wrong", path)
        validators.both(wrong.get("message"), (*path, "message"))
        if "value" in wrong or "answer" in variant:
            validators.expression(wrong.get("value"), names, (*path, "value"))
    if "rows" in variant:
        check_rows(variant["rows"], len(wrongs))


def _tolerance(tolerance: Facts, path: Path) -> None:
    validators.known(tolerance, KNOWN["variant.tolerance"], "variant.tolerance", path)
    for key, value in tolerance.items():
        if not validators.is_number(value) or value < 0 or (key == "relative" and value > 0.2):
            raise BadFact(path, f"{key} is a number from 0{' to 0.2' if key == 'relative' else ''}")


def check_rows(rows: Any, wrong: int) -> None:
    """See that rows are variants, as a program made them, each with so many wrong answers.

    Raises:
        BadFact: they are not.
    """
    what = (
        f"rows are a list; each has values (numbers by name), an answer and {wrong} wrong "
        "answers, all of them numbers"
    )
    if not isinstance(rows, list) or not rows:
        raise BadFact(("variant", "rows"), what)
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping) or set(row) != ROW:
            raise BadFact(("variant", "rows", number), what)
        values, answer, others = row["values"], row["answer"], row["wrong"]
        right = isinstance(values, Mapping) and isinstance(others, list) and len(others) == wrong
        if not right or set(values) != set(rows[0]["values"]):
            raise BadFact(("variant", "rows", number), what)
        if not all(validators.is_number(each) for each in (*values.values(), answer, *others)):
            raise BadFact(("variant", "rows", number), what)


def _drawn(name: str, how: Any) -> str:
    path: Path = ("variant", "sample", name)
    validators.symbol(name, path)
    if name in variants.RESERVED:
        raise BadFact(path, f"{name} is a name of the answer's own")
    if validators.is_number(how):
        return name
    if isinstance(how, Mapping) and set(how) == {"choices"}:
        if (
            isinstance(how["choices"], list)
            and how["choices"]
            and all(validators.is_number(each) for each in how["choices"])
        ):
            return name
    elif isinstance(how, Mapping) and set(how) == {"from", "to"}:
        first, last = how["from"], how["to"]
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
    validators.known(choice, KNOWN["choice"], "choice", path)
    validators.one_of(choice.get("form"), FORMS, (*path, "form"))
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
    if strange := set(choice["right"]) - set(keys):
        raise BadFact(
            path, f"there is no option {', '.join(sorted(strange))}; there are {', '.join(keys)}"
        )
    if choice["form"] == "order" and set(choice["right"]) != set(keys):
        raise BadFact(path, "of the form “order” right names every option, in the right order")


def _step(step: Facts, path: Path) -> None:
    validators.known(step, KNOWN["step"], "step", path)
    if "check" not in step:
        return
    check, path = step["check"], (*path, "check")
    validators.known(check, KNOWN["step.check"], "step.check", path)
    symbols = check.get("symbols")
    if not isinstance(symbols, list) or not all(isinstance(name, str) for name in symbols):
        raise BadFact(path, 'symbols is a list of names: ["n", "m"]')
    for name in symbols:
        validators.symbol(name, path)
    expression = validators.expression(check.get("answer"), symbols, path)
    ranges = check.get("range", {})
    for each in ranges.values() if isinstance(ranges, Mapping) else [ranges]:
        if (
            not isinstance(each, list)
            or len(each) != 2
            or not all(map(validators.is_number, each))
            or not each[0] < each[1]
        ):
            raise BadFact(path, "range is [low, high], or { symbol = [low, high] }")
    if isinstance(ranges, Mapping) and set(ranges) - set(symbols):
        raise BadFact(
            path, f"range names {', '.join(sorted(set(ranges) - set(symbols)))}, which is no symbol"
        )
    if not marking.derivation(expression.text, check).is_right:
        raise BadFact(
            path,
            (
                f"the answer has a value at too few places of the range: {marking.POINTS} random "
                "ones are compared"
            ),
        )


def _said(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {variants.format_value(value)}" for name, value in values.items())


def line_of(source: str, path: Path) -> int:
    """Return the line of a TOML file on which the key at `path` stands; of the table around it, if
    it cannot be told.
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
