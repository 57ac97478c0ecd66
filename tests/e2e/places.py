"""Every page of the site in every state: how a browser gets there, and for whom.

A place has a name, a person, and the way there. Tests check each place for faults;
`./gradus screenshots` takes a picture of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.e2e import attempts
from tests.e2e.browsing import Visitor

Runs = Mapping[str, str]
Way = Callable[[Visitor, Runs], object]


@dataclass(frozen=True)
class Place:
    name: str
    who: str  # a handle; nobody: a visitor
    way: Way

    def __str__(self) -> str:
        return self.name


CHART = "#chart:not([data-seq='0'])"


def page(path: str) -> Way:
    return lambda visitor, runs: visitor.go(path)


def run(name: str) -> Way:
    def way(visitor: Visitor, runs: Runs) -> None:
        visitor.go(f"/runs/{runs[name]}")
        visitor.page.locator(f"{CHART}, #panel.p-queued, #panel .folded-verdict").first.wait_for()

    return way


def opened(name: str) -> Way:
    """Open the page of a run, and its verdict without predicting it."""

    def way(visitor: Visitor, runs: Runs) -> None:
        visitor.go(f"/runs/{runs[name]}")
        visitor.page.locator(".folded-verdict button").click()
        visitor.page.locator(CHART).wait_for()

    return way


def after(path: str, *presses: str) -> Way:
    """Open a page, and press what the selectors name."""

    def way(visitor: Visitor, runs: Runs) -> None:
        visitor.go(path)
        for selector in presses:
            visitor.page.locator(selector).first.click()

    return way


def refused_sign_up(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/accounts/signup/")
    for name, value in (
        ("email", "mei@example.org"),
        ("username", "not a handle"),
        ("password1", "password"),
    ):
        visitor.page.locator(f"[name={name}]").fill(value)
    visitor.page.locator("main form .btn.pencil").click()
    visitor.page.locator(".wrong").first.wait_for()


def refused_sign_in(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/accounts/login/")
    for name, value in (("login", "nobody@example.org"), ("password", "not the password")):
        visitor.page.locator(f"[name={name}]").fill(value)
    visitor.page.locator("main form .btn.pencil").click()
    visitor.page.locator(".wrong").first.wait_for()


def asked_for_a_link(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/accounts/password/reset/")
    visitor.page.locator("[name=email]").fill("ola@example.org")
    visitor.page.locator("main form .btn.pencil").click()
    visitor.page.wait_for_url("**/reset/done/")


def refused_commit(visitor: Visitor, runs: Runs) -> None:
    """Commit without a prediction, with a setting that is out of bounds."""
    visitor.open_lab(depth=99)
    visitor.page.locator("#lab .btn.pencil").click()
    visitor.page.locator(".wrong").first.wait_for()


def kept(visitor: Visitor, runs: Runs) -> None:
    visitor.open_lab(depth=8)
    visitor.predict()
    visitor.page.locator("#lab .btn.pencil").click()
    visitor.page.wait_for_url("**/signup/**")
    visitor.go("/labs/dead-relu/prediction")


def variant(visitor: Visitor, runs: Runs) -> None:
    visitor.open_lab(depth=8)
    mark = visitor.page.locator(".mark-in").last
    mark.focus()
    mark.press("PageUp")
    visitor.predict("depends", 65)


def changed_from_a_run(visitor: Visitor, runs: Runs) -> None:
    visitor.go(f"/labs/dead-relu?from={runs['wrong']}&config-bias=-1")


def another_figure(visitor: Visitor, runs: Runs) -> None:
    run("right")(visitor, runs)
    visitor.page.locator("#figure").select_option(index=2)


def all_open(visitor: Visitor, runs: Runs) -> None:
    """A verdict with everything unfolded."""
    run("right")(visitor, runs)
    visitor.page.evaluate(
        "document.querySelectorAll('main details').forEach((d) => { d.open = true; })"
    )


def about_to_stop(visitor: Visitor, runs: Runs) -> None:
    run("running")(visitor, runs)
    visitor.page.locator("#panel details.ask summary").click()


STUDY = [
    Place("today-first-day", "lin", page("/")),
    Place("today", "sam", page("/")),
    Place("today-backlog", "ada", page("/")),
    Place("plan", "sam", page("/plan")),
    Place("questions", "", page("/questions")),
    Place("questions-no-such-page", "", page("/questions?page=99")),
    Place("questions-nothing-fits", "", page("/questions?words=nothing+at+all")),
    Place("question-concept", "", page("/questions/relu-pros-cons")),
    Place("question-numeric", "lin", page("/questions/dead-relu")),
    Place("question-wrong", "", attempts.answered("123456")),
    Place("question-unread", "", attempts.answered("about five")),
    Place("question-mistake", "kay", attempts.wrong_by_mistake),
    Place("question-right", "ola", attempts.right),
    Place("question-choice", "", page("/questions/relu-sparsity")),
    Place("question-choice-wrong", "", attempts.chosen("leaky-relu-family", "a", "b", "c", "d")),
    Place("question-order", "", page("/questions/tanh-properties")),
    Place(
        "question-derivation",
        "lin",
        after("/questions/sigmoid-derivative", "details.begin summary"),
    ),
    Place("question-steps", "kay", attempts.steps),
    Place("question-open", "", page("/questions/activation-compute-cost")),
    Place("question-code", "", page("/questions/auc-implementation")),
    Place("question-code-revealed", "kay", attempts.revealed("auc-implementation")),
    Place("question-hint", "kay", attempts.hint),
    Place("question-suspended", "kay", attempts.suspended),
    Place("question-revealed", "", page("/questions/dead-relu?reveal=1")),
    Place("question-revealed-member", "sam", attempts.revealed("relu-pros-cons")),
    Place("question-graded", "mei", attempts.checked_and_revealed),
    Place("question-verdict", "mei", page("/questions/relu-pros-cons")),
    Place("question-report", "sam", page("/questions/dead-relu/report")),
    Place("claim-questions", "", page("/questions/about/dead-relu.lr-kills")),
    Place("review-before", "sam", attempts.before_review),
    Place("review-nothing-due", "lin", page("/review")),
    Place("review-card", "sam", attempts.in_review),
    Place("review-revealed", "sam", attempts.revealed_in_review),
    Place("review-after", "eve", attempts.after_review),
    Place("review-offline", "ada", attempts.offline_in_review),
    Place("today-learned", "eve", page("/")),
    Place("progress", "sam", page("/progress")),
    Place("progress-month", "sam", page("/progress?weeks=4")),
    Place("progress-empty", "lin", page("/progress")),
    Place("topic", "", page("/topics/activation-functions")),
    Place("topic-member", "sam", page("/topics/activation-functions")),
    Place("topic-empty", "", page("/topics/optimization")),
    Place(
        "run-offers", "mei", lambda visitor, runs: visitor.go(f"/runs/{runs['right']}/questions")
    ),
]
PLACES = [
    *STUDY,
    Place("home", "", page("/")),
    Place("home-member", "mei", page("/")),
    Place("catalogue", "", page("/labs")),
    Place("catalogue-member", "mei", page("/labs")),
    Place("catalogue-found", "mei", page("/labs?kind=training&words=relu")),
    Place("catalogue-nothing-fits", "", page("/labs?topic=nothing")),
    Place("catalogue-no-such-page", "", page("/labs?page=99")),
    Place("lab-dead-relu", "", page("/labs/dead-relu")),
    Place("lab-activation-atlas", "", page("/labs/activation-atlas")),
    Place("lab-activation-cost", "sam", page("/labs/activation-cost")),
    Place("lab-predicted", "mei", variant),
    Place("lab-refused", "mei", refused_commit),
    Place("lab-from-a-run", "mei", changed_from_a_run),
    Place("lab-source", "", after("/labs/dead-relu", "details.source summary")),
    Place("kept", "", kept),
    Place("run-queued", "mei", run("queued")),
    Place("run-running", "mei", run("running")),
    Place("run-about-to-stop", "mei", about_to_stop),
    Place("run-stopping", "kay", run("stopping")),
    Place("run-verdict", "mei", run("right")),
    Place("run-verdict-wrong", "mei", run("wrong")),
    Place("run-inconclusive", "mei", run("inconclusive")),
    Place("run-unpredicted", "mei", run("unpredicted")),
    Place("run-another-figure", "mei", another_figure),
    Place("run-all-open", "mei", all_open),
    Place("run-atlas", "mei", run("atlas")),
    Place("run-cost", "mei", run("cost")),
    Place("run-failed", "mei", run("failed")),
    Place("run-limit", "mei", run("limit")),
    Place("run-stopped", "mei", run("stopped")),
    Place("run-lost", "mei", run("lost")),
    Place("run-shared", "", run("shared")),
    Place("run-recorded", "", opened("dead-relu")),
    Place("claims", "", page("/claims")),
    Place("claims-member", "mei", page("/claims")),
    Place("claims-found", "mei", page("/claims?verdict=holds&words=relu")),
    Place("claims-of-a-lab", "", page("/claims?lab=dead-relu#dead-relu.leaky-fixes")),
    Place("claims-nothing-fits", "", page("/claims?words=nothing+at+all")),
    Place("claims-no-such-page", "", page("/claims?page=99")),
    Place("runs", "mei", page("/runs")),
    Place("runs-none", "lin", page("/runs")),
    Place("keys", "mei", after("/labs/dead-relu", "#help")),
    Place("menu", "mei", after("/", "#who summary")),
    Place("sign-in", "", page("/accounts/login/")),
    Place("sign-in-refused", "", refused_sign_in),
    Place("sign-up", "", page("/accounts/signup/")),
    Place("sign-up-refused", "", refused_sign_up),
    Place("sign-out", "mei", page("/accounts/logout/")),
    Place("password-reset", "", page("/accounts/password/reset/")),
    Place("password-reset-sent", "", asked_for_a_link),
    Place("password-bad-link", "", page("/accounts/password/reset/key/1-wrong/")),
    Place("password-change", "mei", page("/accounts/password/change/")),
    Place("settings", "mei", page("/settings")),
    Place("activity", "mei", page("/settings/activity")),
    Place("data", "mei", page("/settings/data")),
    Place("data-import", "mei", page("/settings/data/import")),
    Place("operator-bad-link", "", page("/operator/wrong")),
    Place("not-found", "", page("/nowhere")),
]
PHONES_LACK = {"keys"}  # no button for the keyboard where there is none
