"""The page of a question: plain forms for all of it; visitors may answer, strangers see nothing of
others.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.common import clock
from apps.progress import selectors, services
from apps.progress.models import Answer, Attempt, Bookmark, Card, Note, Review
from apps.questions.limits import (
    MAX_EXPRESSION_INPUT,
    MAX_EXPRESSION_LENGTH,
    MAX_NUMBER_INPUT,
    MAX_NUMBER_LENGTH,
)
from apps.questions.models import Question
from tests.experiments.pages_cast import MAX_QUERIES
from tests.progress.conftest import (
    CHOICES,
    DERIVATION,
    NUMERIC,
    SiteClock,
    make_question,
    right_number,
    sampled,
)

pytestmark = pytest.mark.django_db
PAGE = "/questions/how-long"


def post(client: Client, path: str, **data: Any) -> Any:
    return client.post(path, {"key": str(uuid4()), **data})


def answer_of(user: User, question: Question) -> str:
    return str(right_number(selectors.attempts.current_attempt(user, question).seed))


def hidden(html: str, name: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert match, name
    return match[1]


def test_a_visitor_reads_the_question_and_not_the_answer(client: Client, numeric: Question) -> None:
    html = client.get(PAGE).content.decode()
    assert "statement of how-long" in html and "answer of how-long" not in html


def test_the_difficulty_stands_on_the_page_before_the_answer_and_after(client: Client) -> None:
    make_question("how-far", difficulty=4)
    for way in ("", "?reveal=1"):
        assert "<dd>4 / 5</dd>" in client.get(f"/questions/how-far{way}").content.decode()


def test_a_visitor_reveals_by_a_plain_link(client: Client, numeric: Question) -> None:
    html = client.get(f"{PAGE}?reveal=1").content.decode()
    assert "answer of how-long" in html and "Sign in" in html
    assert not Attempt.objects.exists()


def test_a_visitor_writes_an_answer_that_is_shown_beside_the_key_points_and_not_kept(
    client: Client, concept: Question
) -> None:
    page = concept.get_absolute_url()
    html = client.get(page).content.decode()
    assert 'id="written"' in html and "What you write here is not saved" in html
    shown = client.post(f"{page}/reveal", {"text": "It <b>bends</b>."}).content.decode()
    assert "It &lt;b&gt;bends&lt;/b&gt;." in shown and "answer of why-relu" in shown
    assert shown.index("What you wrote") < shown.index("Key points") < shown.index("full answer")
    assert client.post(f"{page}/reveal", {"text": " "})["Location"] == f"{page}?reveal=1#ref"
    assert not Attempt.objects.exists() and not Answer.objects.exists()


PROMPT = r'class="prompt"><b aria-hidden="true">(\d)'


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        (["code", "numeric"], ["written", "part-1"]),
        (["concept", "numeric"], ["written", "part-1"]),
        (["numeric", "concept"], ["part-1", "written"]),
    ],
)
def test_the_main_task_comes_first_which_is_the_first_kind_that_a_question_names(
    client: Client, member: Client, kinds: list[str], shown: list[str]
) -> None:
    starter = "def f(x):\n" if "code" in kinds else ""
    question = make_question("both", kinds=kinds, numeric=NUMERIC, starter=starter)
    page = question.get_absolute_url()
    for reader in (client, member):
        html = reader.get(page).content.decode()
        assert re.findall(PROMPT, html) == ["1", "2"]
        assert re.findall(r'<(?:section|textarea)[^>]* id="(part-1|written)"', html) == shown
        assert re.search('<textarea id="written"[^>]* form="reveal"', html)
        reader.post(f"{page}/reveal", {"text": "return x"} if reader is client else {})
        revealed = reader.get(f"{page}?reveal=1").content.decode()
        assert re.findall(PROMPT, revealed) == ["1", "2"]
        places = re.findall(r'<(?:section|h2)[^>]* id="(part-1|ref|grade)"', revealed)
        expected = ["ref" if name == "written" else name for name in shown]
        assert places == [*expected, *(["grade"] if reader is member else [])]


def test_what_is_to_be_answered_is_numbered(
    client: Client, member: Client, mixed: Question
) -> None:
    html = member.get("/questions/all-of-it").content.decode()
    assert re.findall(PROMPT, html) == ["1", "2", "3"]
    both = make_question("both", kinds=["concept", "numeric"], numeric=NUMERIC)
    for reader in (client, member):
        html = reader.get(both.get_absolute_url()).content.decode()
        assert "Part 1 of 2" in html and "Part 2 of 2" in html and "In ms." in html
    alone = member.get(make_question("alone").get_absolute_url()).content.decode()
    assert 'class="prompt"' not in alone


def test_a_long_answer_is_folded_below_its_key_points(client: Client, db: None) -> None:
    short = make_question("short").get_absolute_url()
    assert re.search('class="fold" open', client.get(f"{short}?reveal=1").content.decode())
    text = {"answer_html_en": f"<p>{'So it is. ' * 400}</p>"}
    page = make_question("long", html=text).get_absolute_url()
    html = client.get(f"{page}?reveal=1").content.decode()
    assert 'class="fold">' in html and 'href="#answer">The full answer' in html


def test_related_questions_stand_beside_the_answer_and_not_before(
    client: Client, numeric: Question
) -> None:
    make_question("how-far", related=["how-long", "not-written-yet"])
    before, after = (
        client.get(f"/questions/how-far{way}").content.decode() for way in ("", "?reveal=1")
    )
    assert "Related questions" not in before and "title of how-long" not in before
    assert "title of how-long" in after and "not-written-yet" not in after


def test_a_visitors_answer_is_checked_and_not_kept(client: Client, numeric: Question) -> None:
    right = str(right_number(0))
    assert (
        'data-kind="right"' in post(client, f"{PAGE}/check", part="1", text=right).content.decode()
    )
    wrong = post(client, f"{PAGE}/check", part="1", text="-1").content.decode()
    assert 'data-kind="wrong"' in wrong
    assert "Again" not in wrong, "a visitor has no grade"
    assert not Answer.objects.exists() and not Attempt.objects.exists()


@pytest.mark.parametrize(
    "action", ["hint", "grade", "points", "note", "bookmark", "suspend", "card"]
)
def test_what_is_kept_needs_someone_to_keep_it_for(
    client: Client, numeric: Question, action: str
) -> None:
    response = post(client, f"{PAGE}/{action}")
    assert response.status_code == 302 and "/login" in response["Location"]


@pytest.mark.parametrize(
    "action", ["check", "hint", "reveal", "grade", "points", "note", "bookmark", "suspend", "card"]
)
def test_reading_changes_nothing(member: Client, numeric: Question, action: str) -> None:
    assert member.get(f"{PAGE}/{action}").status_code == 405


@pytest.mark.parametrize(
    ("led", "path"),
    [
        (f"{PAGE}/check", PAGE),
        (f"{PAGE}/grade", PAGE),
        ("/review/start", "/review"),
        ("/language", "/"),
        ("/theme", "/"),
    ],
)
def test_who_signs_in_or_changes_the_language_there_comes_to_the_page_of_the_deed(
    member: Client, numeric: Question, led: str, path: str
) -> None:
    response = member.get(led, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (response.status_code, response["Location"]) == (302, path)


def test_a_refusal_leads_back_to_the_page_that_asked(member: Client, numeric: Question) -> None:
    asked = {"referer": f"http://testserver{PAGE}?reveal=1"}
    html = member.post(f"{PAGE}/grade", {"key": "x"}, headers=asked).content.decode()
    assert f'href="{PAGE}?reveal=1">Back to the page' in html
    for strange in (
        "http://evil.example/questions",
        "javascript:alert(1)",
        "http://testserver//evil.example/",
        "",
    ):
        html = member.post(
            f"{PAGE}/grade", {"key": "x"}, headers={"referer": strange}
        ).content.decode()
        assert "Back to the page" not in html and "evil.example" not in html, strange


def test_what_is_said_of_an_answer_is_in_view_also_where_it_was_not_read(
    client: Client, numeric: Question
) -> None:
    assert (
        f'action="{PAGE}/check#part-1"'
        in post(client, f"{PAGE}/check", part="1", text="what?").content.decode()
    )


def test_a_question_that_is_graded_leads_on(member: Client, mei: User, numeric: Question) -> None:
    post(member, f"{PAGE}/check", part="1", text=answer_of(mei, numeric))
    assert "Back to today" not in member.get(PAGE).content.decode()
    post(member, f"{PAGE}/reveal")
    assert "Back to today" in member.get(f"{PAGE}?reveal=1").content.decode()


def test_every_question_leads_to_those_beside_it_and_a_graded_one_to_the_card_due_next(
    member: Client, mei: User, numeric: Question
) -> None:
    easy = make_question("an-easy-one", difficulty=1)
    html = member.get(PAGE).content.decode()
    assert re.search(r'href="/questions/an-easy-one" rel="prev" data-key="p"', html)
    assert re.search(r'rel="next"', html) is None, "the last of its topic"
    services.reviews.add_card(user=mei, question=easy)
    post(member, f"{PAGE}/check", part="1", text=answer_of(mei, numeric))
    post(member, f"{PAGE}/reveal")
    graded = member.get(f"{PAGE}?reveal=1").content.decode()
    assert re.search(r'href="/questions/an-easy-one" data-key="n">Next due card', graded)
    assert 'data-key="n"' in member.get(easy.get_absolute_url()).content.decode()


def test_a_sentence_round_an_answer_ends_as_its_language_does(
    member: Client, mei: User, numeric: Question
) -> None:
    post(member, f"{PAGE}/check", part="1", text="-1")
    post(member, f"{PAGE}/reveal")
    html = member.get(f"{PAGE}?reveal=1").content.decode()
    assert 'You answered <b class="you">-1</b>. The answer is <b class="fig">' in html
    member.post("/language", {"language": "zh-hans"})
    html = member.get(f"{PAGE}?reveal=1").content.decode()
    assert '</b>。答案是 <b class="fig">' in html and "</b>." not in html


def test_a_question_that_is_not_there_is_a_404(member: Client, numeric: Question) -> None:
    assert member.get("/questions/nothing").status_code == 404
    Question.objects.update(withdrawn=True)
    assert member.get(PAGE).status_code == 404
    assert post(member, f"{PAGE}/check", part="1", text="1").status_code == 404


def test_wrong_then_right_then_reveal_is_again_and_says_so(
    member: Client, mei: User, numeric: Question
) -> None:
    wrong = post(member, f"{PAGE}/check", part="1", text="-1", confidence="75")
    assert wrong.status_code == 302
    assert 'data-kind="wrong"' in member.get(PAGE).content.decode()
    post(member, f"{PAGE}/check", part="1", text=answer_of(mei, numeric))
    assert "Your first answer counts, so the grade is Again." in member.get(PAGE).content.decode()
    revealed = member.post(f"{PAGE}/reveal", {}, follow=True).content.decode()
    assert "answer of how-long" in revealed and 'class="g again picked"' in revealed
    assert [grade.rating for grade in selectors.cards.rated_reviews(Card.objects.get())] == [1]
    assert Answer.objects.get(place=1).confidence == 75


def test_a_known_mistake_gets_its_message(member: Client, mei: User, numeric: Question) -> None:
    n = sampled(selectors.attempts.current_attempt(mei, numeric).seed).values["n"]
    post(member, f"{PAGE}/check", part="1", text=str(n + 2))
    assert "That adds; it doubles." in member.get(PAGE).content.decode()


@pytest.mark.parametrize(
    "text",
    ["", "seven", "1,2,3", "1e99999", "<script>alert(1)</script>", "x" * 5000, "\x00", "٣", "nan"],
)
def test_what_cannot_be_read_is_said_at_its_place_and_does_not_count(
    member: Client, numeric: Question, text: str
) -> None:
    response = post(member, f"{PAGE}/check", part="1", text=text)
    html = response.content.decode()
    if response.status_code == 302:  # a digit of another script is a number too
        assert text == "٣"
        return
    assert (
        response.status_code == 422
        and "This was not counted." in html
        and "<script>alert" not in html
    )
    assert not Answer.objects.exists()


def test_a_choice_shows_reasons_once_it_was_answered(member: Client, mixed: Question) -> None:
    assert "the reason of a" not in member.get("/questions/all-of-it").content.decode()
    post(member, "/questions/all-of-it/check", part="2", chose="1", chosen=["a", "c"])
    html = member.get("/questions/all-of-it").content.decode()
    assert (
        'data-kind="right"' in html
        and "the reason of a" in html
        and Answer.objects.get().was_read == ["a", "c"]
    )


def test_steps_are_checked_and_opened_by_plain_forms(member: Client, mixed: Question) -> None:
    page = "/questions/all-of-it"
    assert "step 2" not in member.get(page).content.decode()
    post(member, f"{page}/check", part="3.1", text="1/n")
    assert "step 2" in member.get(page).content.decode()
    post(member, f"{page}/check", part="3.2", own="had")
    member.post(f"{page}/reveal")
    assert [grade.rating for grade in selectors.cards.rated_reviews(Card.objects.get())] == [3]


def test_a_visitor_goes_through_the_steps_one_by_one(client: Client, mixed: Question) -> None:
    """Their forms carry what they answered; nothing is stored."""
    path, right = "/questions/all-of-it/check", str(right_number(0))
    html = client.get("/questions/all-of-it").content.decode()
    for answer in (
        {"part": "1", "text": right},
        {"part": "3.1", "text": "n + 1"},
        {"part": "3.1", "text": "1/n"},
        {"part": "2", "chose": "1", "chosen": ["a", "c"]},
        {"part": "3.2", "own": "had"},
    ):
        assert ("step 2" in html) is (answer["part"] in ("2", "3.2")), answer
        earlier = unescape(hidden(html, "earlier"))
        html = post(client, path, **answer, earlier=earlier).content.decode()
    assert html.count('class="said" data-kind="right"') == 4
    assert not Answer.objects.exists() and not Attempt.objects.exists()


@pytest.mark.parametrize(
    "earlier",
    [
        "",
        "x",
        "[]",
        '{"3.1": 7}',
        '{"3.1": {"text": ["1/n"]}}',
        '{"3.77": {"own": "had"}}',
        '{"written": {"text": "x"}, "2": {"chosen": [7, {}]}}',
        "[" * 30_000,
        "9" * 30_000,
    ],
)
def test_what_a_visitors_form_carries_may_be_anything(
    client: Client, mixed: Question, earlier: str
) -> None:
    path = "/questions/all-of-it/check"
    html = post(client, path, part="3.1", text="1/n", earlier=earlier).content.decode()
    assert "step 2" in html


@pytest.mark.parametrize("text", ["n + (", "n + 1", "1/n"])
def test_what_is_said_of_a_first_step_is_not_folded_away(
    client: Client, member: Client, db: None, text: str
) -> None:
    make_question("by-steps", kinds=["derivation"], derivation=DERIVATION)
    for reader in (client, member):
        html = post(reader, "/questions/by-steps/check", part="1.1", text=text).content.decode()
        shown = html or reader.get("/questions/by-steps").content.decode()
        assert 'class="said"' in shown and '<details class="begin">' not in shown


def test_how_sure_one_was_stays_with_what_could_not_be_read(
    member: Client, numeric: Question
) -> None:
    html = post(member, f"{PAGE}/check", part="1", text="seven", confidence="75").content.decode()
    assert [
        sure for sure in (50, 75, 95) if f'name="confidence" value="{sure}" checked' in html
    ] == [75]


def test_what_was_written_goes_with_the_reveal_and_is_marked_by_points(
    member: Client, concept: Question
) -> None:
    page = "/questions/why-relu"
    html = member.get(page).content.decode()
    shown = member.post(
        f"{page}/reveal", {"text": "It is <b>cheap</b>.", "key": hidden(html, "key")}, follow=True
    ).content.decode()
    assert "It is &lt;b&gt;cheap&lt;/b&gt;." in shown and "point 1 of why-relu" in shown
    attempt = hidden(shown, "attempt")
    member.post(f"{page}/points", {"attempt": attempt, "point": ["0"]})
    assert [grade.rating for grade in selectors.cards.rated_reviews(Card.objects.get())] == [2]


def test_the_rule_of_the_grade_stands_before_it_is_applied(member: Client, mei: User) -> None:
    """A wrong first choice, then points: one line says what each comes to, for every tick."""
    question = make_question("points-and-choice", kinds=["concept", "choice"], choice=CHOICES)
    page = question.get_absolute_url()
    form = {"part": "1", "chosen": ["b"], "chose": "1", "key": str(uuid4())}
    checked = member.post(f"{page}/check", form, follow=True).content.decode()
    assert (
        "Your first answer counts, so the grade is Again. Try again, or reveal the answer."
        in checked
    )
    member.post(f"{page}/reveal", {})
    html = member.get(f"{page}?reveal=1").content.decode()
    lowest = "first choice wrong: Again; the lowest counts: Again"
    assert f'role="status">0 of 2 points: Again; {lowest}<' in html
    assert f"2 of 2 points: Good; {lowest}&quot;" in html, (
        "what a script shows as points are ticked"
    )
    attempt = str(Attempt.objects.get(user=mei).pk)
    member.post(f"{page}/points", {"attempt": attempt, "point": ["0"]})
    html = member.get(f"{page}?reveal=1").content.decode()
    assert f'role="status">1 of 2 points: Hard; {lowest}<' in html
    assert Review.objects.filter(user=mei, rating__isnull=False).latest("pk").rating == 1


def test_hints_open_one_at_a_time(member: Client, numeric: Question) -> None:
    assert "hint 1" not in member.get(PAGE).content.decode()
    member.post(f"{PAGE}/hint", {"number": "1"})
    html = member.get(PAGE).content.decode()
    assert "hint 1" in html and "hint 2" not in html


def test_a_grade_is_posted_twice_and_stored_once(member: Client, concept: Question) -> None:
    page = "/questions/why-relu"
    html = member.post(f"{page}/reveal", follow=True).content.decode()
    form = {
        "attempt": hidden(html, "attempt"),
        "review_id": hidden(html, "review_id"),
        "rating": "3",
    }
    first, second = (
        member.post(f"{page}/grade", form),
        member.post(f"{page}/grade", {**form, "rating": "1"}),
    )
    assert first.status_code == second.status_code == 302
    assert Review.objects.count() == 1 == Attempt.objects.count()
    assert [grade.rating for grade in selectors.cards.rated_reviews(Card.objects.get())] == [3]


def test_another_grade_from_a_page_that_gave_one_is_not_taken_silently(
    member: Client, concept: Question
) -> None:
    html = member.post("/questions/why-relu/reveal", follow=True).content.decode()
    form = {"attempt": hidden(html, "attempt"), "review_id": hidden(html, "review_id")}
    member.post("/questions/why-relu/grade", {**form, "rating": "3"})
    response = member.post(
        "/questions/why-relu/grade", {**form, "rating": "1"}, follow=True
    ).content.decode()
    assert "from that page: Good. You can change it below." in response
    assert [review.rating for review in Review.objects.all()] == [3]
    anew = {
        "attempt": hidden(response, "attempt"),
        "review_id": hidden(response, "review_id"),
        "rating": "1",
    }
    assert (
        "Again. Next review in"
        in member.post("/questions/why-relu/grade", anew, follow=True).content.decode()
    )


@pytest.mark.parametrize("rating", ["", "0", "5", "-1", "3.0", "three", "３", "9" * 400])
def test_a_grade_that_is_none_is_refused(member: Client, concept: Question, rating: str) -> None:
    response = member.post(
        "/questions/why-relu/grade", {"review_id": str(uuid4()), "rating": rating}
    )
    assert response.status_code == 400 and not Review.objects.exists()


@pytest.mark.parametrize("field", ["review_id", "attempt"])
@pytest.mark.parametrize("value", ["", "1", "not-a-name", "\x00"])
def test_a_form_that_lost_its_number_is_told(
    member: Client, concept: Question, field: str, value: str
) -> None:
    form = {"review_id": str(uuid4()), "rating": "3", "attempt": str(uuid4()), field: value}
    response = member.post("/questions/why-relu/grade", form)
    assert response.status_code == (302 if (field, value) == ("attempt", "") else 400)


@pytest.mark.parametrize(
    "part", ["", "nothing", "choice-7", "numeric' OR 1=1", "step-99", "x" * 300, "\x00"]
)
def test_a_part_that_is_not_there_is_refused(member: Client, numeric: Question, part: str) -> None:
    assert post(member, f"{PAGE}/check", part=part, text="1").status_code == 400


def test_a_script_gets_json_and_may_send_a_grade_late(member: Client, concept: Question) -> None:
    at = int((clock.now().timestamp() - 3600) * 1000)
    form = {"review_id": str(uuid4()), "rating": "3", "at": str(at), "shown": str(at - 9000)}
    response = member.post(
        "/questions/why-relu/grade", form, headers={"accept": "application/json"}
    )
    assert response.json()["rating"] == 3
    review = Review.objects.get()
    assert round(review.at.timestamp() * 1000) == at and review.seconds == 9


def test_the_time_before_the_answer_was_opened_counts(
    member: Client, concept: Question, site_clock: SiteClock
) -> None:
    path = "/questions/why-relu"
    began = clock.now()
    html = member.get(path).content.decode()
    for action in ("hint", "reveal", "grade"):
        site_clock.later(seconds=30)
        form = {name: hidden(html, name) for name in ("attempt", "revision", "shown")}
        form |= (
            {"review_id": hidden(html, "review_id"), "rating": "3"}
            if action == "grade"
            else {"text": "", "key": str(uuid4())}
        )
        html = member.post(f"{path}/{action}", form, follow=True).content.decode()
    assert 89.9 < Review.objects.get().seconds <= (clock.now() - began).total_seconds() + 0.1


def test_whoever_comes_back_after_an_hour_begins_anew(
    member: Client, concept: Question, site_clock: SiteClock
) -> None:
    path = "/questions/why-relu"
    shown = hidden(member.get(path).content.decode(), "shown")
    member.post(f"{path}/hint", {"number": "1", "shown": shown})
    present = site_clock.later(hours=1)
    anew = int(hidden(member.get(path).content.decode(), "shown")) / 1000
    assert present.timestamp() - 0.1 < anew < clock.now().timestamp() + 0.1


def test_a_grade_of_long_ago_is_not_taken(member: Client, concept: Question) -> None:
    at = int((clock.now().timestamp() - 40 * 86400) * 1000)
    response = member.post(
        "/questions/why-relu/grade", {"review_id": str(uuid4()), "rating": "3", "at": str(at)}
    )
    assert response.status_code == 400 and not Review.objects.exists()


def test_notes_and_bookmarks_are_kept_and_taken_away(member: Client, numeric: Question) -> None:
    member.post(f"{PAGE}/note", {"note": "mind the <unit>\x00"})
    member.post(f"{PAGE}/bookmark", {"kept": "1"})
    html = member.get(PAGE).content.decode()
    assert "mind the &lt;unit&gt;" in html and "Remove bookmark" in html
    assert "Note saved." in html and "Bookmarked." in html
    member.post(f"{PAGE}/note", {"note": "  "})
    removed = member.post(f"{PAGE}/bookmark", {"kept": "0"}, follow=True).content.decode()
    assert "Bookmark removed." in removed
    assert not Note.objects.exists() and not Bookmark.objects.exists()


@pytest.mark.parametrize("end", ["", "x"])
def test_a_text_of_the_longest_length_may_have_line_breaks(
    member: Client, concept: Question, end: str
) -> None:
    page = "/questions/why-relu"
    note, written = ("a\r\nb🦆\r\n" + "c" * (most - 6) for most in (4_000, 20_000))
    answers = [
        member.post(f"{page}/note", {"note": note + end}),
        post(member, f"{page}/reveal", text=written + end),
    ]
    assert [answer.status_code for answer in answers] == [422 if end else 302] * 2
    assert Note.objects.filter(text="a\nb🦆\n" + "c" * 3_994).exists() is not bool(end)
    assert [len(one.entered["text"]) for one in Answer.objects.all()] == ([] if end else [19_999])


def test_a_note_that_is_too_long_stays_in_its_field(member: Client, concept: Question) -> None:
    answer = member.post("/questions/why-relu/note", {"note": "x" * 4_001})
    html = answer.content.decode()
    assert answer.status_code == 422 and "x" * 4_001 in html and "4000 characters" in html


def test_what_is_written_may_run_from_right_to_left_and_code_may_not(
    member: Client, concept: Question
) -> None:
    make_question("by-code", kinds=["code"], starter="def f(x):\n")
    words, code = (
        member.get(f"/questions/{slug}").content.decode() for slug in ("why-relu", "by-code")
    )
    assert _direction(words, "note") == _direction(words, "written") == "auto"
    assert _direction(code, "written") == "ltr"
    post(member, "/questions/why-relu/reveal", text="لأنه رخيص")
    shown = member.get("/questions/why-relu?reveal=1").content.decode()
    assert re.search(r'<div class="wrote you"\s+dir="auto">لأنه رخيص', shown)


def _direction(html: str, field: str) -> str:
    tag = next(
        tag
        for tag in re.findall("<textarea[^>]*>", html)
        if f'name="{field}"' in tag or f'id="{field}"' in tag
    )
    return re.findall('dir="([a-z]+)"', tag)[0]


def test_a_blank_first_line_is_kept(member: Client, concept: Question) -> None:
    """HTML drops one line break after the tag of a textarea."""
    html = post(member, "/questions/why-relu/reveal", text="\n" + "x" * 20_000).content.decode()
    assert re.search(r'<textarea id="written"[^>]*>\n\n', html)


def test_the_reason_of_an_option_has_the_colour_of_that_option(
    member: Client, mixed: Question
) -> None:
    post(member, "/questions/all-of-it/check", part="2", chose="1", chosen=["a", "b"])
    member.post("/questions/all-of-it/reveal")
    html = member.get("/questions/all-of-it?reveal=1").content.decode()
    kinds = {
        key: kind
        for kind, key in re.findall(
            r'class="because"\s+data-kind="(\w*)">.*?the reason of (\w)', html, re.DOTALL
        )
    }
    assert kinds == {"a": "right", "b": "wrong", "c": "right"}


def test_a_stranger_sees_nothing_of_another(sam: User, member: Client, numeric: Question) -> None:
    member.post(f"{PAGE}/note", {"note": "mine alone"})
    post(member, f"{PAGE}/check", part="1", text="-12345")
    other = Client()
    other.force_login(sam)
    html = other.get(PAGE).content.decode()
    assert "mine alone" not in html and "-12345" not in html


def test_nobody_is_sent_to_another_site(member: Client, numeric: Question) -> None:
    for path in (
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
    ):
        assert member.post(f"{PAGE}/bookmark", {"kept": "1", "next": path})["Location"] == PAGE


def test_a_suspended_question_stays_out_until_it_is_let_in(
    member: Client, mei: User, concept: Question
) -> None:
    member.post("/questions/why-relu/card")
    assert selectors.cards.count_due(mei) == 1
    member.post("/questions/why-relu/suspend", {"suspended": "1"})
    assert selectors.cards.count_due(mei) == 0
    member.post("/questions/why-relu/suspend", {"suspended": "0"})
    assert selectors.cards.count_due(mei) == 1


def test_chinese_readers_read_chinese(member: Client, mei: User, numeric: Question) -> None:
    mei.language = "zh-hans"
    mei.save()
    html = member.get(PAGE).content.decode()
    assert 'lang="zh-Hans"' in html and "毫秒" in html


@pytest.mark.parametrize(
    ("text", "kept"),
    [("def f(x):\r\n    ...\r\n", ""), ("def f(x):\r\n    return x\r\n", "return x"), ("  ", "")],
)
def test_code_begins_from_its_starter_which_alone_is_no_answer(
    member: Client, db: None, text: str, kept: str
) -> None:
    page = make_question(
        "by-code", kinds=["code"], starter="def f(x):\n    ...\n"
    ).get_absolute_url()
    html = member.get(page).content.decode()
    assert ">\ndef f(x):\n    ...\n</textarea>" in html and "Starter code" not in html
    shown = member.post(
        f"{page}/reveal", {"text": text, "key": hidden(html, "key")}, follow=True
    ).content.decode()
    assert ("<h2>What you wrote" in shown, kept in shown) == (bool(kept), True)
    assert [answer.entered["text"].split()[-1] for answer in Answer.objects.all()] == (
        ["x"] if kept else []
    )


@pytest.mark.parametrize("state", ["fresh", "answered", "revealed"])
def test_the_page_asks_little_of_the_database(
    member: Client, mei: User, mixed: Question, state: str, django_assert_max_num_queries: Any
) -> None:
    page = "/questions/all-of-it"
    member.get(page)  # what shows drawn values is made now, and kept
    if state != "fresh":
        post(member, f"{page}/check", part="1", text="-1")
    if state == "revealed":
        member.post(f"{page}/reveal")
    with django_assert_max_num_queries(MAX_QUERIES + 1):  # the questions beside it
        assert member.get(page + ("?reveal=1" if state == "revealed" else "")).status_code == 200


def test_a_field_takes_more_than_is_read_so_that_nothing_is_cut_to_another_answer(
    client: Client, mixed: Question
) -> None:
    html = client.get("/questions/all-of-it").content.decode()
    assert f'maxlength="{MAX_NUMBER_INPUT}"' in html and MAX_NUMBER_INPUT > MAX_NUMBER_LENGTH
    assert f'maxlength="{MAX_EXPRESSION_INPUT}"' in html
    assert MAX_EXPRESSION_INPUT > MAX_EXPRESSION_LENGTH
