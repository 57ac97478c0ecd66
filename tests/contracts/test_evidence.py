"""The recorded runs are of the present code, decide every claim, and can be loaded."""

from __future__ import annotations

import hashlib
import json
import tomllib
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from apps.accounts.models import User
from apps.experiments import selectors

LABS = sorted(path.stem for path in settings.LABS_FOLDER.glob("*.toml"))


def recorded(lab: str) -> dict[str, Any]:
    return json.loads((settings.EVIDENCE_FOLDER / f"{lab.replace('_', '-')}.json").read_text())


@pytest.mark.parametrize("lab", LABS)
def test_the_recorded_run_was_made_with_the_code_as_it_is(lab: str) -> None:
    code = (settings.LABS_FOLDER / f"{lab}.py").read_bytes()
    assert recorded(lab)["sha256"] == hashlib.sha256(code).hexdigest(), (
        f"record it again: ./gradus evidence {lab.replace('_', '-')}"
    )


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


@pytest.mark.django_db
def test_all_of_them_load() -> None:
    User.objects.project()
    call_command("load_labs")
    assert set(selectors.standard_runs()) == {lab.replace("_", "-") for lab in LABS}
