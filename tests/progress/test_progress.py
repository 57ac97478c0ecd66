"""Progress, topics and the demonstration account: every figure with a sentence, a table and CSV,
from what is stored.
"""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.topics import TOPICS
from apps.experiments.services import PredictionInput
from apps.progress import days, demo, memory, presenters, rating_rules, selectors, services
from apps.progress.calibration import Bin
from apps.progress.models import Answer, Card, Plan, Review
from apps.progress.selectors.statistics import Mastery
from apps.questions.models import Question
from tests.api.conftest import Program
from tests.experiments.pages_cast import loaded, measured, queued
from tests.progress.conftest import NUMERIC, SiteClock, make_question

pytestmark = pytest.mark.django_db
Many = Callable[[int], list[Question]]


def test_an_empty_account_is_told_what_will_stand_here(member: Client, mei: User) -> None:
    html = member.get("/progress").content.decode()
    assert (
        "Forecasts start after 50 reviews; you have 0." in html
        and "given an answer with a confidence yet." in html
    )


def test_mastery_is_the_mean_chance_of_recall_today(
    mei: User, many: Many, site_clock: SiteClock
) -> None:
    for question in many(4):  # topics: losses twice, metrics, detection
        services.reviews.record(user=mei, question=question, review_id=uuid.uuid4(), rating=4)
    site_clock.later(days=20)
    topics = {topic.slug: topic for topic in mastery_of(mei)}
    cards = Card.objects.filter(user=mei, question__topic="losses")
    expected = sum(memory.recall(card.stability or 0, 20) for card in cards) / 2
    assert topics["losses"].cards == 2 and topics["losses"].recall == pytest.approx(expected)


def mastery_of(user: User) -> list[Mastery]:
    return selectors.statistics.mastery(user, selectors.plans.plan_of(user))


def test_one_card_of_ten_never_fills_a_topic(member: Client, mei: User) -> None:
    questions = [make_question(f"loss-{n}", "losses") for n in range(10)]
    services.reviews.record(user=mei, question=questions[0], review_id=uuid.uuid4(), rating=4)
    losses = mastery_of(mei)[0]
    assert (losses.slug, losses.recall, losses.coverage) == ("losses", 1.0, pytest.approx(0.1))
    for path in ("/", "/progress", "/topics/losses"):
        assert "1 of 10 questions, 100% of them" in member.get(path).content.decode(), path


def test_a_card_that_was_wrong_last_is_forgotten_until_it_is_right_again(
    member: Client, mei: User
) -> None:
    question = make_question("why-loss", "losses")
    card: dict[str, Any] = {"user": mei, "question": question}
    wrong = uuid.uuid4()
    coverages = []
    for rating in (3, 1, 2, 1, 3):
        review = services.reviews.record(
            **card, review_id=wrong if rating == 1 else uuid.uuid4(), rating=rating
        )
        assert selectors.cards.forgotten([Card.objects.get()]) == (
            {review.card_id} if rating == 1 else set()
        )
        coverages.append(mastery_of(mei)[0].coverage)
        if rating == 1:
            assert selectors.statistics.weakest_questions(mei, "losses", 1)[question.pk] == 0
            services.reviews.take_back(**card, review_id=wrong)
            assert mastery_of(mei)[0].coverage == 1, "the grade was taken back"
            wrong = uuid.uuid4()
            services.reviews.record(**card, review_id=uuid.uuid4(), rating=1)
    assert coverages == [1, 0, 1, 0, 1]


def test_topics_are_in_the_order_of_the_interview_day_and_unmet_ones_follow(
    member: Client, mei: User, site_clock: SiteClock
) -> None:
    """Losses are held best today, and lost until the interview."""
    questions = {topic: make_question(topic, topic) for topic in ("losses", "metrics")}
    make_question("seen-by-nobody", "detection")
    for topic, rating in (("metrics", 4), ("losses", 2)):
        site_clock.later(days=1)
        services.reviews.record(
            user=mei, question=questions[topic], review_id=uuid.uuid4(), rating=rating
        )
    order = [topic.slug for topic in mastery_of(mei)]
    assert order[:3] == ["metrics", "losses", "detection"] and len(order) == len(TOPICS)
    interview = days.today(mei.time_zone) + timedelta(days=30)
    Plan.objects.create(user=mei, interview=interview)
    topics = mastery_of(mei)
    assert [topic.slug for topic in topics[:3]] == ["losses", "metrics", "detection"]
    card = Card.objects.get(question=questions["losses"])
    assert topics[0].at_interview == pytest.approx(memory.recall(card.stability or 0, 30))
    html = member.get("/progress").content.decode()
    assert "0 of 1 question<" in html and "no questions yet" in html and 'class="later"' in html
    figures = csv.DictReader(io.StringIO(member.get("/progress/mastery.csv").content.decode()))
    assert [(row["questions"], row["met"], row["coverage"]) for row in figures][:3] == [
        ("1", "1", "1.0"),
        ("1", "1", topics[1].coverage and str(round(topics[1].coverage, 4))),
        ("1", "0", "0.0"),
    ]


def test_a_forecast_stands_from_fifty_reviews_on(
    member: Client, mei: User, many: Many, site_clock: SiteClock
) -> None:
    met, _unmet = many(2)  # losses, metrics
    for n in range(50):
        if n % 10 == 0:
            site_clock.later(days=1)
        services.reviews.record(
            user=mei, question=met, review_id=uuid.uuid4(), rating=3, seconds=30
        )
        if n == 48:
            assert "Forecasts start after 50 reviews; you have 49." in progress_page(member)
            lacking = {"missing_review_count": 1, "recall_forecast": None}
            assert Program(mei).get("forecast").json() == lacking
    html = progress_page(member)
    assert "Forecasts start after" not in html and "What you will recall in 30 days" in html
    assert "There is no interview date ahead" in html
    interview = days.today(mei.time_zone) + timedelta(days=12)
    services.plans.change_plan(
        user=mei, interview=interview, minutes=5, retention=90, two_buttons=False
    )
    html = progress_page(member)
    day = presenters.amounts.short_date(interview)
    assert f"at the interview, on {day}" in html and f"On {day}, after 5 minutes a day" in html
    assert "There is no interview date ahead" not in html
    table = csv.DictReader(io.StringIO(member.get("/progress/forecast.csv").content.decode()))
    rows = {row["topic"]: row for row in table}
    assert set(rows) == {"all", "losses", "metrics"}
    assert rows["all"]["day"] == str(interview) and rows["all"]["questions"] == "2"
    for row in rows.values():
        low, recalled, high = (float(row[name]) for name in ("low", "recalled", "high"))
        assert 0 <= low <= recalled <= high <= 1
    answer = Program(mei).get("forecast").json()
    forecast = answer["recall_forecast"]
    assert answer["missing_review_count"] == 0 and forecast["is_interview_day"]
    assert (forecast["day"], forecast["minutes"]) == (str(interview), 5)
    told = {"all": forecast["all_topics"]}
    told |= {topic.pop("topic"): topic for topic in forecast["topics"]}
    for name, row in rows.items():
        numbers = {
            column: round(value, 4) for column, value in told[name].items() if column != "title"
        }
        assert numbers == {
            "question_count": int(row["questions"]),
            "coverage": float(row["recalled"]),
            "coverage_low": float(row["low"]),
            "coverage_high": float(row["high"]),
            "coverage_with_more": float(row["recalled_with_more_minutes"]),
        }


def progress_page(member: Client) -> str:
    return member.get("/progress").content.decode()


def test_weeks_and_days_hold_what_was_done(
    member: Client, mei: User, many: Many, site_clock: SiteClock
) -> None:
    question = many(1)[0]
    for rating in (4, 3, 1):
        services.reviews.record(
            user=mei, question=question, review_id=uuid.uuid4(), rating=rating, seconds=60
        )
        site_clock.later(days=10)
    rows = list(csv.reader(io.StringIO(member.get("/progress/calendar.csv").content.decode())))
    assert rows[0][0] == "day" and [row[1:] for row in rows[1:]] == [
        ["1.0", "1", "0", "0"],
        ["1.0", "1", "1", "1"],
        ["1.0", "1", "1", "0"],
    ]
    assert "50%" in member.get("/progress").content.decode()


def test_calibration_counts_first_answers_with_a_confidence(
    member: Client, mei: User, numeric: Question
) -> None:
    for text, confidence in (("-1", "95"), ("-2", "95")):
        form = {"part": "1", "text": text, "confidence": confidence, "key": str(uuid.uuid4())}
        member.post("/questions/how-long/check", form)
    rows = list(csv.reader(io.StringIO(member.get("/progress/calibration.csv").content.decode())))
    assert rows[1:] == [["questions", "95", "0", "1"]]
    html = member.get("/progress").content.decode()
    assert (
        "1 answer so far; from 10 on this says how well you are calibrated" in html
        and "predicted any run yet." in html
    )


def test_calibration_counts_the_first_prediction_of_a_labs_settings(
    member: Client, mei: User, woken_queues: list[str]
) -> None:
    """Wrong at 95%, then the known outcome at 95%: the second is kept, and not counted."""
    lab = loaded()
    for outcome in ("does_not_hold", "holds"):
        measured(queued(mei, lab, outcome, prediction=PredictionInput(outcome, 95, {})))
    assert selectors.statistics.calibration_bins(mei)["labs"] == [Bin(95, 0, 1)]
    assert "labs,95,0,1" in member.get("/progress/calibration.csv").content.decode()


@pytest.mark.parametrize("figure", ["forecast", "calendar", "recall", "mastery", "calibration"])
def test_each_figure_has_its_numbers(member: Client, mei: User, figure: str) -> None:
    response = member.get(f"/progress/{figure}.csv")
    assert response.status_code == 200 and response["Content-Type"].startswith("text/csv")


def test_a_figure_that_is_none_is_a_404(member: Client, mei: User) -> None:
    assert member.get("/progress/nothing.csv").status_code == 404


def test_what_is_kept_out_of_reviews_can_be_found_again(
    member: Client, mei: User, sam: User, many: Many
) -> None:
    mine, let_in, anothers = many(3)
    for user, question, out in (
        (mei, mine, True),
        (mei, let_in, True),
        (mei, let_in, False),
        (sam, anothers, True),
    ):
        services.reviews.suspend(user=user, question=question, suspended=out)
    _before, _heading, listed = (
        member.get("/progress").content.decode().partition("Excluded from reviews")
    )
    assert [
        q.slug for q in (mine, let_in, anothers) if f'href="/questions/{q.slug}"' in listed
    ] == [mine.slug]


@pytest.mark.parametrize(
    ("language", "summary"),
    [("en", "{n} topics have no questions"), ("zh-CN", "{n} 个主题还没有题目")],
)
def test_topics_without_questions_are_folded_into_one_line_with_their_count(
    member: Client, mei: User, language: str, summary: str
) -> None:
    question = make_question("why-loss", "losses")
    make_question("seen-by-nobody", "detection")
    services.reviews.record(user=mei, question=question, review_id=uuid.uuid4(), rating=4)
    html = member.get("/progress", headers={"accept-language": language}).content.decode()
    table, _summary, folded = html.partition('<details class="empty-topics">')
    asked = {"losses", "detection"}
    assert {slug for slug in TOPICS if f'href="/topics/{slug}"' in table} == asked
    folded = folded.partition("</details>")[0]
    assert summary.format(n=len(TOPICS) - 2) in folded
    assert {slug for slug in TOPICS if f'href="/topics/{slug}"' in folded} == set(TOPICS) - asked
    assert folded.count('class="fig">0<') == len(TOPICS) - 2


def test_bookmarks_and_notes_are_counted_and_stand_on_their_own_page(
    member: Client, mei: User, sam: User, many: Many
) -> None:
    marked, noted, others = many(3)
    services.plans.set_bookmark(user=mei, question=marked, is_set=True)
    services.plans.set_bookmark(user=sam, question=others, is_set=True)
    services.plans.write_note(user=mei, question=noted, text="see the proof")
    html = member.get("/progress").content.decode()
    assert f'href="/questions/{marked.slug}"' not in html
    assert re.search(r'href="/notes">Bookmarks and notes</a>\s*<span\s+class="fig">2<', html)


def test_a_topic_shows_questions_and_ones_own_memory_of_them(
    member: Client, client: Client, sam: User, mei: User
) -> None:
    question = make_question("why-loss", "losses")
    services.reviews.record(user=mei, question=question, review_id=uuid.uuid4(), rating=4)
    html = member.get("/topics/losses").content.decode()
    assert "/questions/why-loss" in html and "1 of 1 question, 100% of it" in html
    other = Client()
    other.force_login(sam)
    assert "0 of 1 question<" in other.get("/topics/losses").content.decode()
    assert Client().get("/topics/losses").status_code == 200
    assert member.get("/topics/nothing").status_code == 404


def test_a_topic_begins_with_what_holds_the_shortest_time(
    member: Client, mei: User, sam: User
) -> None:
    first, second, third = (make_question(slug) for slug in ("a-first", "b-second", "c-third"))
    for user, question, rating in ((mei, third, 2), (mei, second, 4), (sam, first, 1)):
        services.reviews.record(user=user, question=question, review_id=uuid.uuid4(), rating=rating)
    for reader, expected in ((member, [third, second, first]), (Client(), [first, second, third])):
        html = reader.get("/topics/losses").content.decode()
        places = [html.index(f'href="/questions/{question.slug}"') for question in expected]
        assert places == sorted(places)


def test_a_long_topic_comes_in_pages_with_the_weakest_ten_of_all(
    member: Client, mei: User, site_clock: SiteClock
) -> None:
    for n in range(103):
        question = make_question(f"loss-{n:03}", "losses")
        if n >= 90:  # the last of them is remembered worst: the others were graded Easy
            services.reviews.record(
                user=mei, question=question, review_id=uuid.uuid4(), rating=1 if n == 102 else 4
            )
    site_clock.later(days=9)
    first = member.get("/topics/losses").content.decode()
    fractions = selectors.statistics.weakest_questions(mei, "losses", 10)
    expected = {
        card.question_id: selectors.cards.recall_today(mei, card, selectors.cards.forgotten([card]))
        for card in Card.objects.filter(user=mei)
    }
    assert (
        next(iter(fractions)) == question.pk
        and len(fractions) == 10
        and fractions == pytest.approx({pk: expected[pk] for pk in fractions})
    )
    rows, _heading, weakest = first.partition("Your weakest ten")
    assert (
        "/questions/loss-102" in rows
        and "/questions/loss-086" in rows
        and 'aria-current="page"\n      aria-label="Page 1"' in rows
        and 'aria-label="Page 2"' in rows
        and "13 of 103 questions, " in rows
    )
    assert "/questions/loss-102" in weakest
    rows, _heading, weakest = (
        member.get("/topics/losses?page=2").content.decode().partition("Your weakest ten")
    )
    assert (
        "/questions/loss-087" in rows
        and "/questions/loss-089" in rows
        and "/questions/loss-102" not in rows
    )
    assert "/questions/loss-102" in weakest, "though its row is on the page before"
    assert member.get("/topics/losses?page=%00").status_code == 200  # no text: the first page
    for odd in ("0", "-1", "99", "x", "9" * 30):
        answer = member.get(f"/topics/losses?page={odd}")
        assert answer.status_code == 404
        assert "There is no page" in answer.content.decode()


def test_the_demonstration_account_has_something_true_on_every_page(
    mei: User, many: Many, capsys: Any
) -> None:
    many(8)
    # the easy ones are begun with
    make_question("how-long", kinds=["numeric"], numeric=NUMERIC, difficulty=1)
    line = demo.fill(user=mei)
    assert "reviews of 7 questions" in line
    assert (
        Review.objects.filter(user=mei).count() >= 50
        and Answer.objects.filter(confidence__isnull=False).exists()
    )
    member = Client()
    member.force_login(mei)
    for path in ("/", "/progress", "/review", "/topics/losses", "/questions/how-long"):
        assert member.get(path).status_code == 200
    assert selectors.statistics.recall_by_week(
        selectors.statistics.daily_stats(mei, timedelta(days=60))
    )
    assert all(
        grade.at < now()
        for card in Card.objects.all()
        for grade in selectors.cards.rated_reviews(card)
    )
    assert "nothing was added" in demo.fill(user=mei)


def test_grades_of_the_demonstration_follow_from_its_answers(mei: User) -> None:
    make_question("how-long", kinds=["numeric"], numeric=NUMERIC, difficulty=1)
    demo.fill(user=mei)
    answers = Answer.objects.filter(user=mei).select_related("attempt")
    assert answers and all(
        answer.rating == rating_rules.of_check(answer.outcome == "right", answer.hints)
        for answer in answers
    )
    judged = Review.objects.filter(user=mei, graded_by="numeric")
    assert set(judged.values_list("review_id", "rating")) == {
        (answer.attempt.counting_review_id, answer.rating) for answer in answers
    }


def test_the_cards_of_the_demonstration_are_what_their_log_comes_to(mei: User, many: Many) -> None:
    many(6)
    demo.fill(user=mei)
    for card in Card.objects.filter(user=mei).select_related("user"):
        state, _counted = memory.fold(card.created_at, selectors.cards.rated_reviews(card))
        assert (state.due, state.stability) == (card.due, card.stability)


def test_the_command_makes_an_account_and_says_how_to_sign_in(many: Many, capsys: Any) -> None:
    many(3)
    call_command("make_demo")
    output = capsys.readouterr().out
    assert "Sign in as demo@localhost with" in output
    call_command("make_demo")
    assert "Sign in as demo@localhost with the password that was printed" in capsys.readouterr().out
    assert User.objects.filter(handle__startswith="demo").count() == 1


def test_progress_and_topics_ask_little_of_the_database(
    member: Client, mei: User, many: Many, django_assert_max_num_queries: Any
) -> None:
    many(9)
    demo.fill(user=mei)
    for path in ("/progress", "/topics/losses"):
        with django_assert_max_num_queries(12):
            member.get(path)


def test_a_period_is_chosen_and_the_keys_go_to_its_neighbours(
    member: Client, mei: User, many: Many, site_clock: SiteClock
) -> None:
    question = many(1)[0]
    for _n in range(2):
        services.reviews.record(
            user=mei, question=question, review_id=uuid.uuid4(), rating=4, seconds=60
        )
        site_clock.later(days=40)
    month, year = (member.get(f"/progress?weeks={weeks}").content.decode() for weeks in (4, 52))
    assert "No reviews in the last 4 weeks." in month and "on 2 days of the last 52 weeks" in year
    assert 'href="?weeks=13" data-key="]"' in month and 'href="?weeks=13" data-key="["' in year
    assert (
        member.get("/progress?weeks=nonsense").content.decode().count("of the last 52 weeks") == 1
    )


def mastered(title: str, questions: int, cards: int, coverage: float) -> Mastery:
    return Mastery(title.lower(), title, questions, cards, coverage, coverage, None)


@pytest.mark.parametrize(
    ("topics", "sentence"),
    [
        ([mastered("Losses", 4, 4, 0.5)], "You would recall 50% of 4 questions today."),
        (
            [mastered("Losses", 4, 4, 0.5), mastered("Metrics", 1, 0, 0.0)],
            "You would recall 40% of 5 questions today. 1 of them is new to you.",
        ),
        (
            [mastered("Losses", 4, 4, 0.5), mastered("Metrics", 4, 2, 0.9)],
            "You would recall 70% of 8 questions today. 2 of them are new to you. "
            "Your weakest topic is Losses, at 50%.",
        ),
    ],
)
def test_a_topic_is_called_the_weakest_where_several_were_met(
    topics: list[Mastery], sentence: str
) -> None:
    assert presenters.progress.standing_sentence(topics, topics[0]) == sentence
