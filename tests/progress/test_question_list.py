"""The list of questions as a learner sees it: status, bookmarks, notes, order, search."""

from __future__ import annotations

import re
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.common.listing import mark_hits
from apps.experiments.models import Lab
from apps.progress import services
from apps.progress.models import Bookmark, Note
from apps.progress.selectors.searches import correction
from apps.questions.models import Question
from tests.progress.conftest import SiteClock, make_question

pytestmark = pytest.mark.django_db
AGAIN, GOOD, EASY = 1, 3, 4


def grade(user: User, question: Question, *ratings: int) -> None:
    for rating in ratings:
        services.reviews.record(user=user, question=question, review_id=uuid.uuid4(), rating=rating)


def statuses(client: Client, **chosen: str) -> dict[str, str]:
    """Return the questions that the page lists, in its order, with their status."""
    page = client.get("/questions", chosen)
    return {question.slug: str(status) for question, status in page.context["rows"]}


def titled(slug: str, title: str, synonyms: str = "") -> Question:
    """Return a question with a title, and with other names."""
    columns = {"title_en": title, "title_html_en": title, "synonyms": synonyms}
    return make_question(slug, html=columns)


# ---------------------------------------------------------------- status


def test_each_question_has_one_status(member: Client, mei: User, site_clock: SiteClock) -> None:
    questions = {slug: make_question(slug) for slug in ("a", "b", "c", "d", "e", "f", "g")}
    grade(mei, questions["b"], EASY)  # falls due in days
    grade(mei, questions["c"], AGAIN)
    grade(mei, questions["d"], EASY)
    services.reviews.suspend(user=mei, question=questions["d"], suspended=True)
    services.reviews.add_card(user=mei, question=questions["e"])  # and never reviewed
    grade(mei, questions["f"], AGAIN, 2)  # hard: still being learned
    expected = {
        "a": "new", "b": "known", "c": "wrong last time", "d": "not in reviews", "e": "new",
        "f": "due", "g": "new",
    }  # fmt: skip
    assert statuses(member) == expected
    for status in ("new", "known", "wrong", "suspended", "due"):
        chosen = statuses(member, status=status)
        assert chosen and set(chosen.items()) <= set(expected.items()), status
    assert set(statuses(member, status="new")) == {"a", "e", "g"}
    assert statuses(member, status="perfect") == {}
    site_clock.later(days=60)
    assert statuses(member)["b"] == "due"


def test_a_grade_that_was_taken_back_counts_no_more(member: Client, mei: User) -> None:
    question = make_question("a")
    grade(mei, question, EASY, AGAIN)
    assert statuses(member) == {"a": "wrong last time"}
    services.reviews.undo(user=mei)
    assert statuses(member) == {"a": "known"}


def test_another_learner_has_their_own(member: Client, mei: User, sam: User) -> None:
    question = make_question("a")
    grade(sam, question, AGAIN)
    Bookmark.objects.create(user=sam, question=question)
    Note.objects.create(user=sam, question=question, text="Mine.")
    page = member.get("/questions").content.decode()
    assert statuses(member) == {"a": "new"} and "with a bookmark</span>" not in page
    assert statuses(member, mine="bookmarked") == {} == statuses(member, mine="noted")


def test_a_visitor_has_no_status_and_cannot_ask_for_one(client: Client) -> None:
    make_question("a")
    page = client.get("/questions").content.decode()
    assert 'name="status"' not in page and "data-status" not in page
    assert statuses(client, status="new") == {} == statuses(client, order="due")


# ---------------------------------------------------------------- bookmarks and notes


def test_bookmarks_and_notes_are_seen_filtered_and_listed(member: Client, mei: User) -> None:
    make_question("plain")
    marked, noted = make_question("marked"), make_question("noted")
    Bookmark.objects.create(user=mei, question=marked)
    Note.objects.create(user=mei, question=noted, text="Not <b>this</b>:\nthat.")
    assert list(statuses(member, mine="bookmarked")) == ["marked"]
    assert list(statuses(member, mine="noted")) == ["noted"]
    assert statuses(member, mine="stolen") == {}
    page = member.get("/notes").content.decode()
    assert "/questions/marked" in page and "/questions/plain" not in page
    assert "Not &lt;b&gt;this&lt;/b&gt;:<br>that." in page
    member.post("/questions/marked/bookmark", {"kept": "0", "next": "/notes"})
    page = member.get("/notes").content.decode()
    assert "/questions/marked" not in page and "/questions/noted" in page


def test_without_bookmarks_and_notes_the_page_says_how_to_make_one(member: Client) -> None:
    assert "Nothing yet." in member.get("/notes").content.decode()


# ---------------------------------------------------------------- orders and counts


def test_it_is_sorted_as_asked(member: Client, mei: User, site_clock: SiteClock) -> None:
    first = make_question("first", "losses", difficulty=4)
    site_clock.later(days=1)
    second = make_question("second", "metrics", difficulty=1)
    grade(mei, second, EASY)
    grade(mei, first, AGAIN)
    assert list(statuses(member, order="easiest")) == ["second", "first"]
    assert list(statuses(member, order="hardest")) == ["first", "second"]
    assert list(statuses(member, order="newest")) == ["second", "first"]
    assert list(statuses(member, order="due")) == ["first", "second"]
    assert len(statuses(member, order="sideways")) == 2


def test_topics_say_how_many_questions_they_have_and_those_without_are_not_offered(
    client: Client,
) -> None:
    make_question("a", "losses")
    make_question("b", "losses")
    page = client.get("/questions").content.decode()
    assert re.search(r'<option value="losses">[^<]* \(2\)</option>', page)
    assert 'value="metrics"' not in page
    chosen = client.get("/questions?topic=metrics").content.decode()
    assert re.search(r'<option value="metrics" selected>[^<]* \(0\)</option>', chosen)


# ---------------------------------------------------------------- search


def test_words_that_interviewers_use_find_the_question(client: Client) -> None:
    titled("dead-relu", "What is a dead ReLU?", synonyms="dying ReLU\n神经元死亡")
    for words in ("dying ReLU", "DYING", "神经元死亡"):
        assert list(statuses(client, words=words)) == ["dead-relu"], words


def test_labs_and_claims_are_found_too(client: Client, lab: Lab) -> None:
    page = client.get("/questions", {"words": "dead"}).content.decode()
    assert "No questions match." in page and "Also found" in page
    assert 'href="/labs/dead-relu"' in page and "/claims?lab=dead-relu" in page


def test_hits_are_marked(client: Client) -> None:
    titled("a", "What is a dead ReLU?")
    page = client.get("/questions", {"words": "relu DEAD"}).content.decode()
    assert "What is a <mark>dead</mark> <mark>ReLU</mark>?" in page


@pytest.mark.parametrize(
    ("html", "words", "marked"),
    [
        ("a &lt;b&gt; c", "b", "a &lt;<mark>b</mark>&gt; c"),
        ("x &amp; y", "amp", "x &amp; y"),
        ("x &amp; y", "&", "x &amp; y"),
        ('<a href="/mark">mark</a>', "mark", '<a href="/mark"><mark>mark</mark></a>'),
        ('<span class="katex"><span>x</span></span> x', "x",
         '<span class="katex"><span>x</span></span> <mark>x</mark>'),
        ("损失函数", "函数", "损失<mark>函数</mark>"),
        ("relu", "ｒｅｌｕ", "<mark>relu</mark>"),
        ("a.b", ".", "a<mark>.</mark>b"),
        ("text", "", "text"),
        ("<b>x</b>", "<script>", "<b>x</b>"),
    ],
)  # fmt: skip
def test_marks_stand_in_texts_alone(html: str, words: str, marked: str) -> None:
    assert mark_hits(html, words) == marked


def test_misspelt_words_are_forgiven(client: Client, lab: Lab) -> None:
    titled("a", "How does dropout regularize?", synonyms="inverted dropout")
    page = client.get("/questions", {"words": "droput"})
    assert list(statuses(client, words="droput")) == ["a"]
    assert "Nothing has “droput”." in page.content.decode()
    assert correction("droput regularise") == "dropout regularize"
    assert correction("dropout") == "" and correction("zzzzzz") == "" and correction("损失") == ""


def test_it_takes_few_queries(member: Client, mei: User, lab: Lab) -> None:
    for number in range(12):
        question = make_question(f"question-{number}")
        grade(mei, question, EASY)
        Bookmark.objects.create(user=mei, question=question)
    for query in ("", "?words=question", "?words=quesiton", "?status=known&order=due"):
        with CaptureQueriesContext(connection) as queries:
            assert member.get(f"/questions{query}").status_code == 200
        assert len(queries) <= 12, (query, len(queries))
    with CaptureQueriesContext(connection) as queries:
        member.get("/notes")
    assert len(queries) <= 6
