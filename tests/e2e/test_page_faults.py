"""Every page in every state, without faults.

A fault is a finding of axe, a violation of the content security policy, sideways scrolling, an
error of a script, more bytes than a page may take, a page that moves while it loads, HTML that is
not valid, a group of choices that is out of line, or a heading that leaves one character on a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import ViewportSize

from tests.e2e.browsing import Visitor
from tests.e2e.places import EMPTY, PHONES_LACK, PLACES, Place
from tests.e2e.system import ROOT, System
from tests.e2e.validity import invalid, served

AXE = ROOT / "platform/frontend/node_modules/axe-core/axe.min.js"
HEADINGS = (ROOT / "tests/e2e/headings.js").read_text(encoding="utf-8")
# with `target-size`, which axe leaves out unless it is asked: 24 px, or room around it. What lies
# below a bar or a menu is not there once one scrolls, or closes it.
FAULTS = """async () => (await axe.run(document, {
        resultTypes: ["violations"], rules: { "target-size": { enabled: true } },
    })).violations
    .map((v) => [v.id, v.nodes.map((n) => n.target.join(" ") + " " + n.failureSummary)
        .filter((node) => v.id !== "target-size" || !node.includes("obscured"))])
    .filter(([, nodes]) => nodes.length)
    .map(([id, nodes]) => `${id}: ${nodes.join(" | ")}`)"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Choices of a group whose lines do not begin at one edge, or that do not stand on one line.
RAGGED = """[...document.querySelectorAll("fieldset, [role=group]")].flatMap((group) => {
    const boxes = [...group.querySelectorAll("label")]
        .filter((label) => label.querySelector("[type=radio], [type=checkbox]"))
        .filter((label) => label.checkVisibility())
        .map((label) => (label.querySelector("input + span") ?? label).getBoundingClientRect());
    const firsts = boxes.filter((box, n) => !n || box.top > boxes[n - 1].top + 6);
    const isRagged = firsts.some((box) => Math.abs(box.left - firsts[0].left) > 0.5)
        || boxes.some((box) => firsts.every((first) => Math.abs(box.top - first.top) > 0.5));
    const name = (group.querySelector("legend") ?? group).textContent.trim().slice(0, 40);
    const places = boxes.map(({ left, top }) => `${left}, ${top}`);
    return isRagged ? [`${name}: ${places.join("; ")}`] : [];
})"""
# What a page transfers, by address; 0: the browser had it in memory, where it also lists the fonts
# of formulas on a page without any.
TRANSFERS = """["navigation", "resource"]
    .flatMap((kind) => performance.getEntriesByType(kind))
    .filter((entry) => document.querySelector(".katex") || !entry.name.includes("KaTeX_"))
    .map((entry) => [entry.name, entry.encodedBodySize])"""
MAX_WEIGHT = 400_000  # bytes, of a page for who visits the site for the first time
# Cumulative layout shift. It does not depend on how fast a machine is: text is never drawn again in
# another font, code has a stand-in as wide, and what loads later comes last or when it is asked
# for. Formulas are as wide as before only on average: a line may break elsewhere.
MAX_SHIFT = 0.05
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
sizes: dict[str, int] = {}  # of what any page has transferred, by address
Look = tuple[str, str, str]  # language, theme, size
# In the gate every place is seen once, in one look or the other.
GATE: list[Look] = [("en", "light", "desktop"), ("zh-hans", "dark", "phone")]
ALL: list[Look] = [
    (language, theme, size)
    for language in ("en", "zh-hans")
    for theme in ("light", "dark")
    for size in SIZES
]


def named(look: Look) -> str:
    return "-".join(look)


class Windows:
    """Browser windows of one look, one for each person."""

    def __init__(
        self, visit: Callable[..., Visitor], system: System, look: Look, is_slow: bool = False
    ) -> None:
        self.visit, self.system, self.is_slow = visit, system, is_slow
        self.language, self.theme, self.size = look
        self._windows: dict[str, Visitor] = {}

    def go_to(self, place: Place, runs: dict[str, str]) -> Visitor:
        visitor = self._windows.get(place.who)
        if visitor is None:
            visitor = self._windows[place.who] = self._open(place.who)
        if not place.who:  # without the session of another visitor
            visitor.context.clear_cookies(name="sid")
        place.way(visitor, runs)
        visitor.page.wait_for_load_state()
        visitor.page.evaluate("document.fonts.ready")
        return visitor

    def _open(self, who: str) -> Visitor:
        visitor = self.visit(
            self.system,
            who,
            viewport=SIZES[self.size],
            has_touch=self.size == "phone",
            reduced_motion="reduce",
            timezone_id="UTC",
        )
        cookies: Any = [
            {"name": n, "value": v, "url": self.system.url}
            for n, v in (("language", self.language), ("theme", self.theme))
        ]
        visitor.context.add_cookies(cookies)
        if self.is_slow:
            visitor.slow_down()
        return visitor


def faults(visitor: Visitor, max_weight: int = MAX_WEIGHT) -> list[str]:
    """Return the faults of the page as it is.

    Args:
        max_weight: in bytes.
    """
    visitor.page.evaluate(AXE.read_text(encoding="utf-8"))
    messages: list[str] = visitor.page.evaluate(FAULTS)
    messages += [f"policy: {violation}" for violation in visitor.violations()]
    messages += [f"heading: {message}" for message in visitor.page.evaluate(HEADINGS)]
    messages += [f"choices out of line: {message}" for message in visitor.page.evaluate(RAGGED)]
    if (pixels := visitor.page.evaluate(SIDEWAYS)) > 0:
        messages.append(f"scrolls sideways by {pixels} px")
    if (size := weight(visitor)) > max_weight:
        messages.append(f"weighs {size} bytes, {max_weight} at most")
    return messages + moves(visitor)


def moves(visitor: Visitor) -> list[str]:
    """Return how far the page has moved, if that is too far, and what moved."""
    if (shift := visitor.page.evaluate("window.__shift")) <= MAX_SHIFT:
        return []
    what = "; ".join(visitor.page.evaluate("window.__shifted"))
    return [f"moves while it loads: {shift:.3f}, {MAX_SHIFT} at most: {what}"]


def weight(visitor: Visitor) -> int:
    """Return the bytes that the page has transferred, what this browser had before included."""
    transfers = visitor.page.evaluate(TRANSFERS)
    sizes.update({address: size for address, size in transfers if size})
    return sum(size or sizes.get(address, 0) for address, size in transfers)


def places_of(size: str) -> list[Place]:
    """Return the places that windows of a size have."""
    return [place for place in PLACES if size != "phone" or place.name not in PHONES_LACK]


def places_in_the_gate(look: Look) -> list[Place]:
    """Return what the gate sees in a look: every second place, and what phones lack elsewhere."""
    on_phones = places_of("phone")[::2]
    if look[2] == "phone":
        return on_phones
    return [place for place in PLACES if place not in on_phones]


def faults_of(places: list[Place], windows: Windows, runs: dict[str, str]) -> dict[str, list[str]]:
    """Return the faults of every place that has any, by its name."""
    faulty: dict[str, list[str]] = {}
    html: dict[str, list[str]] = {}
    for place in places:
        visitor = windows.go_to(place, runs)
        language, theme = visitor.page.evaluate(
            "[document.documentElement.lang, document.documentElement.dataset.theme]"
        )
        assert (language.lower(), theme) == (windows.language, windows.theme), (
            f"{place}: {language}, {theme}"
        )
        if messages := faults(visitor):
            faulty[place.name] = messages
        html[place.name] = served(visitor)
    for name, messages in invalid(html).items():
        faulty.setdefault(name, []).extend(messages)
    return faulty


@pytest.mark.parametrize("look", GATE, ids=named)
def test_every_page_in_every_state_is_without_faults(
    gallery: System, runs: dict[str, str], visit: Callable[..., Visitor], look: Look
) -> None:
    faulty = faults_of(places_in_the_gate(look), Windows(visit, gallery, look), runs)
    assert not faulty, json.dumps(faulty, indent=1)


@pytest.mark.slow
@pytest.mark.parametrize("look", ALL, ids=named)
def test_every_page_in_every_state_is_without_faults_in_every_look(
    gallery: System, runs: dict[str, str], visit: Callable[..., Visitor], look: Look
) -> None:
    faulty = faults_of(places_of(look[2]), Windows(visit, gallery, look), runs)
    assert not faulty, json.dumps(faulty, indent=1)


@pytest.mark.slow
@pytest.mark.parametrize("look", GATE, ids=named)
def test_pages_on_which_there_is_nothing_yet_are_without_faults(
    empty_site: System, visit: Callable[..., Visitor], look: Look
) -> None:
    faulty = faults_of(EMPTY, Windows(visit, empty_site, look), {})
    assert not faulty, json.dumps(faulty, indent=1)


# Of every kind of page one, with and without formulas, with and without what loads later.
SLOW = {
    "home",
    "today",
    "questions",
    "question-code",
    "question-derivation",
    "question-discussed",
    "lab-discussed",
    "run-not-discussed",
    "run-verdict",
    "run-recorded",
    "claims-of-a-lab",
    "thread-embeds",
}


@pytest.mark.parametrize("look", GATE, ids=named)
def test_no_page_moves_when_its_fonts_and_scripts_come_late(
    gallery: System, runs: dict[str, str], visit: Callable[..., Visitor], look: Look
) -> None:
    windows = Windows(visit, gallery, look, is_slow=True)
    places = [place for place in PLACES if place.name in SLOW]
    assert len(places) == len(SLOW)
    moving = {place.name: moves(windows.go_to(place, runs)) for place in places}
    assert not any(moving.values()), json.dumps(moving, indent=1)


def test_the_gate_sees_every_place_once() -> None:
    seen = [place.name for look in GATE for place in places_in_the_gate(look)]
    assert sorted(seen) == sorted(place.name for place in PLACES)


def test_faults_are_detected(gallery: System, visit: Callable[..., Visitor]) -> None:
    """Each kind of fault is detected."""
    visitor = visit(gallery).go("/labs")
    assert faults(visitor) == []
    visitor.expect_errors("console: ")  # the browser logs violations, too
    visitor.page.evaluate("""() => {
        const main = document.querySelector("main");
        main.append(Object.assign(document.createElement("img"), { src: "/static/favicon.svg" }));
        main.append(Object.assign(document.createElement("script"), { textContent: "1" }));
        const wide = { style: "width: 3000px; height: 1px" };
        main.append(Object.assign(document.createElement("div"), wide));
        const narrow = { style: "width: 4.5em; font-size: 20px; text-wrap: wrap" };
        const heading = Object.assign(document.createElement("h2"), narrow);
        heading.textContent = "把握的把握";
        main.append(heading);
        const row = document.createElement("p");
        row.innerHTML = "<button>a</button><button>b</button>";
        for (const button of row.children) button.style = "width: 9px; height: 9px; padding: 0";
        main.append(row);
    }""")
    messages = "\n".join(faults(visitor, max_weight=10_000))
    for fault in (
        *("image-alt", "policy: script-src", "scrolls sideways", "weighs"),
        *("target-size", "heading: "),
    ):
        assert fault in messages, fault


def test_html_that_is_not_valid_is_detected() -> None:
    faulty = invalid(
        {
            "valid": ["<p data-hx-get='/'>A part of a page.</p>"],
            "nested": ["<span><p>a</p></span>", "<fieldset><legend><p>b</p></legend></fieldset>"],
            "twice": ["<p id='a'>a</p><p id='a'>b</p>"],
            "named": ["<div hx-get='/'></div>"],
        }
    )
    kinds = {name: [text.partition(":")[0] for text in texts] for name, texts in faulty.items()}
    assert kinds == {
        "nested": ["element-permitted-content"] * 2,
        "twice": ["no-dup-id"],
        "named": ["attr-pattern"],
    }
