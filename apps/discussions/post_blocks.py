"""A post's lines, told apart before Markdown is parsed: quotes (`>`), folds (`>!`), and the text
around them. What is inside keeps its own fences, formulas and lists.

A quote or a fold is lines that begin with its sign: the next line without one ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby

from django.utils.translation import gettext as _

from apps.discussions.limits import MAX_QUOTE_DEPTH
from apps.questions import schema
from apps.questions.limits import MAX_CLAIM_LENGTH

FOLD = re.compile(r"[ \t]*>!")
QUOTE = re.compile(r" {0,3}>")
FOLD_SIGNS = re.compile(r"[ \t]*>!(?P<more>(?:[ \t]*>!)*)[ \t]?")
QUOTE_SIGN = re.compile(r" {0,3}>[ \t]?")
ALL_SIGNS = re.compile(r"(?:[ \t]*>!?)+[ \t]?")
FOLD_IN_A_LIST = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+>!")
FENCE = re.compile(r" *(`{3,}(?=[^`]*$)|~{3,})")
FENCE_END = re.compile(r" *(`{3,}|~{3,})[`~]*[ \t]*")
NAME = re.compile(r"[ \t]*\[(?P<kind>question|lab|claim):(?P<key>[^\[\]\n@]*)\](?!\()[ \t]*")

Fault = tuple[str, int]  # a message for the author, and its offset in the text


class Kind(Enum):
    TEXT = "text"
    QUOTE = "quote"
    FOLD = "fold"


@dataclass(frozen=True)
class Line:
    """A line without the signs of the blocks around it."""

    text: str
    offset: int  # of its first character, in the post

    def without(self, count: int) -> Line:
        return Line(self.text[count:], self.offset + count)


@dataclass(frozen=True)
class Block:
    """Text has lines, a quote and a fold have blocks."""

    kind: Kind
    lines: Sequence[Line] = ()
    blocks: Sequence[Block] = ()
    gives_away: str = ""  # of a fold: `question:slug`, `lab:slug`, `claim:lab.claim`; or nothing


@dataclass
class Splitter:
    """Splits one post; collects what is wrong with it."""

    faults: list[Fault] = field(default_factory=list)

    def split(self, text: str) -> list[Block]:
        lines, offset = [], 0
        for line in text.split("\n"):
            lines.append(Line(line, offset))
            offset += len(line) + 1
        return list(self._blocks(lines))

    def _blocks(
        self, lines: Sequence[Line], depth: int = 0, in_fold: bool = False
    ) -> Iterator[Block]:
        for kind, group in groupby(_with_kinds(lines), key=lambda pair: pair[0]):
            run = [line for _kind, line in group]
            match kind:
                case Kind.TEXT:
                    self._check_lists(run)
                    yield Block(Kind.TEXT, run)
                case Kind.QUOTE if depth >= MAX_QUOTE_DEPTH:
                    yield self._too_deep(run, in_fold)
                case Kind.QUOTE:
                    inside = [line.without(_length(QUOTE_SIGN, line)) for line in run]
                    yield Block(Kind.QUOTE, blocks=[*self._blocks(inside, depth + 1, in_fold)])
                case Kind.FOLD:
                    yield from self._fold(run, depth, in_fold)

    def _fold(self, run: Sequence[Line], depth: int, in_fold: bool) -> Iterator[Block]:
        signs = [FOLD_SIGNS.match(line.text) for line in run]
        if in_fold or any(sign and sign["more"] for sign in signs):
            self.faults.append((_("A fold cannot hold another one: write >! once."), run[0].offset))
        inside = [line.without(_length(FOLD_SIGNS, line)) for line in run]
        if in_fold:
            yield from self._blocks(inside, depth, in_fold)
            return
        gives_away, inside[0] = self._name(inside[0])
        blocks = [*self._blocks(inside, depth, in_fold=True)]
        yield Block(Kind.FOLD, blocks=blocks, gives_away=gives_away)

    def _name(self, first: Line) -> tuple[str, Line]:
        """Return what a fold's first line says that it gives away, and the rest of the line."""
        match = NAME.match(first.text)
        if match is None:
            return "", first
        kind, key = match["kind"], match["key"]
        is_name = re.match(schema.CLAIM, key) if kind == "claim" else schema.is_slug(key)
        if not is_name or len(key) > MAX_CLAIM_LENGTH:
            message = _(
                "“%(name)s” names nothing: write [question:slug], [lab:slug] or "
                "[claim:lab.claim], as their addresses have them."
            )
            self.faults.append((message % {"name": match[0].strip()[:60]}, first.offset))
            return "", first
        return f"{kind}:{key}", first.without(match.end())

    def _too_deep(self, run: Sequence[Line], in_fold: bool) -> Block:
        """Return a quote that is too deep as text, folded if something in it was."""
        message = _("Quotes nest at most %(count)d deep.") % {"count": MAX_QUOTE_DEPTH}
        self.faults.append((message, run[0].offset))
        signs = [_length(ALL_SIGNS, line) for line in run]
        inside = [line.without(count) for line, count in zip(run, signs, strict=True)]
        text = Block(Kind.TEXT, inside)
        has_fold = any("!" in line.text[:count] for line, count in zip(run, signs, strict=True))
        return Block(Kind.FOLD, blocks=[text]) if has_fold and not in_fold else text

    def _check_lists(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if FOLD_IN_A_LIST.match(line.text):
                message = _("Nothing is folded here: >! must begin its line.")
                self.faults.append((message, line.offset))


def _with_kinds(lines: Sequence[Line]) -> Iterator[tuple[Kind, Line]]:
    """Yield lines with their kinds; whatever is in a fence belongs to the text around it."""
    ticks = ""
    for place, line in enumerate(lines):
        if ticks:
            yield Kind.TEXT, line
            end = FENCE_END.fullmatch(line.text)
            if end and end[1].startswith(ticks):
                ticks = ""
        elif FOLD.match(line.text):
            yield Kind.FOLD, line
        elif QUOTE.match(line.text):
            yield Kind.QUOTE, line
        else:
            yield Kind.TEXT, line
            start = FENCE.match(line.text)
            ticks = start[1] if start and place + 1 < len(lines) else ""


def _length(pattern: re.Pattern[str], line: Line) -> int:
    match = pattern.match(line.text)
    return match.end() if match else 0
