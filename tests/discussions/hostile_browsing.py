"""What a browser sees of hostile text: whether a script ran, the policy was broken, a request left
the site, or something lies where it should not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, Response
from playwright.sync_api import Error as BrowserError

from tests.common.browsing import violations

WIDTHS = (1280, 390)
MAX_FAULTS = 8  # that are told of a page
# of one post, with what stands around its text: `.post-text` in embeds.css has 200rem
MAX_HEIGHT = 3_200 + 600
# what people wrote, each in a box that it may not leave
BOXES = (
    "#posts > .post, .case, .moderated, .previewed, .versions > li, .notices-list > li, "
    ".given, .takedown, .threads tbody tr, .activity tbody tr, [data-panel] li"
)
OPEN_FOLDS = "document.querySelectorAll('.read details').forEach((fold) => { fold.open = true; })"
TOUCH = """() => document.querySelectorAll(".read *").forEach((element) =>
    ["pointerover", "mouseover", "mouseenter", "focus", "toggle"].forEach((name) =>
        element.dispatchEvent(new Event(name, { bubbles: true }))))"""
# Faults of a page, as sentences. What is cut off by an ancestor is not seen.
FAULTS = """([boxes, maxHeight]) => {
    const faults = [];
    const name = (element) =>
        `${element.localName}.${element.className} of ${element.closest("[id]")?.id}`;
    if ("hacked" in window) faults.push("a script ran");
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) {
        faults.push(`the page is ${root.scrollWidth} px wide, of ${root.clientWidth}`);
    }
    const alien = "form, input, button, iframe, object, embed, script, style, link, meta, base, " +
        "video, audio, dialog, template, foreignObject, [srcset], [popover], [id='posts']";
    for (const element of document.querySelectorAll(".read *")) {
        if (element.closest(".embed")) continue;
        if (element.matches(alien)) faults.push(`${name(element)} in a post`);
        for (const { name } of element.attributes) {
            if (/^(on|hx-|data-hx-)/.test(name)) faults.push(`${name} in a post`);
        }
    }
    for (const link of document.querySelectorAll(".read a")) {
        if (!["http:", "https:", "mailto:"].includes(link.protocol)) faults.push(link.href);
    }
    const meet = (a, b) => ({
        left: Math.max(a.left, b.left), right: Math.min(a.right, b.right),
        top: Math.max(a.top, b.top), bottom: Math.min(a.bottom, b.bottom),
    });
    const check = (element, clip, box, home) => {
        if (element.matches("details.ask > form")) return;  // the site's own, over the page
        const rect = meet(element.getBoundingClientRect(), clip);
        if (rect.right > rect.left && rect.bottom > rect.top &&
                (rect.left < box.left - 4 || rect.right > box.right + 4 ||
                 rect.top < box.top - 4 || rect.bottom > box.bottom + 4)) {
            faults.push(`${name(element)} leaves ${name(home)}`);
            return;
        }
        const inside = getComputedStyle(element).overflow === "visible" ? clip : rect;
        for (const child of element.children) check(child, inside, box, home);
    };
    const everywhere = { left: -1e9, right: 1e9, top: -1e9, bottom: 1e9 };
    const bottoms = new Map();  // by parent
    for (const element of document.querySelectorAll(boxes)) {
        const box = element.getBoundingClientRect();
        check(element, everywhere, box, element);
        if (box.height > maxHeight) faults.push(`${name(element)} is ${box.height} px high`);
        if (box.top < (bottoms.get(element.parentElement) ?? -1e9) - 1) {
            faults.push(`${name(element)} begins in the one before it`);
        }
        bottoms.set(element.parentElement, box.bottom);
    }
    const end = bottoms.get(document.querySelector("#posts")) ?? -1e9;
    const next = document.querySelector(".p-thread :is(#composer, .closed)");
    if (next && next.getBoundingClientRect().top < end - 1) {
        faults.push("what follows the posts begins in them");
    }
    return faults;
}"""
# Whether what a person presses is what they see there, and not a part of somebody's post.
COVERED = """(selector) => [...document.querySelectorAll(selector)].filter((element) => {
    element.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, top, width, height } = element.getBoundingClientRect();
    const shown = document.elementFromPoint(left + width / 2, top + height / 2);
    return width > 0 && !(shown && (element.contains(shown) || shown.contains(element)));
}).map((element) => `${element.textContent.trim()} of ${element.closest("[id]")?.id} is covered`)"""
CONTROLS = ".post > header .at, .case > header a, #post-it"


class Witness:
    """Notes what no hostile text may cause in any page of a browser's context."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.site = site
        self.complaints: list[str] = []
        context.on("dialog", self._on_dialog)
        context.on("console", self._on_console)
        context.on("request", self._on_request)
        context.on("response", self._on_response)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))

    def _on_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _on_console(self, message: ConsoleMessage) -> None:
        # refusals, which the browser logs, and htmx; those of 5xx are noted as responses
        is_refusal = re.search("Failed to load resource|Response Status Error Code 4", message.text)
        if message.type == "error" and not is_refusal:
            self.complaints.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.site, "data:", "blob:", "about:")):
            self.complaints.append(f"a request to {request.url[:100]}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} from {response.url[:100]}")


def faults_of(page: Page, witness: Witness, widths: Sequence[int] = WIDTHS) -> list[str]:
    """Unfold and touch everything that people wrote on a page; return what is wrong, each with
    where.
    """
    page.wait_for_load_state()
    page.evaluate("document.fonts.ready.then(() => null)")
    page.evaluate(OPEN_FOLDS)
    page.evaluate(TOUCH)
    faults: list[str] = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        wrong = page.evaluate(FAULTS, [BOXES, MAX_HEIGHT]) + page.evaluate(COVERED, CONTROLS)
        faults += [f"{width} px wide: {fault}" for fault in wrong[:MAX_FAULTS]]
    faults += witness.complaints + violations(page)
    witness.complaints.clear()
    return [f"{page.url}: {fault}" for fault in faults]


def has_run_script(page: Page) -> bool:
    """Return whether a script of a hostile text has run in the page, or in the one to which a link
    has just led.
    """
    page.wait_for_load_state()
    try:
        return bool(page.evaluate("'hacked' in window"))
    except BrowserError as error:
        if "context was destroyed" not in str(error):
            raise
        return has_run_script(page)  # it has just left
