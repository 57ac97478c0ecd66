"""Whether served HTML is valid, as html-validate reads the standard."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence

from apps.common.management.commands import assets
from tests.e2e.browsing import Visitor
from tests.e2e.system import ROOT

PROGRAM = ROOT / "tests/e2e/validate_html.mjs"


def served(visitor: Visitor) -> list[str]:
    """Return the HTML that the page consists of, before scripts: the page, then parts loaded."""
    return [answer.text() for answer in visitor.responses if answer.ok or answer.status >= 400]


def invalid(html: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the faults of every page that has any, by its name; one process reads them all."""
    output = subprocess.run(
        [assets.find_node().program, PROGRAM],
        input=json.dumps(html),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    faults: dict[str, list[str]] = json.loads(output)
    return faults
