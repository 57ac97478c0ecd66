"""Today: the first day, a usual one, a backlog, unread verdicts; nobody sees the day of
another.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import PROJECT_HANDLE, User
from apps.common.clock import now
from apps.experiments import services as labs
from apps.experiments.models import Lab, Run, Verdict
from apps.experiments.selectors import Reader
from apps.experiments.services import PredictionInput
from apps.progress import days, selectors, services
from apps.progress.models import Card, Plan, UnreadVerdict
from apps.questions.models import Question
from tests.experiments.pages_cast import MAX_QUERIES
from tests.progress.conftest import SiteClock, make_question

pytestmark = pytest.mark.django_db
Many = Callable[[int], list[Question]]


@pytest.fixture
def finished(lab: Lab, woken_queues: list[str]) -> Callable[[User], Run]:

    def finished(user: User, state: str = "succeeded") -> Run:
        prediction = PredictionInput("holds", 80, {})
        run = labs.queue_run(
            owner=user, lab=lab, config={}, key=uuid.uuid4().hex, prediction=prediction
        )
        if state == "succeeded":
            Verdict.objects.create(
                run=run,
                claim="dead-relu.lr-kills",
                outcome="holds",
                effect=0.4,
                low=0.3,
                high=0.5,
                replicates=16,
            )
        labs.end_run(run, state)
        return run

    return finished


def page(member: Client) -> str:
    return str(member.get("/").content.decode())


def test_a_first_day_has_three_steps(
    member: Client, mei: User, concept: Question, lab: Lab
) -> None:
    day = selectors.day_plans.day_plan(mei)
    assert day.is_first and [scheduled.step.kind for scheduled in day.steps] == [
        "plan",
        "question",
        "lab",
    ]
    html = page(member)
    assert (
        "Your first day: three steps" in html
        and "/labs/dead-relu?back=%2Fquestions%2Fwhy-relu" in html
    )


def test_a_first_day_begins_with_the_lab_of_the_home_page(
    member: Client, mei: User, concept: Question, lab: Lab
) -> None:
    easier = make_question("easier", labs=["activation-cost"], difficulty=1)
    assert (
        selectors.day_plans.day_plan(mei).question == concept
        and easier.difficulty < concept.difficulty
    )


def test_the_first_day_is_done_step_by_step(
    mei: User, concept: Question, lab: Lab, finished: Callable[[User], Run]
) -> None:
    services.plans.change_plan(
        user=mei, interview=None, minutes=30, retention=90, two_buttons=False
    )
    services.answers.reveal(user=mei, question=concept)
    assert [scheduled.state for scheduled in selectors.day_plans.day_plan(mei).steps] == [
        "done",
        "done",
        "now",
    ]
    run = finished(mei)
    assert [
        (scheduled.step.kind, scheduled.state)
        for scheduled in selectors.day_plans.day_plan(mei).steps[2:]
    ] == [
        ("lab", "done"),
        ("verdict", "now"),
    ]
    services.verdicts.mark_verdict_read(run=run)
    assert [scheduled.state for scheduled in selectors.day_plans.day_plan(mei).steps] == [
        "done",
        "done",
        "done",
    ]


def test_what_is_forgotten_on_the_first_day_comes_back_on_it(
    mei: User, concept: Question, lab: Lab
) -> None:
    services.reviews.record(user=mei, question=concept, review_id=uuid.uuid4(), rating=1)
    day = selectors.day_plans.day_plan(mei)
    assert day.is_first and day.steps[-1].step.kind == "review" and day.steps[-1].step.count == 1


def test_a_usual_day_begins_with_what_is_due(
    member: Client, mei: User, many: Many, site_clock: SiteClock
) -> None:
    for question in many(4)[:3]:
        services.reviews.record(user=mei, question=question, review_id=uuid.uuid4(), rating=3)
        services.reviews.record(user=mei, question=question, review_id=uuid.uuid4(), rating=3)
    site_clock.later(days=6)
    day = selectors.day_plans.day_plan(mei)
    assert [scheduled.step.kind for scheduled in day.steps] == [
        "review",
        "question",
    ] and day.due == 3
    html = page(member)
    assert "Review 3 cards" in html
    assert (
        '<a href="/review" data-key="r"' in html
        and '<a class="btn ink" href="/review" data-key="Enter"' in html
    ), "both keys go there"


@pytest.mark.parametrize("was_run", [False, True])
def test_where_nothing_is_due_and_all_is_known_a_lab_is_suggested_until_it_was_run(
    mei: User,
    sam: User,
    concept: Question,
    lab: Lab,
    finished: Callable[[User], Run],
    site_clock: SiteClock,
    was_run: bool,
) -> None:
    finished(mei if was_run else sam)
    UnreadVerdict.objects.all().delete()
    # its own clock is the database's, which no hand of this test moves
    Run.objects.update(queued_at=now())
    for _n in range(2):
        services.reviews.record(user=mei, question=concept, review_id=uuid.uuid4(), rating=3)
    site_clock.later(days=1.5)
    services.reviews.record(user=mei, question=concept, review_id=uuid.uuid4(), rating=4)
    assert [scheduled.step.kind for scheduled in selectors.day_plans.day_plan(mei).left] == [
        "lab"
    ], "one that was not run, or longest ago"
    finished(mei)
    UnreadVerdict.objects.all().delete()
    assert selectors.day_plans.day_plan(mei).left == []


def test_what_was_reviewed_is_a_step_done(
    member: Client, mei: User, many: Many, site_clock: SiteClock
) -> None:
    question = many(1)[0]
    for _n in range(2):
        services.reviews.record(user=mei, question=question, review_id=uuid.uuid4(), rating=3)
    site_clock.later(days=9)
    services.reviews.record(
        user=mei, question=question, review_id=uuid.uuid4(), rating=3, seconds=30
    )
    html = page(member)
    assert (
        "Done, 1 of 1 recalled" in html and "Nothing is due." in html and "Done for today" in html
    )


def test_a_backlog_says_when_one_is_level_and_offers_minutes(
    member: Client, mei: User, many: Many
) -> None:
    services.reviews.record(
        user=mei,
        question=make_question("long-ago"),
        review_id=uuid.uuid4(),
        rating=3,
        at=now() - timedelta(days=30),
    )
    for question in many(30):
        Card.objects.create(user=mei, question=question, due=now() - timedelta(days=5))
    html = page(member)
    assert (
        "31 cards are overdue." in html
        and "At 30 minutes a day you will have caught up today." in html
    )
    member.post("/plan", {"only": "minutes", "minutes": "45"})
    assert Plan.objects.get().minutes == 45 and Plan.objects.get().retention == 90


def test_a_backlog_counts_all_that_is_overdue_and_two_days_are_none(
    member: Client, mei: User, many: Many
) -> None:
    first, *others = many(4)
    for question in others:
        Card.objects.create(user=mei, question=question, due=now() - timedelta(days=2))
    assert "overdue" not in page(member)
    Card.objects.create(user=mei, question=first, due=now() - timedelta(days=5))
    Card.objects.create(user=mei, question=make_question("of-today"), due=now())
    assert "4 cards are overdue." in page(member)


def test_a_verdict_waits_until_it_is_opened(
    member: Client, mei: User, sam: User, finished: Callable[[User], Run]
) -> None:
    run = finished(mei)
    assert [unread.run for unread in selectors.verdicts.unread_verdicts(mei)] == [
        run
    ] and not selectors.verdicts.unread_verdicts(sam).exists()
    other = Client()
    other.force_login(sam)
    assert other.post(f"/verdicts/{run.pk}").status_code == 404
    assert member.get(f"/verdicts/{run.pk}").status_code == 405 and UnreadVerdict.objects.exists()
    assert f'href="/runs/{run.pk}"' in page(member)
    for _again in range(2):
        assert member.post(f"/verdicts/{run.pk}")["Location"] == f"/runs/{run.pk}"
        assert not UnreadVerdict.objects.exists()


@pytest.mark.parametrize("state", ["failed", "cancelled", "lost", "limit_exceeded"])
def test_a_run_without_a_verdict_waits_for_nobody(
    mei: User, finished: Callable[..., Run], state: str
) -> None:
    finished(mei, state)
    assert not UnreadVerdict.objects.exists()


def test_the_projects_own_runs_wait_for_nobody(finished: Callable[[User], Run]) -> None:
    finished(User.objects.project())
    assert not UnreadVerdict.objects.exists()


def test_a_finished_run_offers_the_questions_that_name_its_claims(
    member: Client, mei: User, concept: Question, finished: Callable[[User], Run]
) -> None:
    run = finished(mei)
    html = member.get(f"/runs/{run.pk}/questions", headers={"hx-request": "true"}).content.decode()
    assert "/questions/why-relu" in html and "<html" not in html and "Add to your cards" in html
    assert UnreadVerdict.objects.exists() and f'data-hx-post="/verdicts/{run.pk}"' in html
    seen = member.post(f"/verdicts/{run.pk}", headers={"hx-request": "true"})
    assert (seen.status_code, seen.content) == (200, b"") and not UnreadVerdict.objects.exists()
    assert "/verdicts/" not in member.get(f"/runs/{run.pk}/questions").content.decode()
    member.post("/questions/why-relu/card", {"next": f"/runs/{run.pk}"})
    assert "in your cards" in member.get(f"/runs/{run.pk}/questions").content.decode()


def test_the_key_makes_the_first_card_that_is_not_there_yet(
    member: Client, mei: User, finished: Callable[[User], Run]
) -> None:
    first, second = (
        make_question(slug, claims=["dead-relu.lr-kills"]) for slug in ("a-first", "b-second")
    )
    run = finished(mei)
    for question, keys in ((first, 1), (second, 1), (None, 0)):
        html = member.get(f"/runs/{run.pk}/questions?back=%2Fquestions%2Fa-first").content.decode()
        assert html.count('data-key="m"') == keys
        assert html.count(f"/runs/{run.pk}?back=%2Fquestions%2Fa-first") == 1 + html.count(
            "Add to your cards"
        ), "the way back"
        if question:
            form = next(form for form in html.split("</form>") if 'data-key="m"' in form)
            assert f'action="/questions/{question.slug}/card"' in form
            member.post(f"/questions/{question.slug}/card", {"next": f"/runs/{run.pk}"})


def test_a_run_of_another_offers_nothing(
    client: Client, mei: User, concept: Question, finished: Callable[[User], Run]
) -> None:
    run = finished(mei)
    assert client.get(f"/runs/{run.pk}/questions").status_code == 404
    labs.set_run_visibility(run=run, shared=True)
    html = client.get(f"/runs/{run.pk}/questions").content.decode()
    assert (
        "/questions/why-relu" in html
        and "Add to your cards" not in html
        and UnreadVerdict.objects.exists()
    )


def test_the_question_shows_what_ones_own_run_showed_once_the_answer_is_open(
    member: Client, mei: User, concept: Question, finished: Callable[[User], Run]
) -> None:
    run = finished(mei)
    assert "What your run showed" not in member.get("/questions/why-relu").content.decode()
    member.post("/questions/why-relu/reveal")
    html = member.get("/questions/why-relu").content.decode()
    assert (
        "What your run showed" in html
        and f"/runs/{run.pk}" in html
        and "/labs/dead-relu?back=%2Fquestions%2Fwhy-relu" in html
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"minutes": "4"},
        {"minutes": "-5"},
        {"minutes": "999"},
        {"retention": "79"},
        {"retention": "99"},
        {"interview": "2020-01-01"},
        {"interview": "x"},
    ],
)
def test_a_plan_that_cannot_be_is_said_and_not_kept(
    member: Client, mei: User, bad: dict[str, str]
) -> None:
    response = member.post("/plan", {"minutes": "30", "retention": "90", "interview": "", **bad})
    assert (
        response.status_code == 422
        and 'class="wrong"' in response.content.decode()
        and not Plan.objects.exists()
    )


def test_a_number_far_off_hears_the_bounds_that_stand_beside_the_field(
    member: Client, mei: User
) -> None:
    html = member.post(
        "/plan", {"minutes": "-5", "retention": "-1", "interview": ""}
    ).content.decode()
    assert "Choose a number from 5 to 240." in html and "Choose a number from 80 to 95." in html
    assert 'min="5"' in html and 'min="80"' in html and 'max="95"' in html


def test_a_plan_is_kept(member: Client, mei: User) -> None:
    day = days.today(mei.time_zone) + timedelta(days=23)
    member.post(
        "/plan",
        {"minutes": "45", "retention": "85", "interview": day.isoformat(), "two_buttons": "on"},
    )
    assert Plan.objects.filter(
        user=mei, minutes=45, retention=85, interview=day, two_buttons=True
    ).exists()
    assert "in 23 days" in page(member)


@pytest.mark.parametrize(
    ("ahead", "sentence"),
    [
        (1, "19 November, in 1 day"),
        (0, "<dd>today</dd>"),
        (-1, "17 November has passed: pick a new date"),
    ],
)
def test_the_day_of_the_interview_comes_and_goes(
    member: Client, mei: User, ahead: int, sentence: str
) -> None:
    day = days.today(mei.time_zone) + timedelta(days=ahead)
    services.plans.change_plan(user=mei, interview=day, minutes=30, retention=90, two_buttons=False)
    assert sentence in page(member)


@pytest.mark.parametrize(("ahead", "shown"), [(None, False), (0, True), (21, True), (60, False)])
def test_the_legend_names_an_interview_that_the_calendar_shows(
    member: Client, mei: User, ahead: int | None, shown: bool
) -> None:
    day = days.today(mei.time_zone) + timedelta(days=ahead) if ahead is not None else None
    services.plans.change_plan(user=mei, interview=day, minutes=30, retention=90, two_buttons=False)
    html = page(member)
    assert (html.count('class="exam"'), html.count('class="k exam"')) == (int(shown), int(shown))


def test_two_buttons_are_again_and_good(member: Client, mei: User, concept: Question) -> None:
    services.plans.change_plan(user=mei, interview=None, minutes=30, retention=90, two_buttons=True)
    member.post("/questions/why-relu/reveal")
    html = member.get("/questions/why-relu").content.decode()
    assert 'data-key="1"' in html and 'data-key="3"' in html and 'data-key="4"' not in html


@pytest.mark.parametrize("path", ["/plan", "/progress", "/progress/recall.csv"])
def test_a_learners_own_pages_need_sign_in(client: Client, db: None, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302 and "/login" in response["Location"]


def test_today_asks_little_of_the_database(
    member: Client,
    mei: User,
    concept: Question,
    many: Any,
    site_clock: SiteClock,
    finished: Any,
    django_assert_max_num_queries: Any,
) -> None:
    for question in many(6):
        services.reviews.record(user=mei, question=question, review_id=uuid.uuid4(), rating=3)
    finished(mei)
    with django_assert_max_num_queries(MAX_QUERIES):
        member.get("/")  # a first day
    site_clock.later(days=9)
    with django_assert_max_num_queries(MAX_QUERIES):
        html = page(member)
    assert "Open the verdict" in html and "overdue" in html


def test_a_run_that_goes_on_says_how_far_it_is_and_where_to_hear_more(
    member: Client, mei: User, lab: Lab, woken_queues: list[str]
) -> None:
    run, other = (
        labs.queue_run(owner=mei, lab=lab, config={}, key=uuid.uuid4().hex) for _n in range(2)
    )
    html = page(member)
    assert (
        html.count("data-events=") == 1
        and f'data-events="/runs/events?ids={other.pk},{run.pk}"' in html
    )
    assert f'data-run="{run.pk}"' in html and f'data-run="{other.pk}"' in html
    labs.end_run(other, "cancelled")
    Run.objects.filter(pk=run.pk).update(state="running", points_done=3, points_expected=10)
    assert "Running, 3 of 10 points" in page(member)
    labs.end_run(Run.objects.get(pk=run.pk), "cancelled")
    assert "data-events" not in page(member)


def test_what_an_own_run_says_again_is_not_said_twice(
    member: Client, mei: User, concept: Question, finished: Callable[[User], Run]
) -> None:
    """The recorded run and one's own agree: one sentence, and a line for each."""
    recorder = User.objects.filter(handle=PROJECT_HANDLE).first() or User.objects.create_user(
        "gradus@example.org", PROJECT_HANDLE
    )
    for owner in (recorder, mei):
        finished(owner)
    Run.objects.filter(owner=recorder).update(shared=True, at_defaults=True)
    quotes = selectors.verdicts.verdict_quotes(Reader(mei), ["dead-relu.lr-kills"])
    assert [(quote.is_own, quote.is_repeated) for quote in quotes] == [(False, False), (True, True)]
    Verdict.objects.filter(run__owner=mei).update(outcome="does_not_hold")
    assert [
        quote.is_repeated
        for quote in selectors.verdicts.verdict_quotes(Reader(mei), ["dead-relu.lr-kills"])
    ] == [
        False,
        False,
    ]
