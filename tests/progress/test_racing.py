"""Two posts at once are one after the other: one review, one attempt, one open sitting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.progress import services, studying
from apps.progress.models import Attempt, Card, Day, Review, Session, Sitting
from apps.progress.sittings import Seen
from apps.questions.models import Question
from tests.progress.conftest import VARIANT, make_question

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def numeric(mei: User) -> Question:
    return make_question("how-long", kinds=["numeric"], variant=VARIANT)


def at_once(deed: Callable[[], object], times: int = 6) -> list[object]:
    """Do a deed in several threads that start together; return what came of each, errors included."""
    gate, results = threading.Barrier(times), list[object]()

    def one() -> None:
        try:
            gate.wait(10)
            results.append(deed())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _n in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == times
    return results


def test_one_review_that_is_posted_by_many_is_stored_once(mei: User, numeric: Question) -> None:
    name = uuid4()
    results = at_once(lambda: services.record(user=mei, question=numeric, review_id=name, rating=3).pk)
    assert len(set(results)) == 1 == Review.objects.count() == Card.objects.count()
    assert Day.objects.get().reviews == 1


def test_grades_of_different_cards_at_once_are_all_counted(mei: User) -> None:
    questions = [make_question(f"question-{n}") for n in range(6)]
    at_once(lambda: services.record(user=mei, question=questions.pop(), review_id=uuid4(), rating=3, seconds=2))
    assert Day.objects.get().reviews == 6 and Day.objects.get().seconds == 12


def test_a_grade_pressed_twice_at_once_is_one(mei: User, numeric: Question) -> None:
    sitting = studying.reveal(user=mei, question=numeric)
    name = studying.next_review_id(sitting)
    grade = {"user": mei, "question": numeric, "seen": Seen(sitting.pk), "review_id": name, "rating": 3}
    results = at_once(lambda: studying.grade(**grade).pk)  # type: ignore[arg-type]
    assert len(set(results)) == 1 == Review.objects.count() == Sitting.objects.count()


def test_the_same_answer_at_once_is_one_attempt(mei: User, numeric: Question) -> None:
    key = uuid4()
    results = at_once(lambda: studying.answer(user=mei, question=numeric, part="numeric", said={"text": "1"}, key=key).mark.outcome)
    assert results == ["wrong"] * 6 and Attempt.objects.count() == 1 == Sitting.objects.count()


def test_different_answers_at_once_have_one_first(mei: User, numeric: Question) -> None:
    at_once(lambda: studying.answer(user=mei, question=numeric, part="numeric", said={"text": "1"}, key=uuid4()))
    assert sorted(Attempt.objects.values_list("place", flat=True)) == [1, 2, 3, 4, 5, 6]
    assert Attempt.objects.filter(grade__isnull=False).count() == 1


def test_undo_pressed_by_two_hands_takes_back_two_grades(mei: User) -> None:
    for n in range(3):
        services.record(user=mei, question=make_question(f"question-{n}"), review_id=uuid4(), rating=3)
    at_once(lambda: services.undo(user=mei).pk, times=2)
    assert Review.objects.filter(undoes__isnull=False).count() == 2 and Day.objects.get().reviews == 1


def test_a_session_begun_twice_at_once_is_one(mei: User) -> None:
    services.add_card(user=mei, question=make_question("question-1"))
    results = at_once(lambda: services.start_session(user=mei).pk)
    assert len(set(results)) == 1 == Session.objects.count()
