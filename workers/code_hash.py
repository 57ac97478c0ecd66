"""The hash that names a version of a lab: of what its code does, not of how it is laid out.

Site and workers compute it separately, perhaps under different versions of Python, and must agree;
so this module needs the standard library alone, and writes the syntax tree out itself:
`ast.dump` differs between 3.11, 3.12 and 3.13.

The hash does not change with comments, docstrings, line breaks, spaces, parentheses, quotes,
trailing commas or the way in which a number or a text is spelled (`1e3` and `1000.0`; `1000` is
another, an integer), nor with the name of

    a variable of a function, of a lambda or of a comprehension,
    a parameter that no caller can name: `*args`, `**kwargs`, those before a `/`.

It changes with every other name, since something may look it up: names of a module's variables, of
functions, classes, attributes and of the other parameters; what an import binds; a variable of
which the name stands in an annotation too, or begins with two underscores. It changes with the
names of a function's variables if a class is defined inside it, and with every name in a file that
has type parameters, or that names what reads the variables of a function (`OBSERVERS`). And it
changes with the order of imports and of definitions.

It cannot see what code makes of its own docstrings, names in tracebacks, or source; what a library
makes of its caller's variables (pandas' `query`); or what is in other files. A lab that depends on
such things says so by a constant that is changed by hand.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import Any

# By these, code reads the variables of a function by name: of its own, or of its caller.
OBSERVERS = {"inspect", "currentframe", "_getframe", "f_locals", "__code__", "bmat"}
OBSERVING_BUILTINS = {"locals", "vars", "dir", "eval", "exec", "builtins", "__builtins__"}
# Fields of nodes that say nothing of what the code does: `kind` is the u of u"text".
SILENT = {"ctx", "kind", "type_comment", "type_ignores"}
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda
COMPREHENSIONS = ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp
DOCUMENTED = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
# nodes that bind a name which is no node of its own, and the field that has it
BINDERS = {
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}


@cache  # a site loads its labs, and tests do so again and again
def code_hash(source: str) -> str:
    """Return the hash of a lab's code: SHA-256, in hexadecimal.

    Raises:
        SyntaxError: it is no Python.
    """
    try:
        tree = ast.parse(source)
    except ValueError as error:  # a null byte
        raise SyntaxError(str(error)) from None
    return hashlib.sha256(canonical_form(tree).encode()).hexdigest()


def canonical_form(tree: ast.Module) -> str:
    """Return the syntax tree as text (ASCII) that is the same for trees that do the same, up to
    what the docstring of this module lists.
    """
    writer = _Writer(_kept_names(tree))
    writer.node(tree, None)
    return "".join(writer.parts)


@dataclass(eq=False)
class _Scope:
    """The names of a function or a comprehension.

    A module and a class have none: their names are written as they are, and so is every name that
    no scope renames.
    """

    parent: _Scope | None
    renamed: set[str]  # written as numbers
    plain: set[str] = field(default_factory=set)  # its own too, or global: written as they are

    def owner(self, name: str) -> _Scope | None:
        """Return the scope whose variable a name means here, if that scope renames it."""
        if name in self.plain:
            return None
        if name in self.renamed:
            return self
        return self.parent.owner(name) if self.parent else None


class _Writer:
    """Writes nodes: `(Kind field=value …)`, without fields that are empty or absent, so that a
    field which a later Python adds changes nothing while it is not used.
    """

    def __init__(self, kept: set[str] | None) -> None:
        """Begin with nothing written.

        Args:
            kept: names that no scope renames; None: nothing is renamed.
        """
        self.parts: list[str] = []
        self._kept = kept
        self._numbers: dict[tuple[_Scope, str], int] = {}  # of variables, as they are first met

    def value(self, value: Any, scope: _Scope | None) -> None:
        if isinstance(value, ast.AST):
            self.node(value, scope)
        elif isinstance(value, list):
            self.parts.append("[")
            for item in value:
                self.value(item, scope)
                self.parts.append(",")
            self.parts.append("]")
        else:
            self.parts.append(_literal(value))

    def name(self, name: str, scope: _Scope | None) -> None:
        """Write a variable: a name as it is, or the number of the variable that it means."""
        owner = scope.owner(name) if scope else None
        if owner is None:
            self.parts.append(ascii(name))
        else:
            number = self._numbers.setdefault((owner, name), len(self._numbers))
            self.parts.append(f"#{number}")

    def node(self, node: ast.AST, scope: _Scope | None) -> None:
        inner = self._scope_in(node, scope)
        self.parts.append(f"({type(node).__name__}")
        for name, value in _fields(node):
            self.parts.append(f" {name}=")
            if name in _name_fields(node):
                self._names(value, inner)
            elif isinstance(value, ast.arguments):
                self._arguments(value, inner, scope)
            elif isinstance(node, COMPREHENSIONS) and name == "generators":
                self._generators(value, inner, scope)
            else:
                self.value(value, inner if name in _inner_fields(node) else scope)
        self.parts.append(")")

    def _names(self, value: str | list[str], scope: _Scope | None) -> None:
        for name in [value] if isinstance(value, str) else value:
            self.name(name, scope)
            self.parts.append(",")

    def _arguments(
        self, arguments: ast.arguments, inner: _Scope | None, outer: _Scope | None
    ) -> None:
        """Write parameters: their names are inside, annotations and defaults are outside."""
        self.parts.append("(")
        for name, value in _fields(arguments):
            self.parts.append(f" {name}=")
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, ast.arg):
                    self.name(item.arg, inner)
                    self.parts.append(":")
                    item = item.annotation
                self.value(item, outer)
                self.parts.append(",")
        self.parts.append(")")

    def _generators(
        self, generators: list[ast.comprehension], inner: _Scope | None, outer: _Scope | None
    ) -> None:
        """Write the loops of a comprehension: the first iterable is outside, all else inside."""
        for number, generator in enumerate(generators):
            self.parts.append("(")
            for name, value in _fields(generator):
                self.parts.append(f" {name}=")
                self.value(value, outer if not number and name == "iter" else inner)
            self.parts.append(")")

    def _scope_in(self, node: ast.AST, outer: _Scope | None) -> _Scope | None:
        """Return the scope of what is inside a node: a new one, or the one outside."""
        if self._kept is None or not isinstance(node, FUNCTIONS + COMPREHENSIONS):
            return outer
        if isinstance(node, COMPREHENSIONS):
            targets = [generator.target for generator in node.generators]
            scope = _Scope(outer, set(_bound(targets)))
        else:
            scope = self._scope_of_function(node, outer)
        scope.plain |= {name for name in scope.renamed if name.startswith("__")}
        scope.plain |= scope.renamed & self._kept
        return scope

    def _scope_of_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, outer: _Scope | None
    ) -> _Scope:
        body = node.body if isinstance(node.body, list) else [node.body]
        here = list(_here(body))
        arguments = node.args
        nameless = [*arguments.posonlyargs, arguments.vararg, arguments.kwarg]
        scope = _Scope(outer, {*_bound(body), *(arg.arg for arg in nameless if arg)})
        scope.plain |= {arg.arg for arg in (*arguments.args, *arguments.kwonlyargs)}
        for inside in here:
            if isinstance(inside, ast.Global):
                scope.plain.update(inside.names)
            elif isinstance(inside, ast.Nonlocal):
                scope.renamed.difference_update(inside.names)
        if any(isinstance(inside, ast.ClassDef) for inside in ast.walk(node)):
            scope.plain |= scope.renamed
        return scope


def _fields(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a node that say something, normalised."""
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, DOCUMENTED):
            value = value[_has_docstring(value) :]
        elif isinstance(node, ast.JoinedStr) and name == "values":
            value = _joined(value)
        elif isinstance(node, ast.Delete) and name == "targets":
            value = list(_flattened(value))  # `del (a, b)` is `del a, b`
        elif name == "format_spec" and value is not None and not _joined(value.values):
            continue  # `f"{x:}"` is `f"{x}"`
        if name not in SILENT and value is not None and value != []:
            yield name, value


def _has_docstring(body: list[ast.stmt]) -> bool:
    first = body[0].value if body and isinstance(body[0], ast.Expr) else None
    return isinstance(first, ast.Constant) and isinstance(first.value, str)


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """Return the pieces of an f-string, its text in as few as possible: Pythons cut differently."""
    pieces: list[ast.expr] = []
    for is_text, group in groupby(values, lambda value: isinstance(value, ast.Constant)):
        if not is_text:
            pieces += group
        elif text := "".join(
            str(piece.value) for piece in group if isinstance(piece, ast.Constant)
        ):
            pieces.append(ast.Constant(text))
    return pieces


def _flattened(targets: Iterable[ast.expr]) -> Iterator[ast.expr]:
    for target in targets:
        if isinstance(target, ast.Tuple | ast.List):
            yield from _flattened(target.elts)
        else:
            yield target


def _literal(value: Any) -> str:
    """Return a constant with its type; `ascii` and `hex` do not depend on Python's version."""
    text = hex(value) if type(value) is int else ascii(value)
    return f"{type(value).__name__}:{text}"


def _name_fields(node: ast.AST) -> tuple[str, ...]:
    """Return the fields of a node that name variables of a function."""
    if isinstance(node, ast.Name):
        return ("id",)
    if isinstance(node, ast.Nonlocal):
        return ("names",)
    return (BINDERS[type(node)],) if type(node) in BINDERS else ()


def _inner_fields(node: ast.AST) -> tuple[str, ...]:
    """Return the fields of a node that are in the scope which it begins."""
    if isinstance(node, FUNCTIONS):
        return ("body",)
    return ("elt", "key", "value") if isinstance(node, COMPREHENSIONS) else ()


# ---------------------------------------------------------------- which names a scope binds


def _here(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes that are evaluated in the scope of `nodes`: nothing inside functions,
    classes and comprehensions, but what stands at their heads.
    """
    for node in nodes:
        yield node
        if isinstance(node, ast.ClassDef):
            yield from _here([*node.decorator_list, *node.bases, *node.keywords])
        elif isinstance(node, FUNCTIONS):
            heads = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            yield from _here([*heads, *getattr(node, "decorator_list", [])])
        elif isinstance(node, COMPREHENSIONS):
            yield from _here([node.generators[0].iter])
            yield from _walrus_targets(node)
        else:
            yield from _here(ast.iter_child_nodes(node))


def _walrus_targets(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what `:=` binds inside a comprehension: it belongs to the function around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.NamedExpr):
            yield child.target
        yield from _walrus_targets(child.args if isinstance(child, ast.Lambda) else child)


def _bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the variables that `nodes` bind, without those that imports and definitions bind."""
    for node in _here(nodes):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif type(node) in BINDERS and (name := getattr(node, BINDERS[type(node)])):
            yield name


def _kept_names(tree: ast.Module) -> set[str] | None:
    """Return the names that are renamed nowhere in a module; None if it may not be renamed at all.

    They are kept by their text, in every function: too many sometimes, but never too few.
    """
    kept, nodes = set[str](), list(ast.walk(tree))
    for node in nodes:
        if getattr(node, "type_params", None) or type(node).__name__ == "TypeAlias":
            return None
        if _observes(node):
            return None
        if isinstance(node, ast.alias):
            kept.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            kept.add(node.name)
        annotations = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for annotation in filter(None, annotations):
            kept |= {name.id for name in ast.walk(annotation) if isinstance(name, ast.Name)}
    return kept


def _observes(node: ast.AST) -> bool:
    """Return whether a node names what reads the variables of a function."""
    if isinstance(node, ast.Name):
        return node.id in OBSERVERS | OBSERVING_BUILTINS
    if isinstance(node, ast.alias):
        return not (OBSERVERS | OBSERVING_BUILTINS).isdisjoint(node.name.split("."))
    word = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
    return isinstance(word, str) and word in OBSERVERS  # an attribute, or a text for `getattr`
