"""What a learner answers, and the rating that follows: stored at the reveal, replaced later."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.accounts.models import User
from apps.common.errors import BadRequest
from apps.progress import parts, selectors, services
from apps.progress.models import Answer, Attempt, Card, GradedBy, Review
from apps.progress.services.answers import AlreadyRevealed, CheckedAnswer
from apps.progress.services.attempts import FormState
from apps.questions.models import Question
from apps.questions.selectors import question_variant
from tests.progress.conftest import SiteClock, right_number

pytestmark = pytest.mark.django_db


def answer(
    user: User, question: Question, text: str = "", part: str = "1", **fields: Any
) -> CheckedAnswer:
    given = fields or {"text": text}
    return services.answers.check_answer(
        user=user, question=question, part=part, fields=given, key=uuid4()
    )


def right(user: User, question: Question) -> str:
    return str(right_number(selectors.attempts.current_attempt(user, question).seed))


def rating(user: User, question: Question) -> list[int]:
    """Return the grades of a card that count."""
    return [
        grade.rating
        for grade in selectors.cards.rated_reviews(Card.objects.get(user=user, question=question))
    ]


def test_right_at_the_first_check_is_good(mei: User, numeric: Question) -> None:
    checked = answer(mei, numeric, right(mei, numeric))
    assert checked.mark.is_right and checked.row is not None and checked.row.rating == 3
    services.answers.reveal(user=mei, question=numeric)
    assert rating(mei, numeric) == [3]
    assert Review.objects.get().graded_by == GradedBy.NUMERIC


def test_right_with_a_hint_is_hard(mei: User, numeric: Question) -> None:
    services.attempts.open_hint(user=mei, question=numeric, number=1)
    answer(mei, numeric, right(mei, numeric))
    services.answers.reveal(user=mei, question=numeric)
    assert rating(mei, numeric) == [2]


def test_wrong_at_the_first_check_is_again_whatever_follows(mei: User, numeric: Question) -> None:
    answer(mei, numeric, "-1")
    answer(mei, numeric, right(mei, numeric))
    services.answers.reveal(user=mei, question=numeric)
    assert rating(mei, numeric) == [1]


def test_what_cannot_be_read_costs_nothing(mei: User, numeric: Question) -> None:
    for text in ("", "about 7", "1,2,3", "nan", "10^5000", "x" * 10_000, "\x00"):
        checked = answer(mei, numeric, text)
        assert checked.mark.outcome == "unread" and checked.mark.message and checked.row is None
    assert not Answer.objects.exists()
    answer(mei, numeric, right(mei, numeric))
    services.answers.reveal(user=mei, question=numeric)
    assert rating(mei, numeric) == [3]


def test_what_was_read_is_kept_with_the_attempt(mei: User, numeric: Question) -> None:
    checked = answer(mei, numeric, "5,3")
    assert checked.row is not None and checked.row.was_read == 5.3 and "5.3" in checked.mark.note


def test_several_parts_count_as_the_lowest(mei: User, mixed: Question) -> None:
    answer(mei, mixed, right(mei, mixed))
    answer(mei, mixed, part="2", chosen=["a"])
    answer(mei, mixed, part="2", chosen=["a", "c"])
    services.answers.reveal(user=mei, question=mixed)
    assert rating(mei, mixed) == [1]
    assert Review.objects.get().graded_by == GradedBy.CHOICE


def test_derivation_checks_count_like_numbers_and_other_steps_are_marked_by_the_learner(
    mei: User, mixed: Question
) -> None:
    assert answer(mei, mixed, "1/n", part="3.1").mark.is_right
    given_up_step = answer(mei, mixed, part="3.2", own="missed")
    assert given_up_step.row is not None and (
        given_up_step.row.rating,
        given_up_step.row.graded_by,
    ) == (
        1,
        GradedBy.SELF,
    )
    services.answers.reveal(user=mei, question=mixed)
    assert rating(mei, mixed) == [1]


def test_a_step_with_a_check_cannot_be_marked_as_known(mei: User, mixed: Question) -> None:
    given_up = answer(mei, mixed, part="3.1", own="had")
    assert given_up.row is not None and given_up.row.rating == 1


def test_steps_open_one_at_a_time(mei: User, mixed: Question) -> None:
    def opened() -> int:
        attempt = selectors.attempts.current_attempt(mei, mixed)
        variant = question_variant(attempt.revision, attempt.seed)
        return parts.open_steps(variant.derivations[0], selectors.attempts.answers_of(attempt))

    assert opened() == 1
    answer(mei, mixed, "2/n", part="3.1")
    assert opened() == 1
    answer(mei, mixed, "1/n", part="3.1")
    assert opened() == 2


def test_nothing_checked_leaves_the_grade_to_the_learner(mei: User, concept: Question) -> None:
    attempt = services.answers.reveal(user=mei, question=concept)
    assert not Review.objects.exists() and not attempt.over
    services.answers.rate(
        user=mei,
        question=concept,
        seen=FormState(attempt.pk),
        review_id=services.answers.next_review_id(attempt),
        rating=4,
    )
    assert rating(mei, concept) == [4]


def test_another_grade_takes_the_place_of_the_one_before(mei: User, numeric: Question) -> None:
    answer(mei, numeric, "-1")
    attempt = services.answers.reveal(user=mei, question=numeric)
    services.answers.rate(
        user=mei,
        question=numeric,
        seen=FormState(attempt.pk),
        review_id=services.answers.next_review_id(attempt),
        rating=2,
    )
    assert rating(mei, numeric) == [2]
    assert Review.objects.filter(rating__isnull=False).count() == 2


def test_key_points_grade_what_was_written_with_the_lowest_part(
    mei: User, concept: Question
) -> None:
    answer(mei, concept, "It is cheap.", part="written")
    attempt = services.answers.reveal(user=mei, question=concept)
    services.answers.tick_points(
        user=mei, question=concept, attempt=attempt.pk, fields={"ticked": [0]}
    )
    assert rating(mei, concept) == [2]
    services.answers.tick_points(
        user=mei, question=concept, attempt=attempt.pk, fields={"ticked": [0, 1, 23]}
    )
    assert rating(mei, concept) == [3]


def test_points_cannot_be_ticked_before_the_reveal(mei: User, concept: Question) -> None:
    answer(mei, concept, "It is cheap.", part="written")
    with pytest.raises(BadRequest):
        services.answers.tick_points(
            user=mei, question=concept, attempt=Attempt.objects.get().pk, fields={"ticked": [0]}
        )


def test_hints_open_one_at_a_time_and_are_counted_once(mei: User, numeric: Question) -> None:
    for number in (1, 1, 9, 9, 9):
        attempt = services.attempts.open_hint(user=mei, question=numeric, number=number)
    assert attempt.hints == {"": 2}, "there are two"


def test_an_open_answer_takes_no_more_checks(mei: User, numeric: Question) -> None:
    services.answers.reveal(user=mei, question=numeric)
    with pytest.raises(AlreadyRevealed):
        answer(mei, numeric, "1")


def test_a_reveal_that_is_sent_again_changes_nothing(mei: User, numeric: Question) -> None:
    name = selectors.attempts.current_attempt(mei, numeric).pk
    answer(mei, numeric, "-1")
    for _n in range(3):
        services.answers.reveal(user=mei, question=numeric, seen=FormState(name))
    assert Review.objects.count() == 1 == Attempt.objects.count()


def test_a_attempt_has_its_name_and_variant_before_it_is_stored(
    mei: User, numeric: Question
) -> None:
    before = selectors.attempts.current_attempt(mei, numeric)
    answer(mei, numeric, "-1")
    after = selectors.attempts.current_attempt(mei, numeric)
    assert (before.pk, before.seed) == (after.pk, after.seed) and not after._state.adding


def test_the_next_time_is_another_variant(mei: User, numeric: Question) -> None:
    seeds = []
    for _n in range(6):
        seeds.append(selectors.attempts.current_attempt(mei, numeric).seed)
        services.answers.reveal(user=mei, question=numeric)
        attempt = Attempt.objects.latest("number")
        services.answers.rate(
            user=mei, question=numeric, seen=FormState(attempt.pk), review_id=uuid4(), rating=3
        )
    assert len(set(seeds)) > 1


def test_what_was_begun_yesterday_is_over_today(
    mei: User, numeric: Question, site_clock: SiteClock
) -> None:
    answer(mei, numeric, "-1")
    site_clock.later(days=1)
    answer(mei, numeric, right(mei, numeric))
    services.answers.reveal(user=mei, question=numeric)
    assert rating(mei, numeric) == [3]


def test_an_attempt_keeps_the_revision_it_answered(mei: User, numeric: Question) -> None:
    checked = answer(mei, numeric, "-1")
    old = numeric.current
    assert old is not None and checked.row is not None and checked.row.revision_id == old.pk
    again = services.answers.check_answer(
        user=mei,
        question=numeric,
        part="1",
        fields={"text": "other"},
        key=checked.row.key,
    )
    assert again.row == checked.row and again.mark.outcome == "wrong"


@pytest.mark.parametrize("part", ["", "numeric", "2", "3.1", "1.1", "nonsense", "-1", "points-x"])
def test_a_part_that_is_not_there_is_refused(mei: User, concept: Question, part: str) -> None:
    with pytest.raises(BadRequest):
        answer(mei, concept, "1", part=part)


def test_the_attempt_of_another_is_not_graded(mei: User, sam: User, concept: Question) -> None:
    theirs = services.answers.reveal(user=sam, question=concept)
    with pytest.raises(BadRequest, match="out of date"):
        services.answers.rate(
            user=mei, question=concept, seen=FormState(theirs.pk), review_id=UUID(int=7), rating=3
        )
    assert Attempt.objects.get().counting_review_id is None and not Card.objects.exists()
