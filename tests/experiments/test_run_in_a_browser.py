"""A run's page in a browser: what is seen first, how much comes, what its charts say."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.experiments import services, worker_services
from apps.experiments.models import Run, Worker
from apps.progress.models import UnreadVerdict
from tests.common.browsing import (  # noqa: F401 - fixtures
    Open,
    browser_type_launch_args,
    look_over,
    needs_browser,
    open_page,
    site,
)
from tests.experiments.conftest import event, finish, report
from tests.experiments.pages_cast import SURE, loaded, measured, queued, started, verdict
from tests.progress.browsing import PHONE

pytestmark = needs_browser
# where the page ends: at the bar at the foot of a phone's screen
FOLD = """() => { const { top } = document.querySelector(".nav").getBoundingClientRect();
    return top > innerHeight / 2 ? top : innerHeight; }"""


def bottom_of(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


@pytest.mark.parametrize(
    ("options", "language", "headline", "action"),
    [
        ({}, "en", "You were wrong, at 80%: the answer is “No”", "Make a card of it"),
        (PHONE, "en", "You were wrong, at 80%: the answer is “No”", "Make a card of it"),
        (PHONE, "zh-hans", "你判断错误，把握 80%：答案是“不会”", "做成卡片"),
    ],
    ids=["desktop", "phone", "phone-zh"],
)
def test_whether_one_was_right_and_what_to_do_next_is_seen_without_scrolling(
    mei: User,
    open_page: Open,  # noqa: F811
    options: dict[str, object],
    language: str,
    headline: str,
    action: str,
) -> None:
    run = measured(queued(mei, loaded(), prediction=SURE), verdict("does_not_hold", effect=0.01))
    page = open_page(f"/runs/{run.pk}", mei, {"language": language}, **options)
    expect(page.locator("#state-h")).to_have_text(headline)
    expect(page.locator(".next-acts .btn").first).to_have_text(action)
    fold = page.evaluate(FOLD)
    for selector in ("#state-h", ".effects", ".next-acts .btn"):
        assert 0 < bottom_of(page, selector) <= fold, selector


def work(run: Run) -> Worker:
    """Connect a worker with one slot that has the lab of a run."""
    services.make_worker(name="w1", queues=["labs"])
    capabilities = {"labs": {run.version.lab_id: run.version.code_hash}, "all_slots": 1}
    Worker.objects.update(last_seen_at=Clock(), capabilities=capabilities)
    return Worker.objects.get()


def leased(worker: Worker) -> worker_services.Lease:
    lease = worker_services.lease_run(
        worker=worker, queues=["labs"], labs=worker.capabilities["labs"]
    )
    assert lease is not None
    return lease


@pytest.mark.services
@pytest.mark.parametrize(
    ("language", "waits", "next_in_line", "starting", "running", "over"),
    [
        (
            "en",
            "No worker is connected at the moment.",
            "Queued, next in line",
            "Starting",
            "Running 3 of 9 points",
            "The run ended with an error",
        ),
        (
            "zh-hans",
            "目前没有连接的计算节点",
            "排队中，下一个就是你",
            "正在启动",
            "运行中 3 / 9 个点",
            "运行出错而中止",
        ),
    ],
    ids=["en", "zh"],
)
def test_what_a_run_waits_for_follows_what_happens_without_a_reload(
    mei: User,
    ola: User,
    open_page: Open,  # noqa: F811
    settings: Any,
    language: str,
    waits: str,
    next_in_line: str,
    starting: str,
    running: str,
    over: str,
) -> None:
    settings.LEASE_SECONDS = 600  # a worker is heard for as long, on a busy machine, too
    lab = loaded()
    before, run = queued(ola, lab), queued(mei, lab)
    page = open_page(f"/runs/{run.pk}", mei, {"language": language})
    heading, why = page.locator("#state-h"), page.locator("#reason")
    expect(why).to_contain_text(waits)
    page.evaluate("window.isStillHere = true")
    worker = work(run)
    lease = leased(worker)
    assert lease.run.pk == before.pk
    expect(heading).to_have_text(next_in_line)
    finish(lease)
    lease = leased(worker)
    expect(heading).to_have_text(starting)
    report(lease, event(0.1, arm="relu 1"), points_done=3, points_expected=9)
    expect(heading).to_have_text(running)
    finish(lease, "failed")
    expect(heading).to_have_text(over)
    assert page.evaluate("window.isStillHere"), "the page is the one that was opened"


@pytest.mark.services
def test_a_verdict_that_arrives_while_it_is_watched_is_read_once_its_headline_is_seen(
    mei: User,
    open_page: Open,  # noqa: F811
) -> None:
    run = queued(mei, loaded(), prediction=SURE)
    lease = leased(work(run))
    report(lease, event(0.1, arm="relu 1"), points_done=3, points_expected=9)
    page = open_page(f"/runs/{run.pk}", mei, viewport={"width": 1280, "height": 500})
    expect(page.locator("#state-h")).to_contain_text("Running")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    finish(lease, verdicts=[verdict()])
    expect(page.locator("#state-h")).to_contain_text("You were right")
    expect(page.locator("form[data-seen]")).to_be_attached()
    assert UnreadVerdict.objects.count() == 1, "its headline is above what is on screen"
    with page.expect_response(lambda answer: f"/verdicts/{run.pk}" in answer.url):
        page.evaluate("scrollTo(0, 0)")
    assert not UnreadVerdict.objects.exists()
    expect(page.locator("form[data-seen]")).to_have_count(0)


def test_a_verdict_on_screen_is_read_wherever_the_page_ends(
    mei: User,
    open_page: Open,  # noqa: F811
) -> None:
    run = measured(queued(mei, loaded(), prediction=SURE))
    page = open_page("/", mei, **PHONE)
    with page.expect_response(lambda answer: f"/verdicts/{run.pk}" in answer.url):
        page.goto(f"/runs/{run.pk}")
    assert not UnreadVerdict.objects.exists()


@pytest.mark.services
@pytest.mark.parametrize(
    ("language", "failed"),
    [("en", "failed, ValueError: the rate is not a number"), ("zh-hans", "ValueError")],
)
def test_today_tells_why_a_run_fails_as_it_fails(
    mei: User,
    open_page: Open,  # noqa: F811
    language: str,
    failed: str,
) -> None:
    run = queued(mei, loaded(), prediction=SURE)
    lease = leased(work(run))
    page = open_page("/", mei, {"language": language})
    line = page.locator(f"#run-{run.pk}")
    expect(line).to_be_attached()
    page.evaluate("window.isStillHere = true")
    report(lease, event(0.1, arm="relu 1"), points_done=3, points_expected=9)
    expect(line).to_contain_text("3")
    finish(lease, "failed", error="ValueError: the rate is not a number")
    expect(line).to_contain_text(failed, ignore_case=True)
    assert page.evaluate("window.isStillHere")


def test_runs_are_ticked_compared_and_read_along_the_chart(
    mei: User,
    open_page: Open,  # noqa: F811
) -> None:
    lab = loaded()
    for n, width in enumerate((16, 32)):
        lease = started(queued(mei, lab, f"k{n}", config={"width": width}, prediction=SURE))
        later = [event(0.1 * step, arm="relu 0.01", step=[float(step)]) for step in (1, 2, 3)]
        report(lease, *later, after=5)
        finish(lease, verdicts=[verdict()])
    page = open_page("/runs", mei, **PHONE)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Compare the ticked runs").click()
    page.wait_for_url("**/runs/compare?run=*&run=*")
    expect(page.locator("#chart")).to_have_attribute("data-state", "live")
    look_over(page)
    page.locator("#inspect").focus()
    page.keyboard.press("Home")
    expect(page.locator("#readout b")).to_have_count(2)
    page.locator("[name=curve]").select_option(index=2)
    page.wait_for_url("**curve=*")
    expect(page.locator("#chart")).to_have_attribute("data-state", "live")
    assert page.url.count("run=") == 2, "the runs stay chosen"


def test_runs_are_compared_without_scripts(
    mei: User,
    open_page: Open,  # noqa: F811
) -> None:
    lab = loaded()
    for n, width in enumerate((16, 32)):
        measured(queued(mei, lab, f"k{n}", config={"width": width}, prediction=SURE))
    page = open_page("/runs", mei, java_script_enabled=False)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Compare the ticked runs").click()
    expect(page.locator("#chart svg .end-name")).to_have_count(2)
    expect(page.locator("tr.differs td")).to_have_text(["32", "16"])
    page.locator("summary", has_text="Choose the runs").click()
    page.get_by_role("checkbox").first.uncheck()
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#chart svg .end-name")).to_have_count(1)
