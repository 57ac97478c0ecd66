"""Lists of 72 labs, 413 claims and 228 questions: few queries, pages that keep the filters, and
verdicts for those alone who may see them. How long they take is measured by `benchmarks/lists.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from apps.accounts.models import User
from apps.common.topics import TOPICS
from apps.experiments.models import Claim, Lab, Outcome
from apps.experiments.views.catalogue import LABS_PER_PAGE
from apps.experiments.views.claims import CLAIMS_PER_PAGE, MAX_CUSTOM_RUNS
from apps.questions.models import Question
from tests.experiments import large_lists
from tests.experiments.large_lists import (
    CLAIMS,
    LABS,
    LEARNERS,
    QUESTIONS,
    RECORDED,
    topic_of,
)
from tests.experiments.pages_cast import MAX_QUERIES, browser
from tests.progress.conftest import make_question

pytestmark = pytest.mark.django_db
Most = Callable[[int], AbstractContextManager[object]]
READERS = ("visitor", "new learner", "learner")
# the labs with a recorded run whose verdicts each may see, by number
READABLE = {
    "visitor": set[int](),
    "new learner": set[int](),
    "learner": {n for n in range(RECORDED) if n % 3 == 0 or n % 5 == 0},
}
PAGES = (
    "/claims",
    "/claims?page=9",
    "/claims?topic=losses",
    "/claims?verdict=holds",
    "/claims?verdict=hidden",
    "/claims?verdict=none",
    "/claims?words=dead+units&topic=losses&verdict=depends",
    "/claims?lab=made-07",
    "/labs",
    "/labs?page=2",
    "/labs?topic=losses&kind=analytic&words=question",
    "/questions",
    "/questions?page=3",
    "/questions?words=made&topic=losses&kind=numeric&difficulty=1",
    "/questions/about/made-07.lr-kills",
    "/topics/losses",
    "/runs",
    "/",
)


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Fill the tables once, in a transaction around those of the tests."""
    with django_db_blocker.unblock(), transaction.atomic():
        learner = User.objects.create_user("lena@example.org", "lena")
        User.objects.create_user("nora@example.org", "nora")
        make_question("a-model")
        large_lists.fill(learner, "a-model")
        yield
        transaction.set_rollback(True)


@pytest.fixture
def clients(filled: None, db: None) -> dict[str, Client]:
    handles = {"new learner": "nora", "learner": "lena"}
    return {
        name: browser(User.objects.get(handle=handles[name]) if name in handles else None)
        for name in READERS
    }


def rows(page: Any) -> list[dict[str, Any]]:
    return [
        row for topic in page.context["topics"] for entry in topic["labs"] for row in entry["rows"]
    ]


def all_rows(client: Client, query: str = "") -> list[dict[str, Any]]:
    """Return the rows of all pages of the ledger."""
    page = client.get(f"/claims?{query}")
    claims = rows(page)
    while page.context["page"].has_next():
        page = client.get(f"/claims?{query}&page={page.context['page'].next_page_number()}")
        claims += rows(page)
    return claims


def test_there_are_hundreds(clients: dict[str, Client]) -> None:
    assert Lab.objects.offered().count() == LABS
    assert Claim.objects.offered().count() == CLAIMS
    assert Question.objects.offered().count() == QUESTIONS


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", PAGES)
def test_a_list_asks_the_database_little(
    clients: dict[str, Client], reader: str, path: str, django_assert_max_num_queries: Most
) -> None:
    if path == "/runs" and reader == "visitor":
        pytest.skip("a visitor has none")
    with django_assert_max_num_queries(MAX_QUERIES):
        assert clients[reader].get(path).status_code == 200


@pytest.mark.parametrize("reader", READERS)
def test_each_claim_stands_on_one_page_in_the_order_of_topics(
    clients: dict[str, Client], reader: str
) -> None:
    names = [row["claim"] for row in all_rows(clients[reader])]
    assert len(names) == len(set(names)) == CLAIMS
    topics = list(dict.fromkeys(topic_of(int(name[5:7])) for name in names))
    assert topics == list(TOPICS)
    assert len(rows(clients[reader].get("/claims"))) == CLAIMS_PER_PAGE


@pytest.mark.parametrize("reader", READERS)
def test_the_filter_by_verdict_tells_each_reader_what_the_ledger_shows_them(
    clients: dict[str, Client], reader: str
) -> None:
    states = (*Outcome.values, "hidden", "none")
    by_state = {state: all_rows(clients[reader], f"verdict={state}") for state in states}
    names = [row["claim"] for state in states for row in by_state[state]]
    assert len(names) == len(set(names)) == CLAIMS
    readable = READABLE[reader]
    for state in Outcome.values:
        assert bool(by_state[state]) == bool(readable)
        assert {row["found"].outcome for row in by_state[state]} <= {state}
    seen = {row["claim"][5:7] for state in Outcome.values for row in by_state[state]}
    assert {int(number) for number in seen} == readable
    assert {int(row["claim"][5:7]) for row in by_state["none"]} == set(range(RECORDED, LABS))
    assert not any(row["found"] for state in ("hidden", "none") for row in by_state[state])


@pytest.mark.parametrize("query", ["", "verdict=hidden", "words=dead", "lab=made-01"])
def test_a_hidden_verdict_is_not_in_the_page(clients: dict[str, Client], query: str) -> None:
    for reader in ("visitor", "new learner"):
        text = clients[reader].get(f"/claims?{query}").content.decode()
        assert 'id="made-' in text
        for given_away in ("66%", "51% to 81%", 'class="outcome', 'class="tallied"'):
            assert given_away not in text, reader
    assert 'class="outcome' in clients["learner"].get("/claims?verdict=holds").content.decode()


def test_a_verdict_that_is_opened_in_a_filtered_list_leads_to_its_lab(
    clients: dict[str, Client],
) -> None:
    client = clients["new learner"]
    hidden = client.get("/claims?verdict=hidden&topic=losses").content.decode()
    match = re.search(r'action="(/runs/[^"]+/verdict)".*?name="next" value="([^"]+)"', hidden, re.S)
    assert match is not None
    answer = client.post(match[1], {"next": match[2]}, follow=True)
    assert answer.request["QUERY_STRING"] == match[2].partition("?")[2] != ""
    assert 'class="outcome' in answer.content.decode()
    assert "Only: " in answer.content.decode()


def test_the_claims_of_a_topic_and_words_in_both_languages(clients: dict[str, Client]) -> None:
    client = clients["visitor"]
    of_topic = {int(row["claim"][5:7]) for row in all_rows(client, "topic=losses")}
    assert of_topic == {n for n in range(LABS) if topic_of(n) == "losses"}
    killing = all_rows(client, "words=%E5%AD%A6%E4%B9%A0%E7%8E%87+KILLS")  # 学习率
    # of a statement, or of a name beside the question of its lab
    assert {row["claim"].partition(".")[2] for row in killing} == {"lr-kills", "one-negative-kills"}
    assert len(killing) == 2 * LABS
    assert {row["claim"][:7] for row in all_rows(client, "words=Lab+7.")} == {"made-07"} | {
        f"made-{n}" for n in (17, 27, 37, 47, 57, 67)
    }
    for query in ("words=nothing+of+it", "topic=nothing", "lab=nothing", "verdict=nothing"):
        page = client.get(f"/claims?{query}")
        assert page.status_code == 200 and "No claims match." in page.content.decode()


def test_links_between_pages_keep_the_filters_and_mark_the_present_one(
    clients: dict[str, Client],
) -> None:
    text = clients["visitor"].get("/claims?topic=&words=dead&page=2").content.decode()
    nav = re.search(r'<nav class="pages acts" aria-label="Pages">.*?</nav>', text, re.S)
    assert nav is not None
    links = re.findall(r'href="([^"]+)"', nav[0])
    assert {link.rpartition("=")[0] for link in links} == {"?words=dead&amp;page"}
    assert re.findall(r'href="([^"]+)" aria-current="page"', nav[0]) == ["?words=dead&amp;page=2"]
    assert 'rel="prev"' in nav[0] and 'rel="next"' in nav[0]


@pytest.mark.parametrize("number", ["99", "0", "-1", "many", "9" * 400, "1e3", "\x002x"])
@pytest.mark.parametrize("path", ["/claims", "/labs", "/questions"])
def test_a_page_that_does_not_exist_says_how_many_there_are(
    clients: dict[str, Client], path: str, number: str
) -> None:
    page = clients["visitor"].get(path, {"page": number, "words": "e"})
    text = page.content.decode()
    assert page.status_code == 404
    assert re.search(r"There is no page “[^”]{1,12}”: this list has \d+ pages?\.", text)
    assert 'href="?words=e&amp;page=1"' in text and "<table" not in text


def test_each_lab_stands_on_one_page_with_its_numbers(clients: dict[str, Client]) -> None:
    client = clients["learner"]
    first, second = client.get("/labs").context["rows"], client.get("/labs?page=2").context["rows"]
    assert len(first) == LABS_PER_PAGE
    table = {row["lab"].slug: row for row in [*first, *second]}
    assert len(first) + len(second) == len(table) == LABS
    assert table["made-00"]["score"] == "0.04" and table["made-22"]["score"] == "–"
    # ours, ten learners', and two of the reader's own
    assert table["made-00"]["runs"] == 1 + LEARNERS + 2
    assert table["made-71"]["runs"] == LEARNERS
    assert {slug for slug, row in table.items() if str(row["access"]) != "hidden"} == {
        f"made-{number:02}" for number in READABLE["learner"] | set(range(0, LABS, 3))
    }


def test_labs_are_found_by_topic_kind_and_words(clients: dict[str, Client]) -> None:
    def found(query: str) -> set[str]:
        return {row["lab"].slug for row in clients["visitor"].get(f"/labs?{query}").context["rows"]}

    assert found("topic=losses") == {
        large_lists.slug_of(n) for n in range(LABS) if topic_of(n) == "losses"
    }
    assert found("words=question+7.+dead") == {f"made-{n}7" for n in range(7)}
    assert found("words=MADE-07") == found("words=%EF%BC%AD%EF%BC%A1%EF%BC%A4%EF%BC%A5-07")
    assert found("kind=analytic&topic=losses") < found("topic=losses")


def test_no_list_reads_the_words_of_labs(
    clients: dict[str, Client], django_assert_max_num_queries: Any
) -> None:
    """They are some 25 kB of JSON a lab."""
    for path in ("/claims?topic=losses", "/labs", "/topics/losses"):
        with django_assert_max_num_queries(MAX_QUERIES) as queries:
            clients["learner"].get(path)
        asked = " ".join(query["sql"] for query in queries.captured_queries)
        assert '"experiments_labwords"."words"' not in asked, path
        assert '"experiments_labwords"."source"' not in asked, path


def test_runs_at_other_settings_stand_on_the_first_page_of_the_whole_ledger(
    clients: dict[str, Client],
) -> None:
    client = clients["learner"]
    assert len(client.get("/claims").context["custom_runs"]) == MAX_CUSTOM_RUNS
    for query in ("page=2", "topic=losses"):
        assert client.get(f"/claims?{query}").context["custom_runs"] == []


def test_a_claims_own_address_leads_to_the_page_that_has_it(clients: dict[str, Client]) -> None:
    client = clients["visitor"]
    about = client.get("/questions/about/made-71.lr-kills").content.decode()
    match = re.search(r'href="(/claims\?[^"#]+)#made-71.lr-kills"', about)
    assert match is not None
    assert 'id="made-71.lr-kills"' in client.get(match[1]).content.decode()


def test_a_topic_lists_its_labs_with_the_readers_runs(clients: dict[str, Client]) -> None:
    page = clients["learner"].get("/topics/activation-functions")
    assert {row["lab"].slug: row["runs"] for row in page.context["labs"]} == {
        "made-00": 2,
        "made-16": 1,
        "made-32": 0,
        "made-48": 1,
        "made-64": 0,
    }
    assert 'href="/claims?topic=activation-functions"' in page.content.decode()


def test_the_home_page_lists_the_first_labs_alone(clients: dict[str, Client]) -> None:
    page = clients["visitor"].get("/")
    assert len(page.context["rows"]) == 12
    assert "All labs" in page.content.decode()
