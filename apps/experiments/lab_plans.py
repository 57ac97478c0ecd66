"""What is known of a lab before it is written: from its name, or from the coverage catalogue."""

from __future__ import annotations

import builtins
import keyword
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# names in the templates of `skeleton`, which no rule may take
TAKEN = {"run", "length", "measure", "values", "work", "check", "grid", "facts", "claim"}
TAKEN |= {"batches", "partial", "torch", "nn", "grad", "vmap", "dataclass", "cross_entropy"}
TAKEN |= {"best_device", "one_thread", "load_digits", "shuffle_generators", *dir(builtins)}


@dataclass(frozen=True)
class Setting:
    """A setting of a lab, as code and words declare it."""

    name: str
    type: str  # int, float, bool, str, list[int], list[float], list[str]
    default: Any
    meaning: str
    bounds: Mapping[str, list[Any]]  # range or choices
    remark: str = ""  # what the catalogue says of bounds that neither can express

    @property
    def annotation(self) -> str:
        inner = self.type.removeprefix("list[").removesuffix("]")
        return f"tuple[{inner}, ...]" if self.type.startswith("list[") else inner


@dataclass(frozen=True)
class Claim:
    slug: str  # lab.claim
    statement: str
    rule: str = ""
    measured: str = ""
    expected: str = ""
    sources: str = ""  # places in the catalogue's source documents

    @property
    def function(self) -> str:
        """The name of the function that is its rule."""
        name = self.slug.partition(".")[2].replace("-", "_")
        is_free = name.isidentifier() and not keyword.iskeyword(name) and name not in TAKEN
        return name if is_free else f"rule_{name}"


# the setting that the template of each kind of lab reads, with bounds within which it may
USED = {
    "training": Setting("epochs", "int", 3, "training epochs", {"range": [1, 1000]}),
    "benchmark": Setting("repeats", "int", 10, "turns in a round, at most", {"range": [3, 1000]}),
    "analytic": Setting("x_max", "float", 4.0, "half-width of the picture", {"range": [1, 30]}),
}


@dataclass(frozen=True)
class Plan:
    """What is known of a lab before it is written."""

    slug: str
    topic: str
    kind: str = "training"
    title: tuple[str, str] = (
        "TODO: what the lab is called, and what it asks",
        "TODO：实验名称，以及它要回答的问题",
    )
    shows: str = "TODO: what the learner sees, in two or three sentences."
    data: str = "TODO: the data, how many, and what they are used for"
    seconds: float = 10
    settings: Sequence[Setting] = ()
    claims: Sequence[Claim] = ()
    remarks: Sequence[str] = ()  # what else the catalogue says

    @property
    def used(self) -> Setting | None:
        """The setting that the template reads, where the lab has one of its name and size."""
        wanted = USED[self.kind]
        low, high = wanted.bounds["range"]
        for setting in self.settings:
            if (setting.name, setting.type) == (wanted.name, wanted.type):
                first, last = setting.bounds.get("range", (-math.inf, math.inf))
                return setting if low <= first and last <= high else None
        return None


def free(slug: str, topic: str, kind: str) -> Plan:
    """Return the plan of a lab of which only the name is known."""
    statement = "TODO: a statement that people make, with what, on what, and when"
    claims = [Claim(f"{slug}.first-claim", statement)]
    return Plan(slug, topic, kind, settings=[USED[kind]], claims=claims)


def from_catalogue(slug: str, topic: str, entry: Mapping[str, Any]) -> Plan:
    """Return the plan of a lab of the coverage catalogue."""
    outputs = [f"It should show: {text}" for text in entry.get("outputs", [])]
    data = entry.get("data", {})
    return Plan(
        slug=slug,
        topic=topic,
        kind=entry["kind"],
        title=(_one_line(entry["title_en"]), _one_line(entry["title_zh"])),
        shows=_one_line(entry["shows"]),
        data=_one_line(data.get("note") or data.get("default") or Plan.data),
        seconds=entry.get("cost", Plan.seconds),
        settings=[_setting(parameter) for parameter in entry["parameters"]],
        claims=[
            Claim(
                claim["id"],
                _one_line(claim["statement"]),
                _one_line(claim["verdict_rule"]),
                _one_line(claim["how_measured"]),
                _one_line(f"{claim['expected_verdict'].replace('_', ' ')}. {claim['expected']}"),
                "; ".join(map(str, claim.get("source", []))),
            )
            for claim in entry["claims"]
        ],
        remarks=[*outputs, f"Questions that link here: {', '.join(entry.get('questions', []))}"],
    )


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())


def _setting(parameter: Mapping[str, Any]) -> Setting:
    """Return a setting with bounds that contain its default."""
    name, type_ = parameter["name"], parameter["type"]
    name = f"{name}_" if keyword.iskeyword(name) else name
    is_list, inner = type_.startswith("list["), type_.removeprefix("list[").removesuffix("]")
    default, choices = parameter["default"], parameter.get("choices")
    if default == "all" and is_list:
        default = choices
    values = list(default) if is_list else [default]
    if inner == "float":
        values = [float(value) for value in values]
    default = values if is_list else values[0]
    meaning = _one_line(parameter.get("meaning", name))
    if choices and all(value in choices for value in values):
        if inner == "float":
            choices = [float(choice) for choice in choices]
        return Setting(name, type_, default, meaning, {"choices": choices})
    if "range" in parameter:
        low, high = parameter["range"]
        if inner == "int":
            low, high = math.floor(low), math.ceil(high)
        return Setting(name, type_, default, meaning, {"range": [low, high]})
    remark = _one_line(parameter.get("constraint") or choices or "")
    if inner in ("int", "float"):
        return Setting(name, type_, default, meaning, {"range": [min(values), max(values)]}, remark)
    choices = list(dict.fromkeys(values))
    return Setting(name, type_, default, meaning, {"choices": choices}, remark)
