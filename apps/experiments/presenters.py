"""How labs, runs and verdicts read: in the reader's language, with their numbers as a person would
write them. No queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from apps.common.number_format import NOTHING, format_number
from apps.common.text import in_language, join_list
from apps.experiments import lab_config
from apps.experiments.chart_specs import Words as Words
from apps.experiments.chart_specs import newest
from apps.experiments.models import Outcome, Prediction, Run, Verdict

BRIEF = re.compile(r"[:：(（]")  # what a short form ends at
GLYPHS = {
    "holds": "tick",
    "depends": "depends",
    "does_not_hold": "cross",
    "inconclusive": "unclear",
}
PREDICTABLE_OUTCOMES = [
    Outcome.HOLDS,
    Outcome.DEPENDS,
    Outcome.DOES_NOT_HOLD,
]  # what one may predict


@dataclass(frozen=True)
class Shown:
    """A number in a lab's sentence: any format of it can be read, a dash where there is none."""

    value: float | None

    def __format__(self, spec: str) -> str:
        return number(self.value, spec or ".3g")


def ordered(words: Words, table: str) -> list[tuple[str, Any]]:
    """Return a table of a lab's words in the order of its file, which the database forgets."""
    own = words.get(table, {})
    order = [name for name in words.get("order", {}).get(table, []) if name in own]
    return [(name, own[name]) for name in [*order, *(name for name in own if name not in order)]]


def number(value: float | None, spec: str = ".3g") -> str:
    """Return `value` by a format spec; a dash where there is none."""
    return format_number(value, spec)


def span(low: float | None, high: float | None, spec: str = ".3g") -> str:
    """Return an interval in words; nothing where there is none."""
    if low is None or high is None:
        return ""
    return _("%(low)s to %(high)s") % {"low": number(low, spec), "high": number(high, spec)}


def fact(value: Any) -> str:
    """Return what a lab reports of a run beside its points: words, or numbers."""
    if isinstance(value, list):
        return join_list(map(fact, value))
    return number(value, ".6g") if isinstance(value, float) else str(value)


def seconds(value: float | None) -> str:
    """Return a length of time as a person would say it."""
    if value is None:
        return NOTHING
    if value < 10:
        return _("%(n)s s") % {"n": number(value, ".1f").removesuffix(".0")}
    if value < 90:
        return _("%(n)s s") % {"n": number(value, ".0f")}
    return _("%(n)s min") % {"n": number(value / 60, ".0f")}


# ---------------------------------------------------------------- claims and verdicts


@dataclass(frozen=True)
class Part:
    """One condition of a claim that has several."""

    label: str
    outcome: str
    word: str
    glyph: str
    effect: str
    interval: str
    replicates: int


@dataclass(frozen=True)
class PresentedVerdict:
    """A verdict as it is read."""

    claim: str
    statement: str
    outcome: str
    word: str
    glyph: str
    said: str  # the lab's own sentence for this outcome, with its numbers
    why: str
    source: str
    effect: str
    interval: str
    replicates: int
    diverged: int
    exact: bool
    parts: Sequence[Part] = ()


def claim_words(words: Words, slug: str) -> Words:
    found = words.get("claims", {}).get(slug)
    return found if isinstance(found, Mapping) else {}


def statement(words: Words, slug: str) -> str:
    """Return a claim as people say it; its name where the lab no longer has words for it."""
    return in_language(claim_words(words, slug)) or slug


def headline_claim(words: Words) -> str:
    """Return the name of the claim that a learner predicts."""
    return str(words.get("predict", {}).get("claim", ""))


def present_verdict(words: Words, verdict: Verdict) -> PresentedVerdict:
    own = claim_words(words, verdict.claim)
    spec = str(own.get("effect", ".3g"))
    return PresentedVerdict(
        claim=verdict.claim,
        statement=statement(words, verdict.claim),
        outcome=verdict.outcome,
        word=str(Outcome(verdict.outcome).label),
        glyph=GLYPHS[verdict.outcome],
        said=_said(own, verdict),
        why=in_language(own, "why"),
        source=_source(own.get("source")),
        effect=number(verdict.effect, spec),
        interval=span(verdict.low, verdict.high, spec),
        replicates=verdict.replicates,
        diverged=verdict.diverged,
        exact=verdict.exact,
        parts=[_part(own, part, spec) for part in verdict.parts],
    )


def present_verdicts(words: Words, verdicts: Iterable[Verdict]) -> list[PresentedVerdict]:
    """Return what a run found, the headline claim first."""
    first = headline_claim(words)
    return sorted(
        (present_verdict(words, verdict) for verdict in verdicts),
        key=lambda found: found.claim != first,
    )


def _said(own: Words, verdict: Verdict) -> str:
    said = own.get("sentences", {})
    if verdict.effect is None:
        return in_language(said, "none") or _(
            "Too few replicates stayed finite to draw a conclusion."
        )
    sentence = in_language(said, verdict.outcome)
    names = ("effect", "low", "high", "replicates")
    try:
        return sentence.format(**{name: Shown(getattr(verdict, name)) for name in names})
    except (KeyError, ValueError, IndexError, AttributeError):  # words of another version
        return ""


def _source(raw: Any) -> str:
    if isinstance(raw, Mapping):
        return in_language(raw)
    return "; ".join(map(str, raw)) if isinstance(raw, list) else str(raw or "")


def _part(own: Words, part: Mapping[str, Any], spec: str) -> Part:
    name, outcome = str(part.get("name", "")), str(part.get("outcome", Outcome.INCONCLUSIVE))
    about = own.get("parts", {}).get(name, {})
    spec = str(about.get("effect", spec))
    return Part(
        label=in_language(about) or name,
        outcome=outcome,
        word=str(Outcome(outcome).label),
        glyph=GLYPHS[outcome],
        effect=number(part.get("effect"), spec),
        interval=span(part.get("low"), part.get("high"), spec),
        replicates=int(part.get("replicates") or 0),
    )


# ---------------------------------------------------------------- predictions


def outcome_choices(words: Words) -> list[tuple[str, str]]:
    """Return the outcomes one may predict of the headline claim, in the lab's own words."""
    own = claim_words(words, headline_claim(words)).get("predictions", {})
    return [
        (outcome.value, in_language(own, outcome.value) or str(outcome.label))
        for outcome in PREDICTABLE_OUTCOMES
    ]


@dataclass(frozen=True)
class PresentedPrediction:
    """A prediction as it is read."""

    word: str  # the outcome, in the lab's own words
    brief: str  # what of them stands before the colon
    confidence: int
    was_right: bool | None
    score: str
    gap: str  # mean distance of the sketch from what was measured; nothing where nothing was drawn
    sketch: Mapping[str, float] = field(default_factory=dict)


def present_prediction(
    words: Words, made: Prediction | None, points: Sequence[Mapping[str, Any]] = ()
) -> PresentedPrediction | None:
    if made is None:
        return None
    measured = newest(points, str(words.get("predict", {}).get("series", "")))
    gaps = [
        abs(value - measured[arm].mean) for arm, value in made.sketch.items() if arm in measured
    ]
    word = dict(outcome_choices(words)).get(made.outcome, made.outcome)
    return PresentedPrediction(
        word=word,
        brief=BRIEF.split(word)[0].strip(),
        confidence=made.confidence,
        was_right=made.was_right,
        score=number(made.score, ".2f"),
        gap=number(sum(gaps) / len(gaps), ".2g") if gaps else "",
        sketch=made.sketch,
    )


def prediction_of(run: Run) -> Prediction | None:
    """Return the prediction that was made of a run, if one was."""
    return getattr(run, "prediction", None)


# ---------------------------------------------------------------- settings


@dataclass(frozen=True)
class Setting:
    """A setting as a run had it."""

    name: str
    label: str
    value: str
    baseline: str
    is_changed: bool
    is_long: bool  # too long to stand beside its label


def config_text(value: Any) -> str:
    """Return a setting's value as a person would type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(config_text, value))
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def display_value(setting: Words, value: Any) -> str:
    """Return a setting's value as it is read: in words where the lab has them."""
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, list):
        return ", ".join(display_value(setting, one) for one in value)
    return in_language(setting.get("labels", {}), config_text(value)) or config_text(value)


def settings_of(words: Words, config: Mapping[str, Any]) -> list[Setting]:
    different = lab_config.changed(words, config)
    return [
        Setting(
            name=name,
            label=in_language(setting),
            value=display_value(setting, config.get(name, setting["default"])),
            baseline=display_value(setting, setting["default"]),
            is_changed=name in different,
            is_long=isinstance(setting["default"], list),
        )
        for name, setting in ordered(words, "config")
    ]
