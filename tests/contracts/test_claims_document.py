"""`docs/claims.md` states what the recorded runs measured: its tables are those of the evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.experiments import recording

DOCUMENT = Path(settings.ROOT) / "docs/claims.md"
LABS = sorted(path.name.partition(".")[0] for path in settings.EVIDENCE_FOLDER.iterdir())
# series that the text refers to and that belong to no claim: (arms, series)
ALSO_STATED = {
    "dead-relu": [(("relu 1", "leaky 1"), "accuracy")],
    "activation-atlas": [],
    "activation-cost": [(("network tanh", "network softplus", "network leaky"), "step ratio")],
}
MAX_OVER_ARMS = {"activation-atlas": ("error by hand", "error by differences")}


def begin(lab: str) -> str:
    return f"<!-- measured by {lab}: tests/contracts/test_claims_document.py compares the table -->"


END = "<!-- end -->"


def table(lab: str) -> str:
    """Return what the recorded run of a lab measured, as Markdown."""
    evidence = recording.read(settings.EVIDENCE_FOLDER / f"{lab}{recording.SUFFIX}")
    lines = [
        heading(evidence),
        "",
        "| claim, and its parts | outcome | effect | 95% interval | replicates |",
        "| --- | --- | --- | --- | --- |",
    ]
    for verdict in evidence["verdicts"]:
        lines.append(row(f"`{verdict['claim'].partition('.')[2]}`", verdict))
        lines += [row(f"· {part['name']}", part) for part in verdict["parts"]]
    also = [final(evidence, arm, series) for arms, series in ALSO_STATED[lab] for arm in arms]
    also += [largest(evidence, series) for series in MAX_OVER_ARMS.get(lab, ())]
    return "\n".join([*lines, *also])


def heading(evidence: dict[str, Any]) -> str:
    run, device = evidence["run"], evidence["run"]["device"]
    return (
        f"Recorded on {evidence['times']['ended_at'][:10]}: default settings, seed {run['seed']}, "
        f"replicates: {run['replicates']}, {run['seconds']:.2g} s on {device['name']} with "
        f"{device['cores']} cores, torch {run['versions']['torch']}."
    )


def row(name: str, verdict: dict[str, Any]) -> str:
    interval = "exact"
    if verdict["low"] is not None:
        interval = f"{number(verdict['low'])} to {number(verdict['high'])}"
    replicates = str(verdict["replicates"])
    if verdict.get("diverged"):
        replicates += f", {verdict['diverged']} diverged"
    outcome = verdict["outcome"].replace("_", " ")
    return f"| {name} | {outcome} | {number(verdict['effect'])} | {interval} | {replicates} |"


def final(evidence: dict[str, Any], arm: str, series: str) -> str:
    batches = [b for b in evidence["batches"] if (b["arm"], b["series"]) == (arm, series)]
    mean, low, high = (batches[-1][name][-1] for name in ("mean", "low", "high"))
    return f"| {arm}: {series} | - | {number(mean)} | {number(low)} to {number(high)} | - |"


def largest(evidence: dict[str, Any], series: str) -> str:
    means = [mean for b in evidence["batches"] if b["series"] == series for mean in b["mean"]]
    return f"| all functions: largest {series} | - | {number(max(means))} | exact | - |"


def number(value: float) -> str:
    return f"{value:.4g}"


@pytest.mark.parametrize("lab", LABS)
def test_the_document_states_what_the_recorded_run_measured(lab: str) -> None:
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(begin(lab))
    stated, end, _ = rest.partition(END)
    assert end, f"docs/claims.md has no table of {lab}"
    assert stated.strip() == table(lab), f"replace the table of {lab} by\n\n{table(lab)}"
