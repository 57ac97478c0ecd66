"""Whether an answer is what the description of the API says."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from apps.api.api import description


@cache
def _document() -> Any:
    return json.loads(description())


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    """Return the addresses that are described, those without a parameter first."""
    templates = sorted(_document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), path) for path in templates]


def operation(method: str, url: str) -> Any:
    """Return what is described of a method at an address; None if there is nothing."""
    address = urlsplit(url).path
    for pattern, path in _paths():
        if pattern.fullmatch(address) and method.lower() in _document()["paths"][path]:
            return _document()["paths"][path][method.lower()]
    return None


def faults(method: str, url: str, answer: Any) -> list[str]:
    """Return where an answer differs from its description."""
    described = operation(method, url)
    if described is None or answer.status_code in (304, 405):
        return []
    responses = described["responses"]
    response = responses.get(str(answer.status_code))
    if response is None:
        if answer.status_code < 400:
            return [f"{answer.status_code} is not described"]
        response = responses["default"]
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    content = response.get("content", {})
    if not content:
        return [] if not answer.content else ["a body that is not described"]
    if kind not in content:
        return [f"{kind} is not described"]
    if not kind.endswith("json"):
        return []
    schema = {**content[kind]["schema"], "components": _document()["components"]}
    validator = Draft202012Validator(schema)
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in validator.iter_errors(answer.json())
    ]
