"""From a run to a thread: each verdict, run and point has a way to the composer, which cites it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.discussions import citations
from apps.discussions.citations import Cited, parse
from apps.experiments import services
from apps.experiments.models import Run
from tests.common.browsing import Open, needs_browser
from tests.discussions.conftest import make_person
from tests.experiments.conftest import finish, report
from tests.experiments.pages_cast import (
    HEADLINE,
    browser,
    loaded,
    measured,
    queued,
    recorded,
    started,
    verdict,
)
from workers import wire

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
ARM = "relu 学习率 0.5/2 [100%]"  # a name that an address does not bear


def quotes(html: str) -> list[dict[str, str]]:
    """Return the queries of the links to the composer."""
    links = re.findall(r'href="/threads/new\?([^"]+)"', html)
    return [
        {name: value for name, (value,) in parse_qs(link.replace("&amp;", "&")).items()}
        for link in links
    ]


def test_a_run_and_each_of_its_verdicts_can_be_quoted_without_scripts(mei: User) -> None:
    verdicts = [verdict(), verdict(claim="dead-relu.death-is-permanent", parts=[])]
    run = measured(queued(mei, loaded()), *verdicts)
    services.open_verdict(user=mei, run=run)
    queries = quotes(browser(mei).get(f"/runs/{run.pk}").content.decode())
    assert {one["about"] for one in queries} == {f"run:{run.pk}"}
    assert {one["cite"] for one in queries} == {
        citations.cite_run(run),
        *(citations.cite_claim(one.claim, run) for one in verdicts),
    }


def test_a_folded_run_can_be_quoted_but_no_verdict_of_it(mei: User) -> None:
    run = measured(queued(mei, loaded()))
    queries = quotes(browser(mei).get(f"/runs/{run.pk}").content.decode())
    assert [one["cite"] for one in queries] == [citations.cite_run(run)]


def test_a_recorded_verdict_can_be_quoted_from_the_ledger(mei: User) -> None:
    run = recorded(loaded())
    assert quotes(browser(mei).get("/claims").content.decode()) == []
    services.open_verdict(user=mei, run=run)
    (query,) = quotes(browser(mei).get("/claims").content.decode())
    assert query == {"about": f"claim:{HEADLINE}", "cite": citations.cite_claim(HEADLINE, run)}


# ---------------------------------------------------------------- in a browser


def curves(mei: User) -> Run:
    """Return a run with curves of two arms, one of them with a name that is hard to write."""
    run = queued(mei, loaded(), "k")
    lease = started(run)
    steps = [float(step) for step in range(1, 11)]
    rising: list[float | None] = [step / 10 for step in steps]
    for arm in ("relu 0.1", ARM):
        lease.run.refresh_from_db()
        report(lease, wire.Event(arm, "dead", steps, rising, rising, rising))
    finish(lease, verdicts=[verdict()])
    services.open_verdict(user=mei, run=run)
    return run


def cited_in(url: str, run: Run) -> Cited:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    assert parts.path == "/threads/new"
    assert query["about"] == [f"run:{run.pk}"]
    cited = parse(query["cite"][0])
    assert cited is not None, query
    return cited


@pytest.mark.usefixtures("transactional_db")
class TestInABrowser:
    pytestmark = needs_browser

    def test_a_press_on_the_chart_leads_to_the_composer_with_that_point(
        self, open_page: Open
    ) -> None:
        run = curves(mei := make_person("mei"))
        page = open_page(f"/runs/{run.pk}", mei)
        chart = page.locator("metric-chart .u-over").first
        expect(chart).to_be_visible()
        expect(page.locator("#inspect")).not_to_have_attribute("max", "0")
        expect(page.locator("#quote")).to_be_hidden()
        box = chart.bounding_box()
        assert box is not None
        chart.click(position={"x": box["width"] / 2, "y": 20})
        links = page.locator("#quote a")
        expect(links.filter(has_text=ARM)).to_be_visible()
        page.mouse.move(box["x"] + 5, box["y"] + 5)  # on the way to the link
        with page.expect_navigation():
            links.filter(has_text=ARM).click()
        cited = cited_in(page.url, run)
        assert (cited.arm, cited.series) == (ARM, "dead")
        assert 3 < float(cited.step) < 8
        assert str(cited) == citations.cite_point(run, ARM, "dead", float(cited.step))

    def test_with_the_keyboard_and_from_a_link_to_a_point(self, open_page: Open) -> None:
        run = curves(mei := make_person("mei"))
        page = open_page(f"/runs/{run.pk}?series=dead&step=4#chart", mei)
        expect(page.locator("#readout .at")).to_contain_text("4")
        links = page.locator("#quote a")
        expect(links.first).to_be_visible()
        assert {cited_in(link.get_attribute("href") or "", run).step for link in links.all()} >= {
            "4"
        }
        page.keyboard.press("i")
        assert page.evaluate("document.activeElement.id") == "inspect"
        page.keyboard.press("ArrowRight")
        expect(page.locator("#readout .at")).to_contain_text("5")
        page.keyboard.press("Tab")
        expect(page.locator("#quote a:focus")).to_be_visible()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert cited_in(page.url, run).kind == citations.Kind.POINT
