"""Each rule is tried on points made up for each of its outcomes, and the mathematics on what must
be exact.
"""

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from workers.engine import RULES, Curve, Ensemble, Point, Points, Verdict, cross_entropy
from workers.labs import dead_relu
from workers.labs.dead_relu import LEARNING_RATES, Config, Net

MINE = {slug: rule for slug, rule in RULES.items() if slug.startswith("dead-relu.")}
NAMES = (
    "loss",
    "dead",
    "dead deeper",
    "zeros",
    "dead if ever negative",
    "revived in first layer",
    "revived deeper",
)


def noise(n: int = 0) -> torch.Tensor:
    """Return 16 replicates of mean zero."""
    drawn = torch.randn(16, generator=torch.Generator().manual_seed(n))
    return 0.01 * (drawn - drawn.mean())


def made_up(dead: list[float]) -> Points:
    """Return points of five ReLU arms whose dead fraction at the end is as given, with a
    little noise over 16 replicates.
    """
    values = [{"dead": level + noise(n), "loss": torch.ones(16)} for n, level in enumerate(dead)]
    return Points(
        Point(f"relu {learning_rate:g}", 10, value)
        for learning_rate, value in zip(LEARNING_RATES, values, strict=True)
    )


def trained(*finite: float) -> Points:
    """Return points of every arm in which all replicates are finite at the rates given and have
    diverged at the others.
    """
    level = {
        learning_rate: torch.full((16,), 0.02 if learning_rate in finite else torch.nan)
        for learning_rate in LEARNING_RATES
    }
    return Points(
        Point(f"{activation} {learning_rate:g}", 0, dict.fromkeys(NAMES, level[learning_rate]))
        for activation, learning_rate in dead_relu.ARMS
    )


@pytest.mark.parametrize(
    ("at_the_top", "outcome"),
    [(0.70, "holds"), (0.20, "depends"), (0.03, "does_not_hold"), (0.32, "inconclusive")],
)
def test_the_rate_rule_decides_each_way(at_the_top: float, outcome: str) -> None:
    assert (
        dead_relu.large_learning_rates_kill(made_up([0.02, 0.02, 0.02, 0.02, at_the_top])).outcome
        == outcome
    )


@pytest.mark.parametrize(
    ("before_last", "outcome"), [(0.48, "holds"), (0.60, "does_not_hold"), (0.50, "inconclusive")]
)
def test_death_that_falls_again_does_not_rise_with_the_rate(
    before_last: float, outcome: str
) -> None:
    verdict = dead_relu.large_learning_rates_kill(made_up([0.02, 0.02, 0.02, before_last, 0.45]))
    assert verdict.outcome == outcome
    assert dict(verdict.parts)["kills"].outcome == "holds"
    assert dict(verdict.parts)["last_step"].outcome == outcome


def test_an_arm_that_diverged_is_not_an_arm_that_lives() -> None:
    points = Points(
        Point(f"relu {r:g}", 0, {"loss": torch.full((16,), torch.nan if r == 1 else 1.0)})
        for r in LEARNING_RATES
    )
    assert dead_relu.largest_usable(points) == 0.3


def test_a_rate_is_usable_while_two_thirds_stay_finite() -> None:
    lost = {0.3: 5, 1.0: 6}  # of 16
    loss = {
        r: torch.ones(16).where(torch.arange(16) >= lost.get(r, 0), torch.nan)
        for r in LEARNING_RATES
    }
    assert dead_relu.usable_learning_rates(
        Points(Point(f"relu {r:g}", 0, {"loss": loss[r]}) for r in LEARNING_RATES), "relu"
    ) == [
        0.01,
        0.03,
        0.1,
        0.3,
    ]


@pytest.mark.parametrize("rule", MINE.values(), ids=MINE)
def test_a_rule_decides_nothing_where_nothing_trained(rule: Callable[[Points], Verdict]) -> None:
    verdict = rule(trained())
    assert (verdict.outcome, verdict.effect) == ("inconclusive", None)


def test_one_usable_rate_is_no_comparison() -> None:
    assert dead_relu.large_learning_rates_kill(trained(0.01)).outcome == "inconclusive"


def test_two_usable_rates_have_one_step() -> None:
    assert [name for name, _ in dead_relu.large_learning_rates_kill(trained(0.01, 0.03)).parts] == [
        "kills",
        "last_step",
    ]


@pytest.mark.parametrize(
    ("fraction", "outcome"),
    [
        (0.95, "holds"),
        (0.5, "depends"),
        (0.05, "does_not_hold"),
        (0.9, "inconclusive"),
        (0.2, "inconclusive"),
    ],
)
def test_a_negative_input_kills_when_nine_in_ten_die(fraction: float, outcome: str) -> None:
    points = Points([Point("relu 0.1", 10, {"dead if ever negative": fraction + noise()})])
    assert dead_relu.one_negative_input_kills(points).outcome == outcome


@pytest.mark.parametrize(
    ("first", "deeper", "outcome"),
    [
        (0.0, 0.0, "holds"),
        (0.0, 0.4, "depends"),
        (0.4, 0.4, "does_not_hold"),
        (0.0, torch.nan, "inconclusive"),
    ],
)
def test_permanence_is_judged_by_the_units_that_died_in_replicates_that_trained(
    first: float, deeper: float, outcome: str
) -> None:
    alive = torch.ones(16).where(torch.arange(16) < 12, torch.nan)  # four diverged, and say nothing
    values = {
        "loss": alive,
        "dead deeper": alive,
        "revived in first layer": first * alive,
        "revived deeper": deeper * alive,
    }
    verdict = dead_relu.death_is_permanent(
        Points(Point(f"relu {learning_rate:g}", 0, values) for learning_rate in LEARNING_RATES)
    )
    assert verdict.outcome == outcome
    assert (verdict.effect, verdict.replicates, verdict.diverged) == (pytest.approx(first), 12, 4)


@pytest.mark.parametrize(("first", "outcome"), [(0.0, "holds"), (0.4, "does_not_hold")])
def test_where_there_is_one_layer_it_decides_on_permanence_alone(
    first: float, outcome: str
) -> None:
    none = torch.full((16,), torch.nan)
    values = {
        "loss": torch.ones(16),
        "revived in first layer": torch.full((16,), first),
        "revived deeper": none,
        "dead deeper": none,
    }
    verdict = dead_relu.death_is_permanent(
        Points(Point(f"relu {learning_rate:g}", 0, values) for learning_rate in LEARNING_RATES)
    )
    assert (verdict.outcome, [name for name, _ in verdict.parts]) == (outcome, ["first_layer"])


def test_one_layer_shows_no_deeper_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_relu, "ARMS", [("relu", 0.1)])
    first = next(dead_relu.run(Config(depth=1, width=8), range(3)))
    assert (
        first.values["dead deeper"].isnan().all()
        and first.values["dead in first layer"].isfinite().all()
    )


@pytest.mark.parametrize(
    ("leaky", "relu", "outcome"),
    [
        (0.0, 0.7, "holds"),
        (0.0, 0.1, "depends"),
        (0.2, 0.7, "does_not_hold"),
        (0.01, 0.7, "inconclusive"),
    ],
)
def test_a_leak_removes_death_where_there_is_death(leaky: float, relu: float, outcome: str) -> None:
    arms = [
        Point("relu 1", 0, {"dead": relu + noise()}),
        Point("leaky 1", 0, {"dead": leaky + (noise() if leaky else 0 * noise())}),
    ]
    losses = [Point(f"relu {r:g}", 0, {"loss": torch.ones(16)}) for r in LEARNING_RATES]
    assert dead_relu.a_leak_removes_death(Points(arms + losses)).outcome == outcome


@pytest.mark.parametrize(
    ("start", "end", "tanh", "outcome"),
    [
        (0.5, 0.4, 0.0, "holds"),
        (0.5, 0.98, 0.0, "depends"),
        (0.5, 0.2, 0.0, "depends"),
        (0.5, 0.02, 0.0, "does_not_hold"),
        (0.5, 0.4, 0.5, "does_not_hold"),
        (0.5, 0.05, 0.0, "inconclusive"),
        (0.5, 0.3, 0.0, "inconclusive"),
    ],
)
def test_sparsity_is_asked_before_and_after_training_and_of_tanh(
    start: float, end: float, tanh: float, outcome: str
) -> None:
    relu = Curve("relu 0.1", (0, 10), {"zeros": torch.stack([start + noise(1), end + noise(2)])})
    points = Points([relu, Point("tanh 0.1", 10, {"zeros": tanh + 0 * noise()})])
    assert dead_relu.relu_is_sparse(points).outcome == outcome


@pytest.mark.parametrize(
    ("zeros", "slower", "outcome"),
    [
        (0.95, 1.0, "holds"),
        (0.5, 1.0, "depends"),
        (0.0, 1.0, "does_not_hold"),
        (0.95, 1.5, "does_not_hold"),
        (0.95, 9.0, "inconclusive"),
    ],
)
def test_a_leak_keeps_everything_when_zeros_and_speed_are_kept(
    zeros: float, slower: float, outcome: str
) -> None:
    def losses(factor: float) -> torch.Tensor:
        """Return losses (11, 16) that fall exponentially and reach the target after 3 epochs times
        the factor.
        """
        decay = np.log(2 / dead_relu.TARGET) / (3 * factor)
        return 2 * torch.exp(-decay * torch.arange(11.0))[:, None] * (1 + 0.01 * noise())

    arms = {"relu 0.1": (0.4, 1.0), "leaky 0.1": (0.4 * zeros, slower)}
    curves = [
        Curve(
            arm,
            range(11),
            {"zeros": (level + 0.1 * noise() * (level > 0)).expand(11, -1), "loss": losses(factor)},
        )
        for arm, (level, factor) in arms.items()
    ]
    verdict = dead_relu.a_leak_keeps_everything(Points(curves))
    assert verdict.outcome == outcome
    speed = dict(verdict.parts)["speed"].effect
    assert speed is None if slower == 9 else speed == pytest.approx(slower, rel=1e-3)


def test_the_target_is_reached_between_two_epochs_or_not_at_all() -> None:
    loss = np.array([[2.0, 0.4, 2.0, 1.0], [1.0, 0.3, 1.5, 1.0], [0.25, 0.2, 0.9, np.nan]])
    assert dead_relu.epochs_to_target(loss) == pytest.approx(
        [1.5, 0.0, np.nan, np.nan], nan_ok=True
    )


def test_the_slopes_where_units_are_on_are_one() -> None:
    assert dead_relu.slope_when_on("relu") == dead_relu.slope_when_on("leaky") == 1


def test_replicates_at_once_equal_a_loop_over_seeds() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        config, seeds = Config(width=16), range(4)
        x, y = torch.randn(4, 32, 64), torch.randint(10, (4, 32))
        nets = Ensemble(partial(Net, config, "relu"), seeds)
        together = cross_entropy(nets(x)[0], y)
        for i, seed in enumerate(seeds):
            torch.manual_seed(seed)
            alone = torch.nn.functional.cross_entropy(Net(config, "relu")(x[i])[0], y[i])
            assert together[i].item() == pytest.approx(alone.item(), rel=1e-12)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_dead_unit_gets_no_gradient_and_a_leaky_one_does() -> None:
    for activation in ("relu", "leaky"):
        torch.manual_seed(0)
        net = Net(Config(depth=1, bias=-100.0), activation)
        logits, hidden = net(torch.rand(50, 64))
        logits.square().sum().backward()
        assert bool((hidden == 0).all()) == (activation == "relu")
        assert np.any(net.hidden[0].weight.grad.numpy()) == (activation == "leaky")


class Shown(torch.nn.Module):
    """A network whose hidden outputs are set by hand, to count by."""

    outputs: torch.Tensor

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(*x.shape[:2], 10), self.outputs


def test_the_counter_counts_the_dead_and_those_that_return() -> None:
    nets = Shown()
    counter = dead_relu.DeadUnitCounter(
        nets, torch.zeros(1, 2, 64), torch.zeros(2, dtype=torch.long)
    )  # type: ignore[arg-type]
    on, off = [1.0, 1.0], [0.0, 0.0]  # two units of a layer

    def count(*examples: list[list[float]]) -> dict[str, float]:
        nets.outputs = torch.tensor(examples)[None]  # (1, examples, layers, units)
        return {name: value.item() for name, value in counter.count_dead().items()}

    first = count([on, on], [on, [0.0, 1.0]])
    assert (first["dead"], first["zeros"], first["dead if ever negative"]) == (0, 0.125, 0)
    assert np.isnan(first["revived in first layer"]) and np.isnan(first["revived deeper"])
    second = count([off, off], [on, off])
    assert (second["dead"], second["dead in first layer"], second["dead deeper"]) == (0.5, 0, 1)
    assert second["dead if ever negative"] == pytest.approx(2 / 4)
    third = count([on, [1.0, 0.0]], [on, off])
    assert (third["dead"], third["revived deeper"]) == (0.25, 0.5)
    fourth = count([on, off], [on, off])
    # that it came back once is not forgotten
    assert (fourth["dead"], fourth["revived deeper"]) == (0.5, 0.5)


def test_nothing_is_concluded_from_units_that_were_never_off() -> None:
    nets = Shown()
    nets.outputs = torch.ones(1, 2, 1, 2)
    shown = dead_relu.DeadUnitCounter(
        nets, torch.zeros(1, 2, 64), torch.zeros(2, dtype=torch.long)
    ).count_dead()  # type: ignore[arg-type]
    assert shown["dead"] == 0 and shown["dead if ever negative"].isnan()


def test_an_interval_contains_no_impossible_fraction() -> None:
    few = torch.zeros(16)
    few[0] = 0.3
    verdict = dead_relu.one_negative_input_kills(
        Points([Point("relu 0.1", 10, {"dead if ever negative": few})])
    )
    assert (verdict.outcome, verdict.low) == ("does_not_hold", 0)
    opposed = torch.linspace(-1, 1, 3)  # changes from all dead to none, and the other way
    points = Points(
        Point(f"relu {learning_rate:g}", 10, {"dead": n * opposed / 4, "loss": torch.ones(3)})
        for n, learning_rate in enumerate(LEARNING_RATES)
    )
    verdict = dead_relu.large_learning_rates_kill(points)
    assert (verdict.outcome, verdict.low, verdict.high) == ("inconclusive", -1, 1)


def test_a_replicate_that_diverged_shows_no_numbers() -> None:
    nets = Ensemble(partial(Net, Config(width=8), "relu"), [1, 2])
    with torch.no_grad():
        next(nets.parameters())[1] = torch.inf
    shown = dead_relu.DeadUnitCounter(
        nets, torch.rand(2, 5, 64), torch.zeros(5, dtype=torch.long)
    ).count_dead()
    assert shown["dead"][0].isfinite() and all(value[1].isnan() for value in shown.values())


def last_dead(points: list[Point], arm: str) -> float:
    return float(np.nanmean(Points(points).last(arm, "dead")))


def test_with_raw_inputs_death_starts_at_a_tenth_of_the_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dead_relu, "ARMS", [("relu", 0.1), ("relu", 1.0)])
    scaled, raw = (
        list(dead_relu.run(Config(epochs=2, scale=scale), range(6))) for scale in (1 / 16, 1.0)
    )
    assert last_dead(scaled, "relu 0.1") < 0.1 < last_dead(raw, "relu 0.1")
    assert last_dead(scaled, "relu 1") > 0.3


def test_a_negative_bias_leaves_many_dead_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_relu, "ARMS", [("relu", 0.1)])
    plain, sunk = (
        next(dead_relu.run(Config(bias=bias), range(4))).values["dead"].mean()
        for bias in (0.0, -1.0)
    )
    assert plain < 0.1 < 0.5 < sunk


def test_the_same_seeds_give_the_same_numbers_to_the_last_bit() -> None:
    runs = [list(dead_relu.run(Config(epochs=1, width=16), range(3))) for _ in range(2)]
    for one, two in zip(*runs, strict=True):
        assert (one.arm, one.step) == (two.arm, two.step)
        assert all(
            torch.equal(one.values[name].nan_to_num(-1), two.values[name].nan_to_num(-1))
            for name in one.values
        )


def test_the_first_points_come_before_any_training() -> None:
    first = next(dead_relu.run(Config(), range(3)))
    assert (first.arm, first.step) == ("relu 0.01", 0)
    assert first.values["loss"].sub(np.log(10)).abs().max() < 0.5  # near chance


def test_a_run_at_its_own_settings_has_121_points() -> None:
    assert dead_relu.length(Config(), 16) == 121


def test_learners_predict_the_claim_that_was_chosen() -> None:
    words = Path(dead_relu.__file__).with_suffix(".toml").read_text(encoding="utf-8")
    assert tomllib.loads(words)["predict"]["claim"] == "dead-relu.lr-kills"
