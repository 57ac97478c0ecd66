"""The engine's numbers, and the version that stands for them.

    .venv/bin/python -m tests.workers.engine.test_numbers

writes them to numbers.json, once `engine.VERSION` has been raised.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workers import engine
from workers.engine import above, below, within

FILE = Path(__file__).with_name("numbers.json")
# float64, in which processors differ by less; float32, as labs have it, would hide small changes
RELATIVE, ABSOLUTE = 1e-9, 1e-12
RAISE = (
    "the engine's numbers have changed, and so may those of every lab: raise VERSION in "
    "workers/engine/__init__.py, then run  python -m tests.workers.engine.test_numbers  "
    "and  ./gradus evidence"
)


def test_numbers_change_only_with_the_engines_version() -> None:
    stored = json.loads(FILE.read_text())
    assert stored["version"] == engine.VERSION, (
        "VERSION was raised: python -m tests.workers.engine.test_numbers"
    )
    assert different(stored["numbers"], numbers()) == [], RAISE


def test_a_small_change_is_noticed() -> None:
    stored = json.loads(FILE.read_text())["numbers"]
    for name, values in stored.items():
        changed = [values[0] * (1 + 1e-8) if isinstance(values[0], float) else "else", *values[1:]]
        assert different(stored, {**stored, name: changed}) == [name]


def different(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> list[str]:
    """Return the names of what is not the same, or is in one of them only."""
    return sorted(
        name
        for name in before.keys() | after.keys()
        if len(before.get(name, [])) != len(after.get(name, []))
        or not all(map(_is_same, before[name], after[name]))
    )


def _is_same(first: Any, second: Any) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return bool(first == second)


def numbers() -> dict[str, list[Any]]:
    """Return small results of what labs compute with."""
    with double():
        return {
            "seeds": [*engine.seeds(0, 4), *engine.seeds(2**31, 2)],
            "training": train(nn.Tanh()),
            "training with dropout": train(nn.Dropout(0.5)),
            "training with batch norm": train(nn.BatchNorm1d(6)),
            **verdicts(),
        }


@contextmanager
def double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def train(layer: nn.Module) -> list[float]:
    """Return the losses and gradient norms of three small networks, after each of six steps."""
    x = torch.arange(96.0).view(24, 4).sin()  # (examples, 4)
    y = (torch.arange(24) * 7) % 3
    seeds = engine.seeds(1, 3)
    build = lambda: nn.Sequential(nn.Linear(4, 6), layer, nn.Linear(6, 3))  # noqa: E731
    nets, generators = engine.Ensemble(build, seeds), engine.shuffle_generators(seeds)
    optimizer = torch.optim.SGD(nets.parameters(), 0.5, momentum=0.9)
    results = list[Tensor]()
    for _ in range(2):
        for bx, by in engine.batches(x, y, generators, size=8):
            losses = engine.cross_entropy(nets(bx), by)
            optimizer.zero_grad()
            losses.sum().backward()
            results += [losses, engine.clip_gradients(nets.parameters(), 0.3)]
            optimizer.step()
    return torch.stack(results).flatten().tolist()


def verdicts() -> dict[str, list[Any]]:
    """Return what the rules make of made-up effects."""
    effect = 0.2 + torch.arange(16.0).sin() / 10
    some = effect.where(effect > 0.15, torch.nan)
    decide, ratio = engine.decide, engine.decide_ratio
    results = {
        "holds": decide(effect, above(0.1), below(0.05)),
        "fails": decide(effect, above(0.5), below(0.3)),
        "depends": decide(effect, above(0.5), below(0.1)),
        "inconclusive": decide(effect, above(0.2), below(0.1)),
        "cut off": decide(effect, above(0.1), below(0.05), possible=within(0.19, 0.21)),
        "diverged": decide(some, above(0.1), below(0.05)),
        "too few": decide(effect[:2], above(0.1), below(0.05)),
        "all equal": decide(torch.full((5,), 0.1), above(0.1), below(0.05)),
        "ratio": ratio(1 + effect, above(1.1), below(1.05)),
        "exact": engine.exact(effect[0], within(0.2, 0.2)),
    }
    results["all of"] = engine.all_of(a=results["holds"], b=results["depends"])
    results["unanimous"] = engine.unanimous(
        results["holds"], a=results["holds"], b=results["fails"]
    )
    rows = {name: list(astuple(verdict))[:7] for name, verdict in results.items()}
    return {**rows, "interval": list(engine.describe(some)), "of one": list(engine.describe([2.5]))}


def main() -> None:
    """Write the numbers of this version. Those of a version that was written before must stay."""
    stored = json.loads(FILE.read_text()) if FILE.exists() else {"version": None, "numbers": {}}
    now = numbers()
    if stored["version"] == engine.VERSION and different(stored["numbers"], now):
        sys.exit(RAISE)
    FILE.write_text(json.dumps({"version": engine.VERSION, "numbers": now}, indent=1) + "\n")


if __name__ == "__main__":
    main()
