"""`docs/labs.md` names everything that the labs use."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.experiments import lab_plans
from workers import labs

DOCUMENT = (Path(settings.ROOT) / "docs/labs.md").read_text(encoding="utf-8")
FOLDER = Path(labs.__file__).parent
BY_NAME = {"config", "arms", "series", "claims", "parts", "labels"}  # tables whose keys are names


def test_it_names_what_labs_import_of_the_engine() -> None:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "workers.engine":
                missing = [alias.name for alias in node.names if alias.name not in DOCUMENT]
                assert not missing, path.name


def keys(table: Mapping[str, Any], names: bool = False) -> Iterator[str]:
    """Yield the keys of a table and of those in it, without names of settings, arms and so on."""
    for key, value in table.items():
        if not names:
            yield key
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping) and key != "quick":
                yield from keys(one, names=not names and key in BY_NAME)


def test_it_names_every_key_of_the_words() -> None:
    for path in FOLDER.glob("*.toml"):
        words = tomllib.loads(path.read_text(encoding="utf-8"))
        missing = {key for key in keys(words) if f"{key} = " not in DOCUMENT}
        assert {
            key for key in missing if f"{key}]" not in DOCUMENT and f"`{key}`" not in DOCUMENT
        } == set()


def test_it_names_every_kind_of_lab_and_of_setting() -> None:
    assert all(f"| `{kind}` |" in DOCUMENT for kind in lab_plans.USED)
    assert "int, float, bool, str, list[int], list[float], list[str]" in DOCUMENT
