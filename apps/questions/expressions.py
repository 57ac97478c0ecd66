"""The bank's expression language: arithmetic that authors and learners may write, and nothing else.

    + - * / // % ** (or ^)      == != < <= > >=      and or not      pi e
    sqrt exp log log2 log10 sin cos tanh floor ceil abs     of one number (log is natural; also ln)
    round(x) round(x, digits)   min max of two or more
    sum(i, 1, n, i ** 2)        the sum of the last argument over whole numbers i from 1 to n

Formulas as people write them are read too (see `notation`): s(1-s), 2x, √n, |x|, β, x².

Text is parsed by Python's `ast` against a list of what is allowed, then walked by us: nothing is
ever compiled or called by name. Length, nesting, work and the size of numbers are bounded, so that
whatever somebody types costs less than a blink.
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
from apps.questions.notation import BadExpression as BadExpression
from apps.questions.notation import Vocabulary, spelled_out

Number = int | float
MAX_CHARS = 500  # characters
MAX_NESTING = 40  # levels of nesting
MAX_NODES_VISITED = 20_000  # nodes that one evaluation may visit
MAX_NUMBER = 10.0**300  # of any number on the way
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}
OF_ONE: dict[str, Callable[[float], Number]] = {
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
FUNCTIONS = {*OF_ONE, "round", "min", "max", "sum"}
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
    """A node is not of the language."""


class NoValue(Exception):
    """An expression has no value at these numbers: a division by zero, a root of a negative number,
    a number too large.
    """


@dataclass(frozen=True)
class Expression:
    """An expression that was read. `names` are the symbols that it uses, constants left out."""

    text: str
    tree: ast.expr = field(repr=False, compare=False)
    names: frozenset[str]

    def at(self, **values: Number) -> Number:
        """Return its value where its symbols have these values; truth is 1 or 0.

        Raises:
            NoValue: it has none there, or it would take too long.
        """
        return _Walk(values).finite(self.tree)


def read(text: str, names: Collection[str] = ()) -> Expression:
    """Return the expression that `text` says, in which `names` may be used.

    Raises:
        BadExpression: `text` is something else; `what` is one of `empty`, `long`, `deep`, `syntax`,
            `arguments`, `forbidden`, or of those of `notation.spelled_out`.
    """
    plain = normalize.plain(text, MAX_CHARS, "({})")  # in brackets: x^½ is no half of x
    if not plain:
        raise BadExpression("empty")
    if len(plain) > MAX_CHARS:
        raise BadExpression("long")
    source = spelled_out(plain, Vocabulary(names, CONSTANTS, FUNCTIONS))
    try:
        tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise BadExpression("syntax", plain) from None
    used: set[str] = set()
    try:
        _check(tree, frozenset(names), used, MAX_NESTING)
    except _Forbidden as error:
        node = error.args[0]  # not unparsed: it may be nested deeper than Python's stack
        raise BadExpression(
            "forbidden", source[node.col_offset : node.end_col_offset][:60]
        ) from None
    return Expression(plain, tree, frozenset(used))


def is_free_name(name: str) -> bool:
    """Return whether a symbol may be called so: a word that means nothing else here."""
    return (
        bool(NAME.fullmatch(name))
        and not iskeyword(name)
        and name not in CONSTANTS
        and name not in FUNCTIONS
    )


def _check(node: ast.expr, names: frozenset[str], used: set[str], depth: int) -> None:
    """Look at every node. `used` gathers the symbols.

    Raises:
        BadExpression, _Forbidden: one of them is not of the language.
    """
    if depth == 0:
        raise BadExpression("deep")
    for inner, known in _parts(node, names):
        _check(inner, known, used, depth - 1)
    if isinstance(node, ast.Name) and node.id not in CONSTANTS:
        if node.id not in names:
            raise BadExpression("name", node.id)
        used.add(node.id)
    if isinstance(node, ast.Call) and _is_range(node):
        used.discard(_index(node))


def _parts(node: ast.expr, names: frozenset[str]) -> list[tuple[ast.expr, frozenset[str]]]:
    """Return the expressions inside a node, each with the names that may be used in it.

    Raises:
        BadExpression, _Forbidden: the node is not of the language.
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
    name, given = call.func.id, len(call.args)
    if name not in FUNCTIONS:
        raise BadExpression("function", name)
    right = {"round": given in (1, 2), "min": given >= 2, "max": given >= 2, "sum": given == 4}.get(
        name, given == 1
    )
    if not right or any(isinstance(argument, ast.Starred) for argument in call.args):
        raise BadExpression("arguments", name)
    if name != "sum":
        return [(argument, names) for argument in call.args]
    index = _index(call)
    if not is_free_name(index) or index in names:
        raise BadExpression("arguments", "sum")
    return [(call.args[1], names), (call.args[2], names), (call.args[3], names | {index})]


def _is_range(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "sum"


def _index(call: ast.Call) -> str:
    first = call.args[0]
    return first.id if isinstance(first, ast.Name) else ""


class _Walk:
    """One evaluation: the values of symbols, and how much work is left."""

    def __init__(self, values: Mapping[str, Number]) -> None:
        self.values = dict(values)
        self.left = MAX_NODES_VISITED

    def finite(self, node: ast.expr) -> Number:
        """Return a node's value, of a size that further work may be done with.

        Raises:
            NoValue: there is none.
        """
        self.left -= 1
        if self.left < 0:
            raise NoValue("it takes too long")
        try:
            value = self.value(node)
        except (ZeroDivisionError, OverflowError, ValueError) as error:
            raise NoValue(str(error)) from None
        if isinstance(value, complex) or not -MAX_NUMBER < value < MAX_NUMBER:  # NaN is in no range
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
                each = (bool(self.finite(value)) for value in values)
                return all(each) if isinstance(op, ast.And) else any(each)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                sides = [self.finite(side) for side in (left, *rights)]
                return all(
                    COMPARISONS[type(op)](a, b)
                    for op, a, b in zip(ops, sides, sides[1:], strict=False)
                )
            case ast.Call():
                return self.call(node)
        raise AssertionError(node)  # _parts let it through

    def call(self, node: ast.Call) -> Number:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name == "sum":
            return self.sum(node)
        values = [self.finite(argument) for argument in node.args]
        if name == "round":
            return (
                round(values[0], int(min(max(values[1], -300), 300)))
                if values[1:]
                else round(values[0])
            )
        if name in ("min", "max"):
            return min(values) if name == "min" else max(values)
        return OF_ONE[name](values[0])

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
    """Return a power that is not too large to hold.

    Raises:
        NoValue: it would be, or it is no real number.
    """
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if abs(base) > 1 and exponent * math.log2(abs(base)) > 1000:
            raise NoValue("it is too large")
        return int(pow(int(base), int(exponent)))
    value: float | complex = pow(float(base), float(exponent))
    if isinstance(value, complex):
        raise NoValue("it is no real number")
    return value
