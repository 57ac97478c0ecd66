"""A review session: a fixed list, to which cards in a learning step return; its state survives
reload and undo.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.common import clock
from apps.experiments.models import Lab
from apps.progress import selectors, services
from apps.progress.models import Card, Review, ReviewSession
from apps.questions.models import Question
from tests.experiments.conftest import make_version
from tests.experiments.pages_cast import MAX_QUERIES
from tests.progress.conftest import NUMERIC, SiteClock, latest_attempt, make_question

pytestmark = pytest.mark.django_db
Many = Callable[[int], list[Question]]


def learn(user: User, questions: list[Question]) -> None:
    for question in questions:
        services.reviews.add_card(user=user, question=question)


def shown(html: str) -> str:
    """Return the slug of the question on the page."""
    match = re.search(r'data-question="([^"]+)"', html)
    return match[1] if match else ""


def hidden(html: str, name: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert match, name
    return match[1]


def open_page(member: Client) -> str:
    return str(member.get("/review").content.decode())


def grade(member: Client, rating: int, **more: Any) -> str:
    """Reveal and grade the card on the page; return its question."""
    slug = shown(open_page(member))
    html = member.post(f"/questions/{slug}/reveal", {"in": "review"}, follow=True).content.decode()
    form = {
        "in": "review",
        "attempt": hidden(html, "attempt"),
        "review_id": hidden(html, "review_id"),
        "rating": str(rating),
        **more,
    }
    assert member.post(f"/questions/{slug}/grade", form)["Location"] == "/review"
    return slug


def test_a_session_has_twenty_cards_at_most(member: Client, mei: User, many: Many) -> None:
    learn(mei, many(23))
    assert "23 cards are due" in open_page(member)
    member.post("/review/start")
    assert len(ReviewSession.objects.get().cards) == 20


def test_each_card_comes_once_and_the_end_says_what_came_of_it(
    member: Client, mei: User, many: Many
) -> None:
    learn(mei, many(3))
    member.post("/review/start")
    seen = [grade(member, 4) for _n in range(3)]
    assert len(set(seen)) == 3
    assert "3 of 3 recalled" in open_page(member)


def test_where_every_question_is_known_a_lab_is_the_suggestion(
    member: Client, mei: User, many: Many
) -> None:
    lab = Lab.objects.create(slug="dead-relu", topic="activation-functions", kind="training")
    make_version(lab, "a" * 64, {"title": {"en": "Dead units", "zh": "死亡单元"}})
    learn(mei, many(1))
    member.post("/review/start")
    grade(member, 4)
    assert re.search(
        r'href="/labs/dead-relu"\s+data-key="Enter">\s*Predict: Dead units', open_page(member)
    )


def test_after_its_end_new_cards_are_offered_where_there_are_any(
    member: Client, mei: User, many: Many
) -> None:
    learn(mei, many(1))
    make_question("one-more")
    member.post("/review/start")
    grade(member, 4)
    assert re.search(r'name="new" value="1"\s+data-key="Enter">\s*Learn 1', open_page(member))
    member.post("/review/start", {"new": "1"})
    assert shown(open_page(member)) == "one-more"


def test_a_card_that_is_forgotten_comes_back_in_the_session(
    member: Client, mei: User, many: Many
) -> None:
    learn(mei, many(2))
    member.post("/review/start")
    first = grade(member, 1)
    second = grade(member, 4)
    assert second != first == shown(open_page(member))
    assert grade(member, 3) == first
    card = Card.objects.get(question__slug=first)
    assert (card.due - card.last_review).days == 1, "Good there: due tomorrow"
    assert "1 of 2 recalled" in open_page(member)


def test_its_ten_minutes_over_it_comes_before_the_others(
    member: Client, mei: User, many: Many, site_clock: SiteClock
) -> None:
    learn(mei, many(3))
    member.post("/review/start")
    first = grade(member, 1)
    assert shown(open_page(member)) != first
    site_clock.later(minutes=11)
    assert shown(open_page(member)) == first


def test_undo_brings_the_card_back_across_a_reload(member: Client, mei: User, many: Many) -> None:
    learn(mei, many(3))
    member.post("/review/start")
    first = grade(member, 3)
    grade(member, 4)
    for _n in range(2):
        member.post("/review/undo")
    assert shown(open_page(member)) == first
    assert selectors.sessions.session_progress(ReviewSession.objects.get()).done == 0


def test_what_was_undone_is_graded_anew(member: Client, mei: User, many: Many) -> None:
    learn(mei, many(2))
    member.post("/review/start")
    slug = grade(member, 1)
    again = member.post("/review/undo", follow=True).content.decode()
    assert shown(again) == slug and "Reference answer" not in again
    assert grade(member, 4) == slug
    assert [
        review.rating
        for review in selectors.cards.rated_reviews(Card.objects.get(question__slug=slug))
    ] == [4]


def test_nothing_to_undo_is_said(member: Client, mei: User, many: Many) -> None:
    learn(mei, many(1))
    assert "Nothing left to undo" in member.post("/review/undo", follow=True).content.decode()


def test_a_number_that_is_checked_grades_itself_and_the_next_card_waits(
    member: Client, mei: User
) -> None:
    numeric = make_question("how-long", kinds=["numeric"], numeric=NUMERIC)
    learn(mei, [numeric, make_question("other")])
    member.post("/review/start")
    while shown(open_page(member)) != "how-long":
        member.post("/review/skip", {"card": hidden(open_page(member), "card")})
    key = str(uuid4())
    checked = member.post(
        "/questions/how-long/check",
        {"in": "review", "part": "1", "text": "-1", "key": key},
        follow=True,
    )
    assert (
        shown(checked.content.decode()) == "how-long"
        and 'data-kind="wrong"' in checked.content.decode()
    )
    html = member.post("/questions/how-long/reveal", {"in": "review"}, follow=True).content.decode()
    assert "Next card" in html and 'class="g again picked"' in html
    assert shown(open_page(member)) == "other"


def test_a_number_that_cannot_be_read_stays_in_the_session(member: Client, mei: User) -> None:
    learn(mei, [make_question("how-long", kinds=["numeric"], numeric=NUMERIC)])
    member.post("/review/start")
    response = member.post(
        "/questions/how-long/check",
        {"in": "review", "part": "1", "text": "?", "key": str(uuid4())},
    )
    html = response.content.decode()
    assert (
        response.status_code == 422 and 'id="session"' in html and "This was not counted." in html
    )


def test_skip_moves_a_card_to_the_end(member: Client, mei: User, many: Many) -> None:
    learn(mei, many(3))
    member.post("/review/start")
    html = open_page(member)
    member.post("/review/skip", {"card": hidden(html, "card")})
    assert shown(open_page(member)) != shown(html)
    assert len(ReviewSession.objects.get().cards) == 3


@pytest.mark.parametrize("card", ["", "0", "-4", "999999999999999999999", "x"])
def test_skipping_what_is_not_there_changes_nothing(
    member: Client, mei: User, many: Many, card: str
) -> None:
    learn(mei, many(2))
    member.post("/review/start")
    before = ReviewSession.objects.get().cards
    assert member.post("/review/skip", {"card": card}).status_code == 302
    assert ReviewSession.objects.get().cards == before


def test_suspending_goes_on_to_the_next(member: Client, mei: User, many: Many) -> None:
    learn(mei, many(2))
    member.post("/review/start")
    first = shown(open_page(member))
    assert (
        member.post(f"/questions/{first}/suspend", {"in": "review", "suspended": "1"})["Location"]
        == "/review"
    )
    assert shown(open_page(member)) not in ("", first)


def test_ending_keeps_what_was_graded(member: Client, mei: User, many: Many) -> None:
    learn(mei, many(3))
    member.post("/review/start")
    grade(member, 4)
    member.post("/review/end")
    assert Review.objects.count() == 1 and "2 cards are due" in open_page(member)


def test_a_session_of_yesterday_is_over(
    member: Client, mei: User, many: Many, site_clock: SiteClock
) -> None:
    learn(mei, many(2))
    member.post("/review/start")
    site_clock.later(days=1)
    assert "2 cards are due" in open_page(member)
    member.post("/review/start")
    assert (
        ReviewSession.objects.filter(ended_at=None).count() == 1
        and ReviewSession.objects.count() == 2
    )


def test_nothing_due_offers_new_questions(member: Client, mei: User, many: Many) -> None:
    many(7)
    html = open_page(member)
    assert "Nothing is due" in html and "Learn 5 new cards" in html
    member.post("/review/start", {"new": "5"})
    assert len(ReviewSession.objects.get().cards) == 5


def test_nothing_at_all_is_said_and_begins_nothing(member: Client, mei: User) -> None:
    assert member.post("/review/start").status_code == 409 and not ReviewSession.objects.exists()


def test_cards_that_a_device_graded_already_are_passed_over(
    member: Client, mei: User, many: Many
) -> None:
    learn(mei, many(2))
    member.post("/review/start")
    html = open_page(member)
    card = hidden(html, "card")
    ahead = member.get(f"/review?without={card},x,").content.decode()
    assert shown(ahead) not in ("", shown(html))


def test_grades_of_another_order_and_twice_leave_the_session_where_it_is(
    member: Client, mei: User, many: Many
) -> None:
    questions = many(3)
    learn(mei, questions)
    member.post("/review/start")
    now = clock.now().timestamp()
    posts = [
        (q.slug, str(uuid4()), str(int((now - 60 + n) * 1000))) for n, q in enumerate(questions)
    ]
    for slug, name, at in [posts[2], posts[0], posts[2], posts[1], posts[0]]:
        form = {"in": "review", "review_id": name, "rating": "4", "at": at}
        assert (
            member.post(
                f"/questions/{slug}/grade", form, headers={"accept": "application/json"}
            ).status_code
            == 200
        )
    assert Review.objects.count() == 3 and "3 of 3 recalled" in open_page(member)


def test_the_attempt_of_another_is_a_404(member: Client, mei: User, sam: User, many: Many) -> None:
    questions = many(1)
    learn(mei, questions)
    member.post("/review/start")
    other = Client()
    other.force_login(sam)
    other.post(f"/questions/{questions[0].slug}/reveal")
    theirs = latest_attempt(sam, questions[0])
    assert theirs is not None and member.get(f"/review?at={theirs.pk}").status_code == 404
    assert member.get("/review?at=x").status_code == 404


@pytest.mark.parametrize("path", ["", "/start", "/end", "/skip", "/undo"])
def test_it_needs_sign_in(client: Client, path: str, db: None) -> None:
    response = client.post(f"/review{path}") if path else client.get("/review")
    assert response.status_code == 302 and "/login" in response["Location"]


def test_a_page_of_a_session_asks_little_of_the_database(
    member: Client, mei: User, many: Many, django_assert_max_num_queries: Any
) -> None:
    learn(mei, many(20))
    member.post("/review/start")
    slug = grade(member, 1)
    with django_assert_max_num_queries(MAX_QUERIES):
        open_page(member)
    attempt = latest_attempt(mei, Question.objects.get(slug=slug))
    assert attempt is not None
    with django_assert_max_num_queries(MAX_QUERIES):
        member.get(f"/review?at={attempt.pk}")
