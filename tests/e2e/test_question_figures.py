"""Figures of questions as a browser sets them: every word within its sheet, none across another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import ViewportSize

from tests.e2e.browsing import Visitor
from tests.e2e.system import ROOT, System

FIGURES = sorted((ROOT / "apps/questions/bank").glob("*/*/figure.*.svg"))
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
FAULTS = """async (svg) => {
    document.querySelector("main").innerHTML =
        `<div class="read"><figure class="plate">${svg}</figure></div>`;
    await document.fonts.ready;
    const sheet = document.querySelector("svg.plate").getBoundingClientRect(), faults = [];
    const words = [...document.querySelectorAll("svg.plate text")]
        .map((text) => [text.textContent, text.getBoundingClientRect()]);
    for (const [text, box] of words)
        if (!box.width || box.left < sheet.left || box.right > sheet.right
            || box.top < sheet.top || box.bottom > sheet.bottom)
            faults.push(`“${text}” is hidden or cut off`);
    words.forEach(([text, box], n) => words.slice(n + 1).forEach(([other, its]) => {
        const air = (box.height + its.height) / 4;  // above and below the letters of a line
        if (box.left < its.right && its.left < box.right
            && box.top + air < its.bottom && its.top + air < box.bottom)
            faults.push(`“${text}” runs into “${other}”`);
    }));
    return faults;
}"""


@pytest.mark.parametrize("size", SIZES)
def test_every_word_of_a_figure_can_be_read(
    site: System, visit: Callable[..., Visitor], size: str
) -> None:
    page = visit(site, viewport=SIZES[size]).go("/questions").page
    faults_of = {
        f"{path.parent.name} {path.name}": page.evaluate(FAULTS, path.read_text(encoding="utf-8"))
        for path in FIGURES
    }
    assert faults_of and {name: faults for name, faults in faults_of.items() if faults} == {}
