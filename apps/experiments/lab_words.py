"""What a lab's .toml says, as types; docs/labs.md explains the tables."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from apps.common.structs import BadFact, Bilingual, BothLanguages, Record, Topic

Scalar = bool | int | float | str
Value = Annotated[
    Scalar | list[Scalar], Meta(description="a number, a text, true or false, or a list of them")
]
Position = Annotated[int, Meta(ge=0, le=32767, description="a whole number from 0 to 32767")]
Count = Annotated[int, Meta(ge=1, description="a whole number from 1")]
Range = Annotated[tuple[float, float], Meta(description="[low, high]")]
ClaimName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9-]+\.[a-z0-9-]+\Z",
        max_length=128,
        description="lab.claim, such as dead-relu.lr-kills",
    ),
]
Format = Annotated[str, Meta(min_length=1, description="a format of numbers, such as “.1%”")]


class Predict(Record, frozen=True):
    claim: str
    form: Literal["bars", "none"]
    series: str = ""
    arms: list[str] = []
    range: Range | None = None

    def __post_init__(self) -> None:
        if self.form == "bars" and not (self.series and self.arms and self.range):
            raise BadFact((), "a prediction with bars names series, arms and range = [low, high]")


class Figure(Record, frozen=True):
    kind: Literal["curves", "bars"]
    series: str
    arms: Annotated[list[str], Meta(min_length=1, description='a list of arms: ["relu *"]')]
    title: BothLanguages
    x: BothLanguages | None = None
    to: str = ""
    log_x: bool = False


class Profile(Record, frozen=True):
    replicates: Count
    seconds: Annotated[float, Meta(gt=0, description="a number above 0")]
    config: dict[str, Value] = {}


class Profiles(Record, frozen=True):
    quick: Profile
    standard: Profile


class Setting(Bilingual, frozen=True):
    type: Literal["int", "float", "bool", "str", "list[int]", "list[float]", "list[str]"]
    default: Value
    range: Range | None = None
    choices: list[Scalar] = []
    labels: dict[str, BothLanguages] = {}

    def __post_init__(self) -> None:
        if bool(self.range) == bool(self.choices):
            raise BadFact((), "a setting has either range = [low, high] or choices = […]")


class Series(Bilingual, frozen=True):
    unit: BothLanguages
    foot: float = 0.0
    range: Range | None = None  # of its axis, from the first frame on
    not_found: float | None = None  # the value that stands for "none": drawn as no bar


class Predictions(Record, frozen=True):
    holds: BothLanguages
    depends: BothLanguages
    does_not_hold: BothLanguages


class Sentences(Predictions, frozen=True):
    inconclusive: BothLanguages
    no_effect: BothLanguages = field(name="none")


class Part(Bilingual, frozen=True):
    effect: Format | None = None


class Claim(Bilingual, frozen=True):
    effect: Format
    why: BothLanguages
    sentences: Sentences
    predictions: Predictions | None = None
    parts: dict[str, Part] = {}
    source: str = ""


class Words(Record, frozen=True):
    topic: Topic
    kind: Literal["training", "benchmark", "analytic"]
    queue: Literal["labs", "bench"]
    predict: Predict
    figures: list[Figure]
    profile: Profiles
    title: BothLanguages
    question: BothLanguages
    shows: BothLanguages
    model: BothLanguages
    data: BothLanguages
    config: dict[str, Setting]
    arms: dict[str, BothLanguages]
    series: dict[str, Series]
    claims: dict[ClaimName, Claim]
    position: Position | None = None

    def __post_init__(self) -> None:
        if not (claim := self.claims.get(self.predict.claim)) or not claim.predictions:
            message = f"is no claim with predictions; there are {', '.join(sorted(self.claims))}"
            raise BadFact(("predict", "claim"), f"{self.predict.claim} {message}")
