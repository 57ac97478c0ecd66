"""Each rule on ratios made up for each of its outcomes; what is timed is what its name says; slower
work reads slower.
"""

import math
import tomllib
from pathlib import Path

import pytest
import torch

from workers.engine import Point, Points, Rounds
from workers.labs import activation_cost as cost
from workers.labs.activation_cost import ACTIVATIONS, SIZES, Config

QUICK = Config(largest=1_000_000, width=64, depth=1, batch=16, repeats=5)


def rounds_of(ratio: float, spread: float = 0.01) -> torch.Tensor:
    """Return 16 ratios whose geometric mean is exactly as given."""
    drawn = torch.randn(16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return ratio * torch.exp(spread * (drawn - drawn.mean()))


@pytest.mark.parametrize(
    ("ratio", "outcome"),
    [
        (1.3, "holds"),
        (1.1, "depends"),
        (1.01, "does_not_hold"),
        (1.05, "inconclusive"),
        (1.2, "inconclusive"),
    ],
)
def test_an_exponential_matters_from_a_fifth_on(ratio: float, outcome: str) -> None:
    verdict = cost.an_exponential_matters_in_a_network(
        Points([Point("network sigmoid", 16, {"step ratio": rounds_of(ratio)})])
    )
    assert (verdict.outcome, verdict.replicates) == (outcome, 16)
    assert verdict.effect == pytest.approx(ratio)


def alone(sizes: tuple[int, ...] = SIZES, **ratios: float) -> Points:
    """Return points in which each function takes 1.5 times ReLU's time, save those named
    `<function>_<size>`.
    """
    points = Points(Point(f"relu {size}", 16, {"ratio": rounds_of(1.0)}) for size in sizes)
    for name in cost.EXPONENTIAL:
        for size in sizes:
            points.add(
                Point(
                    f"{name} {size}",
                    16,
                    {"ratio": rounds_of(ratios.get(f"{name}_{size}", ratios.get("all", 1.5)))},
                )
            )
    return points


def test_slower_alone_holds_only_when_every_function_is_at_every_size() -> None:
    assert cost.exponentials_are_slower_alone(alone()).outcome == "holds"
    assert cost.exponentials_are_slower_alone(alone(sigmoid_1000=1.0)).outcome == "depends"
    assert cost.exponentials_are_slower_alone(alone(sigmoid_1000=1.1)).outcome == "inconclusive"
    assert cost.exponentials_are_slower_alone(alone(all=1.0)).outcome == "does_not_hold"


def test_slower_alone_shows_every_size_that_was_timed_and_their_mean() -> None:
    verdict = cost.exponentials_are_slower_alone(alone(SIZES[:3], sigmoid_1000=1.0))
    assert len(verdict.parts) == 9
    assert verdict.effect == pytest.approx(1.5 ** (8 / 9))


@pytest.mark.parametrize(
    ("forward", "backward", "outcome"),
    [
        (2, 2, "holds"),
        (2, 1, "depends"),
        (1, 2, "depends"),
        (1, 1, "does_not_hold"),
        (2, 1 / 0.9, "inconclusive"),
    ],
)
def test_relu_is_cheaper_when_it_is_both_ways(
    forward: float, backward: float, outcome: str
) -> None:
    values = {"forward ratio": rounds_of(forward), "backward ratio": rounds_of(backward)}
    verdict = cost.relu_is_cheaper_both_ways(Points([Point("sigmoid 1000000", 16, values)]))
    assert verdict.outcome == outcome
    assert verdict.effect == pytest.approx(1 / backward)


def test_two_rounds_decide_nothing() -> None:
    few = rounds_of(1.5).where(torch.arange(16) < 2, torch.nan)
    verdict = cost.an_exponential_matters_in_a_network(
        Points([Point("network sigmoid", 2, {"step ratio": few})])
    )
    assert (verdict.outcome, verdict.effect) == ("inconclusive", None)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_is_timed_agrees_with_double_precision(name: str) -> None:
    x = torch.cat([torch.randn(1000), torch.linspace(-40, 40, 401)]).requires_grad_()
    assert 0 <= cost.max_error(ACTIVATIONS[name], x) < cost.TOLERANCE


def test_something_else_than_the_function_is_not_timed() -> None:
    rough = lambda x: torch.sigmoid(x) if x.dtype == torch.float64 else torch.sigmoid(x) + 1e-4  # noqa: E731
    with pytest.raises(ArithmeticError, match=r"off by 1.0e-04"):
        cost.max_error(rough, torch.randn(10, requires_grad=True))


def test_forward_and_backward_compute_values_and_slopes() -> None:
    x = torch.randn(50, requires_grad=True)
    torch.testing.assert_close(cost.forward(torch.tanh, x)()(), torch.tanh(x))
    (slope,) = cost.backward(torch.tanh, x)()()  # type: ignore[misc]
    torch.testing.assert_close(slope, 1 - torch.tanh(x) ** 2)


def test_a_training_step_trains() -> None:
    seen: list[torch.Tensor] = []

    def spy(z: torch.Tensor) -> torch.Tensor:
        seen.append(z.detach())
        return torch.relu(z)

    work = cost.training_step(spy, Config(width=64, depth=2, batch=16))
    torch.manual_seed(0)
    work()()
    torch.manual_seed(0)  # the same batch again: only the weights have moved
    work()()
    assert [tuple(z.shape) for z in seen] == [(16, 64)] * 4
    assert not torch.equal(seen[0], seen[2])
    torch.testing.assert_close(seen[0], seen[2], rtol=0.1, atol=0.1)


def test_every_activation_starts_from_the_same_weights() -> None:
    firsts = []
    for _ in range(2):
        cost.training_step(lambda z: firsts.append(z.detach()) or z, QUICK)
        work = cost.training_step(lambda z: firsts.append(z.detach()) or z, QUICK)
        torch.manual_seed(1)
        work()()
    assert torch.equal(*firsts)


def test_after_each_round_all_rounds_so_far_are_shown() -> None:
    points = list(cost.run(QUICK, [1, 2, 3]))
    assert len(points) == cost.length(QUICK, 3)
    steps = [point for point in points if point.arm == "network sigmoid"]
    assert [point.step for point in steps] == [1, 2, 3]
    for done, point in enumerate(steps, 1):
        ratio = point.values["step ratio"]
        assert (ratio.isfinite().sum(), len(ratio)) == (done, 3)
        torch.testing.assert_close(ratio[:done], steps[-1].values["step ratio"][:done])


def test_times_and_ratios_fit_together() -> None:
    rounds = Rounds(1)
    for name, (forward, backward) in {"relu": (1.0, 2.0), "tanh": (3.0, 3.0)}.items():
        rounds.keep(f"{name} 1000", "forward", forward)
        rounds.keep(f"{name} 1000", "backward", backward)
        rounds.keep(f"{name} 1000", "error", 0.0)
    shown = {name: value.item() for name, value in cost.values_alone(rounds, "tanh", 1000).items()}
    assert shown == pytest.approx(
        {
            "forward": 3e6,
            "backward": 3e6,
            "forward ratio": 3.0,
            "backward ratio": 1.5,
            "ratio": 2.0,
            "error": 0.0,
        }
    )


def test_a_run_leaves_the_number_of_threads_as_it_was() -> None:
    before = torch.get_num_threads()
    running = cost.run(QUICK, [1])
    next(running)
    running.close()  # stopped in the middle
    assert torch.get_num_threads() == before


def test_smaller_runs_leave_out_the_largest_size() -> None:
    assert cost.sizes(Config()) == list(SIZES)
    assert cost.sizes(QUICK) == list(SIZES[:3])
    assert math.isclose(SIZES[2], 1e6)


def test_a_run_at_its_own_settings_has_336_points() -> None:
    assert cost.length(Config(), 16) == 336


def test_learners_predict_the_claim_that_was_chosen() -> None:
    words = Path(cost.__file__).with_suffix(".toml").read_text(encoding="utf-8")
    assert tomllib.loads(words)["predict"]["claim"] == "activation-cost.exp-matters-in-net"
