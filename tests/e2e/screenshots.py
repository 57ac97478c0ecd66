"""Screenshots of every page in every state, both languages and themes, desktop and phone.

`./gradus screenshots` writes them to screenshots/<language>-<theme>-<size>/<place>.png, which git
ignores. They are taken of real pages on a site of its own, see `gallery` and `places`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize

from tests.e2e.browsing import Visitor
from tests.e2e.places import EMPTY, PHONES_LACK, PLACES
from tests.e2e.system import ROOT, System
from tests.e2e.test_page_faults import ALL, SIZES, Look, Windows, named

FOLDER = ROOT / "screenshots"
MAX_HEIGHT = 6000  # px


@pytest.mark.parametrize("look", ALL, ids=named)
def test_every_place_has_a_screenshot(
    gallery: System,
    empty_site: System,
    runs: dict[str, str],
    visit: Callable[..., Visitor],
    look: Look,
) -> None:
    folder = FOLDER / named(look)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    windows = Windows(visit, gallery, look)
    for place in PLACES:
        if windows.size == "phone" and place.name in PHONES_LACK:
            continue
        visitor = windows.go_to(place, runs)
        take_screenshot(visitor, folder / f"{place.name}.png", SIZES[windows.size])
    windows = Windows(visit, empty_site, look)
    for place in EMPTY:
        visitor = windows.go_to(place, {})
        take_screenshot(visitor, folder / f"{place.name}.png", SIZES[windows.size])
    print(f"\n{folder.relative_to(ROOT)}: {len(list(folder.iterdir()))} pages", flush=True)


def take_screenshot(visitor: Visitor, path: Path, size: ViewportSize) -> None:
    """Take a screenshot of the whole page in a window of its height, where fixed bars fit in."""
    page = visitor.page
    height = max(
        size["height"], min(MAX_HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
    )
    page.set_viewport_size({"width": size["width"], "height": height})
    page.evaluate(
        "scrollTo(0, 0); new Promise((then) => requestAnimationFrame(() => "
        "requestAnimationFrame(then)))"
    )
    page.screenshot(path=path, animations="disabled", caret="hide")
    page.set_viewport_size(size)
