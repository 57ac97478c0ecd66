"""The bank itself: it loads, its generated files are up to date, and it has no faults."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.conf import settings

from apps.common import toml
from apps.questions import generate, lint, marking
from apps.questions.loading import load_questions
from apps.questions.models import Question
from apps.questions.sampling import SEEDS, sample
from apps.questions.schema import Facts, StepCheck
from apps.questions.selectors import question_page, question_variant
from apps.questions.variants import NumericPart, numeric_part

FOLDERS = sorted(path.parent for path in Path(settings.BANK_FOLDER).glob("*/*/question.toml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_generated_files_are_up_to_date(folder: Path) -> None:
    assert generate.is_up_to_date(folder), "run: python manage.py render_figures"


def test_it_has_no_faults() -> None:
    assert list(lint.faults(settings.BANK_FOLDER, settings.LABS_FOLDER)) == []


@pytest.mark.django_db
def test_it_loads_and_every_question_can_be_shown_in_both_languages() -> None:
    assert len(load_questions(settings.BANK_FOLDER)) == len(FOLDERS) + 1
    for question in Question.objects.offered().select_related("current"):
        assert question.current is not None
        for language in ("en", "zh"):
            variant = question_variant(question.current, 1)
            page = question_page(question.current, variant, language=language)
            assert page.title and page.statement and page.answer
            assert "tex-source" not in page.answer
    assert load_questions(settings.BANK_FOLDER) == []


def facts_in(folder: Path) -> Facts:
    return toml.read((folder / "question.toml").read_text(encoding="utf-8"), Facts)


def steps() -> Iterator[tuple[str, StepCheck]]:
    for folder in FOLDERS:
        for derivation in facts_in(folder).derivation:
            for number, step in enumerate(derivation.step, start=1):
                if step.check:
                    yield f"{folder.name} {number}", step.check


STEPS = dict(steps())
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
FULL_WIDTH = str.maketrans("0123456789()+-*/", "０１２３４５６７８９（）＋－＊／")
TYPOGRAPHIC = str.maketrans("-*/", "−·÷")
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def as_printed(node: ast.expr, glue: str = "") -> str:
    """Return an expression as a formula is printed: no signs between factors, e^… for exp."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return f"{factor(left, glue)}{glue}{factor(right, glue)}"
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            below = as_printed(right, glue)
            below = below if isinstance(right, ast.Name | ast.Constant) else f"({below})"
            return f"{factor(left, glue)}/{below}"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base = as_printed(left, glue)
            base = base if isinstance(left, ast.Name | ast.Constant) else f"({base})"
            power = as_printed(right, glue)
            return base + (power.translate(RAISED) if power.isdigit() else f"^{power}")
        case ast.BinOp(left=left, op=op, right=right):
            sign = " + " if isinstance(op, ast.Add) else " − "
            return f"{as_printed(left, glue)}{sign}{factor(right, glue)}"
        case ast.UnaryOp(operand=operand):
            return f"−{factor(operand, glue)}"
        case ast.Call(func=ast.Name(id="exp"), args=[power]):
            return f"e^({as_printed(power, glue)})"
        case ast.Call(func=ast.Name(id="sqrt"), args=[inside]):
            return f"√({as_printed(inside, glue)})"
        case ast.Call(func=ast.Name(), args=[inside]):
            return f"ln({as_printed(inside, glue)})"
        case ast.Name(id="beta"):
            return "β"
    return ast.unparse(node)


def factor(node: ast.expr, glue: str) -> str:
    text = as_printed(node, glue)
    is_sum = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
    return f"({text})" if is_sum else text


def spellings(answer: str) -> Iterator[str]:
    yield from (answer, answer.replace(" ", ""), answer.replace("**", "^"))
    yield from (answer.translate(table) for table in (DEVANAGARI, FULL_WIDTH, TYPOGRAPHIC))
    yield answer.replace(" ", "\u00a0").replace("*", "×") if "**" not in answer else answer
    yield answer.replace("1 / 2", "½").replace("1 / 4", "¼").replace("log", "ln")
    yield "f(x) ＝ " + answer.replace("sqrt", "√").replace("beta", "\\beta")
    tree = ast.parse(answer, mode="eval").body
    for glue in ("", " ", "·", "×", "*"):
        yield as_printed(tree, glue)
        yield as_printed(tree, glue).replace("(1/4)", "¼").replace("1/2", "½")
    yield re.sub(r"e\^\((−?)x\)", lambda power: f"e{'⁻' * len(power[1])}ˣ", as_printed(tree))


def test_there_are_steps_to_check() -> None:
    assert len(STEPS) > 15


@pytest.mark.parametrize("step", STEPS)
def test_an_answer_of_a_step_is_right_however_it_is_written(step: str) -> None:
    for text in spellings(STEPS[step].answer):
        mark = marking.derivation(text, STEPS[step])
        assert mark.is_right, f"{text}: {mark}"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("relu-kink-softplus 2", "e^x/(1+e^x)"),
        ("relu-kink-softplus 2", "1/(1+e^-x)"),
        ("relu-kink-softplus 3", "ln(1+e⁻ˣ)"),
        ("relu-kink-softplus 3", "ln(1+e^(-|x|))"),
        ("relu-kink-softplus 4", "(ln 2)/β"),
        ("relu-kink-softplus 4", "(1/β)ln 2"),
        ("relu-kink-softplus 4", "ln 2/β"),
        ("relu-kink-softplus 4", "0.693/β"),
        ("relu-kink-softplus 4", "0.693/beta"),
        ("sigmoid-derivative 1", "e^(-x)/(1+e^(-x))^2"),
        ("sigmoid-derivative 1", "σ'(x) = (1/(1+e^-x))(e^-x/(1+e^-x))"),
        ("sigmoid-derivative 2", "s(1−s)"),
        ("sigmoid-derivative 2", "(1-s)s"),
        ("sigmoid-derivative 2", "s - s²"),
        ("sigmoid-derivative 3", "(s-½)²"),
        ("sigmoid-derivative 4", "4s(1-s)"),
        ("sigmoid-derivative 4", "1-(2s-1)²"),
        ("sigmoid-derivative 5", "1 − t²"),
        ("sigmoid-derivative 5", "(1+t)(1-t)"),
        ("sigmoid-derivative 6", "(¼)ⁿ"),
        ("sigmoid-derivative 6", "4⁻ⁿ"),
        ("sigmoid-derivative 6", "0.25^n"),
        ("sigmoid-derivative 6", "1/4^n"),
        ("swish-activation 1", "βs(1-s)"),
        ("swish-activation 2", "s+βxs(1-s)"),
        ("swish-activation 2", "s(1+βx(1-s))"),
        ("swish-activation 5", "½x"),
        ("xavier-derivation 2", "Var(w) = n⁻¹"),
        ("xavier-derivation 4", "Var(w) = 2/(n+m)"),
        ("xavier-derivation 5", "√(6/(n+m))"),
        ("auc-implementation 1", "(w+t/2)/(pq)"),
        ("auc-implementation 1", "(w + ½t)/(p·q)"),
        ("auc-implementation 2", "p(p+1)/2"),
        ("auc-implementation 2", "½p(p+1)"),
        ("auc-implementation 2", "sum(i,1,p,i)"),
        ("auc-implementation 3", "(R - p(p+1)/2)/(pq)"),
        ("auc-implementation 4", "m+(g+1)/2"),
        ("auc-implementation 4", "m + ½(g+1)"),
    ],
)
def test_what_the_page_prints_can_be_typed(step: str, text: str) -> None:
    mark = marking.derivation(text, STEPS[step])
    assert mark.is_right, mark


@pytest.mark.parametrize(
    ("step", "tex"),
    [
        ("relu-kink-softplus 4", r"\ln 2 / \beta"),
        ("relu-kink-softplus 4", r"\ln 2/\beta"),
        ("sigmoid-derivative 1", r"\frac{e^{-x}}{(1 + e^{-x})^2}"),
        ("sigmoid-derivative 1", r"e^{-x}/(1 + e^{-x})^2"),
        ("sigmoid-derivative 6", "0.25^n"),
        ("swish-activation 5", "x/2"),
        ("xavier-derivation 4", r"\frac{2}{n + m}"),
        ("xavier-derivation 4", "2/(n+m)"),
        ("xavier-derivation 5", r"\sqrt{\tfrac{6}{n+m}}"),
        ("xavier-derivation 5", r"\sqrt{6/(n+m)}"),
        ("auc-implementation 2", "p(p+1)/2"),
    ],
)
def test_the_formulas_of_the_answers_can_be_typed_as_they_stand_in_both_languages(
    step: str, tex: str
) -> None:
    (folder,) = (path for path in FOLDERS if path.name == step.partition(" ")[0])
    for language in ("en", "zh"):
        assert tex in (folder / f"{language}.md").read_text(encoding="utf-8")
    mark = marking.derivation(tex, STEPS[step])
    assert mark.is_right, mark


def numeric_parts() -> Iterator[tuple[str, NumericPart]]:
    for folder in FOLDERS:
        facts = facts_in(folder)
        for seed in range(0, SEEDS, 9) if facts.numeric else ():
            sampled = sample(facts, seed)
            for number, (part, answer) in enumerate(
                zip(facts.numeric, sampled.answers, strict=True)
            ):
                yield f"{folder.name} {number} {seed}", numeric_part("1", 0, part, answer)


NUMERIC = dict(numeric_parts())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_number_may_be_typed_as_the_formula_with_its_numbers(folder: Path) -> None:
    facts = facts_in(folder)
    for seed in range(0, SEEDS, 9) if facts.numeric else ():
        sampled = sample(facts, seed)
        for of_part, answer in zip(facts.numeric, sampled.answers, strict=True):
            assert of_part.answer is not None
            text = with_numbers(of_part.answer, facts.variant.compute, sampled.values)
            assert marking.numeric(text, numeric_part("1", 0, of_part, answer)).is_right, text


def with_numbers(formula: str, computed: dict[str, str], values: Mapping[str, float]) -> str:
    """Return a formula with the variant's numbers in it, and computed names written out."""

    def written_out(name: re.Match[str]) -> str:
        if name[0] in computed:
            return f"({with_numbers(computed[name[0]], computed, values)})"
        return f"({values[name[0]]})" if name[0] in values else name[0]

    return re.sub(r"[a-zA-Z_]+", written_out, formula)


def test_there_are_numbers_to_check() -> None:
    assert len(NUMERIC) > 30


@pytest.mark.parametrize("name", NUMERIC)
def test_a_number_is_right_in_every_spelling(name: str) -> None:
    part = NUMERIC[name]
    whole = part.answer.is_integer() and abs(part.answer) < 1e15
    mantissa, power = f"{part.answer:.17e}".split("e")
    texts = [repr(part.answer), f"{mantissa}×10^{int(power)}", f"{mantissa} · १०^({int(power)})"]
    if whole:
        texts += [f"{int(part.answer):,}".replace(",", sign) for sign in ",  ’'，٬_"]
    else:
        texts += [repr(part.answer).replace(".", sign) for sign in "．٫。"]
    for text in texts:
        for spelling in (text, text.translate(DEVANAGARI), text.replace("-", "−")):
            assert marking.numeric(spelling, part).is_right, spelling
