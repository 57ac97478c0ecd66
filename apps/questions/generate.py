"""Running `figure.py` and `variant.py` of a question, by path: where questions are written and
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

from apps.questions.figures import BadFigure, Draw
from apps.questions.variants import SEEDS

LANGUAGES = ("en", "zh")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# a figure's coordinates have one decimal: the last digit is the machine's
SVG_TOLERANCE = {"rel_tol": 1e-6, "abs_tol": 0.11}
VALUE_TOLERANCE = {"rel_tol": 1e-6, "abs_tol": 1e-12}  # of variants, whose values may be small


def variant(folder: Path) -> dict[Path, str]:
    """Return the files that a question's programs make, with what belongs into them.

    Raises:
        BadFigure: the figure cannot be drawn.
    """
    made: dict[Path, str] = {}
    if (folder / "figure.py").exists():
        draw = Draw()
        _run(folder / "figure.py").figure(draw)
        if draw.made is None:
            raise BadFigure(f"{folder / 'figure.py'} asked for no axes")
        made |= {
            folder / f"figure.{language}.svg": draw.made.svg(language) for language in LANGUAGES
        }
    if (folder / "variant.py").exists():
        rows: list[Any] = [_run(folder / "variant.py").variant(seed) for seed in range(SEEDS)]
        made[folder / "variants.json"] = (
            json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        )
    return made


def is_up_to_date(folder: Path) -> bool:
    """Return whether the files hold what the programs make now. Numbers may differ in the last
    digit: that is up to the machine.
    """
    return all(
        path.exists() and _agree(path.read_text(encoding="utf-8"), text, path)
        for path, text in variant(folder).items()
    )


def _agree(kept: str, made: str, path: Path) -> bool:
    near = SVG_TOLERANCE if path.suffix == ".svg" else VALUE_TOLERANCE
    if NUMBER.sub("#", kept) != NUMBER.sub("#", made):
        return False
    pairs = zip(NUMBER.findall(kept), NUMBER.findall(made), strict=True)
    return all(math.isclose(float(one), float(other), **near) for one, other in pairs)


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"gradus_bank_{path.parent.name.replace('-', '_')}_{path.stem}", path
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
