"""The bank's expression language: arithmetic that authors and learners may write, and nothing else.

    + - * / // % ** (or ^)      == != < <= > >=      and or not      pi e
    sqrt exp log log2 log10 sin cos tanh floor ceil abs     of one number (log is natural; also ln)
    round(x) round(x, digits)   min max of two or more
    sum(i, 1, n, i ** 2)        the sum of the last argument over whole numbers i from 1 to n

Formulas as people write them are read, too (see `notation`): s(1-s), 2x, √n, |x|, β, x².

Text is parsed by Python's `ast`, checked against an allowlist of nodes, and evaluated by a tree
walk: nothing is ever compiled or called by name. Length, nesting, visited nodes and the size of
numbers are bounded, so that no input takes long.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from keyword import iskeyword

from apps.common import normalize
from apps.common.numbers import MAX_MAGNITUDE
from apps.questions.limits import MAX_EXPRESSION_LENGTH
from apps.questions.notation import BadExpression as BadExpression
from apps.questions.notation import Vocabulary, spell_out, without_tex

Number = int | float
MAX_NESTING = 40
MAX_NODES_VISITED = 20_000  # by one evaluation
MAX_POWER_BITS = 1000  # of a power of whole numbers
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
LAMBDA, PYTHON_LAMBDA = (
    "lambda",
    "lambda__",
)  # a symbol λ, which Python's parser would take as its own

CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}
FUNCTIONS_OF_ONE: dict[str, Callable[[float], Number]] = {
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "ln": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "floor": math.floor,
    "ceil": math.ceil,
    "abs": abs,
}
FUNCTIONS = {*FUNCTIONS_OF_ONE, "round", "min", "max", "sum"}
ARITHMETIC: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Number, Number], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class _Forbidden(Exception):
    """A node that the language does not have. Carries it."""


class NoValue(Exception):
    """An expression has no value at these numbers: it divides by zero, takes the root of a negative
    number, or becomes too large.
    """


@dataclass(frozen=True)
class Expression:
    """A parsed expression. `names` are the symbols that it uses, without constants."""

    text: str
    tree: ast.expr = field(repr=False, compare=False)
    names: frozenset[str]

    def at(self, /, **values: Number) -> Number:
        """Return its value for these values of its symbols; true is 1, false is 0.

        Raises:
            NoValue: it has none there, or the evaluation would take too long.
        """
        return _Evaluation(values).finite(self.tree)


def read(text: str, names: Collection[str] = ()) -> Expression:
    """Parse an expression in which `names` may be used.

    Raises:
        BadExpression: it is none. `code` is one of `empty`, `long`, `deep`, `syntax`, `arguments`,
            `forbidden`, or one of those of `notation.spell_out`.
    """
    # fractions in brackets: x^½ is x^(1/2)
    plain = normalize.to_plain(text, MAX_EXPRESSION_LENGTH, "({})")
    if not plain:
        raise BadExpression("empty")
    if len(plain) > MAX_EXPRESSION_LENGTH:
        raise BadExpression("long")
    plain = without_tex(plain).strip()
    if not plain:
        raise BadExpression("empty")
    source = spell_out(plain, Vocabulary(names, CONSTANTS, FUNCTIONS))
    source = re.sub(rf"\b{LAMBDA}\b", PYTHON_LAMBDA, source)
    try:
        tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise BadExpression("syntax", plain) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == PYTHON_LAMBDA:
            node.id = LAMBDA
    used: set[str] = set()
    try:
        _check_node(tree, frozenset(names), used, MAX_NESTING)
    except _Forbidden as error:
        node = error.args[0]  # not unparsed, which would recurse into deep nesting
        part = source[node.col_offset : node.end_col_offset][:60]
        raise BadExpression("forbidden", part) from None
    return Expression(plain, tree, frozenset(used))


def is_free_name(name: str) -> bool:
    """Return whether a symbol may have this name, which must not mean anything else here."""
    return (
        bool(NAME.fullmatch(name))
        and (not iskeyword(name) or name == LAMBDA)
        and name != PYTHON_LAMBDA
        and name not in CONSTANTS
        and name not in FUNCTIONS
    )


def _check_node(node: ast.expr, names: frozenset[str], used: set[str], depth: int) -> None:
    """Check a node and, to a depth, all below it. Adds their symbols to `used`.

    Raises:
        BadExpression, _Forbidden: the language does not have one of them.
    """
    if depth == 0:
        raise BadExpression("deep")
    for child, names_inside in _children(node, names):
        _check_node(child, names_inside, used, depth - 1)
    if isinstance(node, ast.Name) and node.id not in CONSTANTS:
        if node.id not in names:
            raise BadExpression("name", node.id)
        used.add(node.id)
    if isinstance(node, ast.Call) and _is_sum(node):
        used.discard(_index(node))


def _children(node: ast.expr, names: frozenset[str]) -> list[tuple[ast.expr, frozenset[str]]]:
    """Return the expressions inside a node, each with the names that may be used in it.

    Raises:
        BadExpression, _Forbidden: the language does not have this node.
    """
    match node:
        case ast.Constant(value=bool() | int() | float()) | ast.Name():
            return []
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC or isinstance(
            op, ast.Pow
        ):
            return [(left, names), (right, names)]
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() | ast.Not(), operand=operand):
            return [(operand, names)]
        case ast.BoolOp(values=values):
            return [(value, names) for value in values]
        case ast.Compare(left=left, ops=ops, comparators=rights) if all(
            type(op) in COMPARISONS for op in ops
        ):
            return [(left, names), *((right, names) for right in rights)]
        case ast.Call(func=ast.Name(), keywords=[]):
            return _arguments(node, names)
    raise _Forbidden(node)


def _arguments(call: ast.Call, names: frozenset[str]) -> list[tuple[ast.expr, frozenset[str]]]:
    assert isinstance(call.func, ast.Name)
    name, count = call.func.id, len(call.args)
    if name not in FUNCTIONS:
        raise BadExpression("function", name)
    match name:
        case "round":
            fits = count in (1, 2)
        case "min" | "max":
            fits = count >= 2
        case "sum":
            fits = count == 4
        case _:
            fits = count == 1
    if not fits or any(isinstance(argument, ast.Starred) for argument in call.args):
        raise BadExpression("arguments", name)
    if name != "sum":
        return [(argument, names) for argument in call.args]
    index = _index(call)
    if not is_free_name(index) or index in names:
        raise BadExpression("arguments", "sum")
    return [(call.args[1], names), (call.args[2], names), (call.args[3], names | {index})]


def _is_sum(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "sum"


def _index(call: ast.Call) -> str:
    first = call.args[0]
    return first.id if isinstance(first, ast.Name) else ""


class _Evaluation:
    """One evaluation: the values of symbols, and how many nodes may still be visited."""

    def __init__(self, values: Mapping[str, Number]) -> None:
        self.values = dict(values)
        self.nodes_left = MAX_NODES_VISITED

    def finite(self, node: ast.expr) -> Number:
        """Return a node's value, whose size is bounded.

        Raises:
            NoValue: there is none.
        """
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise NoValue("it takes too long")
        try:
            value = self.value(node)
        except (ZeroDivisionError, OverflowError, ValueError) as error:
            raise NoValue(str(error)) from None
        if isinstance(value, complex) or not abs(value) < MAX_MAGNITUDE:  # so is NaN
            raise NoValue("it is too large, or no real number")
        return value

    def value(self, node: ast.expr) -> Number:
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return value
            case ast.Name(id=name):
                return self.values[name] if name in self.values else CONSTANTS[name]
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return _power(self.finite(left), self.finite(right))
            case ast.BinOp(left=left, op=op, right=right):
                return ARITHMETIC[type(op)](self.finite(left), self.finite(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.finite(operand)
            case ast.UnaryOp(op=op, operand=operand):
                return -self.finite(operand) if isinstance(op, ast.USub) else +self.finite(operand)
            case ast.BoolOp(op=op, values=values):
                truths = (bool(self.finite(value)) for value in values)
                return all(truths) if isinstance(op, ast.And) else any(truths)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                sides = [self.finite(side) for side in (left, *rights)]
                return all(
                    COMPARISONS[type(op)](a, b)
                    for op, a, b in zip(ops, sides, sides[1:], strict=False)
                )
            case ast.Call():
                return self.call(node)
        raise AssertionError(node)  # _children has refused it

    def call(self, node: ast.Call) -> Number:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name == "sum":
            return self.sum(node)
        values = [self.finite(argument) for argument in node.args]
        if name == "round":
            if len(values) == 1:
                return round(values[0])
            return round(values[0], int(min(max(values[1], -300), 300)))
        if name in ("min", "max"):
            return min(values) if name == "min" else max(values)
        return FUNCTIONS_OF_ONE[name](values[0])

    def sum(self, node: ast.Call) -> Number:
        index, first, last = _index(node), self.finite(node.args[1]), self.finite(node.args[2])
        if first != int(first) or last != int(last):
            raise NoValue("a sum goes from a whole number to a whole number")
        if last - first > MAX_NODES_VISITED:
            raise NoValue("it takes too long")
        total: Number = 0
        for number in range(int(first), int(last) + 1):
            self.values[index] = number
            total += self.finite(node.args[3])
        self.values.pop(index, None)
        return total


def _power(base: Number, exponent: Number) -> Number:
    """Return a power.

    Raises:
        NoValue: it is too large, or no real number.
    """
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if abs(base) > 1 and exponent * math.log2(abs(base)) > MAX_POWER_BITS:
            raise NoValue("it is too large")
        return int(pow(int(base), int(exponent)))
    value: float | complex = pow(float(base), float(exponent))
    if isinstance(value, complex):
        raise NoValue("it is no real number")
    return value
