"""Running a question's `figure.py` and `variant.py` by path: where questions are written and
tested, never in the web process.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from apps.common.text import CONTENT_LANGUAGES
from apps.questions.figures import BadFigure, Figure
from apps.questions.sampling import SEEDS

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# a figure's coordinates have one decimal, and their last digit may differ between machines
SVG_TOLERANCE = {"rel_tol": 1e-6, "abs_tol": 0.11}
VALUE_TOLERANCE = {"rel_tol": 1e-6, "abs_tol": 1e-12}  # of variants, whose values may be small


def generated_files(folder: Path) -> dict[Path, str]:
    """Return the files that a question's programs generate, with their text.

    Raises:
        BadFigure: the figure cannot be rendered.
    """
    files: dict[Path, str] = {}
    if (folder / "figure.py").exists():
        figure = Figure()
        _import(folder / "figure.py").figure(figure)
        if figure.current_axes is None:
            raise BadFigure(f"{folder / 'figure.py'} asked for no axes")
        for language in CONTENT_LANGUAGES:
            files[folder / f"figure.{language}.svg"] = figure.current_axes.svg(language)
    if (folder / "variant.py").exists():
        rows: list[Any] = [_import(folder / "variant.py").variant(seed) for seed in range(SEEDS)]
        text = json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False)
        files[folder / "variants.json"] = text + "\n"
    return files


def is_up_to_date(folder: Path) -> bool:
    """Return whether the stored files are what the programs generate now. Numbers may differ in the
    last digit, which depends on the machine.
    """
    return all(
        path.exists() and _is_close(path.read_text(encoding="utf-8"), text, path)
        for path, text in generated_files(folder).items()
    )


def _is_close(stored: str, generated: str, path: Path) -> bool:
    tolerance = SVG_TOLERANCE if path.suffix == ".svg" else VALUE_TOLERANCE
    if NUMBER.sub("#", stored) != NUMBER.sub("#", generated):
        return False
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(generated), strict=True)
    return all(math.isclose(float(a), float(b), **tolerance) for a, b in pairs)


def _import(path: Path) -> ModuleType:
    name = f"gradus_bank_{path.parent.name.replace('-', '_')}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
