"""The paths that need no JavaScript, and those that need no mouse."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.common.browsing import go_by_keys
from tests.e2e.browsing import PATIENCE, Visitor
from tests.e2e.system import System

Visit = Callable[..., Visitor]


def test_without_javascript_one_signs_up_predicts_queues_and_reads_the_verdict(
    site: System, visit: Visit
) -> None:
    visitor = visit(site, java_script_enabled=False).go("/accounts/signup/")
    page = visitor.page
    visitor.sign_up("noel")
    page.locator("#who").wait_for()
    visitor.open_lab()
    page.locator("[name=config-width]").fill("16")
    page.locator("[name=config-depth]").fill("2")
    page.locator("[name=recount]").click()
    page.locator("#changes[data-n='2']").wait_for()  # the server counts the changes
    page.locator("[name=config-epochs]").fill("4")
    page.locator("#marks input").last.fill("0.5")
    visitor.predict("holds", 95)
    run = visitor.commit()
    assert visitor.see_end() == "succeeded", "the page loads itself again until the end"
    page.wait_for_load_state()
    assert page.locator("#result .verdict").count() >= 6
    assert page.locator("#chart svg").first.is_visible(), "drawn by the server"
    assert page.locator("meta[http-equiv=refresh]").count() == 0, "and then it rests"
    page.locator("#who summary").click()
    page.locator("#who a[href='/runs']").click()
    page.locator(f"a[href='/runs/{run}']").first.wait_for()


def test_the_whole_way_can_be_gone_by_keyboard(site: System, visit: Visit) -> None:
    visitor = visit(site, "lin").go("/")
    page, keys = visitor.page, visitor.page.keyboard
    go_by_keys(page, "l", "**/labs")
    opened = None
    for _ in range(page.locator("[data-row]").count()):
        keys.press("j")
        opened = page.evaluate("document.activeElement.getAttribute('href')")
        if opened == "/labs/dead-relu":
            break
    assert opened == "/labs/dead-relu"
    keys.press("Enter")
    page.wait_for_url("**/labs/dead-relu")

    for name, value in (("width", "16"), ("depth", "2"), ("epochs", "4")):
        tab_to(visitor, f"[name=config-{name}]")
        keys.press("ControlOrMeta+a")
        keys.type(value)
    tab_to(visitor, ".mark-in")
    before = float(page.locator(".mark-in").first.input_value())
    keys.press("ArrowUp")
    keys.press("PageUp")
    assert float(page.locator(".mark-in").first.input_value()) > before
    tab_to(visitor, "[name=outcome]")
    keys.press("Space")
    keys.press("ArrowRight")
    keys.press("ArrowLeft")
    assert page.locator("[name=outcome][value=holds]").is_checked()
    tab_to(visitor, "[name=confidence]")
    keys.press("Space")
    assert page.locator("[name=confidence]:checked").count() == 1
    keys.press("c")
    visitor.arrive()
    assert visitor.see_end() == "succeeded"
    # what was drawn stands beside the result by now
    expect(page.locator("#figure")).not_to_have_value("0", timeout=PATIENCE)
    tab_to(visitor, "#figure")
    # the curves; what was drawn stands beside the result until another figure is chosen
    keys.press("Home")
    tab_to(visitor, "#inspect")
    expect(page.locator("#inspect")).not_to_have_attribute("max", "0", timeout=PATIENCE)
    page.locator("#main").focus()
    keys.press("i")
    assert page.evaluate("document.activeElement.id") == "inspect"
    keys.press("Home")
    keys.press("ArrowRight")
    assert page.locator("#readout b").count() >= 1, "values are read along the chart"
    assert page.locator("#inspect").get_attribute("aria-valuetext")


def test_a_question_mark_lists_the_keys_of_the_page(site: System, visit: Visit) -> None:
    visitor = visit(site, "lin").open_lab()
    visitor.page.keyboard.press("?")
    visitor.page.locator("#keys").wait_for()
    listed = visitor.page.locator("#keys .keylist dt").all_inner_texts()
    declared = visitor.page.evaluate(
        "[...document.querySelectorAll('[data-key]')].filter((e) => !e.disabled && "
        "e.checkVisibility({ visibilityProperty: true }))"
        ".map((e) => e.dataset.key)"
    )
    assert [text.replace(" ", "") for text in listed] == [key.replace(" ", "") for key in declared]
    assert {"c", "?", "g l"} <= set(declared)
    visitor.page.keyboard.press("Escape")
    visitor.page.locator("#keys").wait_for(state="hidden")


def tab_to(visitor: Visitor, selector: str, presses: int = 80) -> None:
    """Press Tab until what is focused fits `selector`."""
    for _ in range(presses):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{presses} presses of Tab do not reach {selector}")
