"""Slips of a numeric part that no [[numeric.wrong]] explains, as suggestions for its author.

The formula of the answer is changed in one place as people change it by mistake: a factor or a term
is left out, a sign or a fraction turned round, a root forgotten, a symbol taken for another. What
differs from the answer in every variant, and is no mistake that has a message, is a gap.

A further kind of slip is one more case of `_changes_here`, or of `_changes_of_all` where the value
decides whether it is plausible.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from apps.questions import expressions, sampling
from apps.questions.expressions import Expression
from apps.questions.schema import Facts
from apps.questions.variants import NumericPart, numeric_part

MAX_SLIPS = 5  # of a part
MAX_OF_A_KIND = 2
MAX_POSSIBLE = 3  # slips of the rank POSSIBLE
MAX_SYMBOLS_LOST = 1  # by a slip: who leaves out two has not tried
MAX_NODES = 300  # of a formula with its helpers written out
LIKELY, PLAUSIBLE, POSSIBLE, UNLIKELY = range(4)
LOGARITHMS = {"log": "e", "ln": "e", "log2": "2", "log10": "10"}
OPPOSITES = {"min": "max", "max": "min", "floor": "ceil", "ceil": "floor"}


@dataclass(frozen=True)
class Slip:
    """A wrong formula, what was done to the right one, and both values in the first variant."""

    formula: str
    what: str
    values: Mapping[str, expressions.Number]
    value: float
    answer: float


@dataclass(frozen=True)
class _Variant:
    """A numeric part with the numbers of one seed."""

    values: Mapping[str, expressions.Number]
    part: NumericPart


class _Part:
    """A numeric part: its formula, its variants, and what its sampled symbols may be."""

    def __init__(self, facts: Facts, number: int, every: Sequence[_Variant]) -> None:
        self.tree, self.every = _formula(facts, number), every
        self.unit_is_percent = "%" in every[0].part.unit.values()
        self.names = list(facts.variant.sample)
        values = {name: [variant.values[name] for variant in every] for name in self.names}
        self.counts = {  # n - 1 and n + 1 make sense of them
            name
            for name, of_name in values.items()
            if all(isinstance(value, int) and value > 0 for value in of_name)
        }
        shares = {name for name, of_name in values.items() if _are_shares(of_name)}
        used = _symbols(self.tree)
        self.is_share = (  # of counts, or computed from other shares
            _are_shares([variant.part.answer for variant in every])
            and used & values.keys() <= self.counts | shares
            and not isinstance(self.tree, ast.Call)
        )


def _symbols(tree: ast.expr) -> set[str]:
    """Return all names in a formula, also those of constants and functions."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _are_shares(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) < 1


@dataclass(frozen=True)
class _Change:
    tree: ast.expr
    kind: str
    what: str
    rank: int


def without_message(facts: Facts, number: int) -> list[Slip]:
    """Return the most plausible slips that have no message, at most MAX_SLIPS.

    Args:
        facts: of question.toml, which `validators.py` has checked.
        number: of the numeric part, from 0. Where `variant.py` generates the variants there is no
            formula, so no slips are known.
    """
    if facts.numeric[number].answer is None:
        return []
    every = []
    for seed in range(sampling.SEEDS):
        sampled = sampling.sample(facts, seed)
        of_part = numeric_part("", 0, facts.numeric[number], sampled.answers[number])
        every.append(_Variant(sampled.values, of_part))
    part = _Part(facts, number, every)
    ranked = []
    for change in [*_changes(part.tree, part), *_changes_of_all(part)]:
        lost = (_symbols(part.tree) - _symbols(change.tree)) & set(part.names)
        if len(lost) > MAX_SYMBOLS_LOST:
            continue
        values = _values(change.tree, every)
        if values and not _is_known(values, every) and not _is_noticed(change, values, part):
            ranked.append((change, values))
    ranked.sort(key=lambda entry: entry[0].rank)  # stable: outer changes come first
    return _best(ranked, part)


def _best(ranked: Sequence[tuple[_Change, list[float]]], part: _Part) -> list[Slip]:
    """Return the first slips, one for each value, few of a kind and few unlikely ones."""
    slips: list[Slip] = []
    taken: list[list[float]] = []
    limits = Counter({POSSIBLE: MAX_POSSIBLE, PLAUSIBLE: MAX_SLIPS, LIKELY: MAX_SLIPS})
    kinds: Counter[str] = Counter()
    for change, values in ranked:
        if (
            kinds[change.kind] < MAX_OF_A_KIND
            and limits[change.rank]
            and not any(_agree(values, others, part.every) for others in taken)
        ):
            kinds[change.kind] += 1
            limits[change.rank] -= 1
            taken.append(values)
            formula, first = ast.unparse(change.tree), part.every[0]
            sampled = {name: first.values[name] for name in part.names}
            slips.append(Slip(formula, change.what, sampled, values[0], first.part.answer))
    return slips[:MAX_SLIPS]


# ---------------------------------------------------------------- the formula and its values


def _formula(facts: Facts, number: int) -> ast.expr:
    """Return the answer's formula, with the computed names that it uses written out."""
    answer, computed = facts.numeric[number].answer, facts.variant.compute
    assert answer is not None
    names = {*facts.variant.sample, *computed}
    trees = {name: expressions.read(text, names).tree for name, text in computed.items()}
    tree = expressions.read(answer, names).tree
    while helpers := trees.keys() & _symbols(tree):
        written_out = _Substitution({name: trees[name] for name in helpers}).visit(
            copy.deepcopy(tree)
        )
        if sum(1 for _node in ast.walk(written_out)) > MAX_NODES:
            break
        tree = written_out
    return tree


class _Substitution(ast.NodeTransformer):
    def __init__(self, trees: Mapping[str, ast.expr]) -> None:
        self.trees = trees

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.trees.get(node.id, node))


def _values(tree: ast.expr, every: Sequence[_Variant]) -> list[float]:
    """Return a formula's value in every variant; nothing if it has none in one of them."""
    try:
        expression = Expression("", tree, frozenset())
        return [float(expression.at(**variant.values)) for variant in every]
    except expressions.NoValue:
        return []


def _is_known(values: Sequence[float], every: Sequence[_Variant]) -> bool:
    """Return whether values are right in some variant, or have a message in all of them."""
    pairs = list(zip(values, every, strict=True))
    return any(variant.part.is_right(value) for value, variant in pairs) or all(
        any(variant.part.is_near(value, wrong.value) for wrong in variant.part.wrong)
        for value, variant in pairs
    )


def _is_noticed(change: _Change, values: Sequence[float], part: _Part) -> bool:
    """Return whether one sees that values are wrong: a fraction where a count is asked for,
    nothing or less where all answers are more, a share above 1 that is not meant in per cent.
    """
    answers = [variant.part.answer for variant in part.every]
    return (
        (all(a.is_integer() for a in answers) and not all(v.is_integer() for v in values))
        or (min(answers) > 0 and min(values) <= 0)
        or (part.is_share and max(values) > 1 and change.kind != "percent")
    )


def _agree(values: Sequence[float], others: Sequence[float], every: Sequence[_Variant]) -> bool:
    return all(v.part.is_near(a, b) for v, a, b in zip(every, values, others, strict=True))


# ---------------------------------------------------------------- changes


def _changes(tree: ast.expr, part: _Part) -> Iterator[_Change]:
    """Yield a formula with one change in it, at every place, the outermost first."""
    yield from _changes_here(tree, part)
    for field, at, inner in _parts(tree):
        for change in _changes(inner, part):
            whole = copy.copy(tree)
            if at is None:
                setattr(whole, field, change.tree)
            else:
                members = list(getattr(tree, field))
                members[at] = change.tree
                setattr(whole, field, members)
            yield _Change(whole, change.kind, change.what, change.rank)


def _parts(tree: ast.expr) -> Iterator[tuple[str, int | None, ast.expr]]:
    """Yield the expressions inside a node: field, place in the field's list if it is one, and the
    expression itself. Names of functions and the index of a sum are none.
    """
    for field, value in ast.iter_fields(tree):
        if field == "func":
            continue
        if isinstance(value, ast.expr):
            yield field, None, value
        elif isinstance(value, list):
            is_sum = isinstance(tree, ast.Call) and _function(tree) == "sum"
            for at, member in enumerate(value):
                if isinstance(member, ast.expr) and not (is_sum and at == 0):
                    yield field, at, member


def _changes_here(tree: ast.expr, part: _Part) -> Iterator[_Change]:
    """Yield what may be done to a node by mistake, apart from what is done inside it."""
    match tree:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            yield _left_out(left, right, "factor")
            yield _left_out(right, left, "factor")
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            yield _left_out(right, left, "divisor")
            text = ast.unparse(tree)
            yield _Change(
                _binary(right, ast.Div(), left), "turned", f"{text} upside down", PLAUSIBLE
            )
            yield _left_out(left, _binary(ast.Constant(1), ast.Div(), right), "factor")
        case ast.BinOp(left=left, op=(ast.Add() | ast.Sub()) as op, right=right):
            is_sum = isinstance(op, ast.Add)
            yield _left_out(right, left, "term")
            yield _left_out(left, right if is_sum else ast.UnaryOp(ast.USub(), right), "term")
            turned = _binary(left, ast.Sub() if is_sum else ast.Add(), right)
            signs = ("-", "+") if is_sum else ("+", "-")
            text = " instead of ".join(f"{sign} {ast.unparse(right)}" for sign in signs)
            yield _Change(turned, "sign", text, LIKELY)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            yield _left_out(right, left, "exponent")
            text = f"times {ast.unparse(right)} instead of the power"
            yield _Change(_binary(left, ast.Mult(), right), "power", text, LIKELY)
        case ast.UnaryOp(op=ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
            text = f"{ast.unparse(operand)} without its sign"
            yield _Change(operand, "sign", text, LIKELY)
        case ast.Call():
            yield from _changes_of_call(tree)
        case ast.Name(id=name) if name in part.names:
            yield from _changes_of_symbol(tree, part)


def _changes_of_call(call: ast.Call) -> Iterator[_Change]:
    name, arguments = _function(call), call.args
    if name in LOGARITHMS:
        for other in ("log", "log2", "log10"):
            if LOGARITHMS[other] != LOGARITHMS[name]:
                text = f"the logarithm to the base {LOGARITHMS[other]}"
                rank = POSSIBLE if other == "log10" else LIKELY
                yield _Change(_call(other, *arguments), "logarithm", text, rank)
    elif name == "sqrt":
        yield _Change(arguments[0], "root", "without the root", LIKELY)
    elif name == "exp":
        turned = ast.UnaryOp(ast.USub(), arguments[0])
        yield _Change(_call("exp", turned), "sign", "with the other sign in exp", PLAUSIBLE)
    elif name in ("abs", "round", "floor", "ceil"):
        yield _Change(arguments[0], name, f"without {name}", PLAUSIBLE)
    elif name == "sum":
        index, first, last, body = arguments
        one = ast.Constant(1)
        for ends, text in (
            ((first, _binary(last, ast.Sub(), one)), "one term too few"),
            ((_binary(first, ast.Sub(), one), last), "one term too many, in front"),
            ((first, _binary(last, ast.Add(), one)), "one term too many, at the end"),
        ):
            yield _Change(_call("sum", index, *ends, body), "off by one", text, PLAUSIBLE)
    if name in OPPOSITES:
        other = OPPOSITES[name]
        yield _Change(_call(other, *arguments), name, f"{other} for {name}", PLAUSIBLE)


def _changes_of_symbol(name: ast.Name, part: _Part) -> Iterator[_Change]:
    if name.id in part.counts:
        one_less, what = _binary(name, ast.Sub(), ast.Constant(1)), f"{name.id} - 1 for {name.id}"
        yield _Change(one_less, "off by one", what, POSSIBLE)
    for other in part.names:
        if other != name.id and (other in part.counts) == (name.id in part.counts):
            what = f"{other} for {name.id}"
            yield _Change(ast.Name(other), "symbol", what, POSSIBLE)


def _changes_of_all(part: _Part) -> Iterator[_Change]:
    """Yield what may be done to the finished value by mistake."""
    tree, hundred, two, one = part.tree, *(ast.Constant(n) for n in (100, 2, 1))
    if part.is_share:
        yield _Change(_binary(one, ast.Sub(), tree), "complement", "the rest to 1", PLAUSIBLE)
        yield _Change(_binary(hundred, ast.Mult(), tree), "percent", "in per cent", PLAUSIBLE)
    if part.unit_is_percent:
        yield _Change(_binary(tree, ast.Div(), hundred), "percent", "not in per cent", LIKELY)
    yield _Change(_binary(two, ast.Mult(), tree), "factor 2", "twice the answer", POSSIBLE)
    yield _Change(_binary(tree, ast.Div(), two), "factor 2", "half of the answer", POSSIBLE)
    yield _Change(ast.UnaryOp(ast.USub(), tree), "sign", "with the other sign", POSSIBLE)
    yield _Change(_call("sqrt", tree), "root", "the root of the answer", POSSIBLE)
    yield _Change(_binary(tree, ast.Pow(), two), "power", "the square of the answer", POSSIBLE)
    yield _Change(_binary(one, ast.Div(), tree), "turned", "the reciprocal", POSSIBLE)


def _left_out(missing: ast.expr, rest: ast.expr, role: str) -> _Change:
    """Return a change that leaves out a part: a symbol, 1, 2 or a short part rather than another
    number, and hardly a product of several, or all but a number.
    """
    operations = sum(isinstance(node, ast.BinOp | ast.Call) for node in ast.walk(missing))
    is_product = isinstance(missing, ast.BinOp) and isinstance(missing.op, ast.Mult | ast.Div)
    is_number = isinstance(rest, ast.Constant)
    if operations > 2 or is_number or (is_product and role != "term"):
        rank = UNLIKELY
    elif operations > 1 or (isinstance(missing, ast.Constant) and missing.value not in (1, 2)):
        rank = PLAUSIBLE
    else:
        rank = LIKELY
    return _Change(rest, f"{role} left out", f"without the {role} {ast.unparse(missing)}", rank)


def _binary(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, op, right)


def _call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name), list(arguments), [])


def _function(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""
