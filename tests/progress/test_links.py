"""No page links to a question, a lab or a claim that does not exist yet; it does once it exists."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from apps.experiments import services as labs
from apps.experiments.loading import load_labs
from apps.experiments.models import Lab
from apps.progress import selectors
from apps.questions.models import Question
from tests.experiments.conftest import make_version
from tests.progress.conftest import LAB_WORDS, make_question

pytestmark = pytest.mark.django_db
CLAIM = "/claims?lab=coming-lab#coming-lab.claim"
COMING = ("/questions/coming", "/labs/coming-lab", CLAIM)
ANSWER = "<p>See {}.</p>".format(
    ", ".join(f'<a href="{href}" rel="noopener">words of it</a>' for href in COMING)
)
CLAIMS = ["dead-relu.lr-kills", "coming-lab.claim"]


@pytest.fixture
def asked() -> Question:
    """A question that names and links what is not there yet, and a lab that is."""
    load_labs(settings.LABS_FOLDER)
    return make_question(
        "asked",
        "activation-functions",
        claims=CLAIMS,
        labs=["coming-lab", "dead-relu"],
        related=["coming"],
        html={"answer_html_en": ANSWER, "statement_html_en": ANSWER},
    )


def write_what_is_coming() -> None:
    lab = Lab.objects.create(slug="coming-lab", topic="losses", kind="training", queue="labs")
    claim = LAB_WORDS["claims"]["dead-relu.lr-kills"]
    make_version(
        lab,
        "b" * 64,
        {
            **LAB_WORDS,
            "predict": {"claim": "coming-lab.claim", "form": "none"},
            "claims": {"coming-lab.claim": claim},
        },
    )
    make_question("coming")


def hrefs(html: str) -> set[str]:
    return {href.replace("&amp;", "&") for href in re.findall(r'href="(/[^"]*|#[^"]*)"', html)}


PAGES = (
    "/",
    "/questions",
    "/questions/asked",
    "/questions/asked?reveal=1",
    "/questions/about/dead-relu.lr-kills",
    "/questions/about/coming-lab.claim",
    "/labs",
    "/labs/dead-relu",
    "/claims",
    "/topics/activation-functions",
    "/topics/losses",
    "/progress",
    "/review",
    "/runs",
)
NOT_FOLLOWED = ("/static/", "/accounts/", "/admin/")


def test_every_link_of_every_page_leads_somewhere(
    client: Client, mei: User, asked: Question, woken_queues: list[str]
) -> None:
    lab = Lab.objects.get(slug="dead-relu")
    run = labs.queue_run(owner=mei, lab=lab, config={}, key="k")
    member = Client()
    member.force_login(mei)
    member.post("/questions/asked/reveal")
    for browser, more in ((client, ()), (member, (f"/runs/{run.pk}",))):
        for page in (*PAGES, *more):
            html = browser.get(page).content.decode()
            ids = set(re.findall(r'id="([^"]+)"', html))
            for href in hrefs(html):
                path, _, anchor = href.partition("#")
                if path.startswith(NOT_FOLLOWED):
                    continue
                answer = browser.get(path) if path else None
                assert answer is None or answer.status_code < 400, f"{page}: {href}"
                target = answer.content.decode() if answer else html
                if anchor and path.partition("?")[0] in ("", "/claims"):
                    there = set(re.findall(r'id="([^"]+)"', target)) if answer else ids
                    assert anchor in there, f"{page}: {href}"


@pytest.mark.parametrize("reader", ["visitor", "member"])
def test_links_appear_once_what_they_lead_to_exists(
    client: Client, mei: User, asked: Question, reader: str
) -> None:
    if reader == "member":
        client.force_login(mei)
        client.post("/questions/asked/reveal")
    page = "/questions/asked?reveal=1"
    html = client.get(page).content.decode()
    assert "See words of it, words of it, words of it." in html
    assert not [href for href in hrefs(html) if href.startswith(COMING)]
    write_what_is_coming()
    there = hrefs(client.get(page).content.decode())
    assert set(COMING) <= there and any(href.startswith("/labs/coming-lab?back=") for href in there)
    Lab.objects.filter(slug="coming-lab").update(withdrawn=True)
    Question.objects.filter(slug="coming").update(withdrawn=True)
    gone = client.get(page).content.decode()
    assert not [href for href in hrefs(gone) if href.startswith(COMING)]


def test_missing_is_what_no_page_shows(asked: Question, django_assert_num_queries: Any) -> None:
    targets = {
        selectors.links.Target(kind, name)
        for kind, name in (
            ("question", "asked"),
            ("question", "coming"),
            ("lab", "dead-relu"),
            ("lab", "coming-lab"),
            ("claim", "dead-relu.lr-kills"),
            ("claim", "dead-relu.no-such"),
            ("claim", "no claim"),
        )
    }
    with django_assert_num_queries(3):
        missing = {target.name for target in selectors.links.missing(targets)}
    assert missing == {"coming", "coming-lab", "dead-relu.no-such", "no claim"}


def test_the_page_about_a_claim_links_it_once_the_ledger_has_it(
    client: Client, asked: Question
) -> None:
    address = "/questions/about/coming-lab.claim"
    html = client.get(address).content.decode()
    assert 'href="/questions/asked"' in html and "/claims?" not in html
    write_what_is_coming()
    assert f'href="{CLAIM}"' in client.get(address).content.decode()


def test_today_prefers_a_question_whose_lab_exists(mei: User, asked: Question) -> None:
    Question.objects.filter(pk=asked.pk).update(withdrawn=True)
    make_question("a-plain", "losses", labs=["coming-lab"], difficulty=1)
    with_lab = make_question("z-lab", "losses", labs=["activation-atlas"], difficulty=2)
    assert selectors.day_plans.day_plan(mei).question == with_lab
    write_what_is_coming()
    assert selectors.day_plans.day_plan(mei).question != with_lab


def test_a_run_of_a_lab_that_is_gone_does_not_link_it(
    mei: User, asked: Question, woken_queues: list[str]
) -> None:
    lab = Lab.objects.get(slug="dead-relu")
    run = labs.queue_run(owner=mei, lab=lab, config={}, key="k")
    member = Client()
    member.force_login(mei)
    assert "/labs/dead-relu" in hrefs(member.get(f"/runs/{run.pk}").content.decode())
    Lab.objects.filter(pk=lab.pk).update(withdrawn=True)
    page = member.get(f"/runs/{run.pk}").content.decode()
    assert not [href for href in hrefs(page) if href.startswith("/labs/")]
