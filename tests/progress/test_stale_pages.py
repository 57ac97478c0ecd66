"""Stale pages: opened before the day changed, beside another tab, before a new revision, by another
account.

An answer is always checked against the variant that its page showed.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.errors import BadRequest
from apps.progress import days, selectors, services
from apps.progress.models import Answer, Attempt, Card, Note, Plan, Review
from apps.progress.services.answers import Given
from apps.progress.services.attempts import FormState
from apps.questions.models import Question, Revision
from tests.progress.conftest import NUMERIC, SiteClock, make_question, right_number

pytestmark = pytest.mark.django_db
PAGE = "/questions/how-long"


def fields(html: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that posts to `action`."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}["#].*?</form>', html, re.DOTALL)
    assert form is not None, f"no form posts to {action}"
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
    return dict(hidden)


def opened(member: Client, page: str, action: str = "/check") -> dict[str, str]:
    return fields(member.get(page).content.decode(), page.split("?")[0] + action)


def right(attempt: Attempt) -> str:
    return str(right_number(attempt.seed))


def ratings(user: User, question: Question) -> list[int]:
    return [
        grade.rating
        for grade in selectors.cards.rated_reviews(Card.objects.get(user=user, question=question))
    ]


# ---------------------------------------------------------------- the day begins


def test_an_answer_at_four_is_to_the_numbers_of_a_minute_before(
    member: Client, mei: User, numeric: Question, site_clock: SiteClock
) -> None:
    begins = days.end(days.today(mei.time_zone), "Europe/Berlin")
    assert begins.astimezone(ZoneInfo("Europe/Berlin")).hour == 4
    site_clock.set(begins - timedelta(minutes=1))
    member.post(f"{PAGE}/check", {"part": "1", "text": "-1", "key": uuid4()})
    form = opened(member, PAGE)
    attempt = Attempt.objects.get()
    site_clock.later(minutes=2)
    assert days.today(mei.time_zone) == attempt.day + days.DAY
    member.post(f"{PAGE}/check", {**form, "text": right(attempt)})
    assert [(answer.attempt_id, answer.outcome) for answer in Answer.objects.all()] == [
        (attempt.pk, "wrong"),
        (attempt.pk, "right"),
    ]
    member.post(f"{PAGE}/reveal", opened(member, PAGE, "/reveal"))
    assert (
        ratings(mei, numeric) == [1]
        and "Reference answer" in member.get(f"{PAGE}?reveal=1").content.decode()
    )


def test_a_reveal_after_four_opens_what_was_read_before(
    member: Client, mei: User, numeric: Question, site_clock: SiteClock
) -> None:
    member.post(f"{PAGE}/check", {"part": "1", "text": "-1", "key": uuid4()})
    form = opened(member, PAGE, "/reveal")
    site_clock.later(hours=20)
    html = member.post(f"{PAGE}/reveal", form, follow=True).content.decode()
    assert (
        "Reference answer" in html and Attempt.objects.count() == 1 and ratings(mei, numeric) == [1]
    )


# ---------------------------------------------------------------- two tabs


def test_an_answer_to_numbers_that_are_revealed_elsewhere_does_not_count_against_new_ones(
    member: Client, mei: User, numeric: Question
) -> None:
    form = opened(member, PAGE)
    member.post(f"{PAGE}/check", {**form, "text": "-1"})
    member.post(f"{PAGE}/reveal", opened(member, PAGE, "/reveal"))  # in the other tab
    late = member.post(f"{PAGE}/check", {**form, "key": uuid4(), "text": "17"})
    assert late.status_code == 409 and "already been revealed" in late.content.decode()
    assert Answer.objects.count() == 1 == Attempt.objects.count() and ratings(mei, numeric) == [1]


def test_what_is_written_on_a_page_that_is_revealed_elsewhere_comes_back_with_the_reason(
    member: Client, mei: User, concept: Question
) -> None:
    page = "/questions/why-relu"
    form = opened(member, page, "/reveal")
    member.post(f"{page}/reveal", {**form, "text": "From one tab."})
    late = member.post(f"{page}/reveal", {**form, "key": uuid4(), "text": "From the other <tab>."})
    html = late.content.decode()
    assert late.status_code == 409 and "so this was not saved" in html
    assert "From the other &lt;tab&gt;." in html and "Reference answer" in html
    assert Answer.objects.get().entered["text"] == "From one tab."


@pytest.mark.parametrize(
    "again", [{}, {"key": "00000000-0000-4000-8000-000000000000"}, {"text": " \n"}], ids=str
)
def test_a_reveal_that_is_sent_again_loses_nothing_and_says_nothing(
    member: Client, concept: Question, again: dict[str, str]
) -> None:
    page = "/questions/why-relu"
    form = {**opened(member, page, "/reveal"), "text": "Because."}
    for sent in (form, {**form, **again}):
        assert member.post(f"{page}/reveal", sent).status_code == 302
    assert Answer.objects.get().entered["text"] == "Because."


def test_what_is_written_to_an_attempt_that_another_tab_closed_stands_in_the_next_ones_field(
    member: Client, mei: User, concept: Question, site_clock: SiteClock
) -> None:
    page = "/questions/why-relu"
    services.attempts.open_attempt(user=mei, question=concept)
    form = opened(member, page, "/reveal")
    site_clock.later(days=1)
    services.attempts.open_attempt(user=mei, question=concept)
    late = member.post(f"{page}/reveal", {**form, "text": "Because."})
    html = late.content.decode()
    assert late.status_code == 400 and "Your page was out of date" in html
    assert re.search(r"<textarea[^>]*>\s*Because\.</textarea>", html)
    assert "Reference answer" not in html and not Answer.objects.exists()
    following = fields(html, f"{page}/reveal")
    assert member.post(f"{page}/reveal", {**following, "text": "Because."}).status_code == 302
    assert Answer.objects.get().entered["text"] == "Because."


def test_a_number_that_comes_late_comes_back_with_the_reason(
    member: Client, mei: User, numeric: Question, site_clock: SiteClock
) -> None:
    services.attempts.open_attempt(user=mei, question=numeric)
    form = opened(member, PAGE)
    site_clock.later(days=1)
    services.attempts.open_attempt(user=mei, question=numeric)
    late = member.post(f"{PAGE}/check", {**form, "text": "17.25"})
    html = late.content.decode()
    assert late.status_code == 400 and "Your page was out of date" in html
    assert 'value="17.25"' in html and not Answer.objects.exists()
    member.post(f"{PAGE}/reveal")
    following = {**fields(html, f"{PAGE}/check"), "text": "17.25"}
    revealed = member.post(f"{PAGE}/check", following).content.decode()
    assert "You answered" in revealed and ">17.25<" in revealed
    assert "already been revealed" in revealed


def test_what_is_written_late_in_a_review_stays_in_the_review(
    member: Client, mei: User, concept: Question
) -> None:
    services.reviews.add_card(user=mei, question=concept)
    services.reviews.start_session(user=mei)
    page = "/questions/why-relu"
    form = fields(member.get("/review").content.decode(), f"{page}/reveal")
    member.post(f"{page}/reveal", form)
    late = member.post(f"{page}/reveal", {**form, "text": "Because."})
    html = late.content.decode()
    assert late.status_code == 409 and "Because." in html and 'name="in" value="review"' in html


def test_a_hint_of_a_graded_page_does_not_spoil_the_next_time(
    member: Client, mei: User, numeric: Question
) -> None:
    form = opened(member, PAGE, "/hint")
    member.post(f"{PAGE}/check", {"part": "1", "text": "-1", "key": uuid4()})
    member.post(f"{PAGE}/reveal")
    member.post(f"{PAGE}/hint", form)
    assert Attempt.objects.get().hints == {}


def test_a_page_that_another_tab_left_behind_is_told_so(
    mei: User, numeric: Question, site_clock: SiteClock
) -> None:
    first = services.attempts.open_attempt(user=mei, question=numeric)
    site_clock.later(days=1)
    second = services.attempts.open_attempt(user=mei, question=numeric)
    assert second.pk != first.pk
    with pytest.raises(BadRequest, match="out of date"):
        services.answers.check_answer(
            user=mei,
            question=numeric,
            part="1",
            fields={"text": "1"},
            key=uuid4(),
            seen=FormState(first.pk),
        )
    assert not Answer.objects.exists()


def test_the_answer_is_not_to_be_had_by_address_before_it_is_opened(
    member: Client, mei: User, numeric: Question
) -> None:
    assert "Reference answer" not in member.get(f"{PAGE}?reveal=1").content.decode()
    member.post(f"{PAGE}/reveal")
    assert "Reference answer" in member.get(f"{PAGE}?reveal=1").content.decode()


def test_points_ticked_twice_with_one_form_are_one_grade(
    member: Client, mei: User, concept: Question
) -> None:
    page = "/questions/why-relu"
    member.post(f"{page}/reveal", {"text": "Because.", "key": uuid4()})
    form = opened(member, page, "/points")
    for _n in range(3):
        assert member.post(f"{page}/points", {**form, "point": ["0", "1"]}).status_code == 302
    assert Review.objects.count() == 1 and Answer.objects.filter(part="points").count() == 1


# ---------------------------------------------------------------- a new revision


def publish(question: Question, **changes: Any) -> Revision:
    old = question.current
    assert old is not None
    values = {
        field.name: getattr(old, field.name)
        for field in Revision._meta.concrete_fields
        if field.name != "id"
    }
    revision = Revision.objects.create(
        **{**values, "number": old.number + 1, "published_at": None, **changes}
    )
    for text in old.texts.all():
        text.pk, text.revision = None, revision
        text.save(force_insert=True)
    Revision.objects.filter(pk=revision.pk).update(published_at=now())
    Question.objects.filter(pk=question.pk).update(current=revision)
    return revision


def test_who_read_the_old_revision_answers_it(member: Client, mei: User, numeric: Question) -> None:
    form, old = opened(member, PAGE), numeric.current
    wanted = right(selectors.attempts.current_attempt(mei, numeric))
    publish(numeric, facts={**old.facts, "numeric": [{**NUMERIC[0], "answer": "n * 3"}]})  # type: ignore[union-attr]
    member.post(f"{PAGE}/check", {**form, "text": wanted})
    answer = Answer.objects.get()
    assert (answer.revision, answer.outcome) == (old, "right")
    member.post(f"{PAGE}/reveal")
    services.answers.reveal(user=mei, question=Question.objects.get(pk=numeric.pk))
    assert Attempt.objects.order_by("-number")[0].revision != old, "the next time asks the new one"


def test_an_answer_to_one_revision_is_not_marked_in_an_attempt_of_another(
    member: Client, mei: User, numeric: Question
) -> None:
    form, old = opened(member, PAGE), numeric.current
    publish(numeric, facts={**old.facts, "numeric": [{**NUMERIC[0], "answer": "n * 3"}]})  # type: ignore[union-attr]
    member.post(f"{PAGE}/hint", opened(member, PAGE, "/hint"))  # stores the attempt
    late = member.post(f"{PAGE}/check", {**form, "text": "17.25"})
    html = late.content.decode()
    assert late.status_code == 400 and "Your page was out of date" in html
    assert 'value="17.25"' in html and not Answer.objects.exists()


def test_a_visitor_who_read_the_old_revision_is_told_and_not_marked(
    client: Client, numeric: Question
) -> None:
    form, old = opened(client, PAGE), numeric.current
    publish(numeric, facts={**old.facts, "numeric": [{**NUMERIC[0], "answer": "n * 3"}]})  # type: ignore[union-attr]
    earlier = '{"1": {"type": "number", "text": "-1"}}'
    late = client.post(f"{PAGE}/check", {**form, "text": "17.25", "earlier": earlier})
    html = late.content.decode()
    assert late.status_code == 400 and "Your page was out of date" in html
    assert 'value="17.25"' in html and "not right" not in html
    following = fields(html, f"{PAGE}/check")
    right_now = str(right_number(0) * 3 / 2)
    marked = client.post(f"{PAGE}/check", {**following, "text": right_now}).content.decode()
    assert 'data-kind="right"' in marked


def test_a_visitors_choice_is_not_carried_to_the_options_of_another_revision(
    client: Client, mixed: Question
) -> None:
    page = "/questions/all-of-it"
    form = fields(client.get(page).content.decode().split('id="part-2"')[1], f"{page}/check")
    publish(mixed)
    late = client.post(f"{page}/check", {**form, "chosen": ["a", "c"]})
    html = late.content.decode()
    assert late.status_code == 400 and "Your page was out of date" in html
    assert not re.search(r'name="chosen"[^>]* checked', html)


def test_a_revision_of_another_question_or_one_that_is_not_published_is_not_taken(
    member: Client, mei: User, numeric: Question, concept: Question
) -> None:
    for strange in (str(concept.current_id), "0", "-1", "999999999", "x", "9" * 300, "\x00"):
        Attempt.objects.all().delete()
        response = member.post(
            f"{PAGE}/check", {"part": "1", "text": "1", "key": uuid4(), "revision": strange}
        )
        assert response.status_code == 302 and Answer.objects.get().revision == numeric.current


def test_a_question_that_is_withdrawn_leaves_the_open_session(
    member: Client, mei: User, many: Any
) -> None:
    first, second = many(2)
    for question in (first, second):
        services.reviews.add_card(user=mei, question=question)
    session = services.reviews.start_session(user=mei, interleave=False)
    Question.objects.filter(pk=first.pk).update(withdrawn=True)
    following = selectors.sessions.session_progress(session).next
    assert following is not None and following.question == second
    assert member.get("/review").status_code == 200


# ---------------------------------------------------------------- another account, another session


def test_a_grade_that_waited_for_another_account_is_not_taken(
    mei: User, sam: User, concept: Question
) -> None:
    for user in (mei, sam):
        services.reviews.add_card(user=user, question=concept)
    # mei's page, never stored, graded without a connection
    name = selectors.attempts.current_attempt(mei, concept).pk
    browser = Client()
    browser.force_login(sam)
    late = {"attempt": name, "review_id": uuid4(), "rating": "3"}
    assert browser.post("/questions/why-relu/grade", late).status_code == 400
    assert not Review.objects.exists() and not Attempt.objects.exists()
    browser.force_login(mei)
    assert browser.post("/questions/why-relu/grade", late).status_code == 302
    assert Review.objects.get().user == mei


def test_a_grade_of_yesterdays_session_is_not_counted_in_todays(
    mei: User, many: Any, site_clock: SiteClock
) -> None:
    first, second = many(2)
    for question in (first, second):
        services.reviews.add_card(user=mei, question=question)
    suspended = Card.objects.get(question=first)
    services.reviews.suspend(user=mei, question=first, suspended=True)
    session = services.reviews.start_session(user=mei)
    assert suspended.pk not in session.cards
    services.reviews.record(user=mei, question=first, review_id=uuid4(), rating=3, session=session)
    stands = selectors.sessions.session_progress(session)
    assert (stands.done, stands.of, stands.recalled) == (0, 1, 0)


# ---------------------------------------------------------------- whole or not at all


def test_what_was_written_is_kept_with_the_reveal_or_neither_is(
    member: Client, concept: Question
) -> None:
    old = str(int(1000 * (now() - timedelta(days=30)).timestamp()))
    bad = member.post("/questions/why-relu/reveal", {"text": "mine", "key": uuid4(), "at": old})
    assert bad.status_code == 400 and not Answer.objects.exists() and not Attempt.objects.exists()


def test_what_is_too_long_to_keep_stays_in_its_field(member: Client, concept: Question) -> None:
    response = member.post("/questions/why-relu/reveal", {"text": "x" * 20_001, "key": uuid4()})
    html = response.content.decode()
    assert response.status_code == 422 and "too long to save" in html and "x" * 20_001 in html
    assert not Answer.objects.exists() and Attempt.objects.get().revealed_at is None


def test_a_note_that_is_too_long_is_refused_whole(
    member: Client, mei: User, concept: Question
) -> None:
    services.plans.write_note(user=mei, question=concept, text="short")
    response = member.post("/questions/why-relu/note", {"note": "é" * (Note.MAX_CHARS + 1)})
    assert (
        response.status_code == 422
        and "4000" in response.content.decode()
        and Note.objects.get().text == "short"
    )
    assert (
        member.post("/questions/why-relu/note", {"note": "é" * Note.MAX_CHARS}).status_code == 302
    )


def test_minutes_can_be_chosen_after_the_interview(
    member: Client, mei: User, site_clock: SiteClock
) -> None:
    day = days.today(mei.time_zone)
    services.plans.change_plan(user=mei, interview=day, minutes=20, retention=90, two_buttons=False)
    site_clock.later(days=5)
    assert member.get("/").status_code == 200
    assert member.post("/plan", {"only": "minutes", "minutes": "45"}).status_code == 302
    assert (Plan.objects.get().minutes, Plan.objects.get().interview) == (45, day)


def test_a_part_that_is_ticked_cannot_be_written(member: Client, concept: Question) -> None:
    page = "/questions/why-relu"
    assert (
        member.post(f"{page}/check", {"part": "points", "text": "all", "key": uuid4()}).status_code
        == 400
    )
    member.post(f"{page}/reveal")
    assert member.get(page).status_code == 200 and not Answer.objects.exists()


def test_grades_that_come_in_another_order_end_with_the_last_that_was_given(
    mei: User, concept: Question
) -> None:
    attempt = services.answers.reveal(user=mei, question=concept)
    given = [(uuid4(), 3, now() - timedelta(minutes=9)), (uuid4(), 1, now() - timedelta(minutes=5))]
    for name, rating, at in reversed(given):
        services.answers.rate(
            user=mei,
            question=concept,
            seen=FormState(attempt.pk),
            review_id=name,
            rating=rating,
            given=Given(at),
        )
    assert ratings(mei, concept) == [1] and Attempt.objects.get().counting_review_id == given[1][0]


def test_a_tab_of_last_week_does_not_move_its_grade_to_today(
    mei: User, concept: Question, site_clock: SiteClock
) -> None:
    attempt = services.answers.reveal(user=mei, question=concept)
    services.answers.rate(
        user=mei, question=concept, seen=FormState(attempt.pk), review_id=uuid4(), rating=3
    )
    given = now()
    site_clock.later(hours=20)
    services.answers.rate(
        user=mei,
        question=concept,
        seen=FormState(attempt.pk),
        review_id=uuid4(),
        rating=2,
        given=Given(given + timedelta(hours=1)),
    )
    site_clock.later(days=6)
    with pytest.raises(BadRequest):
        services.answers.rate(
            user=mei, question=concept, seen=FormState(attempt.pk), review_id=uuid4(), rating=1
        )
    assert ratings(mei, concept) == [2] and Card.objects.get().last_review == given + timedelta(
        hours=1
    )


def test_a_session_of_nothing_but_withdrawn_questions_is_over(member: Client, mei: User) -> None:
    services.reviews.add_card(user=mei, question=make_question("only"))
    services.reviews.start_session(user=mei)
    Question.objects.update(withdrawn=True)
    page = member.get("/review").content.decode()
    assert "Nothing is due" in page and 'id="after"' not in page  # nothing was rated
    assert member.post("/review/start").status_code == 409


def test_an_attempt_that_an_undo_reopened_is_the_one_that_its_page_shows(
    member: Client, mei: User, concept: Question
) -> None:
    """The first attempt is graded again from its old tab, after the second; then Undo."""
    attempts = []
    for _n in range(2):
        attempt = services.answers.reveal(user=mei, question=concept)
        services.answers.rate(
            user=mei, question=concept, seen=FormState(attempt.pk), review_id=uuid4(), rating=3
        )
        attempts.append(attempt)
    services.answers.rate(
        user=mei, question=concept, seen=FormState(attempts[0].pk), review_id=uuid4(), rating=4
    )
    services.reviews.undo(user=mei)
    shown = selectors.attempts.current_attempt(mei, concept)
    assert shown.pk == attempts[0].pk and not shown.over
    form = opened(member, "/questions/why-relu", "/grade")
    answer = member.post("/questions/why-relu/grade", {**form, "rating": "2"})
    assert answer.status_code == 302
    assert selectors.attempts.current_attempt(mei, concept).number == 2
