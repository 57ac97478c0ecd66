"""The form of a lab: its settings, and a prediction unless it is skipped. The forms of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django import forms
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.errors import BadConfig
from apps.common.fields import CleanTextField, PlainForm, WholeField
from apps.common.text import clean, in_language
from apps.experiments import chart_specs, lab_config, presenters, sketches
from apps.experiments.models import Prediction, Run
from apps.experiments.services import PredictionInput

CONFIG_PREFIX, SKETCH_PREFIX = lab_config.PREFIX, "sketch-"


@dataclass(frozen=True)
class Field:
    """A setting as the form shows it."""

    name: str  # in the form
    label: str
    kind: str  # "number", "text", "choice", "choices", "switch"
    value: Any  # as it was sent, else the current one
    bounds: str
    low: str
    high: str
    step: str
    choices: list[tuple[str, str, bool]]  # value, label, is chosen
    baseline: str  # as it is read
    baseline_raw: str  # as the form would send it
    is_changed: bool
    error: str
    max_chars: int = lab_config.MAX_VALUE_CHARS


@dataclass(frozen=True)
class Mark:
    """A bar of the sketch."""

    name: str
    arm: str
    label: str
    value: str
    error: str


def submitted_config(words: presenters.Words, data: QueryDict) -> dict[str, str]:
    """Return the settings that a form or a query sets, as text."""
    config = words.get("config", {})
    submitted = {
        name.removeprefix(CONFIG_PREFIX): data.getlist(name)
        for name in data
        if name.startswith(CONFIG_PREFIX)
    }
    many = {name for name, setting in config.items() if str(setting["type"]).startswith("list[")}
    return {
        clean(name): clean(", ".join(values) if name in many else values[-1])
        for name, values in submitted.items()
        if values
    }


class LabForm(forms.Form):
    """Settings and prediction. Shows what was sent, valid or not."""

    outcome = forms.ChoiceField(
        error_messages={"required": gettext_lazy("Choose what you think the run will show.")}
    )
    confidence = forms.TypedChoiceField(
        choices=Prediction.Confidence.choices,
        coerce=int,
        error_messages={
            "required": gettext_lazy("Choose how sure you are."),
            "invalid_choice": gettext_lazy("Choose one of the five options."),
        },
    )
    skip = forms.BooleanField(required=False)
    key = forms.CharField(max_length=Run.MAX_KEY_CHARS)

    def __init__(
        self,
        words: presenters.Words,
        data: QueryDict | None = None,
        *,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Read `data` if it was sent; else show `config`, with defaults for the rest."""
        super().__init__(data)
        self.words = words
        self.raw: Mapping[str, Any] = (
            submitted_config(words, data) if data is not None else dict(config or {})
        )
        self.config_errors: dict[str, str] = {}
        self.mark_errors: dict[str, str] = {}
        self.sketch: dict[str, float] = {}
        self.fields["outcome"].choices = presenters.outcome_choices(words)  # type: ignore[attr-defined]
        if data is not None and data.get("skip"):
            self.fields["outcome"].required = self.fields["confidence"].required = False
        self.config = self._read_config()

    def _read_config(self) -> dict[str, Any]:
        try:
            return lab_config.clean(self.words, self.raw)
        except BadConfig as error:
            self.config_errors = dict(error.extra["config"])
            return {}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.config_errors:
            self.add_error(None, _("Some settings are not valid; see Lab settings."))
        self.sketch = self._read_sketch()
        if self.mark_errors:
            self.add_error(None, _("Some values of your sketch are not valid; see their fields."))
        return values

    def _read_sketch(self) -> dict[str, float]:
        sketch = {}
        for arm in sketches.arms(self.words):
            text = str(self.data.get(SKETCH_PREFIX + arm, "")).strip()
            if not text:
                continue
            try:
                sketch[arm] = sketches.read_mark(self.words, text)
            except ValueError as error:
                self.mark_errors[arm] = str(error)
        return sketch

    @property
    def range(self) -> tuple[float, float]:
        return sketches.bounds(self.words)

    @property
    def bounds(self) -> dict[str, str]:
        """The range of a sketch, as it is read."""
        return {name: f"{bound:g}" for name, bound in zip(("low", "high"), self.range, strict=True)}

    @property
    def prediction(self) -> PredictionInput | None:
        """The prediction of a valid form; None if it was skipped."""
        if self.cleaned_data.get("skip"):
            return None
        return PredictionInput(
            self.cleaned_data["outcome"], self.cleaned_data["confidence"], self.sketch
        )

    # ------------------------------------------------------------ as it is shown

    @cached_property
    def fresh_key(self) -> str:
        """The idempotency key: the one that was sent, if it is valid, so that the same form sent
        twice queues one run.
        """
        sent = str(self.data.get("key", "")) if self.is_bound else ""
        return sent if 0 < len(sent) <= Run.MAX_KEY_CHARS and sent == clean(sent) else str(uuid4())

    def renew_key(self) -> None:
        self.fresh_key = str(uuid4())

    @property
    def settings(self) -> list[Field]:
        return [
            self._field(name, setting) for name, setting in presenters.ordered(self.words, "config")
        ]

    @property
    def stray_errors(self) -> list[str]:
        """Errors of settings that the lab does not have."""
        declared = self.words.get("config", {})
        return [
            f"{name}: {error}" for name, error in self.config_errors.items() if name not in declared
        ]

    @property
    def changes(self) -> int:
        return sum(field.is_changed for field in self.settings)

    def _field(self, name: str, setting: Mapping[str, Any]) -> Field:
        value = self.raw.get(name, setting["default"])
        value = (
            value[: lab_config.MAX_VALUE_CHARS]
            if isinstance(value, str)
            else presenters.config_text(value)
        )
        base, valid = presenters.config_text(setting["default"]), self.config.get(name)
        picked = [piece.strip() for piece in value.split(",")]
        low, high = (f"{bound:g}" for bound in setting["range"]) if "range" in setting else ("", "")
        return Field(
            name=CONFIG_PREFIX + name,
            label=in_language(setting),
            kind=_kind(setting),
            value=(valid if valid is not None else value in lab_config.TRUE)
            if setting["type"] == "bool"
            else value,
            bounds=_("%(low)s to %(high)s") % {"low": low, "high": high} if low else "",
            low=low,
            high=high,
            step="1" if setting["type"] == "int" else "any",
            choices=[
                (
                    presenters.config_text(c),
                    presenters.display_value(setting, c),
                    presenters.config_text(c) in picked,
                )
                for c in setting.get("choices", [])
            ],
            baseline=presenters.display_value(setting, setting["default"]),
            baseline_raw=base,
            is_changed=valid != setting["default"] if valid is not None else value != base,
            error=self.config_errors.get(name, ""),
        )

    @property
    def marks(self) -> list[Mark]:
        drawn = sketches.arms(self.words)
        labels = chart_specs.arm_labels(self.words, drawn)
        return [
            Mark(
                SKETCH_PREFIX + arm,
                arm,
                labels[arm],
                str(self.data.get(SKETCH_PREFIX + arm, ""))[: lab_config.MAX_VALUE_CHARS],
                self.mark_errors.get(arm, ""),
            )
            for arm in drawn
        ]


def _kind(setting: Mapping[str, Any]) -> str:
    kind = str(setting["type"])
    if kind == "bool":
        return "switch"
    if "choices" in setting:
        return "choices" if kind.startswith("list[") else "choice"
    return "number" if kind in ("int", "float") else "text"


class VisibilityForm(PlainForm):
    """Who may see a run."""

    shared = forms.TypedChoiceField(
        choices=[("0", ""), ("1", "")],
        coerce=lambda value: value == "1",
        error_messages=dict.fromkeys(
            ("required", "invalid_choice"), gettext_lazy("`shared` must be 1 or 0.")
        ),
    )


class RerunForm(PlainForm):
    """The button that queues a run again, with more replicates perhaps. `key`: idempotency key."""

    replicates = WholeField()
    key = CleanTextField(required=False)

    def clean_replicates(self) -> int:
        replicates: int = self.cleaned_data["replicates"]
        allowed = (Run.STANDARD_REPLICATES, *Run.MORE_REPLICATES)
        if replicates not in allowed:
            raise forms.ValidationError(
                _("`replicates` must be one of %(allowed)s.")
                % {"allowed": ", ".join(map(str, allowed))}
            )
        return replicates

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if not 1 <= len(key) <= Run.MAX_KEY_CHARS:
            raise forms.ValidationError(
                _("`key` must be a text of 1 to %(n)d characters that identifies this request.")
                % {"n": Run.MAX_KEY_CHARS}
            )
        return key
