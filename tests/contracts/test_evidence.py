"""The recorded runs are of the present code, decide every claim, and can be loaded."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from apps.accounts.models import User
from apps.experiments import recording, selectors
from apps.questions.lint import unfinished_lines
from workers import engine, labs
from workers.code_hash import code_hash

TOMLS = sorted(settings.LABS_FOLDER.glob("*.toml"))
# A lab whose words are not written yet (`./gradus check-content` lists it) has nothing to record.
LABS = [path.stem for path in TOMLS if not unfinished_lines(path)]


def path_of(lab: str) -> Path:
    return settings.EVIDENCE_FOLDER / f"{lab.replace('_', '-')}{recording.SUFFIX}"


def recorded(lab: str) -> dict[str, Any]:
    return recording.read(path_of(lab))


@pytest.mark.parametrize("lab", LABS)
def test_the_recorded_run_was_made_with_the_code_as_it_is(lab: str) -> None:
    source = (settings.LABS_FOLDER / f"{lab}.py").read_text(encoding="utf-8")
    assert recorded(lab)["code_hash"] == code_hash(source), (
        f"record it again: ./gradus evidence {lab.replace('_', '-')}"
    )


@pytest.mark.parametrize("lab", LABS)
def test_the_recorded_run_was_made_with_the_engines_present_numbers(lab: str) -> None:
    assert recorded(lab)["run"]["engine"] == engine.VERSION, (
        f"record it again: ./gradus evidence {lab.replace('_', '-')}"
    )


@pytest.mark.parametrize("lab", LABS)
def test_a_recording_has_six_digits_and_at_most_60_kb(lab: str) -> None:
    assert path_of(lab).stat().st_size <= 60_000 == recording.MAX_BYTES
    points = recorded(lab)["batches"]
    assert recording.rounded(points) == points


@pytest.mark.parametrize("lab", LABS)
def test_every_claim_was_decided_at_the_labs_own_settings(lab: str) -> None:
    evidence = recorded(lab)
    words = tomllib.loads((settings.LABS_FOLDER / f"{lab}.toml").read_text())
    assert {verdict["claim"] for verdict in evidence["verdicts"]} == words["claims"].keys()
    assert not [
        verdict["claim"] for verdict in evidence["verdicts"] if verdict["outcome"] == "inconclusive"
    ]
    assert evidence["run"]["config"] == {
        name: setting["default"] for name, setting in words["config"].items()
    }
    assert evidence["progress"]["points_done"] == evidence["progress"]["points_expected"] > 0


@pytest.mark.parametrize("lab", LABS)
def test_a_recording_is_as_long_as_the_lab_says(lab: str) -> None:
    code = labs.load(lab.replace("_", "-"))
    evidence = recorded(lab)
    length = code.length(code.Config(), evidence["run"]["replicates"])
    assert evidence["progress"]["points_expected"] == length


def test_there_are_finished_labs() -> None:
    assert LABS


@pytest.mark.django_db
def test_all_of_them_load() -> None:
    User.objects.project()
    call_command("load_labs")
    assert set(selectors.standard_runs()) == {lab.replace("_", "-") for lab in LABS}
