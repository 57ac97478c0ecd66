"""Stamps, and what the requirement files say."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from launcher import assets, setup
from launcher.say import Problem
from launcher.setup import Stamp

from tests.launcher.conftest import ROOT

FILES = (
    "requirements.txt",
    "requirements-web.txt",
    "requirements-worker.txt",
    "requirements-dev.txt",
    "requirements-setup.txt",
    "requirements-s3.txt",
)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two requirement files, one including the other, and a place for stamps."""
    (tmp_path / "constraints.txt").write_text("b==1\n")
    (tmp_path / "small.txt").write_text("-c constraints.txt\na==1\n")
    (tmp_path / "large.txt").write_text("-r small.txt\nc==1\n")
    (tmp_path / "other.txt").write_text("d==1\n")
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    return tmp_path


def test_a_stamp_is_current_after_it_was_written(checkout: Path) -> None:
    stamp = Stamp("part", "large.txt", folder=checkout)
    assert not stamp.is_current()
    stamp.write()
    assert Stamp("part", "large.txt", folder=checkout).is_current()


@pytest.mark.parametrize("changed", ["large.txt", "small.txt", "constraints.txt"])
def test_a_stamp_is_stale_once_a_file_has_changed(checkout: Path, changed: str) -> None:
    stamp = Stamp("part", "large.txt", folder=checkout)
    stamp.write()
    (checkout / changed).write_text((checkout / changed).read_text() + "e==1\n")
    assert not stamp.is_current()


def test_a_stamp_does_not_look_at_other_files(checkout: Path) -> None:
    stamp = Stamp("part", "large.txt", folder=checkout)
    stamp.write()
    (checkout / "other.txt").write_text("d==2\n")
    assert stamp.is_current()


def test_a_stamp_is_stale_under_another_python(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = Stamp("part", "large.txt", folder=checkout)
    stamp.write()
    monkeypatch.setattr(sys, "version", "3.99.0")
    assert not stamp.is_current()


def test_a_python_without_venv_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "PYTHON", tmp_path / "missing")
    monkeypatch.setattr(setup, "find_spec", lambda name: None)
    with pytest.raises(Problem, match="lacks the venv module") as problem:
        setup.make_venv()
    assert "apt install python3-venv" in problem.value.remedy


@pytest.mark.parametrize(
    ("name", "version", "needed"),
    [("old", "v18.20.1", True), ("new", "v20.0.0", False), ("odd", "oh", True)],
)
def test_node_is_needed_where_path_has_none_that_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, version: str, needed: bool
) -> None:
    for program in ("node", "npm"):
        (tmp_path / program).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.delenv("GRADUS_NODE", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert setup.needs_node() is needed
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert setup.needs_node()


def test_assets_are_built_again_when_a_source_changes(tmp_path: Path) -> None:
    frontend, locale = tmp_path / "frontend", tmp_path / "locale"
    for path in (
        frontend / "js" / "run.js",
        frontend / "node_modules" / "x.js",
        locale / "zh_Hans" / "django.po",
    ):
        path.parent.mkdir(parents=True)
        path.write_text("one")
    before = assets.digest(frontend, locale)
    (frontend / "node_modules" / "x.js").write_text("two")
    (locale / "zh_Hans" / "django.mo").write_text("two")
    assert assets.digest(frontend, locale) == before
    seen = {before}
    for path in (frontend / "js" / "run.js", locale / "zh_Hans" / "django.po"):
        path.write_text("two")
        seen.add(assets.digest(frontend, locale))
    (frontend / "js" / "run.js").rename(frontend / "js" / "runs.js")
    assert len(seen | {assets.digest(frontend, locale)}) == 4


def pins(file: str) -> dict[str, str]:
    """Return what a requirement file pins itself."""
    lines = re.findall(
        r"^([a-z0-9_.-]+)(?:\[[^]]*\])?(\S*)",
        (ROOT / file).read_text(),
        re.MULTILINE | re.IGNORECASE,
    )
    return {name.lower(): rest.rstrip(";") for name, rest in lines}


@pytest.mark.parametrize("file", [*FILES, "requirements-node.txt", "constraints.txt"])
def test_every_requirement_is_pinned_exactly(file: str) -> None:
    lines = [
        line
        for line in (ROOT / file).read_text().splitlines()
        if line and not line.startswith(("#", "-"))
    ]
    assert lines
    assert [
        line for line in lines if not re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+(; .+)?", line)
    ] == []


def test_requirement_files_agree_with_each_other() -> None:
    constraints = pins("constraints.txt")
    for file in FILES[:4]:
        for name, version in pins(file).items():
            if name in constraints:
                assert constraints[name] == version, f"{file} and constraints.txt differ in {name}"
    web, worker = pins("requirements-web.txt"), pins("requirements-worker.txt")
    assert {name: web[name] for name in web.keys() & worker.keys()} == {
        name: worker[name] for name in web.keys() & worker.keys()
    }


def test_the_site_installs_no_torch_and_the_worker_no_django() -> None:
    included = setup._with_included([ROOT / "requirements-web.txt"])
    assert not {"torch", "numpy", "scipy"} & {
        name for file in included if file.name != "constraints.txt" for name in pins(file.name)
    }
    assert "django" not in pins("requirements-worker.txt")
