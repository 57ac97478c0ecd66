"""Loading files into tables: idempotent, a change is a revision, and a fault names its file and
line.
"""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from apps.questions import generate, services
from apps.questions.limits import MAX_SYNONYM_LENGTH, MAX_SYNONYMS
from apps.questions.loading import load_questions
from apps.questions.markdown_parser import BadFile
from apps.questions.models import Question, Revision, RevisionText
from apps.questions.selectors import question_page, question_variant
from apps.questions.variants import NumericPart
from tests.questions.conftest import Change

pytestmark = pytest.mark.django_db


def test_it_loads_every_part_in_both_languages(bank: Path) -> None:
    assert load_questions(bank) == [
        "bank gradus: created",
        "guess: revision 1",
        "second: revision 1",
    ]
    revision = Question.objects.get(slug="guess").current
    assert revision is not None and revision.is_published
    assert (revision.title_en, revision.title_zh) == (
        "What is the loss of a guess over $n$ classes?",
        "对 $n$ 类随机猜测的损失是多少？",
    )
    assert "katex" in revision.title_html_zh and "<em>guess</em>" in revision.statement_html_en
    counts = {kind: revision.texts.filter(kind=kind).count() for kind in RevisionText.Kind.values}
    assert counts == {
        "hint": 1,
        "step": 2,
        "numeric": 1,
        "choice": 1,
        "order": 0,
        "derivation": 1,
        "option": 2,
        "point": 2,
        "mistake": 1,
        "follow_up": 1,
    }
    assert "The log of n." in revision.short_answer_html_en
    assert "n 的对数。" in revision.short_answer_html_zh
    assert revision.synonyms.split("\n") == ["chance level", "瞎猜"]
    assert [part["kind"] for part in revision.outline["parts"]] == [
        "numeric",
        "choice",
        "derivation",
    ]
    assert revision.sources == [{"text": "A book.", "url": "https://example.org/book"}]
    assert revision.claims == ["no-such-lab.claim"] and revision.facts["choice"][0]["right"] == [
        "a"
    ]


def test_loading_is_idempotent(bank: Path) -> None:
    load_questions(bank)
    before = list(Revision.objects.values())
    assert load_questions(bank) == []
    assert list(Revision.objects.values()) == before


def test_comments_and_spaces_make_no_revision(bank: Path, change: Change) -> None:
    load_questions(bank)
    change("question.toml", "difficulty = 2", "difficulty   =  2  # easy")
    change("en.md", "## Hint\n\n", "## Hint\n\n\n\n")
    assert load_questions(bank) == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("en.md", "You *guess*", "One *guesses*"),
        ("zh.md", "另一个要点", "第二个要点"),
        ("question.toml", "difficulty = 2", "difficulty = 3"),
        ("question.toml", 'value = "log2(n)"', 'value = "log10(n)"'),
        ("reference.py", "as it is", "unchanged"),
        ("figure.zh.svg", "a curve", "一条曲线"),
        ("zh.md", "n 的对数。", "n 的自然对数。"),
        ("en.md", "> Then nothing.", "> Then silence."),
        ("question.toml", '"chance level"', '"blind guess"'),
    ],
)
def test_a_changed_text_or_fact_makes_a_revision(
    bank: Path, change: Change, name: str, old: str, new: str
) -> None:
    load_questions(bank)
    first = Question.objects.get(slug="guess").current
    change(name, old, new)
    assert load_questions(bank) == ["guess: revision 2"]
    question = Question.objects.get(slug="guess")
    assert (
        question.current != first and question.current is not None and question.current.number == 2
    )
    assert Revision.objects.filter(pk=first.pk if first else 0).exists(), "what was answered stays"


def test_a_question_whose_files_are_gone_is_withdrawn_and_comes_back_with_them(
    bank: Path, tmp_path: Path
) -> None:
    load_questions(bank)
    shutil.move(bank / "losses" / "second", tmp_path / "aside")
    assert load_questions(bank) == ["second: withdrawn, its files are gone"]
    assert (
        not Question.objects.offered().filter(slug="second").exists()
        and Revision.objects.filter(question__slug="second").exists()
    )
    shutil.move(tmp_path / "aside", bank / "losses" / "second")
    assert load_questions(bank) == ["second: offered again"]


def test_a_published_revision_never_changes(guess: Question) -> None:
    revision = guess.current
    assert revision is not None
    for change in (
        lambda: Revision.objects.filter(pk=revision.pk).update(statement_en="else"),
        lambda: Revision.objects.filter(pk=revision.pk).update(published_at=None),
        lambda: revision.texts.filter(kind="hint").update(text_zh="else"),
        lambda: RevisionText.objects.create(
            revision=revision, kind="hint", position=7, text_en="a", text_zh="b"
        ),
    ):
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            change()


def test_html_of_an_older_renderer_is_rendered_again_without_a_revision(
    bank: Path, guess: Question
) -> None:
    Revision.objects.filter(pk=guess.current_id).update(
        html_version="0-older", statement_html_en="old"
    )
    assert load_questions(bank) == ["guess: rendered again"]
    revision = Revision.objects.get(pk=guess.current_id)
    assert "<em>guess</em>" in revision.statement_html_en and revision.number == 1


FAULTS = {
    "an empty item of a list": (
        "en.md",
        "- One point.\n",
        "- \n- One point.\n",
        ": this item of the list is empty.",
    ),
    "headings that differ": (
        "zh.md",
        "## 提示\n\n想想 $\\log$。\n\n",
        "",
        "zh.md:37: here is short_answer, where en.md:37 has hint",
    ),
    "an unknown heading": ("en.md", "## Hint", "## Hints", "en.md:35: “## Hints” is not a heading"),
    "an unknown key": (
        "question.toml",
        "difficulty = 2",
        "difficulty = 2\ndifficult = 2",
        "question.toml:4: unknown key 'difficult'",
    ),
    "an unknown topic": (
        "question.toml",
        '"losses"',
        '"loss"',
        "question.toml:1: topic is 'loss'; write one of: activation-functions, ",
    ),
    "broken TeX": ("en.md", "Think of $\\log$", "Think of\n$\\frac{1$", "en.md:38: TeX: "),
    "an unknown command": (
        "zh.md",
        "想想 $\\log$",
        "想想 $\\nosuch$",
        "zh.md:37: TeX: it has a command",
    ),
    "an unknown marker": (
        "en.md",
        "{{verdicts}}",
        "{{verdict}}",
        "en.md:47: {{verdict}} is neither",
    ),
    "a value that is not sampled": (
        "zh.md",
        "$n = {{n}}$",
        "$n = {{m}}$",
        "zh.md:7: {{m}} is not a sampled value",
    ),
    "a value page in one language": (
        "zh.md",
        "$n = {{n}}$",
        "$n$",
        "zh.md:7: the other language shows {{n}} here",
    ),
    "broken TeX after sampled values": (
        "zh.md",
        "设 $n = {{n}}$。",
        "设 $n = {{n}}$、{{n}}、{{n}}、{{n}}。\n好 $\\frac{1$。",
        "zh.md:8: TeX: ",
    ),
    "an asterisk left over": ("zh.md", "- 一个要点。", "- *一个：*要点。", "zh.md:53: “*"),
    "an option without a reason": (
        "en.md",
        "> It is not.\n",
        "",
        "en.md:21: option b has no reason",
    ),
    "an option that facts do not know": (
        "question.toml",
        'right = ["a"]',
        'right = ["c"]',
        "question.toml:31: there is no option c",
    ),
    "an expression of other names": (
        "question.toml",
        '"log(n)"',
        '"log(m)"',
        "question.toml:22: “log(m)” is no expression of n: name: m",
    ),
    "a hostile expression": (
        "question.toml",
        '"log(n)"',
        '"n.__class__"',
        "question.toml:22: “n.__class__” is no expression",
    ),
    "a wrong answer that is right": (
        "question.toml",
        '"log2(n)"',
        '"log(n)"',
        "question.toml:26: with seed 0",
    ),
    "samples that are all rejected": (
        "question.toml",
        "[variant.sample]",
        '[variant]\nreject = "n > 0"\n[variant.sample]',
        "question.toml:19: no values are accepted",
    ),
    "a circular dependency": (
        "question.toml",
        "[[numeric]]",
        '[variant.compute]\nfirst = "other"\nother = "first"\n\n[[numeric]]',
        "question.toml:22: first needs itself",
    ),
    "no tolerance": (
        "question.toml",
        "tolerance = { relative = 1e-3 }\n",
        "",
        "question.toml:21: tolerance is missing: write { relative = 1e-3 }, or",
    ),
    "a numeric part too many": (
        "question.toml",
        "[[choice]]",
        '[[numeric]]\nanswer = "n"\ntolerance = { absolute = 0.5 }\n\n[[choice]]',
        "question.toml:21: there are 2 [[numeric]] and 1 ## Part: numeric",
    ),
    "a part that facts do not know": (
        "question.toml",
        '[[choice]]\nform = "one"\nright = ["a"]\n',
        "",
        "there are 0 [[choice]] and 1 ## Part: choice",
    ),
    "a step outside a derivation": (
        "zh.md",
        "## 小题：推导\n\n",
        "",
        "zh.md:25: “### 步骤” is not a heading",
    ),
    "an option in a derivation": (
        "en.md",
        "### Step\n\nSecond.",
        "### Option b\n\nSecond.",
        "en.md:31: “### Option b” is not a heading",
    ),
    "a text of a derivation in one language": (
        "zh.md",
        "## 小题：推导\n",
        "## 小题：推导\n\n推导。\n",
        "zh.md:27: only one language has a text for this derivation",
    ),
    "a follow-up answered in English alone": (
        "zh.md",
        "\n  > 然后没有了。",
        "",
        "zh.md:62: only one language has an answer to this follow_up",
    ),
    "a follow-up answered in Chinese alone": (
        "en.md",
        "\n  > Then nothing.",
        "",
        "zh.md:62: only one language has an answer to this follow_up",
    ),
    "broken TeX in the answer of a follow-up": (
        "en.md",
        "> Then nothing.",
        "> Then $\\frac{1$.",
        "en.md:63: TeX: ",
    ),
    "a short answer in one language": (
        "zh.md",
        "## 简答\n\nn 的对数。\n\n",
        "",
        "zh.md:41: here is answer, where en.md:41 has short_answer",
    ),
    "two short answers": (
        "en.md",
        "## Answer\n",
        "## Short answer\n\nAgain.\n\n## Answer\n",
        "en.md:45: “## Short answer” stands here a second time",
    ),
    "too many synonyms": (
        "question.toml",
        '["瞎猜"]',
        str(["瞎"] * (MAX_SYNONYMS + 1)).replace("'", '"'),
        f"; write at most {MAX_SYNONYMS} synonyms, each of 1 to {MAX_SYNONYM_LENGTH}",
    ),
    "a synonym that is too long": (
        "question.toml",
        '"chance level"',
        f'"{"x" * (MAX_SYNONYM_LENGTH + 1)}"',
        f"; write at most {MAX_SYNONYMS} synonyms",
    ),
    "an empty synonym": (
        "question.toml",
        '"瞎猜"',
        '" "',
        "question.toml:7: zh is [' ']; write at most",
    ),
    "synonyms of another language": (
        "question.toml",
        "zh = [",
        "fr = [",
        "question.toml:7: unknown key 'fr'",
    ),
    "no TOML": (
        "question.toml",
        "difficulty = 2",
        "difficulty = two",
        "question.toml:3: is not TOML",
    ),
    "one language": (
        "question.toml",
        ', zh = "这是比特。"',
        "",
        "question.toml:27: zh is missing: write both languages: { en",
    ),
    "a step too many": (
        "question.toml",
        "[[derivation.step]]\n\n",
        "\n",
        "question.toml:13: there are 1 [[derivation.step]] and 2 ### Step",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_its_file_and_line_and_nothing_is_loaded(
    bank: Path, change: Change, fault: str
) -> None:
    name, old, new, message = FAULTS[fault]
    change(name, old, new)
    with pytest.raises(BadFile) as raised:
        load_questions(bank)
    assert message in str(raised.value)
    assert not Question.objects.exists()


def test_a_figure_that_was_not_rendered_says_how_to_render_it(bank: Path) -> None:
    (bank / "losses" / "guess" / "figure.zh.svg").unlink()
    with pytest.raises(BadFile, match=r"figure\.zh\.svg:1: is missing.*render_figures"):
        load_questions(bank)


def test_an_unknown_file_is_refused(bank: Path) -> None:
    (bank / "losses" / "guess" / "notes.txt").write_text("x")
    with pytest.raises(BadFile, match=r"notes\.txt:1: is no file of a question"):
        load_questions(bank)


PROGRAM = """
def variant(seed):
    return {"values": {"n": seed + 2}, "answers": [0.5 ** seed], "wrong": [[2.0 + seed]]}
"""


def test_variants_may_come_from_a_program_as_a_table(bank: Path, change: Change) -> None:
    folder = bank / "losses" / "guess"
    (folder / "variant.py").write_text(PROGRAM)
    change(
        "question.toml",
        '[variant.sample]\nn = { from = 2, to = 9 }\n\n[[numeric]]\nanswer = "log(n)"\n',
        "[[numeric]]\n",
    )
    change("question.toml", 'value = "log2(n)"\n', "")
    (folder / "figure.py").unlink()
    for language in ("en", "zh"):
        (folder / f"figure.{language}.svg").unlink()
    change("en.md", " {{figure: the curve}}", "")
    change("zh.md", "{{figure: 曲线}}", "")
    with pytest.raises(BadFile, match=r"variants\.json:1: cannot be read.*render_figures"):
        load_questions(bank)
    for path, text in generate.generated_files(folder).items():
        path.write_text(text, encoding="utf-8")
    load_questions(bank)
    current = Question.objects.get(slug="guess").current
    assert current is not None
    variant = question_variant(current, 3)
    (part,) = (part for part in variant.parts if isinstance(part, NumericPart))
    assert part.answer == 0.125 and [wrong.value for wrong in part.wrong] == [5.0]
    assert ">5<" in question_page(current, variant, language="en").parts[0].html


def test_what_an_operator_withdrew_stays_withdrawn(
    bank: Path, change: Change, guess: Question
) -> None:
    Question.objects.filter(pk=guess.pk).update(withdrawn=True)
    assert load_questions(bank) == []
    change("en.md", "You *guess*", "One *guesses*")
    assert load_questions(bank) == ["guess: revision 2"]
    assert Question.objects.get(pk=guess.pk).withdrawn


def test_a_question_that_comes_back_with_other_text_is_a_revision_that_is_offered(
    bank: Path, change: Change, tmp_path: Path
) -> None:
    load_questions(bank)
    shutil.move(bank / "losses" / "guess", tmp_path / "aside")
    assert load_questions(bank) == ["guess: withdrawn, its files are gone"]
    assert load_questions(bank) == []
    shutil.move(tmp_path / "aside", bank / "losses" / "guess")
    change("en.md", "You *guess*", "One *guesses*")
    assert load_questions(bank) == ["guess: revision 2"]
    assert Question.objects.offered().filter(slug="guess").exists() and load_questions(bank) == []


@pytest.mark.parametrize(
    "what", ["a text is given away", "a text is deleted", "the revision is deleted"]
)
def test_a_published_revision_loses_nothing(guess: Question, what: str) -> None:
    revision = guess.current
    assert revision is not None
    draft = services.draft_from(question=guess)
    draft.texts.all().delete()  # a draft may lose what it has
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        match what:
            case "a text is given away":
                revision.texts.filter(kind="hint").update(revision=draft)
            case "a text is deleted":
                revision.texts.filter(kind="hint")._raw_delete("default")
            case _:
                Question.objects.filter(pk=guess.pk).update(current=None)
                Revision.objects.filter(pk=revision.pk)._raw_delete("default")
    assert revision.texts.count() == 12
    Revision.objects.filter(pk=draft.pk).delete()


@pytest.mark.django_db(transaction=True)
def test_two_loaders_at_once_load_once(bank: Path) -> None:
    gate = threading.Barrier(2)

    def load(_n: int) -> list[str]:
        gate.wait(timeout=60)
        try:
            return load_questions(bank)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        changes = sorted(pool.map(load, range(2)), key=len)
    assert changes == [[], ["bank gradus: created", "guess: revision 1", "second: revision 1"]]


def test_two_quotes_are_two_paragraphs_and_code_holds_none(
    bank: Path, change: Change, db: None
) -> None:
    change("en.md", "> It is.", "> It is.\n\n```python\n> no quote\n```\n\n> And so.")
    change("zh.md", "> 正确。", "> 正确。\n\n> 而且。")
    load_questions(bank)
    option = RevisionText.objects.get(kind="option", key="a", revision__question__slug="guess")
    assert option.detail_en == "It is.\n\nAnd so." and "> no quote" in option.text_en
