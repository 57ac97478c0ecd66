"""Every page of the site in every state: how a browser gets there, and for whom.

A place has a name, a person, and the way there. Tests check each place for faults;
`./gradus screenshots` takes a picture of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.e2e import attempts, discussing
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


def compared(*names: str) -> Way:
    def way(visitor: Visitor, runs: Runs) -> None:
        visitor.go("/runs/compare?" + "&".join(f"run={runs[name]}" for name in names))
        visitor.page.locator("#chart:not([data-state=loading]), .empty").first.wait_for()

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


def asked_by_a_program(visitor: Visitor, runs: Runs) -> None:
    """Enter the code of a program that asks to sign in."""
    answer = visitor.page.request.post(
        f"{visitor.url}/api/v1/device", data={"name": "gradus on kestrel"}
    )
    visitor.go(f"/device?code={answer.json()['user_code']}")
    visitor.page.locator("main form .btn.pencil").click()
    visitor.page.locator("dl.facts").wait_for()


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
    Place("questions-learner", "mei", page("/questions")),
    Place("questions-found", "mei", page("/questions?words=relu&order=due")),
    Place("questions-misspelt", "", page("/questions?words=sigmiod")),
    Place("notes", "mei", page("/notes")),
    Place("notes-none", "eve", page("/notes")),
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
QUESTION, LAB, CLAIM = "question:relu-pros-cons", "lab:dead-relu", "claim:dead-relu.lr-kills"
THREADS = [
    Place("threads", "", page("/threads")),
    Place("threads-member", "mei", page("/threads")),
    Place("threads-mine", "mei", page("/threads?show=mine")),
    Place("threads-following", "sam", page("/threads?show=following&order=newest")),
    Place("threads-unanswered", "", page("/threads?show=unanswered&order=best")),
    Place("threads-about-runs", "", page("/threads?about=run")),
    Place("threads-about-a-claim", "", page(f"/threads?about={CLAIM}")),
    Place("threads-in-chinese", "", page("/threads?language=zh")),
    Place("threads-found", "", page("/threads?words=dead+unit")),
    Place("threads-nothing-fits", "", page("/threads?words=nothing+at+all")),
    Place("threads-none-about", "", page("/threads?about=lab:activation-cost")),
    Place("threads-no-such-page", "", page("/threads?page=99")),
    Place("thread-new", "mei", page("/threads/new")),
    Place("thread-new-about-a-question", "mei", page(f"/threads/new?about={QUESTION}")),
    Place("thread-new-about-a-lab", "mei", page(f"/threads/new?about={LAB}")),
    Place("thread-new-about-a-run", "mei", discussing.new_about_run("right")),
    Place("thread-new-about-a-claim", "mei", page(f"/threads/new?about={CLAIM}")),
    Place("thread-new-about-nothing-there", "mei", page("/threads/new?about=lab:nothing")),
    Place("thread-new-refused", "mei", discussing.refused_thread),
    Place("thread-new-private-run", "mei", discussing.private_run),
    Place("thread-new-preview", "mei", discussing.previewed),
    Place("thread-new-own-runs", "mei", after("/threads/new", "#pick-run")),
    Place("thread-new-draft", "kay", discussing.restored_draft),
    Place("thread-folded", "", discussing.thread("answered")),
    Place("thread-unfolded", "", discussing.thread("answered", "?show=1")),
    Place("thread-member", "sam", discussing.thread("answered", "?show=1")),
    Place("thread-author", "mei", discussing.thread("answered")),
    Place("thread-moderator", "noa", discussing.thread("answered", "?show=1")),
    Place("thread-embeds", "", discussing.thread("embeds")),
    Place("thread-embeds-author", "mei", discussing.thread("embeds")),
    Place("thread-hidden-post", "sam", discussing.thread("hidden")),
    Place("thread-hidden-post-author", "kay", discussing.thread("hidden")),
    Place("thread-hidden-post-moderator", "noa", discussing.thread("hidden")),
    Place("thread-locked", "sam", discussing.thread("locked")),
    Place("thread-held", "eve", discussing.thread("held")),
    Place("thread-muted", "ren", discussing.thread("hidden")),
    Place("thread-reply-refused", "mei", discussing.refused_reply),
    Place("new-thread-muted", "ren", page("/threads/new")),
    Place("thread-delete", "sam", discussing.about_to_delete),
    Place("thread-middle", "sam", discussing.thread("long", "?page=5")),
    Place("thread-no-such-page", "", discussing.thread("long", "?page=99")),
    Place("thread-new-replies", "noa", discussing.new_reply),
    Place("post-edit", "mei", discussing.thread("answered", "/posts/1/edit")),
    Place("post-edit-conflict", "sam", discussing.edit_conflict),
    Place("post-edit-not-yours", "kay", discussing.thread("answered", "/posts/1/edit")),
    Place("post-history", "sam", discussing.thread("answered", "/posts/3/history?show=1")),
    Place("post-flag", "mei", discussing.thread("hidden", "/posts/7/flag")),
    Place("post-flag-refused", "mei", discussing.refused_flag),
    Place("post-flag-own", "ola", discussing.thread("hidden", "/posts/1/flag")),
    Place("picture-upload", "mei", page("/pictures")),
    Place("question-discussed", "mei", discussing.discussed("/questions/relu-pros-cons")),
    Place("question-not-discussed", "mei", discussing.discussed("/questions/tanh-properties")),
    Place("lab-discussed", "", discussing.discussed("/labs/dead-relu")),
    Place("lab-not-discussed", "", discussing.discussed("/labs/activation-cost")),
    Place("run-discussed", "mei", discussing.discussed_run("dead-relu")),
    Place("run-not-discussed", "mei", discussing.discussed_run("right")),
]
NOTICES = [
    Place("notices-none", "lin", page("/notices")),
    Place("notices", "mei", page("/notices")),
    Place("notices-of-moderation", "kay", page("/notices")),
    Place("notices-no-such-page", "mei", page("/notices?page=99")),
    Place("notices-settings", "mei", page("/notices/settings")),
    Place("unsubscribe", "", discussing.unsubscribing("mail")),
    Place("unsubscribe-done", "", discussing.unsubscribed("stopped-mail")),
    Place("unsubscribe-bad-link", "", page("/notices/unsubscribe/wrong")),
]
MODERATION = [
    Place("moderation", "noa", page("/moderation")),
    Place("moderation-appeals", "noa", page("/moderation?show=appealed")),
    Place("moderation-nothing-fits", "noa", page("/moderation?reason=spam&language=zh")),
    Place("moderation-no-such-page", "noa", page("/moderation?page=99")),
    Place("moderation-not-allowed", "mei", page("/moderation")),
    Place("moderation-log", "noa", page("/moderation/log")),
    Place("moderation-log-nothing-fits", "noa", page("/moderation/log?person=nobody")),
    Place("moderation-mutes", "noa", page("/moderation/mutes")),
    Place("moderation-flagged", "noa", discussing.moderated("hidden", 8)),
    Place("moderation-held", "noa", discussing.moderated("held", 1)),
    Place("moderation-hidden", "noa", discussing.moderated("hidden", 2)),
    Place("moderation-deleted", "noa", discussing.moderated("hidden", 3)),
    Place("moderation-no-reason", "noa", discussing.refused_decision),
    Place("appeal", "kay", discussing.appeal("blank")),
    Place("appeal-refused", "kay", discussing.refused_appeal),
    Place("appeal-open", "kay", discussing.appeal("open")),
    Place("appeal-upheld", "kay", discussing.appeal("upheld")),
    Place("appeal-reversed", "kay", discussing.appeal("reversed")),
    Place("appeal-mute", "ren", discussing.appeal("mute")),
    Place("appeal-not-yours", "mei", discussing.appeal("blank")),
]
PLACES = [
    *STUDY,
    *THREADS,
    *NOTICES,
    *MODERATION,
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
    Place("about", "", page("/about")),
    Place("privacy", "mei", page("/privacy")),
    Place("licence", "", page("/licence")),
    Place("claims", "", page("/claims")),
    Place("claims-member", "mei", page("/claims")),
    Place("claims-found", "mei", page("/claims?verdict=holds&words=relu")),
    Place("claims-of-a-lab", "", page("/claims?lab=dead-relu#dead-relu.leaky-fixes")),
    Place("claims-nothing-fits", "", page("/claims?words=nothing+at+all")),
    Place("claims-no-such-page", "", page("/claims?page=99")),
    Place("compare", "mei", compared("right", "wrong", "inconclusive")),
    Place("compare-folded", "", compared("shared", "dead-relu")),
    Place("compare-refused", "mei", page("/runs/compare?run=nonsense")),
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
    Place("person", "", page("/people/ola")),
    Place("how-you-sign-in", "mei", page("/settings/sign-in")),
    Place("email-address", "mei", page("/settings/email")),
    Place("sessions", "mei", page("/settings/sessions")),
    Place("delete-account", "mei", page("/settings/delete")),
    Place("activity", "mei", page("/settings/activity")),
    Place("tokens", "mei", page("/settings/tokens")),
    Place("token-new", "mei", page("/settings/tokens/new")),
    Place("device", "mei", page("/device")),
    Place("device-asks", "mei", asked_by_a_program),
    Place("webhooks", "mei", page("/settings/webhooks")),
    Place("webhook-new", "mei", page("/settings/webhooks/new")),
    Place("data", "mei", page("/settings/data")),
    Place("data-import", "mei", page("/settings/data/import")),
    Place("operator-bad-link", "", page("/operator/wrong")),
    Place("not-found", "", page("/nowhere")),
]
# On a site where nobody has written, reported or decided anything.
EMPTY = [
    Place("threads-empty", "", page("/threads")),
    Place("moderation-empty", "noa", page("/moderation")),
    Place("moderation-log-empty", "noa", page("/moderation/log")),
    Place("moderation-mutes-empty", "noa", page("/moderation/mutes")),
]
PHONES_LACK = {"keys"}  # no button for the keyboard where there is none
