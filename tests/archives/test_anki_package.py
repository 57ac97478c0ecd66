"""The Anki package, as Anki itself reads it: the same cards, due on the same days, with the same
reviews.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from anki.consts import (
    CARD_TYPE_LRN,
    CARD_TYPE_NEW,
    CARD_TYPE_RELEARNING,
    CARD_TYPE_REV,
    QUEUE_TYPE_NEW,
    QUEUE_TYPE_SUSPENDED,
)

from apps.accounts.models import User
from apps.archives.anki_package import write_package
from apps.progress import days, services
from apps.progress.models import Card
from apps.questions.models import Question
from tests.archives.anki import card_in, import_into, opened
from tests.progress.conftest import NOON, SiteClock, make_question, right_number

pytestmark = pytest.mark.django_db
FORMULA = (
    '<p>So <span class="katex"><span class="katex-mathml"><math><semantics><mrow><mi>x</mi></mrow>'
    '<annotation encoding="application/x-tex">x &lt; \\frac{1}{2}</annotation></semantics></math>'
    '</span><span class="katex-html" aria-hidden="true"><span class="katex-base">x</span></span>'
    "</span> holds.</p>"
)
FIGURE = '<svg class="figure plate" viewBox="0 0 1 1" role="img" aria-label="A line"></svg>\n'


def rate(user: User, question: Question, rating: int, at: datetime) -> None:
    services.reviews.record(
        user=user, question=question, review_id=uuid.uuid4(), rating=rating, at=at, seconds=12.5
    )


@pytest.fixture
def studied(mei: User, site_clock: SiteClock) -> dict[str, Question]:
    """Mei has a card of every kind: in review, learned, learned again, suspended, and new."""
    questions = {
        name: make_question(f"card-{name}")
        for name in ("review", "learning", "relearning", "suspended", "new")
    }
    begin = NOON - timedelta(days=40)
    for second, name in enumerate(("review", "relearning", "suspended")):
        begin += timedelta(seconds=second)
        site_clock.set(begin)
        rate(mei, questions[name], 3, begin)
        for n, rating in ((1, 3), (4, 2), (15, 4 if name == "review" else 3)):
            rate(mei, questions[name], rating, site_clock.set(begin + timedelta(days=n)))
    rate(mei, questions["relearning"], 1, site_clock.set(NOON))
    rate(mei, questions["learning"], 1, site_clock.set(NOON + timedelta(minutes=1)))
    services.reviews.suspend(user=mei, question=questions["suspended"], suspended=True)
    services.reviews.add_card(user=mei, question=questions["new"])
    return questions


@pytest.fixture
def package(mei: User, tmp_path: Path) -> Path:
    return tmp_path / "gradus.apkg"


@pytest.fixture
def in_shanghai(mei: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Mei lives where her computer is: Anki takes the hour of the day from the machine."""
    User.objects.filter(pk=mei.pk).update(time_zone="Asia/Shanghai")
    mei.refresh_from_db()
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_anki_has_the_same_cards_due_on_the_same_days_with_the_same_reviews(
    in_shanghai: None, mei: User, studied: dict[str, Question], package: Path, tmp_path: Path
) -> None:
    write_package(package, mei)
    today = days.day_of(datetime.now(UTC), mei.time_zone)  # Anki's clock is this machine's
    with opened(tmp_path, package) as collection:
        assert len(collection.find_cards("deck:Gradus")) == len(studied)
        for name, question in studied.items():
            ours = Card.objects.get(user=mei, question=question)
            theirs = card_in(collection, question)
            reviews = list(ours.reviews.order_by("at"))
            log = collection.db.all(
                "select id, ease, time from revlog where cid = ? order by id", theirs.id
            )
            assert log == [
                [int(review.at.timestamp() * 1000), review.rating, 12_500] for review in reviews
            ]
            assert theirs.reps == len(reviews)
            if name == "new":
                assert (theirs.type, theirs.queue) == (CARD_TYPE_NEW, QUEUE_TYPE_NEW)
                continue
            memory = theirs.memory_state
            assert memory is not None
            assert memory.stability == pytest.approx(ours.stability, abs=1e-3)
            assert memory.difficulty == pytest.approx(ours.difficulty, abs=1e-2)
            assert (theirs.queue == QUEUE_TYPE_SUSPENDED) == ours.suspended
            if ours.state == Card.State.REVIEW:
                assert theirs.type == CARD_TYPE_REV
                due = today + timedelta(days=theirs.due - collection.sched.today)
                assert due == days.day_of(ours.due, mei.time_zone)
                assert ours.last_review is not None
                assert theirs.ivl == (ours.due - ours.last_review).days
            else:
                learned = name == "learning"
                assert theirs.type == (CARD_TYPE_LRN if learned else CARD_TYPE_RELEARNING)
                assert theirs.lapses == (0 if learned else 1)
                assert theirs.due == int(ours.due.timestamp())


def test_what_was_undone_is_in_no_package(
    mei: User, concept: Question, package: Path, tmp_path: Path
) -> None:
    rate(mei, concept, 3, NOON - timedelta(days=2))
    rate(mei, concept, 1, NOON - timedelta(days=1))
    services.reviews.undo(user=mei)
    write_package(package, mei)
    with opened(tmp_path, package) as collection:
        assert collection.db.list("select ease from revlog") == [3]


def test_two_reviews_in_one_millisecond_are_two(
    mei: User, concept: Question, numeric: Question, package: Path, tmp_path: Path
) -> None:
    for question in (concept, numeric):
        rate(mei, question, 3, NOON)
    write_package(package, mei)
    at = int(NOON.timestamp() * 1000)
    with opened(tmp_path, package) as collection:
        assert collection.db.list("select id from revlog order by id") == [at, at + 1]


def test_a_card_has_both_languages_formulas_as_tex_and_figures_as_files(
    mei: User, package: Path, tmp_path: Path
) -> None:
    links = '<p><a href="/labs/dead-relu" rel="noopener">its lab</a></p>'
    question = make_question(
        "with-a-figure",
        html={
            "statement_html_en": FORMULA,
            "statement_html_zh": f"<p>题目</p>{FORMULA}",
            "answer_html_en": f'{links}<figure class="plate"><!--gradus:figure--></figure>',
            "figure_en": FIGURE,
        },
    )
    services.reviews.add_card(user=mei, question=question)
    write_package(package, mei)
    with opened(tmp_path, package) as collection:
        card = card_in(collection, question)
        front, back = card.question(), card.answer()
        assert "So \\(x &lt; \\frac{1}{2}\\) holds." in front and "katex" not in front
        assert "point 1 of with-a-figure" in back and "point 1" not in front
        assert '<img src="gradus-with-a-figure-en.svg" alt="A line">' in back
        assert 'href="http://127.0.0.1:8000/labs/dead-relu"' in back
        assert "题目" in card.note()["问题"] and "题目" not in front
        figure = Path(collection.media.dir(), "gradus-with-a-figure-en.svg").read_text()
        assert figure.startswith('<svg xmlns="http://www.w3.org/2000/svg"') and "<style>" in figure
        assert collection.media.check().missing == []


def test_the_language_of_the_account_is_that_of_the_card(
    mei: User, concept: Question, package: Path, tmp_path: Path
) -> None:
    User.objects.filter(pk=mei.pk).update(language="zh-hans")
    mei.refresh_from_db()
    services.reviews.add_card(user=mei, question=concept)
    write_package(package, mei)
    with opened(tmp_path, package) as collection:
        assert 'lang="zh-Hans"' in card_in(collection, concept).question()


def test_the_parts_of_a_question_and_what_is_right_in_them_are_on_the_card(
    mei: User, mixed: Question, package: Path, tmp_path: Path
) -> None:
    services.reviews.add_card(user=mei, question=mixed)
    write_package(package, mei)
    with opened(tmp_path, package) as collection:
        card = card_in(collection, mixed)
        front, back = card.question(), card.answer()
    assert "option b" in front and "the reason of b" not in front
    assert "the reason of b" in back and f"{right_number(0):g} ms" in back
    assert "step 1" in back and "step 1" not in front


def test_anki_keeps_the_schedule_of_a_card_that_it_has(
    mei: User, concept: Question, package: Path, tmp_path: Path
) -> None:
    rate(mei, concept, 3, NOON - timedelta(days=2))
    write_package(package, mei)
    with opened(tmp_path, package) as collection:
        before = card_in(collection, concept)
        rate(mei, concept, 3, NOON - timedelta(days=1))
        write_package(package, mei)
        import_into(collection, package)
        assert len(collection.find_cards("")) == 1
        assert card_in(collection, concept).due == before.due
