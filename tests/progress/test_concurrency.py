"""Concurrent posts are serialized: one review, one answer, one open attempt, and no deadlock."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from apps.accounts.models import User
from apps.common.errors import Refused
from apps.progress import demo, memory, selectors, services
from apps.progress.memory import CountedReview
from apps.progress.models import (
    Answer,
    Attempt,
    Bookmark,
    Card,
    DailyStats,
    Note,
    Plan,
    Review,
    ReviewSession,
)
from apps.progress.services.attempts import FormState
from apps.questions.models import Question
from tests.connections import at_once
from tests.progress.conftest import NUMERIC, make_question

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def numeric(mei: User) -> Question:
    return make_question("how-long", kinds=["numeric"], numeric=NUMERIC)


def together(*actions: Callable[[], object], rounds: int = 4) -> None:
    """Call different functions concurrently, several times over; none may raise anything but
    Refused.
    """
    left: list[Callable[[], object]] = []
    for _round in range(rounds):
        left[:] = actions
        for result in at_once(lambda: left.pop()(), times=len(actions)):
            assert not isinstance(result, Exception) or isinstance(result, Refused), repr(result)


def assert_state_follows_from_log(user: User) -> None:
    """Check that each card equals the fold of its log, and the daily sums those of the cards."""
    counted: list[CountedReview] = []
    for card in Card.objects.select_related("user").filter(user=user):
        state, more = memory.fold(card.created_at, selectors.cards.rated_reviews(card))
        counted += more
        was = selectors.cards.memory_of(card)
        assert (was.due, was.state, was.step, was.stability) == (
            state.due,
            state.state,
            state.step,
            state.stability,
        )
    days = DailyStats.objects.filter(user=user)
    assert sum(row.reviews for row in days) == len(counted)
    assert sum(row.recalls for row in days) == sum(review.was_recall for review in counted)


def test_one_review_that_is_posted_by_many_is_stored_once(mei: User, numeric: Question) -> None:
    name = uuid4()
    results = at_once(
        lambda: services.reviews.record(user=mei, question=numeric, review_id=name, rating=3).pk
    )
    assert len(set(results)) == 1 == Review.objects.count() == Card.objects.count()
    assert DailyStats.objects.get().reviews == 1


def test_grades_of_different_cards_at_once_are_all_counted(mei: User) -> None:
    questions = [make_question(f"question-{n}") for n in range(6)]
    at_once(
        lambda: services.reviews.record(
            user=mei, question=questions.pop(), review_id=uuid4(), rating=3, seconds=2
        )
    )
    assert DailyStats.objects.get().reviews == 6 and DailyStats.objects.get().seconds == 12


def test_a_grade_pressed_twice_at_once_is_one(mei: User, numeric: Question) -> None:
    attempt = services.answers.reveal(user=mei, question=numeric)
    name = services.answers.next_review_id(attempt)
    grade = {
        "user": mei,
        "question": numeric,
        "seen": FormState(attempt.pk),
        "review_id": name,
        "rating": 3,
    }
    results = at_once(lambda: services.answers.rate(**grade).pk)  # type: ignore[arg-type]
    assert len(set(results)) == 1 == Review.objects.count() == Attempt.objects.count()


def test_the_same_answer_at_once_is_one_attempt(mei: User, numeric: Question) -> None:
    key = uuid4()
    results = at_once(
        lambda: (
            services.answers.check_answer(
                user=mei, question=numeric, part="1", fields={"text": "1"}, key=key
            ).mark.outcome
        )
    )
    assert results == ["wrong"] * 6 and Answer.objects.count() == 1 == Attempt.objects.count()


def test_different_answers_at_once_have_one_first(mei: User, numeric: Question) -> None:
    at_once(
        lambda: services.answers.check_answer(
            user=mei, question=numeric, part="1", fields={"text": "1"}, key=uuid4()
        )
    )
    assert sorted(Answer.objects.values_list("place", flat=True)) == [1, 2, 3, 4, 5, 6]
    assert Answer.objects.filter(rating__isnull=False).count() == 1


def test_two_concurrent_undos_take_back_two_grades(mei: User) -> None:
    for n in range(3):
        services.reviews.record(
            user=mei, question=make_question(f"question-{n}"), review_id=uuid4(), rating=3
        )
    at_once(lambda: services.reviews.undo(user=mei).pk, times=2)
    assert (
        Review.objects.filter(undoes__isnull=False).count() == 2
        and DailyStats.objects.get().reviews == 1
    )


def test_a_session_begun_twice_at_once_is_one(mei: User) -> None:
    services.reviews.add_card(user=mei, question=make_question("question-1"))
    results = at_once(lambda: services.reviews.start_session(user=mei).pk)
    assert len(set(results)) == 1 == ReviewSession.objects.count()


def test_two_tabs_that_grade_a_card_with_two_names_leave_one_grade(
    mei: User, numeric: Question
) -> None:
    attempt = services.answers.reveal(user=mei, question=numeric)
    at_once(
        lambda: (
            services.answers.rate(
                user=mei, question=numeric, seen=FormState(attempt.pk), review_id=uuid4(), rating=3
            ).pk
        )
    )
    card = Card.objects.get()
    standing = selectors.cards.rated_reviews(card)
    assert len(standing) == 1 and Attempt.objects.get().counting_review_id == standing[0].review_id
    assert (
        Review.objects.filter(rating__isnull=False).count() == 6
        and DailyStats.objects.get().reviews == 1
    )
    assert_state_follows_from_log(mei)


def test_a_reveal_pressed_twice_at_once_opens_one_attempt(mei: User, numeric: Question) -> None:
    name = selectors.attempts.current_attempt(mei, numeric).pk
    services.answers.check_answer(
        user=mei,
        question=numeric,
        part="1",
        fields={"text": "-1"},
        key=uuid4(),
        seen=FormState(name),
    )
    results = at_once(
        lambda: services.answers.reveal(user=mei, question=numeric, seen=FormState(name)).pk
    )
    assert set(results) == {name} and Attempt.objects.count() == 1 == Review.objects.count()


def test_grading_undoing_ticking_suspending_and_answering_at_once_end_well(mei: User) -> None:
    question = make_question("why-relu", points=2)
    attempt = services.answers.reveal(user=mei, question=question)
    seen = FormState(attempt.pk)
    together(
        lambda: services.answers.rate(
            user=mei, question=question, seen=seen, review_id=uuid4(), rating=1
        ),
        lambda: services.answers.tick_points(
            user=mei, question=question, attempt=attempt.pk, fields={"ticked": [0]}
        ),
        lambda: services.answers.tick_points(
            user=mei, question=question, attempt=attempt.pk, fields={"ticked": [0, 1]}
        ),
        lambda: services.reviews.undo(user=mei),
        lambda: services.reviews.suspend(user=mei, question=question, suspended=True),
        lambda: services.answers.check_answer(
            user=mei,
            question=question,
            part="written",
            fields={"text": "x"},
            key=uuid4(),
            seen=seen,
        ),
        lambda: services.reviews.start_session(user=mei),
        lambda: services.attempts.open_hint(user=mei, question=question, number=1),
        rounds=8,
    )
    assert_state_follows_from_log(mei)
    assert Card.objects.get().suspended, "a grade does not let in what was kept out"
    assert (
        Attempt.objects.filter(over=False).count() <= 1
        and len(selectors.cards.rated_reviews(Card.objects.get())) <= 2
    )


def test_what_is_written_beside_a_question_at_once_is_one(mei: User, numeric: Question) -> None:
    together(
        *[lambda: services.plans.write_note(user=mei, question=numeric, text="one")] * 2,
        lambda: services.plans.write_note(user=mei, question=numeric, text=""),
        *[lambda: services.plans.set_bookmark(user=mei, question=numeric, is_set=True)] * 2,
        *[
            lambda: services.plans.change_plan(
                user=mei, interview=None, minutes=20, retention=90, two_buttons=False
            )
        ]
        * 2,
    )
    assert Note.objects.count() <= 1 and Plan.objects.count() == 1


def test_setting_and_unsetting_at_once_never_fails(mei: User, numeric: Question) -> None:
    """Not even where another request deletes the row between INSERT and SELECT."""

    def toggle(kept: bool) -> Callable[[], object]:
        return lambda: [
            (
                services.plans.set_bookmark(user=mei, question=numeric, is_set=kept),
                services.plans.write_note(user=mei, question=numeric, text="one" if kept else ""),
            )
            for _n in range(60)
        ]

    together(toggle(True), toggle(False), toggle(True), toggle(False), rounds=4)
    for kept in (True, True, False, False):
        services.plans.set_bookmark(user=mei, question=numeric, is_set=kept)
        services.plans.write_note(user=mei, question=numeric, text="one" if kept else "")
        assert Bookmark.objects.exists() == Note.objects.exists() == kept


def test_a_bookmark_that_is_set_again_stays_as_it_was(mei: User, numeric: Question) -> None:
    services.plans.set_bookmark(user=mei, question=numeric, is_set=True)
    first = Bookmark.objects.get()
    services.plans.set_bookmark(user=mei, question=numeric, is_set=True)
    assert Bookmark.objects.get() == first and Bookmark.objects.get().created_at == first.created_at


def test_a_demonstration_filled_by_two_at_once_is_filled_once(mei: User) -> None:
    for n in range(4):
        make_question(f"question-{n}")
    results = at_once(lambda: demo.fill(user=mei), times=2)
    assert sorted("reviews already" in str(result) for result in results) == [False, True], results
    assert_state_follows_from_log(mei)
