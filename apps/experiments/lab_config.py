"""Validate the settings of a lab that come from a form, a query or JSON, by the lab's own words."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.common import numbers
from apps.common.errors import BadConfig

PREFIX = "config-"  # of a setting's name, in a form or a query
MAX_VALUE_CHARS = 200  # of a value as text
MAX_LIST_VALUES = 32
TRUE, FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0", "")


def defaults(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting of a lab at its default."""
    return {name: setting["default"] for name, setting in words.get("config", {}).items()}


def changed(words: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings that differ from their defaults."""
    return [name for name, value in defaults(words).items() if config.get(name, value) != value]


def differing(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the settings that are not the same in all of `configs`, in the order in
    which they stand there; 1 is the same as 1.0.
    """
    names = dict.fromkeys(name for config in configs for name in config)
    return [
        name
        for name in names
        if len({config_hash({name: config.get(name)}) for config in configs}) > 1
    ]


def config_hash(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all settings of a lab, by which equal ones are found. Neither their
    order counts nor whether a number was written as 1 or as 1.0.
    """
    text = json.dumps(_canonical(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def clean(words: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a lab: those in `raw` (text or JSON values) as given, the rest at
    their defaults.

    Raises:
        BadConfig: `extra["config"]` says of each setting what is wrong and what would be right.
    """
    declared, values, wrong = words.get("config", {}), dict[str, Any](), dict[str, str]()
    for name in raw:
        if name not in declared:
            wrong[str(name)[:64]] = _("There is no such setting.")
    for name, setting in declared.items():
        try:
            values[name] = _read(setting, raw[name]) if name in raw else setting["default"]
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        raise BadConfig(
            _("These settings are not valid: %(names)s.") % {"names": ", ".join(wrong)},
            config=wrong,
        )
    return values


def _read(setting: Mapping[str, Any], raw: Any) -> Any:
    kind = str(setting["type"])
    if kind.startswith("list["):
        return _read_list(setting, raw, kind[5:-1])
    value = READERS[kind](raw)
    _check(setting, value)
    return value


def _read_list(setting: Mapping[str, Any], raw: Any, kind: str) -> list[Any]:
    if isinstance(raw, str):
        if len(raw) > MAX_VALUE_CHARS:
            raise ValueError(_("This is too long."))
        raw = [piece.strip() for piece in re.split("[,，、،]", raw) if piece.strip()]
    if not isinstance(raw, Sequence) or not 1 <= len(raw) <= MAX_LIST_VALUES:
        raise ValueError(_("Choose 1 to %(n)d values.") % {"n": MAX_LIST_VALUES})
    values = [READERS[kind](piece) for piece in raw]
    for value in values:
        _check(setting, value)
    if len(set(values)) < len(values):
        raise ValueError(_("The same value appears twice."))
    return (
        [choice for choice in setting["choices"] if choice in values]
        if "choices" in setting
        else values
    )


def _check(setting: Mapping[str, Any], value: Any) -> None:
    if "choices" in setting and value not in setting["choices"]:
        raise ValueError(
            _("Choose one of %(choices)s.") % {"choices": ", ".join(map(str, setting["choices"]))}
        )
    if "range" in setting:
        low, high = setting["range"]
        if not low <= value <= high:
            raise ValueError(
                _("Enter a value between %(low)s and %(high)s.")
                % {"low": f"{low:g}", "high": f"{high:g}"}
            )


def _whole(raw: Any) -> int:
    message = _("Enter a whole number.")
    value = number(raw, message)
    if value != int(value) or abs(value) > 2**53:
        raise ValueError(message)
    return int(value)


def _number(raw: Any) -> float:
    return number(raw, _("Enter a number such as 0.25 or 1e-3."))


def number(raw: Any, message: str) -> float:
    """Return the number that a text, read as answers are, or a JSON value stands for.

    Args:
        message: says what would be valid.
    Raises:
        ValueError: it is no finite number; says why, and `message`.
    """
    if isinstance(raw, str) and len(raw) <= MAX_VALUE_CHARS:
        reading = numbers.read(raw, advice=message)
        if reading.value is None:
            raise ValueError(reading.problem)
        return reading.value
    try:
        if isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
            return float(raw)
    except OverflowError:  # an int too large for a float
        pass
    raise ValueError(message)


def _truth(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in TRUE + FALSE:
        return raw.lower() in TRUE
    raise ValueError(_("Choose on or off."))


def _word(raw: Any) -> str:
    if not isinstance(raw, str) or len(raw) > MAX_VALUE_CHARS:
        raise ValueError(_("Enter some text."))
    return raw


READERS = {"int": _whole, "float": _number, "bool": _truth, "str": _word}
