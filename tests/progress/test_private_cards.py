"""Private cards: written, studied, edited and deleted by their owner, and by nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from apps.accounts.models import User
from apps.common.errors import NotFound
from apps.progress import selectors, services
from apps.progress.models import Attempt, Card, DailyStats, Note, Review
from apps.progress.services.reviews import ForeignLog, ForeignReview
from apps.questions import private_cards
from apps.questions.limits import MAX_ORIGIN_LENGTH, MAX_PRIVATE_CARDS, MAX_SIDE_CHARS
from apps.questions.models import Question, Revision
from apps.questions.private_cards import CardText, ForeignCard, TooManyCards
from tests.api.conftest import Program
from tests.connections import at_once
from tests.progress.conftest import NOON, SiteClock, make_question

pytestmark = pytest.mark.django_db
FRONT, BACK = "Why is $x^2$ convex?", "Its *second derivative* is 2."


@pytest.fixture
def card(mei: User) -> Question:
    return private_cards.create(owner=mei, text=CardText(FRONT, BACK))


def only_card(user: User) -> Question:
    return Question.with_private.private_to(user).get()


# ---------------------------------------------------------------- by hand


def test_a_card_is_written_edited_and_deleted_on_its_pages(member: Client, mei: User) -> None:
    assert "You have no private card yet" in member.get("/private-cards").content.decode()
    answer = member.post("/private-cards/new", {"front": FRONT, "back": BACK})
    card = only_card(mei)
    assert answer.headers["Location"] == f"/questions/{card.slug}"
    page = member.get("/private-cards").content.decode()
    assert "Why is $x^2$ convex?" in page and "new" in page
    edit = f"/private-cards/{card.slug}/edit"
    assert "Its *second derivative* is 2." in member.get(edit).content.decode()
    member.post(edit, {"front": FRONT, "back": "It is 2 everywhere."})
    card = only_card(mei)
    assert card.current and (card.current.number, card.current.answer_en) == (
        2,
        "It is 2 everywhere.",
    )
    assert Revision.objects.filter(question=card).count() == 1  # nobody had answered the first
    member.post(edit, {"front": FRONT, "back": "It is 2 everywhere."})
    assert only_card(mei).current_id == card.current_id
    member.post(f"/private-cards/{card.slug}/delete")
    assert not Question.with_private.private_to(mei).exists()
    assert member.get(edit).status_code == 404


@pytest.mark.parametrize(
    ("front", "back", "refusal"),
    [
        ("", "b", "This field is required"),
        ("a", " \u200b ", "Write something on both sides of the card."),
        ("a", "x" * (MAX_SIDE_CHARS + 1), f"at most {MAX_SIDE_CHARS} characters"),
    ],
)
def test_what_cannot_be_a_card_is_said_beside_what_was_written(
    member: Client, mei: User, front: str, back: str, refusal: str
) -> None:
    answer = member.post("/private-cards/new", {"front": front, "back": back})
    page = answer.content.decode()
    assert answer.status_code == 422 and refusal in page and back.strip()[:20] in page
    assert not Question.with_private.private_to(mei).exists()


def test_the_list_is_searched_and_a_file_deleted_at_once(member: Client, mei: User) -> None:
    foreign = [
        ForeignCard(f"g{n}", CardText(f"front {n}", f"back {n}"), "deck.apkg", "0" * 64)
        for n in range(3)
    ]
    private_cards.take(owner=mei, cards=foreign)
    private_cards.create(owner=mei, text=CardText(FRONT, BACK))
    page = member.get("/private-cards?words=back+1").content.decode()
    assert page.count("data-row") == 1 and "<mark>1</mark>" in page
    page = member.get("/private-cards?origin=deck.apkg").content.decode()
    assert "convex" not in page and "3 cards of deck.apkg are deleted" in " ".join(page.split())
    assert "No card matches" in member.get("/private-cards?words=nothing").content.decode()
    member.post("/private-cards/delete", {"origin": "deck.apkg"})
    assert only_card(mei).origin == ""
    member.post("/private-cards/delete", {"origin": ""})
    assert only_card(mei)


def test_cards_of_a_file_whose_name_has_spaces_around_it_are_deleted_at_once(
    member: Client, mei: User
) -> None:
    name = f" {'x' * (MAX_ORIGIN_LENGTH - 1)} y.apkg "
    private_cards.take(owner=mei, cards=[ForeignCard("g", CardText("a", "b"), name, "0" * 64)])
    origin = only_card(mei).origin
    page = member.get("/private-cards", {"origin": origin}).content.decode()
    assert "Delete 1 card" in page
    answer = member.post("/private-cards/delete", {"origin": "\x00"})
    assert answer.status_code == 302 and only_card(mei)
    member.post("/private-cards/delete", {"origin": origin})
    assert not Question.with_private.exists()


# ---------------------------------------------------------------- studied


def test_it_is_reviewed_as_every_card_is(
    member: Client, mei: User, card: Question, site_clock: SiteClock
) -> None:
    services.reviews.start_session(user=mei, new=1)
    page = member.get("/review").content.decode()
    assert 'class="katex"' in page and "second derivative" not in page
    assert 'name="text"' not in page  # it is recalled, not written down
    member.post(f"/questions/{card.slug}/reveal", {"in": "review"})
    attempt = Attempt.objects.get(question=card)
    page = member.get(f"/review?at={attempt.pk}").content.decode()
    assert "<em>second derivative</em>" in page and page.count('name="rating"') >= 4
    review = str(uuid.uuid4())
    member.post(
        f"/questions/{card.slug}/grade",
        {"in": "review", "rating": 3, "review_id": review, "attempt": str(attempt.pk)},
    )
    assert Card.objects.get(user=mei).last_review is not None
    member.post("/review/undo")
    assert Card.objects.get(user=mei).is_new
    services.plans.write_note(user=mei, question=card, text="Think of a bowl.")
    services.plans.set_bookmark(user=mei, question=card, is_set=True)
    page = member.get("/notes").content.decode()
    assert "Think of a bowl." in page and "private card" in page
    services.reviews.suspend(user=mei, question=card, suspended=True)
    assert "not in reviews" in member.get("/private-cards").content.decode()
    assert card.current and card.current.title_en in member.get("/progress").content.decode()


def test_a_review_whose_cards_were_all_deleted_is_none(
    member: Client, mei: User, card: Question
) -> None:
    services.reviews.start_session(user=mei, new=1)
    private_cards.delete(owner=mei, slugs=[card.slug])
    page = member.get("/review").content.decode()
    assert "Nothing is due" in page and "recalled" not in page


def test_an_edit_keeps_what_was_answered_and_the_due_date(mei: User, card: Question) -> None:
    attempt = services.attempts.begin_attempt(user=mei, question=card)
    services.reviews.record(user=mei, question=card, review_id=uuid.uuid4(), rating=3)
    due = Card.objects.get().due
    private_cards.change(card=card, text=CardText(FRONT, "Another back."))
    attempt.refresh_from_db()
    assert attempt.revision.answer_en == BACK and Card.objects.get().due == due
    private_cards.change(card=card, text=CardText(FRONT, "A third back."))
    numbers = Revision.objects.filter(question=card).values_list("number", flat=True)
    assert sorted(numbers) == [1, 3]  # the second was never shown


def test_an_edit_between_a_page_and_its_first_form_is_what_is_answered(
    mei: User, card: Question
) -> None:
    read_before = Question.with_private.select_related("current").get(pk=card.pk)
    changed = private_cards.change(card=card, text=CardText(FRONT, "Another back."))
    attempt = services.attempts.begin_attempt(user=mei, question=read_before)
    assert attempt.revision_id == changed.current_id  # the one before it is deleted


def test_days_are_the_sums_of_the_log_also_after_a_card_is_deleted(
    mei: User, card: Question, site_clock: SiteClock
) -> None:
    other = private_cards.create(owner=mei, text=CardText("a", "b"))
    services.reviews.record(user=mei, question=other, review_id=uuid.uuid4(), rating=1, seconds=5)
    columns = ("day", "reviews", "recalls", "recalled", "seconds")
    before = list(DailyStats.objects.filter(user=mei).values(*columns))
    log = [ForeignReview(uuid.uuid4(), 3, NOON - timedelta(days=n), seconds=7) for n in (9, 5, 0)]
    services.reviews.merge(user=mei, question=card, reviews=log)
    private_cards.delete(owner=mei, slugs=[card.slug])
    after = DailyStats.objects.filter(user=mei, reviews__gt=0)
    assert list(after.values(*columns)) == before


def test_new_private_cards_and_new_questions_alternate(mei: User) -> None:
    for n in range(3):
        make_question(f"question-{n}")
        private_cards.create(owner=mei, text=CardText(f"front {n}", "back"))
    new = selectors.questions.new_cards(mei, 5)
    assert [question.is_private for question in new] == [False, True, False, True, False]
    assert new[1].current and new[1].current.title_en == "front 0"
    assert not any(q.is_private for q in selectors.questions.new_cards(mei, 5, "losses"))
    services.reviews.add_card(user=mei, question=new[1])
    assert new[1] not in selectors.questions.new_cards(mei, 5)


def test_a_card_that_is_new_is_no_new_question(member: Client, mei: User, card: Question) -> None:
    assert "Learn 1 new card " in " ".join(member.get("/review").content.decode().split())
    mei.language = "zh-hans"
    mei.save(update_fields=["language"])
    page = member.get("/private-cards").content.decode()
    assert "新卡片" in page and "新题" not in page
    page = member.get("/review").content.decode()
    assert "学 1 张新卡片" in page and "新题" not in page


def test_a_due_card_is_on_the_page_before_a_review(
    member: Client, mei: User, card: Question
) -> None:
    services.reviews.add_card(user=mei, question=card)
    page = member.get("/review").content.decode()
    assert "1 card is due" in page and "your private cards" in page


def test_a_log_that_comes_at_once_is_the_one_that_comes_bit_by_bit(
    mei: User, sam: User, site_clock: SiteClock
) -> None:
    User.objects.update(time_zone="Europe/Berlin")
    mei.refresh_from_db()
    sam.refresh_from_db()
    first = uuid.uuid4()
    reviews = [
        ForeignReview(first, 1, NOON - timedelta(days=20), seconds=9),
        ForeignReview(uuid.uuid4(), 3, NOON - timedelta(days=19)),
        ForeignReview(uuid.uuid4(), 3, NOON - timedelta(days=5), seconds=2),
        ForeignReview(uuid.uuid4(), None, NOON - timedelta(days=20), undoes=first),
    ]
    one, other = (private_cards.create(owner=u, text=CardText("a", "b")) for u in (mei, sam))
    services.reviews.merge(user=mei, question=one, reviews=reviews)
    count = services.reviews.merge_new(
        user=sam, logs=[ForeignLog(other, [*reviews, reviews[0]], suspended=True)]
    )
    assert count == Review.objects.filter(user=mei).count() == 4
    columns = ("state", "stability", "difficulty", "last_review", "last_day", "due")
    ours, theirs = (Card.objects.filter(user=u).values(*columns).get() for u in (mei, sam))
    assert ours == theirs
    days = ("day", "reviews", "recalls", "recalled", "seconds")
    ours, theirs = (list(DailyStats.objects.filter(user=u).values(*days)) for u in (mei, sam))
    assert [row for row in ours if row["reviews"]] == theirs
    assert Card.objects.get(user=sam).suspended


# ---------------------------------------------------------------- bounds, and others


def test_there_are_5000_at_most(member: Client, mei: User) -> None:
    text = CardText("a", "b")
    private_cards.take(
        owner=mei, cards=[ForeignCard(f"g{n}", text) for n in range(MAX_PRIVATE_CARDS)]
    )
    with pytest.raises(TooManyCards):
        private_cards.create(owner=mei, text=text)
    answer = member.post("/private-cards/new", {"front": "One", "back": "more"})
    assert answer.status_code == 422 and "as many as there can be" in answer.content.decode()
    assert private_cards.delete(owner=mei, slugs=[Question.with_private.last().slug]) == 1  # type: ignore[union-attr]
    private_cards.create(owner=mei, text=text)


def test_they_count_in_nothing_of_the_bank(member: Client, mei: User, card: Question) -> None:
    services.reviews.record(user=mei, question=card, review_id=uuid.uuid4(), rating=3)
    assert not Question.objects.exists() and card not in Question.objects.offered()
    plan = selectors.plans.plan_of(mei)
    assert not any(row.questions or row.cards for row in selectors.statistics.mastery(mei, plan))
    assert FRONT not in member.get("/questions?words=convex").content.decode()


def test_whoever_goes_takes_their_cards_along(mei: User, card: Question) -> None:
    services.attempts.begin_attempt(user=mei, question=card)
    services.reviews.record(user=mei, question=card, review_id=uuid.uuid4(), rating=3)
    services.plans.write_note(user=mei, question=card, text="x")
    mei.delete()
    assert not Question.with_private.exists() and not Revision.objects.exists()
    assert not Note.objects.exists() and not Review.objects.exists()


@pytest.mark.attack
def test_what_the_bank_published_is_still_never_deleted(concept: Question) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Question.objects.filter(pk=concept.pk).update(current=None)
        Question.objects.filter(pk=concept.pk).delete()
    assert Question.objects.get() == concept


def test_programs_list_read_write_and_delete_them(mei: User, sam: User) -> None:
    program = Program(mei)
    created = program.post("private-cards", {"front": FRONT, "back": BACK}).json()
    assert created["back_html"] == "<p>Its <em>second derivative</em> is 2.</p>"
    rows = program.get("private-cards?words=convex").json()["results"]
    assert [row["question_id"] for row in rows] == [created["question_id"]]
    path = f"private-cards/{created['question_id']}"
    assert program.get(path).json()["front"] == FRONT
    detail = program.get(f"questions/{created['question_id']}").json()
    assert detail["statement"] == FRONT and detail["topic"] == ""
    program.client.headers = {}  # type: ignore[attr-defined]
    assert (
        program.send("get", f"questions/{created['question_id']}", accept_language="zh").json()[
            "statement"
        ]
        == FRONT
    )
    assert Program(sam).get(path).status_code == 404
    assert Program(sam).send("delete", path).status_code == 404
    assert program.post("private-cards", {"front": "a", "back": "\u200b"}).status_code == 422
    assert program.send("delete", path).status_code == 204
    assert program.get("private-cards").json()["results"] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", ["grade", "note", "bookmark", "attempt"])
def test_a_card_that_is_deleted_at_the_same_moment_is_not_found(mei: User, deed: str) -> None:
    def act(card: Question) -> None:
        match deed:
            case "grade":
                name = uuid.uuid4()
                services.reviews.record(user=mei, question=card, review_id=name, rating=3)
            case "note":
                services.plans.write_note(user=mei, question=card, text="x")
            case "bookmark":
                services.plans.set_bookmark(user=mei, question=card, is_set=True)
            case "attempt":
                services.attempts.begin_attempt(user=mei, question=card)

    deeds: list[Callable[[], object]] = []
    for _round in range(4):
        card = private_cards.create(owner=mei, text=CardText("a", "b"))
        deeds[:] = [
            partial(private_cards.delete, owner=mei, slugs=[card.slug]),
            partial(act, card),
        ]
        for result in at_once(lambda: deeds.pop()(), times=2):
            assert not isinstance(result, Exception) or isinstance(result, NotFound), repr(result)
        assert not Question.with_private.exists() and not Card.objects.exists()
    with pytest.raises(NotFound):
        act(card)
