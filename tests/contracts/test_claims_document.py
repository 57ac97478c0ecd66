"""`docs/claims/<lab>.md` states what the recorded run measured: its table is the evidence's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.experiments import recording

PAGES = Path(settings.ROOT) / "docs/claims"
LABS = sorted(path.name.partition(".")[0] for path in settings.EVIDENCE_FOLDER.iterdir())
BEGIN = "<!-- measured: tests/contracts/test_claims_document.py compares the table -->"
END = "<!-- end -->"
# rows that belong to no claim: the text refers to them
ALSO_STATED = re.compile(r"^\| (?P<arm>[^:|]+): (?P<series>[^|]+) \| - \|", re.MULTILINE)
MAX_OF_SERIES = re.compile(r"largest (?P<series>.+)")


def table(lab: str, stated: str) -> str:
    """Return what the recorded run of a lab measured, as Markdown, with the further rows that
    `stated` has.
    """
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
    for further in ALSO_STATED.finditer(stated):
        name, largest_of = further["series"], MAX_OF_SERIES.fullmatch(further["series"])
        if largest_of:
            lines.append(largest(evidence, further["arm"], largest_of["series"]))
        else:
            lines.append(final(evidence, further["arm"], name))
    return "\n".join(lines)


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


def largest(evidence: dict[str, Any], arms: str, series: str) -> str:
    means = [mean for b in evidence["batches"] if b["series"] == series for mean in b["mean"]]
    return f"| {arms}: largest {series} | - | {number(max(means))} | exact | - |"


def number(value: float) -> str:
    return f"{value:.4g}"


@pytest.mark.parametrize("lab", LABS)
def test_the_page_of_a_lab_states_what_its_recorded_run_measured(lab: str) -> None:
    path = PAGES / f"{lab}.md"
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    _, _, rest = page.partition(BEGIN)
    stated, end, _ = rest.partition(END)
    measured = table(lab, stated)
    assert stated.strip() == measured, f"docs/claims/{lab}.md:\n{BEGIN}\n{measured}\n\n{END}"
    assert end


def test_every_page_is_of_a_lab() -> None:
    labs = {path.stem.replace("_", "-") for path in settings.LABS_FOLDER.glob("*.toml")}
    assert {path.stem for path in PAGES.glob("*.md")} <= labs
