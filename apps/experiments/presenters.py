"""How labs, runs and verdicts read: in the reader's language, with their numbers as a person would
write them. No queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.common.errors import VerdictHidden
from apps.common.number_format import NOTHING, format_number, percent
from apps.common.text import in_language, join_list
from apps.common.topics import topic_title
from apps.experiments import lab_config
from apps.experiments.chart_specs import Words as Words
from apps.experiments.chart_specs import newest
from apps.experiments.models import Lab, Outcome, Prediction, Run, Verdict
from apps.experiments.opened_verdicts import Subject
from apps.experiments.selectors import RunsDone, VerdictAccess, default_subject

END_OF_BRIEF = re.compile(r"[:：(（]")
GLYPHS = {
    "holds": "tick",
    "depends": "depends",
    "does_not_hold": "cross",
    "inconclusive": "unclear",
}
SHORT_KEY_CHARS = 8  # of a run, where it is cited
PREDICTABLE_OUTCOMES = [Outcome.HOLDS, Outcome.DEPENDS, Outcome.DOES_NOT_HOLD]


@dataclass(frozen=True)
class SentenceNumber:
    """A number in a lab's sentence: takes any format spec; a dash where there is none."""

    value: float | None

    def __format__(self, spec: str) -> str:
        return number(self.value, spec or ".3g")


def ordered(words: Words, table: str) -> list[tuple[str, Any]]:
    """Return a table of a lab's words in the order of its file, which jsonb does not keep."""
    entries = words.get(table, {})
    order = [name for name in words.get("order", {}).get(table, []) if name in entries]
    rest = [name for name in entries if name not in order]
    return [(name, entries[name]) for name in [*order, *rest]]


def number(value: float | None, spec: str = ".3g") -> str:
    """Return `value` by a format spec; a dash where there is none."""
    return format_number(value, spec)


def span(low: float | None, high: float | None, spec: str = ".3g") -> str:
    """Return an interval in words; nothing where there is none."""
    if low is None or high is None:
        return ""
    return _("%(low)s to %(high)s") % {"low": number(low, spec), "high": number(high, spec)}


def fact(value: Any) -> str:
    """Return a value of a run's summary as it is read."""
    if isinstance(value, list):
        return join_list(map(fact, value))
    return number(value, ".6g") if isinstance(value, float) else str(value)


def seconds(value: float | None) -> str:
    """Return a duration as a person would write it."""
    if value is None:
        return NOTHING
    if value < 10:
        return _("%(n)s s") % {"n": number(value, ".1f").removesuffix(".0")}
    if value < 90:
        return _("%(n)s s") % {"n": number(value, ".0f")}
    return _("%(n)s min") % {"n": number(value / 60, ".0f")}


# ---------------------------------------------------------------- labs


def lab_seconds(words: Words) -> str:
    """Return how long a run of a lab takes at its default settings."""
    return seconds(words.get("profile", {}).get("standard", {}).get("seconds"))


ACCESS_WORDS = {
    VerdictAccess.PREDICTED: gettext_lazy("predicted"),
    VerdictAccess.OPENED: gettext_lazy("opened"),
    VerdictAccess.NONE: gettext_lazy("hidden"),
}


def lab_row(
    lab: Lab,
    accesses: Mapping[Subject, VerdictAccess],
    runs: Mapping[str, RunsDone],
    scores: Mapping[str, float | None],
) -> dict[str, Any]:
    """Return a lab of `selectors.catalogue` as a table of labs shows it.

    Args:
        accesses: of the reader, by `selectors.default_subject`.
        runs, scores: how many are done, and the reader's mean Brier score, by the lab's slug.
    """
    done = runs.get(lab.slug, RunsDone())
    return {
        "lab": lab,
        "topic": topic_title(lab.topic),
        "seconds": seconds(lab.current_version.words_row.seconds),
        "score": number(scores.get(lab.slug), ".2f"),
        "access": ACCESS_WORDS[accesses[default_subject(lab)]],
        "runs": done.by_all,
        "own_runs": done.own,
    }


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
    sentence: str  # the lab's own for this outcome, with its numbers
    why: str
    source: str
    effect: str
    interval: str
    replicates: int
    diverged: int
    exact: bool
    parts: Sequence[Part] = ()


def claim_words(words: Words, slug: str) -> Words:
    claim = words.get("claims", {}).get(slug)
    return claim if isinstance(claim, Mapping) else {}


def statement(words: Words, slug: str) -> str:
    """Return a claim as a sentence; its name where the lab has no words for it any more."""
    return in_language(claim_words(words, slug)) or slug


def headline_claim(words: Words) -> str:
    """Return the name of the claim that a learner predicts."""
    return str(words.get("predict", {}).get("claim", ""))


def ledger_url(claim: str) -> str:
    """Return the address of a claim in the ledger, on the page of its lab's claims."""
    lab = claim.partition(".")[0]
    return f"{reverse('experiments:claims')}?{urlencode({'lab': lab})}#{quote(claim)}"


def present_verdict(words: Words, verdict: Verdict) -> PresentedVerdict:
    return present_claim_verdict(claim_words(words, verdict.claim), verdict)


def present_claim_verdict(claim: Words, verdict: Verdict) -> PresentedVerdict:
    """Return a verdict as it is read.

    Args:
        claim: the words of its claim (`Claim.words`).
    """
    spec = str(claim.get("effect", ".3g"))
    return PresentedVerdict(
        claim=verdict.claim,
        statement=in_language(claim) or verdict.claim,
        outcome=verdict.outcome,
        word=str(Outcome(verdict.outcome).label),
        glyph=GLYPHS[verdict.outcome],
        sentence=_sentence(claim, verdict),
        why=in_language(claim, "why"),
        source=_source(claim.get("source")),
        effect=number(verdict.effect, spec),
        interval=span(verdict.low, verdict.high, spec),
        replicates=verdict.replicates,
        diverged=verdict.diverged,
        exact=verdict.exact,
        parts=[_part(claim, part, spec) for part in verdict.parts],
    )


def present_verdicts(words: Words, verdicts: Iterable[Verdict]) -> list[PresentedVerdict]:
    """Return a run's verdicts as they are read, the headline claim first."""
    return [present_verdict(words, verdict) for verdict in _headline_first(words, verdicts)]


def _headline_first(words: Words, verdicts: Iterable[Verdict]) -> list[Verdict]:
    first = headline_claim(words)
    return sorted(verdicts, key=lambda verdict: verdict.claim != first)


@dataclass(frozen=True)
class FoldedVerdict:
    """What stands in place of a verdict, and of curves, that their reader may not see yet."""

    run: Run
    predict_url: str  # empty: the lab's present code is another one, and predicts nothing of it
    next: str  # the page to come back to
    is_repeated: bool = False  # the fold before it opens this one, too


def fold(run: Run, page: str = "", *, back: str = "") -> FoldedVerdict:
    """Return the fold of a run with its version and lab.

    Args:
        page: path to come back to when it is opened; empty: the run's own.
        back: path that the lab's page leads back to.
    """
    lab, url = run.version.lab, ""
    if not lab.withdrawn and lab.current_id == run.version_id:
        query = {"from": "" if run.at_defaults else str(run.pk), "back": back}
        query = {name: value for name, value in query.items() if value}
        url = reverse("experiments:lab", args=[lab.pk])
        url += f"?{urlencode(query)}" if query else ""
    return FoldedVerdict(run, url, page or reverse("experiments:run", args=[run.pk]))


def predict_again_url(run: Run) -> str:
    """Return the address of the lab's page with the settings of a run; empty: it was withdrawn."""
    lab = run.version.lab
    if lab.withdrawn:
        return ""
    url = reverse("experiments:lab", args=[lab.pk])
    return url if run.at_defaults else f"{url}?{urlencode({'from': run.pk})}"


def fork_url(run: Run) -> str:
    """Return the address of the lab's page with those settings of a run, written out, that are not
    at their defaults: it works without the run. Empty: there are none, or the lab was withdrawn.
    """
    lab, words = run.version.lab, run.version.words
    changed = lab_config.changed(words, run.config)
    if lab.withdrawn or not changed:
        return ""
    query = {lab_config.PREFIX + name: config_text(run.config[name]) for name in changed}
    return f"{reverse('experiments:lab', args=[lab.pk])}?{urlencode(query)}"


def verdict_hidden(run: Run) -> VerdictHidden:
    """Return the error that says how to come by the points of a run."""
    page = reverse("experiments:run", args=[run.pk])
    message = _(
        "These points would give the verdict away. Predict it first, or choose to see it: both "
        "begin on the run's page."
    )
    opening = reverse("experiments:verdict-open", args=[run.pk])
    return VerdictHidden(message, page=page, open=opening, predict=fold(run).predict_url)


def _sentence(claim: Words, verdict: Verdict) -> str:
    sentences = claim.get("sentences", {})
    if verdict.effect is None:
        default = _("Too few replicates stayed finite to draw a conclusion.")
        return in_language(sentences, "none") or default
    sentence = in_language(sentences, verdict.outcome)
    names = ("effect", "low", "high", "replicates")
    try:
        return sentence.format(**{name: SentenceNumber(getattr(verdict, name)) for name in names})
    except (KeyError, ValueError, IndexError, AttributeError):  # words of another version
        return ""


def _source(raw: Any) -> str:
    if isinstance(raw, Mapping):
        return in_language(raw)
    return "; ".join(map(str, raw)) if isinstance(raw, list) else str(raw or "")


def _part(claim: Words, part: Mapping[str, Any], spec: str) -> Part:
    name, outcome = str(part.get("name", "")), str(part.get("outcome", Outcome.INCONCLUSIVE))
    about = claim.get("parts", {}).get(name, {})
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


def outcome_counts(counts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Return glyph, word and number of each outcome that any runs came to."""
    return [
        (GLYPHS[outcome.value], str(outcome.label), counts[outcome.value])
        for outcome in Outcome
        if counts.get(outcome.value)
    ]


# ---------------------------------------------------------------- predictions


def outcome_choices(words: Words) -> list[tuple[str, str]]:
    """Return the outcomes one may predict of the headline claim, in the lab's own words."""
    sentences = claim_words(words, headline_claim(words)).get("predictions", {})
    return [
        (outcome.value, in_language(sentences, outcome.value) or str(outcome.label))
        for outcome in PREDICTABLE_OUTCOMES
    ]


@dataclass(frozen=True)
class PresentedPrediction:
    """A prediction as it is read."""

    word: str  # the outcome, in the lab's own words
    brief: str  # the same up to a colon or bracket
    confidence: int
    was_right: bool | None
    score: str
    gap: str  # mean error of the sketch; empty without one
    not_counted: str  # why it does not count for calibration; empty: it does
    sketch: Mapping[str, float] = field(default_factory=dict)


def outcome_brief(words: Words, outcome: str) -> str:
    """Return an outcome of the headline claim in the lab's own words, up to a colon or bracket."""
    word = dict(outcome_choices(words)).get(outcome) or str(Outcome(outcome).label)
    return END_OF_BRIEF.split(word)[0].strip()


def present_prediction(
    words: Words, prediction: Prediction | None, points: Sequence[Mapping[str, Any]] = ()
) -> PresentedPrediction | None:
    if prediction is None:
        return None
    measured = newest(points, str(words.get("predict", {}).get("series", "")))
    gaps = [
        abs(value - measured[arm].mean)
        for arm, value in prediction.sketch.items()
        if arm in measured
    ]
    word = dict(outcome_choices(words)).get(prediction.outcome, prediction.outcome)
    return PresentedPrediction(
        word=word,
        brief=outcome_brief(words, prediction.outcome),
        confidence=prediction.confidence,
        was_right=prediction.was_right,
        score=number(prediction.score, ".2f"),
        gap=number(sum(gaps) / len(gaps), ".2g") if gaps else "",
        not_counted=prediction.get_not_counted_display(),
        sketch=prediction.sketch,
    )


@dataclass(frozen=True)
class Headline:
    """What a finished run's page says first."""

    kind: str  # right, wrong, open (the run decided nothing), not-counted, neutral
    text: str


def verdict_headline(
    words: Words, verdict: PresentedVerdict, called: PresentedPrediction | None
) -> Headline:
    """Return whether the reader was right, and what came out, in the words that they chose from.

    Args:
        verdict: the first of the run.
        called: the reader's own prediction; None where they made none, or the run is another's.
    """
    if called is None or verdict.claim != headline_claim(words):
        return Headline("neutral", verdict.sentence or verdict.statement)
    names = {
        "sure": percent(called.confidence / 100),
        "answer": outcome_brief(words, verdict.outcome),
        "reason": called.not_counted,
    }
    if called.was_right is None:
        text = _("Neither right nor wrong, at %(sure)s: the run could not decide")
        return Headline("open", text % names)
    if called.not_counted:
        text = _("Not counted: %(reason)s. The answer is “%(answer)s”")
        return Headline("not-counted", text % names)
    if called.was_right:
        return Headline(
            "right", _("You were right, at %(sure)s: the answer is “%(answer)s”") % names
        )
    return Headline("wrong", _("You were wrong, at %(sure)s: the answer is “%(answer)s”") % names)


def prediction_of(run: Run) -> Prediction | None:
    """Return the prediction of a run, or None."""
    return getattr(run, "prediction", None)


# ---------------------------------------------------------------- runs


def lost_sentence(attempts: int) -> str:
    """Return why a run was lost, after so many run attempts."""
    sentence = ngettext(
        "Our workers failed to finish this run %(n)s time. Neither the time nor the prediction "
        "is counted.",
        "Our workers failed to finish this run %(n)s times. Neither the time nor the prediction "
        "is counted.",
        attempts,
    )
    return sentence % {"n": attempts}


def time_left(run: Run, now: datetime) -> str:
    """Return how long a running run will still take, at its pace so far; nothing if unknown."""
    if run.state != Run.State.RUNNING or run.started_at is None:
        return ""
    if not run.points_expected or not run.points_done:
        return ""
    elapsed = max(0.0, (now - run.started_at).total_seconds())
    return seconds(elapsed * (run.points_expected - run.points_done) / run.points_done)


def device_text(device: Mapping[str, Any]) -> str:
    """Return what a run was measured on (`wire.Device`); nothing if unknown."""
    if not device:
        return ""
    parts = [str(device.get("name") or str(device.get("kind", "")).upper())]
    if device.get("kind") == "cpu" and device.get("cores"):
        parts.append(_("%(n)s cores") % {"n": device["cores"]})
    return ", ".join(part for part in parts if part)


def run_caption(run: Run) -> str:
    """Return how a run is called where it is cited."""
    names = {"id": str(run.pk)[:SHORT_KEY_CHARS], "who": run.owner.handle}
    if run.owner.is_project:
        return _("Recorded run %(id)s") % names
    return _("Run %(id)s by %(who)s") % names


def run_row(run: Run, *, is_shown: bool, why: str = "") -> dict[str, Any]:
    """Return a run as a table of runs shows it.

    Args:
        is_shown: whether the reader may see its verdict.
        why: it has no result (`queue_words.why`).
    """
    words = run.version.words
    verdicts = _headline_first(words, run.verdicts.all()) if is_shown else []
    return {
        "run": run,
        "words": words,
        "why": why,
        "changed": [setting for setting in settings_of(words, run.config) if setting.is_changed],
        "first": present_verdict(words, verdicts[0]) if verdicts else None,
        "is_folded": not is_shown,
        "called": present_prediction(words, prediction_of(run)),
        "done": percent(run.points_done / run.points_expected) if run.points_expected else "",
    }


def short_name(run: Run) -> str:
    """Return by which name a run is told apart where it stands beside others."""
    return _("run %(id)s") % {"id": str(run.pk)[:SHORT_KEY_CHARS]}


def comparable_run(run: Run) -> dict[str, Any]:
    """Return a run as it is offered to be compared with: its day and what was changed in it."""
    changed = [row for row in settings_of(run.version.words, run.config) if row.is_changed]
    return {
        "pk": str(run.pk),
        "name": short_name(run),
        "at": run.queued_at,
        "changed": join_list(f"{setting.label} {setting.value}" for setting in changed),
    }


# ---------------------------------------------------------------- settings


@dataclass(frozen=True)
class Setting:
    """A setting of a run as it is read."""

    name: str
    label: str
    value: str
    baseline: str
    is_changed: bool
    is_long: bool  # does not fit beside its label


def config_text(value: Any) -> str:
    """Return a setting's value as a person would type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(config_text, value))
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def display_value(setting: Words, value: Any) -> str:
    """Return a setting's value as it is read: by its label where the lab has one."""
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
