"""Runs of one lab beside each other, as their page shows them: what was set, what came out, and one
chart with a line or bar for each run. No queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.common.number_format import NOTHING
from apps.common.text import join_list
from apps.experiments import chart_specs, lab_config, presenters
from apps.experiments.models import Run
from apps.experiments.opened_verdicts import Subject
from apps.experiments.presenters import FoldedVerdict, PresentedPrediction, PresentedVerdict
from apps.experiments.selectors import subject_of

Curves = list[dict[str, Any]]


@dataclass(frozen=True)
class Column:
    """A run, as a table of runs names and shows it."""

    run: Run
    name: str
    is_baseline: bool
    colour: int | None  # of its line in the chart; None: it has none, or the baseline's
    verdicts: Mapping[str, PresentedVerdict]  # by claim; none that its reader may not see
    called: PresentedPrediction | None
    fold: FoldedVerdict | None  # in place of verdicts and line
    took: str


@dataclass(frozen=True)
class Row:
    """What the runs have in common, or not, in one respect."""

    label: str
    name: str  # of a setting
    values: Sequence[str]
    differs: bool


@dataclass(frozen=True)
class ClaimRow:
    """A claim, with each run's verdict on it."""

    statement: str
    verdicts: Sequence[PresentedVerdict | None]


@dataclass(frozen=True)
class Comparison:
    columns: Sequence[Column]
    settings: Sequence[Row]  # those that differ first
    claims: Sequence[ClaimRow]

    @property
    def differing(self) -> int:
        """How many settings, or other things that were set, are not the same in all runs."""
        return sum(row.differs for row in self.settings)

    @property
    def folded(self) -> list[tuple[str, FoldedVerdict]]:
        """The folds, each with the names of its runs: those of the same settings open together."""
        of_subject: dict[Subject, list[Column]] = {}
        for column in self.columns:
            if column.fold:
                of_subject.setdefault(subject_of(column.run), []).append(column)
        return [
            (join_list(column.name for column in columns), columns[0].fold)
            for columns in of_subject.values()
            if columns[0].fold
        ]


def compare(
    runs: Sequence[Run],
    baseline: Run | None,
    readable: set[UUID],
    *,
    colours: Mapping[str, int],
    page: str,
) -> Comparison:
    """Return runs beside each other, the baseline first.

    Args:
        readable: keys of the runs whose verdicts the reader may see.
        colours: of their lines in the chart (`line_colours`).
        page: path to come back to when a verdict is opened.
    """
    columns = [
        _column(run, run is baseline, colours, readable, page)
        for run in ([baseline, *runs] if baseline else runs)
    ]
    rows = _settings([column.run for column in columns])
    return Comparison(
        columns,
        sorted(rows, key=lambda row: not row.differs),
        _claims(columns),
    )


def _column(
    run: Run, is_baseline: bool, colours: Mapping[str, int], readable: set[UUID], page: str
) -> Column:
    words, is_shown = run.version.words, run.pk in readable
    verdicts = presenters.present_verdicts(words, run.verdicts.all()) if is_shown else []
    return Column(
        run=run,
        name=_("baseline") if is_baseline else presenters.short_name(run),
        is_baseline=is_baseline,
        colour=colours.get(str(run.pk)),
        verdicts={verdict.claim: verdict for verdict in verdicts},
        called=None
        if is_baseline
        else presenters.present_prediction(words, presenters.prediction_of(run)),
        fold=None if is_shown else presenters.fold(run, page),
        took=presenters.seconds(run.seconds),
    )


def _settings(runs: Sequence[Run]) -> list[Row]:
    differing = set(lab_config.differing([run.config for run in runs]))
    settings = [
        {setting.name: setting for setting in presenters.settings_of(run.version.words, run.config)}
        for run in runs
    ]
    labels = {name: one.label for of_run in reversed(settings) for name, one in of_run.items()}
    order = dict.fromkeys(name for of_run in settings for name in of_run)
    rows = [
        Row(
            labels[name],
            name,
            [of_run[name].value if name in of_run else NOTHING for of_run in settings],
            name in differing,
        )
        for name in order
    ]
    for label, values in (
        (_("Replicates"), [str(run.replicates) for run in runs]),
        (_("Seed"), [str(run.seed) for run in runs]),
        (_("Lab version"), [run.version.code_hash[:8] for run in runs]),
    ):
        rows.append(Row(label, "", values, len(set(values)) > 1))
    return rows


def _claims(columns: Sequence[Column]) -> list[ClaimRow]:
    statements = {
        claim: verdict.statement
        for column in reversed(columns)
        for claim, verdict in column.verdicts.items()
    }
    order = dict.fromkeys(claim for column in columns for claim in column.verdicts)
    return [
        ClaimRow(statements[claim], [column.verdicts.get(claim) for column in columns])
        for claim in order
    ]


# ---------------------------------------------------------------- the chart


@dataclass(frozen=True)
class Chart:
    """A figure of the lab of which one arm is drawn, a line or a bar for each run."""

    key: str  # in the query: the figure's number and the arm
    group: str  # the figure's title
    label: str  # the arm's
    arm: str
    spec: Mapping[str, Any]  # whose arms are the keys of runs


def figure_specs(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the specs of the lab's figures, in the words of the newest code among the runs, each
    as long as the longest run.
    """
    words = max((run.version for run in runs), key=lambda version: version.created_at).words
    of_runs = [
        chart_specs.figure_specs(words, {**run.config, "replicates": run.replicates})
        for run in runs
    ]
    ends = [[of_run[n]["to"] for of_run in of_runs] for n in range(len(of_runs[0]))]
    return [
        spec | {"to": max((end for end in to if end is not None), default=None)}
        for spec, to in zip(of_runs[0], ends, strict=True)
    ]


def charts(
    specs: Sequence[Mapping[str, Any]], arms: Mapping[str, Sequence[str]], runs: Sequence[Run]
) -> list[Chart]:
    """Return every chart of `runs` there is.

    Args:
        arms: that were measured, by series.
    """
    names = {str(run.pk): presenters.short_name(run) for run in runs}
    result = []
    for n, spec in enumerate(specs):
        curves = [{"series": spec["series"], "arm": arm} for arm in arms.get(spec["series"], ())]
        for curve in chart_specs.chosen(spec, curves):
            arm = curve["arm"]
            label = spec["labels"].get(arm, arm)
            title = _("%(title)s: %(arm)s") % {"title": spec["title"], "arm": label}
            of_runs = {"arms": list(names), "labels": names, "title": title, "sketch": {}}
            result.append(Chart(f"{n}/{arm}", spec["title"], label, arm, {**spec, **of_runs}))
    return result


def by_run(points: Mapping[UUID, Curves], runs: Sequence[Run]) -> Curves:
    """Return the points of an arm as curves that are named by their run."""
    return [curve | {"arm": str(run.pk)} for run in runs for curve in points.get(run.pk, ())]


def line_colours(spec: Mapping[str, Any], curves: Curves) -> dict[str, int]:
    """Return the colour of each run's line by the run's key: lines have theirs as they come, and a
    run that is hidden, or has measured nothing yet, takes none. Bars have no colours.
    """
    if spec["kind"] != "curves":
        return {}
    return {curve["arm"]: n for n, curve in enumerate(chart_specs.chosen(spec, curves))}


def beside_each(curves: Curves, runs: Sequence[Run]) -> Curves:
    """Return the baseline's curve under the name of each run: a chart of bars marks it at every
    bar, one of curves draws it under that of one run.
    """
    return [curve | {"arm": str(run.pk)} for run in runs for curve in curves]
