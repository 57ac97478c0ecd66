"""`./gradus new` hands its options on to the command that writes the files."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from launcher import commands
from launcher.main import main


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Install nothing and run nothing; return what would be."""
    calls: list[Any] = []
    monkeypatch.setattr(commands, "_prepare", lambda arguments, **parts: calls.append(parts))

    def run(command: list[Any], **options: Any) -> SimpleNamespace:
        calls.append([str(part) for part in command[1:]])
        assert "nonexistent" in options["env"]["DATABASE_URL"]
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_options_are_handed_on_and_the_status_comes_back(calls: list[Any]) -> None:
    assert main(["new", "lab", "my-lab", "--topic", "losses", "--kind", "analytic"]) == 3
    prepared, command = calls
    assert command == [
        "manage.py",
        "new_lab",
        "--topic=losses",
        "--kind=analytic",
        "--",
        "my-lab",
    ]
    assert not prepared["dev"] and not prepared["worker"] and not prepared["built"]


def test_a_catalogue_is_read_with_the_packages_for_development(
    calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["new", "question", "why", "--catalogue", "coverage"])
    prepared, command = calls
    assert prepared["dev"] and prepared["worker"]
    assert command == [
        "manage.py",
        "new_question",
        f"--catalogue={tmp_path.resolve() / 'coverage'}",
        "--",
        "why",
    ]


def test_a_question_has_no_kind_of_its_own(
    calls: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "question", "why", "--kind", "training"]) == 1
    assert "A question has no --kind" in capsys.readouterr().err and not calls
