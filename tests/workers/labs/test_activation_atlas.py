"""The functions against PyTorch, closed forms and differences; each rule on facts made up for each
of its outcomes.
"""

import math
import tomllib
from pathlib import Path

import pytest
import torch
from torch.func import grad, vmap
from torch.nn import functional

from workers.engine import Curve, Point, Points, Rule
from workers.labs import activation_atlas as atlas
from workers.labs.activation_atlas import NAMES, Config

X = torch.linspace(-9.7, 9.9, 301, dtype=torch.float64)
THEIRS = {
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "elu": functional.elu,
    "softplus": lambda x: functional.softplus(x, beta=3.0, threshold=1000),
    "swish": lambda x: functional.silu(2 * x) / 2,
    "gelu": lambda x: x * torch.special.ndtr(x),
    "mish": lambda x: x * torch.tanh(torch.log1p(torch.exp(x))),
    "maxout": lambda x: torch.maximum(x, -x / 2),
    "prelu": lambda x: torch.nn.PReLU().double()(x).detach(),
}
OTHER = Config(leaky_slope=0.2, swish_beta=2.0, softplus_beta=3.0)


@pytest.mark.parametrize("name", THEIRS)
def test_a_function_is_what_its_name_says(name: str) -> None:
    f, _ = atlas.functions(OTHER)[name]
    torch.testing.assert_close(f(X), THEIRS[name](X), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    "config", [Config(), OTHER, Config(swish_beta=0.0, leaky_slope=0.0, softplus_beta=50.0)]
)
@pytest.mark.parametrize("name", NAMES)
def test_slopes_by_hand_and_by_differences_are_the_automatic_ones(
    name: str, config: Config
) -> None:
    f, slope_by_hand = atlas.functions(config)[name]
    slope = vmap(grad(f))(X)
    torch.testing.assert_close(slope_by_hand(X), slope, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close((f(X + 1e-5) - f(X - 1e-5)) / 2e-5, slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_bends_are_the_differences_of_slopes(name: str) -> None:
    f, _ = atlas.functions(Config())[name]
    slope, bend = vmap(grad(f)), vmap(grad(grad(f)))
    differences = (slope(X + 1e-5) - slope(X - 1e-5)) / 2e-5
    torch.testing.assert_close(bend(X), differences, rtol=1e-5, atol=1e-8)


@pytest.fixture(scope="module")
def points() -> Points:
    return Points(atlas.run(Config(), [0]))


def fact(points: Points, arm: str, series: str) -> float:
    return float(points.last(arm, series)[0])


def test_the_edges_of_the_flat_zones_are_where_the_closed_forms_say(points: Points) -> None:
    s = (1 - math.sqrt(1 - 0.01)) / 2  # s(1 - s) = 0.0025
    assert fact(points, "sigmoid", "edge of the flat zone") == pytest.approx(
        math.log((1 - s) / s), abs=1e-9
    )
    assert fact(points, "tanh", "edge of the flat zone") == pytest.approx(
        math.atanh(math.sqrt(0.99)), abs=1e-9
    )
    assert {fact(points, name, "edge of the flat zone") for name in NAMES[2:]} == {30.0}


def test_far_out_tanh_is_flatter_than_the_sigmoid() -> None:
    functions = {name: f for name, (f, _) in atlas.functions(Config()).items()}
    slopes = {name: grad(functions[name])(atlas.as_double(5.0)) for name in ("sigmoid", "tanh")}
    assert slopes["tanh"] < slopes["sigmoid"]


def test_the_dips_are_where_the_words_say(points: Points) -> None:
    assert fact(points, "swish", "place of lowest value") == pytest.approx(-1.28, abs=0.005)
    assert fact(points, "mish", "place of lowest value") == pytest.approx(-1.19, abs=0.005)


def test_at_the_kink_each_way_to_write_relu_has_its_own_slope(points: Points) -> None:
    ways = [
        fact(points, "relu", f"slope at zero as {way}") for way in ("maximum", "clamp", "where")
    ]
    assert [fact(points, "relu", "slope at zero"), *ways] == [0, 0.5, 1, 1]


def test_means_are_those_of_the_closed_forms(points: Points) -> None:
    relu = 1 / math.sqrt(2 * math.pi)
    expected = {
        "sigmoid": 0.5,
        "tanh": 0.0,
        "relu": relu,
        "leaky_relu": 0.99 * relu,
        "prelu": 0.75 * relu,
        "maxout": 1.5 * relu,
    }
    for name, mean in expected.items():
        assert fact(points, name, "mean output") == pytest.approx(mean, abs=1e-6)
    assert all(fact(points, name, "mean output") > 0 for name in ("leaky_relu", "swish", "mish"))


def test_every_textbook_claim_holds_exactly(points: Points) -> None:
    for rule in RULES:
        verdict = rule(points)
        assert (verdict.outcome, verdict.exact) == ("holds", True), rule.__name__


def test_settings_change_the_picture_and_no_verdict(points: Points) -> None:
    bent = Points(
        atlas.run(
            Config(
                functions=("swish",),
                x_max=2.0,
                leaky_slope=0.5,
                swish_beta=20.0,
                softplus_beta=50.0,
            ),
            [0],
        )
    )
    assert [rule(bent) for rule in RULES] == [rule(points) for rule in RULES]
    assert bent.steps("swish", "value")[[0, -1]].tolist() == [-2.0, 2.0]
    assert ("mish", "value") not in bent


def test_a_picture_steps_over_the_kink() -> None:
    curve = next(
        point for point in atlas.run(Config(functions=("relu",)), [0]) if isinstance(point, Curve)
    )
    assert 0 not in curve.steps and len(curve.steps) == 400
    assert curve.values["error by differences"].max() < 1e-9


@pytest.mark.parametrize("reach", [2.0, 30.0])
@pytest.mark.parametrize("bounds", [(0.0, 0.0, 0.5), (0.5, 20.0, 50.0)])
def test_every_curve_is_finite_at_the_bounds_of_its_settings(
    reach: float, bounds: tuple[float, float, float]
) -> None:
    leaky, swish, softplus = bounds
    config = Config(x_max=reach, leaky_slope=leaky, swish_beta=swish, softplus_beta=softplus)
    for curve in atlas.run(config, [0]):
        assert all(value.isfinite().all() for value in curve.values.values()), curve.arm


@pytest.mark.parametrize("reach", [2.0, 8.0, 30.0])
def test_a_grid_of_an_odd_number_of_points_has_zero_and_both_ends(reach: float) -> None:
    x = atlas.grid(reach, 6001)
    assert (x[0], x[3000], x[-1]) == (-reach, 0, reach)
    torch.testing.assert_close(x, torch.linspace(-reach, reach, 6001, dtype=torch.float64))


def with_fact(points: Points, arm: str, series: str, value: float) -> Points:
    """Return the facts with one of them changed."""
    changed = Points([Point(arm, 0, {series: atlas.as_double([value])})])
    for name, f in ((n, s) for n in NAMES for s in FACTS if (n, s) in points):
        if (name, f) != (arm, series):
            changed.add(Point(name, 0, {f: points.last(name, f)}))  # type: ignore[dict-item]
    return changed


FACTS = {series for point in atlas.run(Config(functions=()), [0]) for series in point.values}
RULES: list[Rule] = [
    atlas.sigmoid_peaks_at_a_quarter,
    atlas.tanh_peaks_at_one,
    atlas.far_from_zero_both_are_flat,
    atlas.softplus_has_no_kink,
    atlas.relu_is_flat_at_zero,
    atlas.swish_and_mish_dip_once,
    atlas.maxout_is_more_general,
    atlas.tanh_is_a_scaled_sigmoid,
    atlas.only_tanh_is_centred,
]
WRONG = [
    (atlas.sigmoid_peaks_at_a_quarter, "sigmoid", "highest slope", 0.26),
    (atlas.sigmoid_peaks_at_a_quarter, "sigmoid", "place of highest slope", 0.01),
    (atlas.tanh_peaks_at_one, "tanh", "highest slope", 0.99),
    (atlas.tanh_peaks_at_one, "sigmoid", "highest slope", 0.3),
    (atlas.softplus_has_no_kink, "softplus", "slope at zero", 0.51),
    (atlas.softplus_has_no_kink, "relu", "slope left of zero", 0.5),
    (atlas.softplus_has_no_kink, "relu", "slope right of zero", 0.5),
    (atlas.relu_is_flat_at_zero, "relu", "slope at zero", 0.5),
    (atlas.swish_and_mish_dip_once, "swish", "lowest value", -0.3),
    (atlas.swish_and_mish_dip_once, "mish", "lowest value", -0.3),
    (atlas.swish_and_mish_dip_once, "mish", "turns", 2.0),
    (atlas.swish_and_mish_dip_once, "swish", "gap at 100", 0.1),
    (atlas.maxout_is_more_general, "maxout", "gap to absolute value", 1e-15),
    (atlas.tanh_is_a_scaled_sigmoid, "tanh", "gap to scaled sigmoid", 1e-11),
    (atlas.only_tanh_is_centred, "tanh", "mean output", 0.01),
    (atlas.only_tanh_is_centred, "relu", "mean output", 0.41),
]


@pytest.mark.parametrize(("rule", "arm", "series", "value"), WRONG)
def test_a_claim_does_not_hold_when_one_fact_is_another(
    points: Points, rule: Rule, arm: str, series: str, value: float
) -> None:
    assert rule(with_fact(points, arm, series, value)).outcome == "does_not_hold"


@pytest.mark.parametrize(("rule", "arm", "series", "value"), WRONG)
def test_a_claim_is_undecided_when_a_fact_is_no_number(
    points: Points, rule: Rule, arm: str, series: str, value: float
) -> None:
    assert rule(with_fact(points, arm, series, math.nan)).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("sigmoid", "tanh", "relu", "outcome"),
    [
        (6, 3, 1, "holds"),
        (9, 3, 1, "depends"),
        (6, 9, 1, "depends"),
        (9, 9, 0.5, "does_not_hold"),
        (math.nan, 3, 1, "inconclusive"),
    ],
)
def test_the_flat_zones_are_judged_each_way(
    sigmoid: float, tanh: float, relu: float, outcome: str
) -> None:
    edges = [
        Point(name, 0, {"edge of the flat zone": atlas.as_double([x])})
        for name, x in (("sigmoid", sigmoid), ("tanh", tanh))
    ]
    slopes = Point(
        "relu",
        0,
        {"slope at the end": atlas.as_double([relu]), "highest slope": atlas.as_double([1.0])},
    )
    assert atlas.far_from_zero_both_are_flat(Points([*edges, slopes])).outcome == outcome


def test_a_run_at_its_own_settings_has_22_points() -> None:
    assert atlas.length(Config(), 16) == 22


def test_learners_predict_the_claim_that_was_chosen() -> None:
    words = Path(atlas.__file__).with_suffix(".toml").read_text(encoding="utf-8")
    assert tomllib.loads(words)["predict"]["claim"] == "activation-atlas.saturation-zone"
