"""What question.toml says, as types; what they cannot say is checked by `validators`.

Published revisions are read by these types as well, and never change: whoever makes a type stricter
asks first whether they still fit.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, field

from apps.common.structs import BadFact, BothLanguages, Record, Topic
from apps.questions.limits import (
    MAX_BANK_TITLE_LENGTH,
    MAX_CLAIM_LENGTH,
    MAX_DIFFICULTY,
    MAX_SLUG_LENGTH,
    MAX_SYNONYM_LENGTH,
    MAX_SYNONYMS,
    MIN_DIFFICULTY,
)

Kind = Literal["concept", "derivation", "numeric", "choice", "code", "open"]
KINDS: tuple[str, ...] = get_args(Kind)
SLUG = r"^[a-z0-9]+(?:-[a-z0-9]+)*\Z"
CLAIM = r"^[a-z0-9-]+\.[a-z0-9-]+\Z"
WEB_ADDRESS = r"^(?i:https?)://[^\s/?#\[\]]+(?:[/?#]\S*)?\Z"

# what the messages for authors say is right
A_SLUG = f"a slug of at most {MAX_SLUG_LENGTH} characters, such as why-nonlinearity"
A_CLAIM = "a claim (lab.claim), such as dead-relu.lr-kills"
AN_ADDRESS = "an address that begins with https:// (or http://)"
SYNONYMS = f"at most {MAX_SYNONYMS} synonyms, each of 1 to {MAX_SYNONYM_LENGTH} characters"
A_DIFFICULTY = f"a whole number from {MIN_DIFFICULTY} to {MAX_DIFFICULTY}"
CHOICES = "{ choices = [1, 2] }, { from = 2, to = 5 } (whole numbers), or a number"
TOLERANCE = "{ relative = 1e-3 }, or { absolute = 0.5 } for a count"
ROWS = (
    "a list of variants, each with values (numbers by name), an answer for each numeric part, and "
    "for each answer a list of wrong ones, all of them numbers"
)

Number = int | float
Amount = Annotated[float, Meta(ge=0, description="a number from 0")]
Relative = Annotated[float, Meta(ge=0, le=0.2, description="a number from 0 to 0.2")]
Difficulty = Annotated[int, Meta(ge=MIN_DIFFICULTY, le=MAX_DIFFICULTY, description=A_DIFFICULTY)]
Text = Annotated[str, Meta(pattern=r"\S", description="a text, in quotes")]
Slug = Annotated[str, Meta(pattern=SLUG, max_length=MAX_SLUG_LENGTH, description=A_SLUG)]
Claim = Annotated[str, Meta(pattern=CLAIM, max_length=MAX_CLAIM_LENGTH, description=A_CLAIM)]
WebAddress = Annotated[str, Meta(pattern=WEB_ADDRESS, description=AN_ADDRESS)]
Synonym = Annotated[str, Meta(pattern=r"\S", max_length=MAX_SYNONYM_LENGTH)]
SynonymList = Annotated[list[Synonym], Meta(max_length=MAX_SYNONYMS, description=SYNONYMS)]
Formula = Annotated[str, Meta(description="an expression, in quotes: “2 * n”")]
Symbols = Annotated[list[str], Meta(description='a list of symbols: ["n", "m"]')]
Bounds = tuple[Number, Number]
Ranges = Annotated[
    Bounds | dict[str, Bounds], Meta(description="[low, high], or { symbol = [low, high] }")
]
Options = Annotated[
    list[str], Meta(min_length=1, description='a list of options, each once: ["a", "c"]')
]


class Source(Record, frozen=True):
    text: Text
    url: WebAddress | None = None


class Synonyms(Record, frozen=True):
    en: SynonymList = []
    zh: SynonymList = []


class Choices(Record, frozen=True):
    """What a symbol is sampled from: one of some numbers, or the whole ones between two."""

    choices: list[Number] = []
    first: int | None = field(default=None, name="from")
    last: int | None = field(default=None, name="to")

    def __post_init__(self) -> None:
        match self.choices, self.first, self.last:
            case [_, *_], None, None:
                return
            case [], int(first), int(last) if first <= last:
                return
        raise BadFact((), f"write {CHOICES}")


class Row(Record, frozen=True):
    """A variant as `variant.py` returns it."""

    values: dict[str, Number]
    answers: list[Number]  # one for each numeric part
    wrong: list[list[Number]]  # for each of them, one for each of its wrong answers


class Variant(Record, frozen=True):
    sample: dict[str, Annotated[Number | Choices, Meta(description=CHOICES)]] = {}
    compute: dict[str, Formula] = {}
    reject: Formula | None = None
    rows: Annotated[list[Row], Meta(min_length=1, description=ROWS)] | None = None


class Tolerance(Record, frozen=True):
    relative: Relative = 0.0
    absolute: Amount = 0.0

    def __post_init__(self) -> None:
        if not self.relative and not self.absolute:
            raise BadFact((), f"write {TOLERANCE}")


class Mistake(Record, frozen=True):
    message: BothLanguages
    value: Formula | None = None  # None where `variant.py` generates the variants


class Numeric(Record, frozen=True):
    tolerance: Annotated[Tolerance, Meta(description=TOLERANCE)]
    answer: Formula | None = None  # None where `variant.py` generates the variants
    unit: BothLanguages | None = None
    wrong: list[Mistake] = []


class Choice(Record, frozen=True):
    form: Literal["one", "several"]
    right: Options


class Order(Record, frozen=True):
    right: Options


class StepCheck(Record, frozen=True):
    symbols: Symbols
    answer: Formula
    range: Ranges | None = None
    whole: Symbols = []  # those that are whole numbers


class DerivationStep(Record, frozen=True):
    check: StepCheck | None = None  # None: the learner marks this step


class Derivation(Record, frozen=True):
    step: list[DerivationStep] = []


class Complexity(Record, frozen=True):
    size: int
    at_most: Amount  # times the reference


class Code(Record, frozen=True):
    function: Text
    libraries: list[str] = []
    seconds: Amount | None = None  # for all cases together
    memory: Amount | None = None  # MiB
    tolerance: Tolerance | None = None
    visible: list[str] = []  # cases
    complexity: Complexity | None = None
    wrong: dict[str, str] = {}  # the case that a wrong solution fails, by the solution


class TruthReview(Record, frozen=True):
    on: datetime.date
    how: str = ""


class LanguageReview(Record, frozen=True):
    on: datetime.date
    en: bool = False
    zh: bool = False


class Review(Record, frozen=True):
    truth: TruthReview | None = None
    language: LanguageReview | None = None


class Facts(Record, frozen=True):
    topic: Topic
    kinds: list[Kind]
    difficulty: Difficulty
    labs: list[Slug] = []
    claims: list[Claim] = []
    related: list[Slug] = []
    often_said_but: list[Claim] = []
    synonyms: Synonyms = Synonyms()
    sources: list[Source] = []
    variant: Variant = Variant()
    numeric: list[Numeric] = []
    choice: list[Choice] = []
    order: list[Order] = []
    derivation: list[Derivation] = []
    code: Code | None = None
    review: Review = Review()


A_TITLE = f"a title of 1 to {MAX_BANK_TITLE_LENGTH} characters"
Title = Annotated[str, Meta(min_length=1, max_length=MAX_BANK_TITLE_LENGTH, description=A_TITLE)]


class BankTitles(Record, frozen=True):
    en: Title
    zh: Title


class BankFacts(Record, frozen=True):
    """What bank.toml says."""

    slug: Slug
    title: BankTitles


def is_slug(text: str) -> bool:
    return bool(re.match(SLUG, text)) and len(text) <= MAX_SLUG_LENGTH


def read(stored: Mapping[str, Any]) -> Facts:
    """Return the facts of a revision, which were checked when it was published."""
    return msgspec.convert(stored, Facts)


def as_json(facts: Facts) -> dict[str, Any]:
    """Return facts as they are stored."""
    stored: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(facts)))
    return stored
