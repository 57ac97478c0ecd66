"""What people do in threads, notices and moderation: ways to their places. Idempotent, but for new
replies in the thread that is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.e2e.browsing import Visitor

Runs = Mapping[str, str]  # what the gallery made, by name
Way = Callable[[Visitor, Runs], object]


def thread(name: str, rest: str = "") -> Way:
    return lambda visitor, runs: visitor.go(f"/threads/{runs[f'thread-{name}']}{rest}")


def moderated(name: str, number: int) -> Way:
    def way(visitor: Visitor, runs: Runs) -> None:
        visitor.go(f"/moderation/threads/{runs[f'thread-{name}']}/posts/{number}")

    return way


def appeal(name: str) -> Way:
    return lambda visitor, runs: visitor.go(f"/appeals/{runs[f'appeal-{name}']}")


# ---------------------------------------------------------------- a new thread


def new_about_run(name: str) -> Way:
    def way(visitor: Visitor, runs: Runs) -> None:
        run = runs[name]
        visitor.go(f"/threads/new?about=run:{run}&cite=%5Brun:{run}%5D")

    return way


def _refuse(visitor: Visitor, button: str = "#post-it") -> None:
    """Send a form that is refused, also where the browser would not send it."""
    visitor.page.evaluate("for (const form of document.forms) form.noValidate = true;")
    visitor.page.locator(button).first.click()
    visitor.page.locator(".wrong").first.wait_for()
    visitor.page.wait_for_load_state()


def refused_thread(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/threads/new")
    visitor.page.locator("#id_title").fill("Why?")
    _refuse(visitor)
    _forget_drafts(visitor)


def private_run(visitor: Visitor, runs: Runs) -> None:
    """Cite a run that nobody else sees."""
    visitor.go("/threads/new")
    visitor.page.locator("#id_title").fill("Which rate would you take?")
    visitor.page.locator("#text").fill(f"[run:{runs['limit']}]")
    _refuse(visitor)
    _forget_drafts(visitor)


def previewed(visitor: Visitor, runs: Runs) -> None:
    """A text with a formula, a run and a fault, as it would look."""
    visitor.go("/threads/new")
    visitor.page.locator("#text").fill(
        f"The rate is $\\eta$:\n\n[run:{runs['right']}]\n\nand $\\frac{{a$ is broken."
    )
    visitor.page.locator("#preview-it").click()
    visitor.page.locator("#preview .previewed").wait_for()
    _forget_drafts(visitor)


def restored_draft(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/threads/new")
    visitor.page.locator("#text").fill("What I wrote before the train went into the tunnel.")
    visitor.page.locator("#saved:not(:empty)").wait_for()
    visitor.go("/threads/new")
    visitor.page.locator("#saved:not(:empty)").wait_for()


def _forget_drafts(visitor: Visitor) -> None:
    visitor.page.evaluate("localStorage.clear()")


# ---------------------------------------------------------------- a thread


def refused_reply(visitor: Visitor, runs: Runs) -> None:
    """Reply with more lines than a post may have."""
    thread("hidden")(visitor, runs)
    visitor.page.locator("#text").fill("But I was right.\n" * 1_001)
    _refuse(visitor)
    _forget_drafts(visitor)


def about_to_delete(visitor: Visitor, runs: Runs) -> None:
    thread("answered", "?show=1")(visitor, runs)
    visitor.page.locator(".post.mine details.ask summary").first.click()


def edit_conflict(visitor: Visitor, runs: Runs) -> None:
    """Edit what was edited elsewhere since."""
    thread("answered", "/posts/3/edit?show=1")(visitor, runs)
    visitor.page.locator("[name=edits]").evaluate("(field) => { field.value = 0; }")
    visitor.page.locator("#text").fill("With Adam it is **the same**; see the lab.")
    _refuse(visitor)


def refused_flag(visitor: Visitor, runs: Runs) -> None:
    thread("hidden", "/posts/7/flag")(visitor, runs)
    _refuse(visitor, "main form .btn.ink")


def new_reply(visitor: Visitor, runs: Runs) -> None:
    """Reply from elsewhere, and be told of it on the page."""
    thread("watched")(visitor, runs)
    visitor.page.wait_for_load_state("networkidle")
    visitor.page.locator("#text").evaluate(
        """async (text) => {
          const data = new FormData(text.form);
          data.set("text", "Here it is.");
          await fetch(text.form.action, { method: "POST", body: data });
        }"""
    )
    visitor.page.locator("#new-posts:not([hidden])").wait_for()


def discussed(path: str) -> Way:
    """The panel of threads on another page."""

    def way(visitor: Visitor, runs: Runs) -> None:
        visitor.go(path)
        panel = visitor.page.locator(".threads-about")
        panel.scroll_into_view_if_needed()
        panel.locator("[href*='/threads/new']").wait_for()

    return way


def discussed_run(name: str) -> Way:
    return lambda visitor, runs: discussed(f"/runs/{runs[name]}")(visitor, runs)


# ---------------------------------------------------------------- moderation, and mails


def refused_decision(visitor: Visitor, runs: Runs) -> None:
    """Decide without any reason."""
    moderated("held", 1)(visitor, runs)
    visitor.page.locator(".decide select").first.select_option("")
    visitor.page.locator(".decide button").first.click()
    visitor.page.wait_for_load_state()


def refused_appeal(visitor: Visitor, runs: Runs) -> None:
    appeal("blank")(visitor, runs)
    _refuse(visitor, "main form .btn.pencil")


def unsubscribing(name: str) -> Way:
    return lambda visitor, runs: visitor.go(f"/notices/unsubscribe/{runs[name]}")


def unsubscribed(name: str) -> Way:
    """What a press leads to; also when all was stopped before, and there is no button any more."""

    def way(visitor: Visitor, runs: Runs) -> None:
        unsubscribing(name)(visitor, runs)
        with visitor.page.expect_navigation():
            visitor.page.evaluate(
                """() => {
                  const form = Object.assign(document.createElement("form"), { method: "post" });
                  document.body.append(form);
                  form.submit();
                }"""
            )

    return way
