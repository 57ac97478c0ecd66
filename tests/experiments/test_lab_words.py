"""The words of a lab: what is wrong in them is named by its line, with what would be right."""

from __future__ import annotations

import pytest
from django.conf import settings

from apps.common import toml
from apps.experiments.lab_words import Words

SOURCE = (settings.LABS_FOLDER / "dead_relu.toml").read_text(encoding="utf-8")
CLAIM = '[claims."dead-relu.lr-kills"'
BOTH = "write both languages: { en = “…”, zh = “…” }"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('topic = "activation-functions"', 'topic = "x"', "topic is 'x'; write one of: activation"),
        ('kind = "training"', 'kind = "test"', "kind is 'test'; write one of: training, benchm"),
        ('queue = "labs"', "queue = 1", "queue is 1; write one of: labs, bench"),
        ('queue = "labs"', "position = -1", "position is -1; write a whole number from 0 to 32767"),
        (
            f"{CLAIM}]",
            '[claims."x y"]',
            "x y is 'x y'; write lab.claim, such as dead-relu.lr-kills",
        ),
        ("range = [0.0, 1.0] }", "range = [0.0] }", "range is [0.0]; write [low, high]"),
        (", range = [0.0, 1.0] }", "}", "a prediction with bars names series, arms and range"),
        ('claim = "dead-relu.lr-kills"', 'claim = "x"', "x is no claim with predictions; there"),
        ('to = "epochs"', "until = 3", "unknown key 'until'. Known: arms, kind, log_x, "),
        ('series = "dead"\n', "", "series is missing: write a text, in quotes"),
        ('arms = ["relu *"]', "arms = []", 'arms is []; write a list of arms: ["relu *"]'),
        ("replicates = 3,", "replicates = 0,", "replicates is 0; write a whole number from 1"),
        (", seconds = 20 }", "}", "seconds is missing: write a number above 0"),
        ("standard = {", "normal = {", "unknown key 'normal'. Known: quick, standard"),
        ("range = [1, 8]\n", "", "a setting has either range = [low, high] or choices = […]"),
        (
            "default = 3",
            "default = 2026-11-21",
            "; write a number, a text, true or false, or a",
        ),
        ('type = "int"', 'type = "whole"', "type is 'whole'; write one of: int, float, bool, "),
        ('en = "hidden layers"', "en = 3", "en is 3; write a text, in quotes"),
        ('"relu 0.1" = { en =', '"relu 0.1" = { fr =', "unknown key 'fr'. Known: en, zh"),
        ('"tanh 0.1" = {', '"tanh 0.1" = 3 # {', f"tanh 0.1 is 3; {BOTH}"),
        ('unit = { en = "nats", zh', "unit = { zh", f"en is missing: {BOTH}"),
        (f"{CLAIM}.why]", f"{CLAIM}.reason]", "unknown key 'reason'. Known: effect, en, parts, "),
        ('effect = ".0%"\n', "", "effect is missing: write a format of numbers, such as “.1%”"),
        ("none = {", "nothing = {", "unknown key 'nothing'. Known: depends, does_not_hold, "),
        ('effect = ".3f" }', "effect = 3 }", "effect is 3; write a format of numbers, such as"),
    ],
)
def test_a_fault_names_its_line_and_what_is_right(old: str, new: str, message: str) -> None:
    assert old in SOURCE
    source = SOURCE.replace(old, new, 1)
    with pytest.raises(toml.BadToml) as raised:
        toml.read(source, Words)
    assert message in raised.value.message
    line = SOURCE[: SOURCE.index(old)].count("\n") + 1
    if old.endswith("\n"):  # what is missing is named by its table
        line = SOURCE[: SOURCE.rindex("\n[", 0, SOURCE.index(old))].count("\n") + 2
    assert raised.value.line == line, source.splitlines()[raised.value.line - 1]
