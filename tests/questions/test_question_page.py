"""A revision as a page shows it: one language, one variant, markers replaced, few queries."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from apps.questions import rendering, selectors, services
from apps.questions.loading import load_questions
from apps.questions.models import Question, Revision
from apps.questions.sampling import SEEDS
from apps.questions.schema import StepCheck
from apps.questions.variants import ChoicePart, DerivationPart, NumericPart, OrderPart
from tests.questions.conftest import Change


@pytest.fixture
def revision(guess: Question) -> Revision:
    assert guess.current is not None
    cache.clear()
    return guess.current


def seeded(revision: Revision, seed: int, language: str = "en") -> selectors.QuestionPage:
    variant = selectors.question_variant(revision, seed)
    return selectors.question_page(revision, variant, language=language)


def page_of(slug: str, seed: int = 0, language: str = "en") -> selectors.QuestionPage:
    current = Question.objects.get(slug=slug).current
    assert current is not None
    return seeded(current, seed, language)


def test_it_holds_every_part_in_the_reader_s_language(revision: Revision) -> None:
    with translation.override("zh-hans"):
        page = selectors.question_page(revision)
    assert "猜测" in page.statement and len(page.hints) == 1 and len(page.points) == 2
    assert [part.kind for part in page.parts] == ["numeric", "choice", "derivation"]
    numeric, choice, derivation = page.parts
    assert "损失是多少" in numeric.html and "哪一个" in choice.html
    assert isinstance(numeric.part, NumericPart) and numeric.part.unit["zh"] == "奈特"
    assert derivation.html == "" and derivation.steps == ("<p>第一步。</p>", "<p>第二步。</p>")
    assert isinstance(derivation.part, DerivationPart)
    checks = [step.check for step in derivation.part.steps]
    assert checks == [StepCheck(["n"], "1 / n"), None]
    assert (
        "别" not in page.answer
        and 'aria-label="a curve"' in page.answer
        and 'class="code"' in page.answer
    )
    assert page.language_tag == "zh-Hans" and page.sources[0]["text"] == "A book."


@pytest.mark.parametrize(
    ("language", "short", "question", "answer"),
    [
        ("en", "The log of n.", "And then?", "Then nothing."),
        ("zh", "n 的对数。", "然后呢？", "然后没有了。"),
    ],
)
def test_short_answer_and_answers_of_follow_ups_are_rendered(
    revision: Revision, language: str, short: str, question: str, answer: str
) -> None:
    page = selectors.question_page(revision, language=language)
    assert page.short_answer == f"<p>{short}</p>"
    (follow_up,) = page.follow_ups
    assert follow_up == selectors.FollowUp(f"<p>{question}</p>", f"<p>{answer}</p>")  # type: ignore[arg-type]


def test_what_nobody_has_written_yet_is_empty(bank: Path, guess: Question, change: Change) -> None:
    change("en.md", "\n  > Then nothing.", "")
    change("zh.md", "\n  > 然后没有了。", "")
    load_questions(bank)
    page = page_of("guess")
    assert page.follow_ups[0].answer == "" and "And then?" in page.follow_ups[0].question
    assert page_of("second").short_answer == ""


def test_the_numeric_part_shows_the_numbers_of_the_seed(revision: Revision) -> None:
    for seed in (0, 1, 64):
        page = seeded(revision, seed)
        numeric = page.parts[0].html
        assert f">{page.variant.values['n']}<" in numeric and "{{" not in numeric
        assert page.seed == page.variant.seed == seed % SEEDS
    assert seeded(revision, 0).parts[0].html == seeded(revision, 64).parts[0].html


def test_a_variant_is_rendered_once_and_cached(
    revision: Revision, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = seeded(revision, 3).parts[0].html
    monkeypatch.setattr(rendering, "render", lambda *a, **k: pytest.fail("it was rendered before"))
    assert seeded(revision, 3).parts[0].html == first


def test_options_are_shuffled_by_seed_and_keep_their_reasons(revision: Revision) -> None:
    orders = set()
    for seed in range(8):
        part = seeded(revision, seed).parts[1]
        keys = tuple(option.key for option in part.options)
        assert isinstance(part.part, ChoicePart) and part.part.options == keys
        orders.add(keys)
    assert orders == {("a", "b"), ("b", "a")}
    options = {option.key: option for option in selectors.question_page(revision).parts[1].options}
    assert options["a"].is_right and not options["b"].is_right
    assert "It is not" in options["b"].reason and options["a"].place == -1


def test_verdicts_are_the_caller_s_and_empty_by_default(revision: Revision) -> None:
    assert "gradus:" not in selectors.question_page(revision).answer
    assert (
        "<aside>holds</aside>"
        in selectors.question_page(revision, verdicts="<aside>holds</aside>").answer
    )


def test_it_takes_two_queries_at_most(revision: Revision) -> None:
    seeded(revision, 5)
    with CaptureQueriesContext(connection) as queries:
        seeded(revision, 5)
    assert len(queries) <= 2


def test_related_questions_are_those_that_exist(revision: Revision) -> None:
    assert [question.slug for question in selectors.related(revision)] == ["second"]
    Question.objects.filter(slug="second").update(withdrawn=True)
    assert not selectors.related(revision)


def test_values_may_be_shown_in_any_text(bank: Path, db: None, change: Change) -> None:
    change("en.md", "Think of $\\log$.", "Think of $\\log {{n}}$.")
    change("zh.md", "想想 $\\log$。", "想想 $\\log {{n}}$。")
    load_questions(bank)
    page = page_of("guess", 7)
    assert f">{page.variant.values['n']}<" in page.hints[0]


# ---------------------------------------------------------------- several parts of a kind

MANY_FACTS = """\
topic = "losses"
kinds = ["choice", "numeric", "derivation"]
difficulty = 2

[variant.sample]
n = { from = 2, to = 9 }

[[numeric]]
answer = "2 * n"
tolerance = { absolute = 0.5 }
[[numeric]]
answer = "3 * n"
tolerance = { relative = 1e-3 }
[[choice]]
form = "one"
right = ["a"]
[[choice]]
form = "several"
right = ["a", "c"]
[[order]]
right = ["b", "a", "c"]
"""
OPTION = "### {option} {key}\n\n{key} of {name}.\n\n> Since {key}.\n\n"
WORDS = {
    "en": ("Part: ", dict.fromkeys(("numeric", "choice", "order", "derivation")), "Option"),
    "zh": (
        "小题：",
        {"numeric": "计算", "choice": "选择", "order": "排序", "derivation": "推导"},
        "选项",
    ),
}
HINT = {"en": "### Hint\n\nHint of {name}.\n\n", "zh": "### 提示\n\nHint of {name}.\n\n"}
STEP = {"en": "### Step\n\nStep of {name}.\n\n", "zh": "### 步骤\n\nStep of {name}.\n\n"}
ANSWER = {"en": "## Answer\n\nSo.\n", "zh": "## 答案\n\n如此。\n"}
PARTS = ("choice ab", "numeric", "derivation", "order abc", "numeric", "choice abc", "derivation")


def many_words(language: str) -> str:
    before, kinds, option = WORDS[language]
    text = "# Many\n\nAll of them.\n\n"
    for number, part in enumerate(PARTS, start=1):
        kind, _, options = part.partition(" ")
        text += f"## {before}{kinds[kind] or kind}\n\n"
        if kind != "derivation":
            text += f"This is {number}, $n = {{{{n}}}}$.\n\n"
        text += "".join(OPTION.format(option=option, key=key, name=number) for key in options)
        text += STEP[language].format(name=number) * (2 if kind == "derivation" else 0)
        text += HINT[language].format(name=number) * (number % 3)
    return text + ANSWER[language]


@pytest.fixture
def many(bank: Path, db: None) -> Revision:
    """Return the revision of a question with several parts of each kind."""
    folder = bank / "losses" / "many"
    folder.mkdir()
    (folder / "question.toml").write_text(MANY_FACTS, encoding="utf-8")
    for language in ("en", "zh"):
        (folder / f"{language}.md").write_text(many_words(language), encoding="utf-8")
    load_questions(bank)
    current = Question.objects.get(slug="many").current
    assert current is not None
    return current


@pytest.mark.parametrize("language", ["en", "zh"])
def test_parts_stand_as_they_were_written_each_with_its_own_texts(
    many: Revision, language: str
) -> None:
    page = seeded(many, 4, language)
    assert [part.kind for part in page.parts] == [part.split(" ")[0] for part in PARTS]
    for number, part in enumerate(page.parts, start=1):
        assert part.part.name == str(number)
        if part.kind == "derivation":
            assert part.html == "" and part.steps == (f"<p>Step of {number}.</p>",) * 2
        else:
            assert f"This is {number}" in part.html and part.steps == ()
            assert f">{page.variant.values['n']}<" in part.html
        assert part.hints == (f"<p>Hint of {number}.</p>",) * (number % 3)
        assert page.variant.hints_of(str(number)) == number % 3
        assert all(option.html == f"<p>{option.key} of {number}.</p>" for option in part.options)
    assert page.hints == () and page.variant.hints == 0


def test_several_parts_of_a_kind_have_their_own_answers_and_one_sample(many: Revision) -> None:
    page = seeded(many, 4)
    first, number, _first, order, other, second, _second = (part.part for part in page.parts)
    n = page.variant.values["n"]
    assert isinstance(number, NumericPart) and number.answer == 2 * n
    assert isinstance(other, NumericPart) and other.answer == 3 * n
    assert isinstance(first, ChoicePart) and (first.right, first.takes_several) == (("a",), False)
    assert isinstance(second, ChoicePart) and (second.right, second.takes_several) == (
        ("a", "c"),
        True,
    )
    assert isinstance(order, OrderPart) and order.right == ("b", "a", "c")
    assert {option.key: option.place for option in page.parts[3].options} == {
        "b": 0,
        "a": 1,
        "c": 2,
    }
    assert list(page.variant.marked) == ["1", "2", "3.1", "3.2", "4", "5", "6", "7.1", "7.2"]


def test_a_question_of_several_parts_can_be_drafted_and_published(many: Revision) -> None:
    draft = services.draft_from(question=many.question)
    published = services.publish_draft(revision=draft)
    assert published.outline == many.outline
    assert seeded(published, 4).parts == seeded(many, 4).parts
