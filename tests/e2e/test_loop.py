"""From click to verdict, by people at browsers, on the whole system."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.chaos.invariants import violations
from tests.e2e.browsing import Visitor
from tests.e2e.people import LONGER, Member, check_whole, count, curves
from tests.e2e.processes import is_alive
from tests.e2e.proxy import Proxy
from tests.e2e.system import System
from tests.e2e.viewers import Viewers
from tests.e2e.waiting import until

Visit = Callable[..., Visitor]
# seconds for a page, on a slow machine; one that waits for what viewers hold gets no answer at all
MAX_SECONDS = 10.0
WORDS = {"en": ("Verdict", "Your prediction"), "zh-Hans": ("结论", "你的预测")}


@pytest.mark.services
@pytest.mark.parametrize(
    ("language", "handle"),
    [("en", "nina"), pytest.param("zh-Hans", "zhen", marks=pytest.mark.slow)],
)
def test_someone_signs_up_predicts_runs_watches_and_reads_the_verdicts(
    site: System, visit: Visit, language: str, handle: str
) -> None:
    visitor = visit(site).go("/accounts/signup/")
    visitor.speak(language)
    visitor.sign_up(handle)
    visitor.page.locator("#who").wait_for()
    # settings at which the headline claim holds by far, whatever the processor rounds
    visitor.open_lab(depth=6, width=16, epochs=5)
    assert visitor.page.locator("html").get_attribute("lang") == language
    mark = visitor.page.locator(".mark-in").last
    mark.focus()
    for key in ("Home", "PageUp", "ArrowUp", "ArrowUp"):
        mark.press(key)
    variant = float(mark.input_value())
    visitor.predict("holds", 80)
    run = visitor.commit()

    assert visitor.see_end() == "succeeded"
    visitor.page.locator("#chart[data-state=succeeded]").wait_for()
    live = [seen for seen in visitor.seen() if seen["state"] == "running"]
    points_json = visitor.page.request.get(f"{site.url}/runs/{run}/points").json()
    series = {curve["series"] for curve in points_json["series"]}
    came_live = max(seen["points"] for seen in live) - live[0]["points"]
    assert came_live >= 20 * len(series), "at least 20 steps, each with all series, before the end"
    assert len({seen["points"] for seen in live}) >= 5, "as they came, not at once"
    assert sorted(seen["points"] for seen in live) == [seen["points"] for seen in live]

    check_whole(points_json)
    until(
        lambda: visitor.seen()[-1]["points"] == count(points_json),
        60,
        lambda: f"{visitor.seen()[-1]}, of {count(points_json)}",
    )
    for name, steps in visitor.curves().items():
        assert steps == curves(points_json)[name]
    panel = visitor.page.locator(".bench").inner_text()
    assert all(word.lower() in panel.lower() for word in WORDS[language])
    outcomes = visitor.page.locator("#result .verdict").evaluate_all(
        "all => all.map((one) => one.dataset.outcome)"
    )
    assert len(outcomes) == 6, "a verdict for each claim of the lab"
    assert outcomes[0] == "holds"
    score = visitor.page.locator("#result dl.score").inner_text()
    assert "80" in score and "0.04" in score, "how the prediction did: (0.8 - 1) squared"
    assert variant == pytest.approx(0.12, abs=0.02)
    assert visitor.violations() == []


def test_a_visitor_predicts_first_signs_up_and_finds_the_prediction_kept(
    site: System, visit: Visit
) -> None:
    visitor = visit(site).open_lab(width=16, epochs=2)
    visitor.predict("depends", 65)
    visitor.page.locator("#lab .btn.pencil").click()
    visitor.page.wait_for_url("**/accounts/signup/**")
    visitor.sign_up("vera")
    visitor.page.wait_for_url("**/labs/dead-relu/prediction")
    kept = visitor.page.locator("main").inner_text()
    assert "65%" in kept and "16" in kept
    visitor.page.locator("main form .btn.pencil").click()
    run = visitor.arrive()
    visitor.page.go_back()
    visitor.page.go_forward()
    assert visitor.see_end() == "succeeded"
    rows = site.query(
        "SELECT r.id::text, r.config->>'width', p.outcome, p.confidence FROM experiments_run r"
        " JOIN experiments_prediction p ON p.run_id = r.id JOIN accounts_user u ON u.id = "
        "r.owner_id WHERE u.handle = 'vera'"
    )
    assert rows == [(run, "16", "depends", 65)], "exactly one run"


def test_the_page_says_stopped_only_when_the_lab_process_is_gone(
    site: System, visit: Visit
) -> None:
    visitor = visit(site, "kay").open_lab(depth=2, width=16, epochs=50)
    visitor.predict()
    lab = spare_of(site)
    visitor.commit()
    visitor.see_points(200)
    visitor.see_state("running")  # the panel changes no more until the end
    visitor.page.locator("#panel details.ask summary").click()
    visitor.page.locator("#panel details.ask .btn.ink").click()
    assert visitor.see_end() == "cancelled"
    assert lab not in site.lab_processes()
    assert visitor.page.locator("#panel .outcome").count() == 0, "no verdict"


def test_a_connection_that_is_cut_in_mid_stream_resumes_with_nothing_missing_and_nothing_twice(
    site: System, visit: Visit, member: Callable[..., Member], proxy: Callable[[System], Proxy]
) -> None:
    cable = proxy(site)
    sam = member(site, "sam")
    run = sam.commit(LONGER)
    visitor = visit(site, "sam", url=cable.url).go(f"/runs/{run}")
    visitor.see_points(100)
    assert cable.cut() >= 1, "a stream was open"
    cut_at = time.monotonic()
    visitor.see_link("lost")
    assert visitor.page.locator("#lost").is_visible()
    at_the_cut = visitor.seen()[-1]["points"]
    until(lambda: time.monotonic() - cut_at > 3, what="it is refused for three seconds")
    cable.mend()
    visitor.see_link("open")
    visitor.see_points(at_the_cut + 100)
    assert not visitor.page.locator("#lost").is_visible()
    assert visitor.seen()[-1]["state"] == "running", "the run must outlast the cut"

    assert visitor.see_end() == "succeeded"
    points_json = sam.wait_for(run)
    check_whole(points_json)
    until(
        lambda: visitor.seen()[-1]["points"] == count(points_json),
        60,
        lambda: f"{visitor.seen()[-1]}, of {count(points_json)}",
    )
    for name, steps in visitor.curves().items():
        assert steps == curves(points_json)[name]
    points = [seen["points"] for seen in visitor.seen()]
    assert points == sorted(points), "nothing was forgotten on the way"


def test_the_points_of_a_killed_worker_leave_the_page_and_the_next_attempt_brings_all(
    site: System, visit: Visit, member: Callable[..., Member]
) -> None:
    lin = member(site, "lin")
    run = lin.commit(LONGER)
    visitor = visit(site, "lin").go(f"/runs/{run}")
    visitor.see_points(60)
    labs = site.lab_processes()
    assert labs
    site.kill("worker")
    until(lambda: not any(map(is_alive, labs)), 60, "its lab processes end with it")
    site.query(
        "UPDATE experiments_runattempt SET last_heartbeat_at = last_heartbeat_at - "
        "interval '1 minute' WHERE run_id = %s RETURNING id",
        run,
    )
    site.start("worker").wait_for_worker()
    assert visitor.see_end() == "succeeded"
    points_json = lin.wait_for(run)
    check_whole(points_json)
    until(
        lambda: visitor.seen()[-1]["points"] == count(points_json),
        60,
        lambda: f"the page has {visitor.seen()[-1]}, of {count(points_json)}",
    )
    for name, steps in visitor.curves().items():
        assert steps == curves(points_json)[name]
    counts = [change["points"] for change in visitor.seen()]
    assert any(after < before for before, after in pairwise(counts)), "the page has discarded some"
    assert [line for line in violations(site.query) if run in line] == []


def spare_of(site: System) -> int:
    """Return the lab process that waits for the next run: the only one of a worker that has just
    asked for work.
    """
    before = site.last_seen_at()
    until(
        lambda: site.last_seen_at() != before and len(site.lab_processes()) == 1,
        what="a warm process waits, alone",
    )
    (lab,) = site.lab_processes()
    return lab


@pytest.mark.services
@pytest.mark.parametrize("people", [12, pytest.param(40, marks=pytest.mark.slow)])
def test_many_people_watch_one_run_and_pages_still_load(
    site: System, member: Callable[..., Member], people: int
) -> None:
    ola = member(site, "ola")
    run = ola.commit(LONGER)
    viewers = Viewers(site.url, f"/runs/{run}/events", ola.http.cookies["sid"], viewers=people)
    until(lambda: viewers.listening == people, what=lambda: f"all listen; {viewers.listening} do")
    ola.wait_for_points(run, 100)
    slowest = 0.0
    for path in ("/", "/labs", "/labs/dead-relu", "/claims", "/runs", f"/runs/{run}", "/settings"):
        answer = ola.http.get(path)
        assert answer.status_code == 200
        slowest = max(slowest, answer.elapsed.total_seconds())
    assert ola.state(run) == "running", "the run must outlast the pages"
    points_json = ola.wait_for(run)
    viewers.wait(120)
    assert slowest < MAX_SECONDS
    assert [viewer.state for viewer in viewers.viewers] == ["succeeded"] * people
    for viewer in viewers.viewers:
        assert viewer.curves == curves(points_json)
        assert viewer.numbers == sorted(set(viewer.numbers))
