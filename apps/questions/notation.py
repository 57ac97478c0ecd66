"""Formulas as people write them, translated into the expression language.

    s(1-s)   2x   2(x+1)   (a)(b)   pq   βx   a multiplication sign is inserted
    β   \\beta   beta                          one symbol
    √n   √(n+m)   ln 2   |x|                  sqrt(n)   sqrt(n+m)   ln(2)   abs(x)
    e^x   1 000   1'000                       as it looks
    e^{-x}   \\frac{1}{2}   \\sqrt{n}         as TeX sets it

What is ambiguous is refused, with what to write instead: `1/2x`, `x^2y`, `s(x)` (a product, or a
function of x?), `ln 2x`, `2,5`. So is `√n/2`, with its usual reading (`as_printed`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

# the alphabet in Unicode's order; "-" is the final sigma
GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho - "
    "sigma tau upsilon phi chi psi omega"
)
GREEK = {
    chr(ord(first) + at): name.title() if first.isupper() else name
    for first in "αΑ"
    for at, name in enumerate(GREEK_NAMES.split())
    if name != "-"
}
SPELLINGS = {"log_2": "log2", "log_10": "log10"}
LATEX = {"\\cdot": "*", "\\times": "*", "\\div": "/"}
TEX = re.compile(r"\\|\^ ?\{|\$")  # what shows that a text is TeX
# what only concerns the looks, and how it is written otherwise
TEX_LOOKS = (
    (re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])|\\!|\$"), ""),
    (re.compile(r"\\[,;:> ]|\\q?quad(?![A-Za-z])"), " "),
    (re.compile(r"\\(?:mathrm|operatorname) ?\{(\w+)\}"), r"\1"),
    (re.compile(r"\\[lr]vert(?![A-Za-z])|\\[lr]?\|"), "|"),
    (re.compile(r"\\var(?=[a-z])"), r"\\"),
    (re.compile(r"\\[dt]?frac ?(\d) ?(\d)"), r"((\1)/(\2))"),
    (re.compile(r"\\sqrt ?(\d)(?![\d.])"), r"\\sqrt(\1)"),
    (re.compile(r"_\{(\w+)\}"), r"_\1"),
)
# with no braces inside, so the innermost come first
TEX_FRACTION = re.compile(r"\\[dt]?frac ?\{([^{}]*)\} ?\{([^{}]*)\}")
TEX_GROUP = re.compile(r"(?<!frac)(?<!frac )(?<!\})(?<!\} )\{([^{}]*)\}")
TEX_MIXED = re.compile(r"(?<![\w.^_}])(\d+) ?(\\[dt]?frac ?(?:\d ?\d|\{\d+\} ?\{\d+\}))")
LOGIC = ("and", "or", "not")
DIVISIONS = ("/", "//", "%")
POWERS = ("^", "**")
NEEDS_BRACKETS = ("sum", "min", "max", "round")
TOKEN = re.compile(
    r"""
    (?P<number>
        (?:
            (?:[1-9]\d{0,2}(?P<mark>['_ ])\d{3}(?:(?P=mark)\d{3})*(?!\d)|\d+)
            (?:\.\d+|\.(?![\w(]))?
        |\.\d+)
        (?:[eE][+-]?\d+)?
    )
    |(?P<name>\\?[A-Za-z][A-Za-z0-9_]*|[α-ωΑ-Ω](?:_?\d+)?)
    |(?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%^<>(),|√])
    |(?P<space>\ +)
    """,
    re.VERBOSE | re.ASCII,
)


class BadExpression(Exception):
    """Text that is no expression of the language, or that is ambiguous.

    Args:
        code: what is wrong.
        part: the part of the text that it is about.
        instead: what to write in its place, one text for each meaning that it may have.
        as_printed: the whole text with the brackets that print leaves out, where print has a usual
            reading: (ln 2)/β of `ln 2/β`.
    """

    def __init__(self, code: str, part: str = "", *instead: str, as_printed: str = "") -> None:
        super().__init__(code, part, *instead)
        self.code, self.part, self.instead = code, part, instead
        self.as_printed = as_printed

    def __str__(self) -> str:
        return f"{self.code}: {self.part}" if self.part else self.code


@dataclass(frozen=True)
class Vocabulary:
    """The names that have a meaning."""

    symbols: Collection[str]
    constants: Collection[str]
    functions: Collection[str]

    def factors(self, word: str) -> list[str]:
        """Return the one-letter symbols (and e) whose product a word may be: pq is p*q."""
        letters = {name for name in self.symbols if len(name) == 1}
        fits = len(word) > 1 and letters & set(word) and set(word) <= letters | {"e"}
        return list(word) if fits else []


@dataclass(frozen=True)
class Token:
    kind: str  # number, name, function, sign; close: a closing bracket, from its opening one
    text: str  # in the expression language
    start: int  # in the typed text
    end: int


@dataclass
class Bracket:
    """An open bracket, and the state of the term inside that decides whether a multiplication sign
    may be inserted. The outermost is the whole text.
    """

    sign: str = ""  # "(" or "|"
    start: int = 0
    takes_commas: bool = False
    factor: Token | None = None  # the variable directly before it, as in p(p+1)
    is_sum: bool = False
    factor_start: int = 0  # of the last factor, including its exponent
    # the last division sign, from its dividend on; None after a * and in a new term
    divisor: Token | None = None
    power: Token | None = None  # a power sign without exponent yet, from its base on
    exponent: Token | None = None  # the same, after an exponent without brackets
    bare: Token | None = None  # a function with an argument that has no brackets

    def begin_term(self) -> None:
        self.divisor = self.power = self.exponent = self.bare = None


def spell_out(text: str, vocabulary: Vocabulary) -> str:
    """Return `text`, which is plain (see `common.normalize`), with every sign and bracket that
    people leave out.

    Raises:
        BadExpression: it is no formula, or is ambiguous. `code` is one of `character`,
            `name`, `function`, `ambiguous`, `product`, `brackets`, `missing`, `comma`, `bars`,
            `argument`.
    """
    return _Parser(text, vocabulary).spell_out()


def without_tex(text: str) -> str:
    """Return `text` without what only TeX has: e^{-x} becomes e^(-x), \\frac{1}{n} is ((1)/(n)).
    Names keep their backslash, and braces without a fraction or an exponent stay, to be refused.

    Raises:
        BadExpression: a number stands directly before a fraction of numbers.
    """
    if not TEX.search(text):
        return text
    if mixed := TEX_MIXED.search(text):  # printed, 2\frac12 looks like 2½ and like 2 · ½
        whole, fraction = mixed.groups()
        raise BadExpression("ambiguous", mixed[0], f"{whole}+{fraction}", f"{whole}*{fraction}")
    for looks, plain in TEX_LOOKS:
        text = looks.sub(plain, text)
    while (inner := TEX_GROUP.sub(r"(\1)", TEX_FRACTION.sub(r"((\1)/(\2))", text))) != text:
        text = inner
    return text


class _Parser:
    """One pass over the tokens. `ready` means that an operand has just ended: a sign may follow, or
    another operand as a factor.
    """

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text, self.vocabulary = text, vocabulary
        self.written: list[str] = []
        self.brackets = [Bracket()]
        self.ready = False
        self.last = Token("sign", "", 0, 0)

    def spell_out(self) -> str:
        tokens = _classify(tokenize(self.text), self.vocabulary)
        for token, following in zip(tokens, [*tokens[1:], None], strict=True):
            self.take(token, following)
            self.last = self.last if token.text in (")", "|") and self.ready else token
        if not self.ready:
            self.refuse_gap(len(self.text))
        if self.brackets[1:]:
            raise BadExpression("brackets", self.text[self.brackets[-1].start :])
        return " ".join(self.written)

    def take(self, token: Token, following: Token | None) -> None:
        match token.kind, token.text:
            case "function", _:
                self.function(token, following)
            case (("number" | "name"), _):
                self.operand(token)
            case _, "(":
                self.open(token)
            case _, ")":
                self.close(token)
            case _, "|":
                self.bar(token)
            case _:
                self.sign(token)

    # ------------------------------------------------------------ operands

    def operand(self, token: Token) -> None:
        bracket = self.brackets[-1]
        called = self.last if self.last.kind == "function" else None
        if called:  # √n, ln 2
            self.written.append(f"({token.text})")
            bracket.bare = Token("function", called.text, called.start, token.end)
        else:
            self.begin_operand(token)
            self.written.append(token.text)
        self.ready = True

    def begin_operand(self, token: Token) -> None:
        bracket = self.brackets[-1]
        if not bracket.power:
            bracket.factor_start = token.start
        if self.ready:
            self.multiply(token)
        elif bracket.power and token.text not in ("(", "|"):
            bracket.exponent = bracket.power
        bracket.power = None

    def multiply(self, token: Token) -> None:
        """Insert a multiplication sign between two operands.

        Raises:
            BadExpression: that is ambiguous.
        """
        bracket, end = self.brackets[-1], self.end_of(token)
        right = self.text[token.start : end]
        if token.kind == "number":
            left = self.text[self.last.start : self.last.end]
            raise BadExpression("product", self.text[self.last.start : end], f"{left}*{right}")
        if bracket.bare:
            name, argument = self.call(bracket.bare)
            raise BadExpression(
                "ambiguous",
                self.text[bracket.bare.start : end],
                f"{name}({argument})*{right}",
                f"{name}({argument}*{right})",
            )
        if before := bracket.exponent or bracket.divisor:
            left = self.text[before.end : self.last.end].strip()
            sign = self.text[before.start : before.end]
            raise BadExpression(
                "ambiguous",
                self.text[before.start : end],
                f"{sign}({left}*{right})",
                f"{sign}{left}*{right}",
            )
        self.written.append("*")

    def function(self, token: Token, following: Token | None) -> None:
        self.begin_operand(token)
        takes = following is not None and (
            following.text == "("
            or (following.kind in ("number", "name") and token.text not in NEEDS_BRACKETS)
        )
        if not takes:
            typed = self.text[token.start : token.end]
            raise BadExpression("argument", typed, f"{token.text}(…)")
        self.written.append(token.text)
        self.ready = False

    # ------------------------------------------------------------ brackets

    def open(self, token: Token) -> None:
        called = self.last.kind == "function"
        factor = self.last if self.ready and self.last.kind == "name" else None
        if not called:
            self.begin_operand(token)
        self.brackets.append(Bracket("(", token.start, takes_commas=called, factor=factor))
        self.written.append("(")
        self.ready = False

    def close(self, token: Token) -> None:
        bracket = self.brackets[-1]
        if bracket.sign != "(":
            raise BadExpression("brackets", self.text[: token.end][-20:])
        if not self.ready and not (bracket.takes_commas and self.last.text == "("):
            self.refuse_gap(token.start)
        self.brackets.pop()
        if factor := bracket.factor:
            self.check_factor(factor, bracket, token.end)
        self.written.append(")")
        self.end_operand(bracket, token)

    def check_factor(self, factor: Token, bracket: Bracket, end: int) -> None:
        """Check that a variable before a bracket is a factor: s(1-s) has no other meaning, but s(x)
        and s(-x) may be calls of a function, and e(x-1) the exponential function.
        """
        name, inside = self.text[factor.start : factor.end], self.text[bracket.start : end]
        if factor.text == "e":
            raise BadExpression("ambiguous", name + inside, f"e*{inside}", f"exp{inside}")
        if not bracket.is_sum:
            raise BadExpression("product", name + inside, f"{name}*{inside}")

    def bar(self, token: Token) -> None:
        bracket = self.brackets[-1]
        if self.ready and bracket.sign == "|":
            self.brackets.pop()
            self.written.append(")")
            self.end_operand(bracket, token)
        elif self.ready and self.last.kind != "number":
            raise BadExpression("bars", self.text[self.last.start : token.end], "abs(…)")
        else:
            self.begin_operand(token)
            self.brackets.append(Bracket("|", token.start))
            self.written.append("abs(")
            self.ready = False

    def end_operand(self, bracket: Bracket, token: Token) -> None:
        self.ready = True
        self.last = Token("close", token.text, bracket.start, token.end)

    # ------------------------------------------------------------ signs

    def sign(self, token: Token) -> None:
        bracket, sign = self.brackets[-1], token.text
        if not self.ready and sign not in ("+", "-", "not"):
            self.refuse_gap(token.start)
        if self.ready:
            if sign == "not":
                raise BadExpression("syntax", self.text[: token.end][-20:])
            self.end_factor(token)
            bracket.is_sum = bracket.is_sum or sign in ("+", "-")
        self.written.append("**" if sign == "^" else sign)
        self.ready = False

    def end_factor(self, token: Token) -> None:
        """Update the term's state at a sign between two operands."""
        bracket, sign = self.brackets[-1], token.text
        if sign == "," and not bracket.takes_commas:
            raise BadExpression("comma", self.text[self.last.start :][:12])
        if sign not in ("*", *DIVISIONS, *POWERS):
            bracket.begin_term()
            return
        if bracket.bare:
            name, argument = self.call(bracket.bare)
            part = self.text[bracket.bare.start : token.end]
            written = f"{name}({argument})"
            printed = self.text[: bracket.bare.start] + written + self.text[bracket.bare.end :]
            printed = printed if sign in ("*", "/") else ""
            raise BadExpression("argument", part, written, as_printed=printed)
        with_left = replace(token, start=bracket.factor_start)
        if sign in POWERS:
            bracket.power = with_left
        else:
            bracket.divisor = with_left if sign in DIVISIONS else None
            bracket.exponent = None

    def call(self, bare: Token) -> tuple[str, str]:
        """Return the name and the argument of a function without brackets."""
        typed = self.text[bare.start : bare.end]
        return bare.text, re.sub(r"^(√|\\?[a-z]+[0-9_]*)\s*", "", typed)

    def end_of(self, token: Token) -> int:
        """Return where an operand ends; one in brackets, after the closing bracket."""
        if token.text != "(":
            return token.end
        depth = 0
        for at in range(token.start, len(self.text)):
            depth += {"(": 1, ")": -1}.get(self.text[at], 0)
            if depth == 0:
                return at + 1
        return len(self.text)

    def refuse_gap(self, at: int) -> None:
        raise BadExpression("missing", self.text[:at].rstrip()[-20:])


def tokenize(text: str) -> list[Token]:
    """Return the tokens of plain text, which is read as an expression; numbers without what groups
    their digits.

    Raises:
        BadExpression: it has a character that no token begins with.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise BadExpression("character", text[at])
        kind, typed = str(match.lastgroup), match[0]
        if kind == "number":
            typed = re.sub("['_ ]", "", typed)
            tokens.append(Token(kind, re.sub(r"^0+(?=\d)", "", typed), at, match.end()))
        elif typed == "√":
            tokens.append(Token("function", "sqrt", at, match.end()))
        elif kind != "space":
            tokens.append(Token(kind, typed, at, match.end()))
        at = match.end()
    return tokens


def _classify(tokens: list[Token], vocabulary: Vocabulary) -> list[Token]:
    """Return the tokens with every name as a symbol, a constant, a function or an operator; a
    product of one-letter symbols becomes several tokens.
    """
    sum_indices = {  # i of sum(i, …)
        third.text
        for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if first.text == "sum" and second.text == "(" and third.kind == "name"
    }
    classified: list[Token] = []
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.kind != "name":
            classified.append(token)
            continue
        is_called = following is not None and following.text == "("
        classified += _classify_name(token, vocabulary, sum_indices, is_called)
    return classified


def _classify_name(
    token: Token, vocabulary: Vocabulary, sum_indices: Collection[str], is_called: bool
) -> list[Token]:
    name = _latin_name(token.text, vocabulary)
    factors = [] if is_called and name in vocabulary.functions else vocabulary.factors(name)
    kind = ""
    if token.text in LATEX:
        name, kind = LATEX[token.text], "sign"
    elif name in vocabulary.symbols:
        kind = "name"
    elif name in LOGIC:
        kind = "sign"
    elif name in vocabulary.functions or name in vocabulary.constants:
        if factors:
            raise BadExpression("product", token.text, "*".join(factors))
        kind = "function" if name in vocabulary.functions else "name"
    elif name in sum_indices:
        kind = "name"
    if kind:
        return [Token(kind, name, token.start, token.end)]
    if not factors:
        raise BadExpression("function" if is_called else "name", token.text)
    first = token.end - len(factors)
    return [Token("name", letter, first + at, first + at + 1) for at, letter in enumerate(factors)]


def _latin_name(typed: str, vocabulary: Vocabulary) -> str:
    """Return a name in Latin letters: β, \\beta and beta are the same."""
    name = typed.removeprefix("\\")
    if name[0] in GREEK:
        name = GREEK[name[0]] + name[1:]
        name = name if name in vocabulary.symbols else name.replace("_", "")
    return SPELLINGS.get(name, name)
