"""A run's page in a browser: what is seen first, how much comes, what its charts say."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.experiments import services, worker_services
from apps.experiments.models import Run, Worker
from tests.common.browsing import (  # noqa: F401 - fixtures
    Open,
    browser_type_launch_args,
    needs_browser,
    open_page,
    site,
)
from tests.experiments.conftest import event, finish, report
from tests.experiments.pages_cast import SURE, loaded, measured, queued, verdict
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
            "Running 3 / 9",
            "The run ended with an error",
        ),
        (
            "zh-hans",
            "目前没有连接的计算节点",
            "排队中，下一个就是你",
            "正在启动",
            "运行中 3 / 9",
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
