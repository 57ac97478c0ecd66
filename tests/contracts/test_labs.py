"""Every lab: code and words name the same settings, arms, series, claims and parts, and every
sentence can be formatted.
"""

import re
import string
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest

from apps.common import toml
from apps.experiments.lab_words import Words
from workers import labs
from workers.engine import RULES, Curve, Point, Points, describe, evaluate_claims, seeds

FOLDER = Path(labs.__file__).parent
OUTCOMES = ("holds", "depends", "does_not_hold", "inconclusive")
TYPES = {
    int: "int",
    float: "float",
    bool: "bool",
    str: "str",
    tuple[str, ...]: "list[str]",
    tuple[int, ...]: "list[int]",
    tuple[float, ...]: "list[float]",
}
CHINESE = re.compile("[\u4e00-\u9fff]")
ABOUT_DEAD_UNITS = re.compile(r"\b(dead|dies?|died|dying|death|kills?)\b", re.IGNORECASE)


def words(slug: str) -> dict[str, Any]:
    source = (FOLDER / f"{slug.replace('-', '_')}.toml").read_text(encoding="utf-8")
    toml.read(source, Words)  # or it is refused with its line
    return toml.parse(source)


def claims_of(slug: str) -> list[str]:
    labs.load(slug)
    return [claim for claim in RULES if claim.startswith(f"{slug}.")]


every_lab = pytest.mark.parametrize("slug", labs.SLUGS)
every_claim = pytest.mark.parametrize(
    ("slug", "claim"), [(slug, claim) for slug in labs.SLUGS for claim in words(slug)["claims"]]
)


class Quick:
    """A lab run at its quick profile, once for all tests."""

    def __init__(self, slug: str) -> None:
        profile = words(slug)["profile"]["quick"]
        self.lab: ModuleType = labs.load(slug)
        config = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in profile["config"].items()
        }
        self.config, self.replicates = self.lab.Config(**config), profile["replicates"]
        self.yielded: list[Point | Curve] = list(
            self.lab.run(self.config, seeds(0, self.replicates))
        )


@pytest.fixture(scope="module")
def quick() -> Any:
    runs: dict[str, Quick] = {}
    return lambda slug: runs.get(slug) or runs.setdefault(slug, Quick(slug))


def test_importing_the_package_imports_no_lab_and_no_torch() -> None:
    code = (
        "import sys, workers.labs as labs; assert labs.SLUGS; assert 'torch' not in sys.modules "
        "and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=FOLDER.parents[1])


def test_an_unknown_lab_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no lab 'os'.*dead-relu"):
        labs.load("os")


@every_lab
def test_settings_are_the_same_in_code_and_words(slug: str) -> None:
    config = labs.load(slug).Config
    types, table = get_type_hints(config), words(slug)["config"]
    assert list(table) == [field.name for field in fields(config)]
    for field in fields(config):
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        assert default is not MISSING
        assert (table[field.name]["type"], table[field.name]["default"]) == (
            TYPES[types[field.name]],
            default,
        )
        assert type(table[field.name]["default"]) is type(default)


@every_lab
def test_defaults_and_profiles_lie_within_the_bounds(slug: str) -> None:
    table = words(slug)
    for name, setting in table["config"].items():
        for value in (
            setting["default"],
            table["profile"]["quick"]["config"].get(name, setting["default"]),
        ):
            for one in value if isinstance(value, list) else [value]:
                assert (
                    one in setting["choices"]
                    if "choices" in setting
                    else setting["range"][0] <= one <= setting["range"][1]
                )
        if "labels" in setting:
            assert list(setting["labels"]) == [
                f"{c:.15g}" if isinstance(c, float) else str(c) for c in setting["choices"]
            ]


@every_lab
def test_a_quick_run_yields_as_many_as_it_says(slug: str, quick: Any) -> None:
    run = quick(slug)
    assert len(run.yielded) == run.lab.length(run.config, run.replicates)


@every_lab
def test_a_lab_says_its_length_at_its_own_settings(slug: str) -> None:
    lab = labs.load(slug)
    lengths = [lab.length(lab.Config(), replicates) for replicates in (1, 16)]
    assert all(type(length) is int and length > 0 for length in lengths)
    assert lengths[0] <= lengths[1]


@every_lab
def test_every_value_is_a_vector_over_replicates(slug: str, quick: Any) -> None:
    run = quick(slug)
    for point in run.yielded:
        shape = (
            (len(point.steps), run.replicates) if isinstance(point, Curve) else (run.replicates,)
        )
        assert all(tuple(value.shape) == shape for value in point.values.values())


@every_lab
def test_series_and_arms_have_words_and_words_have_series(slug: str, quick: Any) -> None:
    table, run = words(slug), quick(slug)
    assert {series for point in run.yielded for series in point.values} == set(table["series"])
    assert {point.arm for point in run.yielded} <= set(table["arms"])


@every_lab
def test_every_figure_shows_something_and_every_arm_that_is_named(slug: str, quick: Any) -> None:
    table = words(slug)
    shown = {(point.arm, series) for point in quick(slug).yielded for series in point.values}
    for figure in table["figures"]:
        assert any(
            series == figure["series"] and fits(arm, figure["arms"]) for arm, series in shown
        ), figure
        assert all(any(fits(arm, [pattern]) for arm in table["arms"]) for pattern in figure["arms"])
        assert figure.get("to", "") in ("", "replicates", *table["config"])


def fits(arm: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(arm, pattern) for pattern in patterns)


@every_lab
def test_every_claim_has_a_rule_and_every_rule_a_claim(slug: str) -> None:
    assert set(claims_of(slug)) == set(words(slug)["claims"])


@every_lab
def test_a_quick_run_is_judged_without_a_rule_that_raises(
    slug: str, quick: Any, caplog: pytest.LogCaptureFixture
) -> None:
    verdicts = evaluate_claims(Points(quick(slug).yielded), claims_of(slug))
    assert not caplog.records
    for claim, verdict in verdicts:
        assert verdict.outcome in OUTCOMES
        assert {name for name, _ in verdict.parts} <= set(
            words(slug)["claims"][claim].get("parts", {})
        )


@every_lab
def test_points_can_be_described(slug: str, quick: Any) -> None:
    for point in quick(slug).yielded:
        for value in point.values.values():
            rows = value if isinstance(point, Curve) else [value]
            for row in rows:
                mean, low, high = describe(row)
                assert (low is None) == (high is None)
                assert mean is None or low is None or low <= mean <= high  # type: ignore[operator]


@every_lab
def test_a_sketch_is_of_arms_and_a_series_that_there_are(slug: str) -> None:
    table = words(slug)
    predict = table["predict"]
    if predict["form"] == "bars":
        assert set(predict["arms"]) <= set(table["arms"]) and predict["series"] in table["series"]
        assert predict["range"][0] < predict["range"][1]


@every_claim
def test_every_outcome_has_a_sentence_that_any_numbers_fit(slug: str, claim: str) -> None:
    sentences = words(slug)["claims"][claim]["sentences"]
    for outcome, sentence in sentences.items():
        for language in ("en", "zh"):
            names = {name for _, name, _, _ in string.Formatter().parse(sentence[language]) if name}
            assert names <= (
                {"effect", "low", "high", "replicates"} if outcome != "none" else set()
            )
            for number in (0.0, -1.5, 1e-17, 1e9):
                assert sentence[language].format(
                    effect=number, low=number, high=number, replicates=16
                )
        assert numbers(sentence["en"]) == numbers(sentence["zh"])


def numbers(sentence: str) -> set[tuple[str, str | None]]:
    return {(name, spec) for _, name, spec, _ in string.Formatter().parse(sentence) if name}


@every_claim
def test_the_formats_of_tables_are_formats(slug: str, claim: str) -> None:
    table = words(slug)["claims"][claim]
    for spec in (
        table["effect"],
        *(part.get("effect", table["effect"]) for part in table.get("parts", {}).values()),
    ):
        assert format(0.25, spec)


@every_lab
def test_all_words_are_in_both_languages(slug: str) -> None:
    table = words(slug)
    for path, both in translated(table):
        assert both["en"].strip() and both["zh"].strip(), path
        assert not CHINESE.search(both["en"]), path
        if len(both["en"]) > 45:  # what is longer than names and formulas has been translated
            assert CHINESE.search(both["zh"]), path


def translated(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    """Return every pair of texts, with its place."""
    if "en" in table:
        yield path, table  # type: ignore[misc]
    for name, value in table.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping):
                yield from translated(one, f"{path}.{name}")


@every_lab
def test_a_dead_unit_is_called_by_one_word(slug: str) -> None:
    for path, both in translated(words(slug)):
        if ABOUT_DEAD_UNITS.search(both["en"]) and "dropout" not in both["en"].lower():
            assert "失活" not in both["zh"], path  # that is dropout


@every_lab
def test_a_lab_is_short_enough_to_be_read(slug: str) -> None:
    assert 80 <= len((FOLDER / f"{slug.replace('-', '_')}.py").read_text().splitlines()) <= 275
