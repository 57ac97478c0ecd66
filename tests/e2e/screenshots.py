"""Photographs of every page in every state, both languages and themes, desktop and phone: `./gradus
screenshots`.

They lie in screenshots/<language>-<theme>-<size>/<place>.png, ignored by git. A place is made of
real pages on a site of its own, with runs that went through the real services (see `gallery` and
`places`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize

from tests.e2e.browsing import Visitor
from tests.e2e.places import PHONES_LACK, PLACES
from tests.e2e.system import ROOT, System
from tests.e2e.test_looks import ALL, SIZES, Eyes, Look, hung, named

__all__ = ["hung"]  # a fixture
FOLDER = ROOT / "screenshots"
TALLEST = 6000  # px


@pytest.mark.parametrize("look", ALL, ids=named)
def test_every_place_is_photographed(
    gallery: System, hung: dict[str, str], visit: Callable[..., Visitor], look: Look
) -> None:
    folder = FOLDER / named(look)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    eyes = Eyes(visit, gallery, look)
    for place in PLACES:
        if eyes.size == "phone" and place.name in PHONES_LACK:
            continue
        visitor = eyes.go_to(place, hung)
        photograph(visitor, folder / f"{place.name}.png", SIZES[eyes.size])
    print(f"\n{folder.relative_to(ROOT)}: {len(list(folder.iterdir()))} pages", flush=True)


def photograph(visitor: Visitor, path: Path, size: ViewportSize) -> None:
    """Photograph the whole page as a window of its height would show it: bars that stay in place
    are then where they belong.
    """
    page = visitor.page
    height = max(
        size["height"], min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    )
    page.set_viewport_size({"width": size["width"], "height": height})
    page.evaluate(
        "scrollTo(0, 0); new Promise((then) => requestAnimationFrame(() => "
        "requestAnimationFrame(then)))"
    )
    page.screenshot(path=path, animations="disabled", caret="hide")
    page.set_viewport_size(size)
