"""Reads: which questions a learner may see, and a revision as a page shows it, in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils.safestring import SafeString, mark_safe

from apps.common.highlighting import highlight_code
from apps.common.text import is_chinese
from apps.questions import html_columns, rendering, variants
from apps.questions.limits import DIFFICULTIES
from apps.questions.models import Question, Revision, RevisionText


def question_for(slug: str) -> Question:
    """Return a question that is offered, with its current revision; 404 otherwise."""
    question = Question.objects.offered().select_related("current").filter(slug=slug).first()
    if question is None:
        raise Http404("No such question.")
    return question


def questions(
    *, topic: str = "", kind: str = "", difficulty: str = "", words: str = ""
) -> QuerySet[Question]:
    """Return the questions that match the filters, with the columns that a list shows. A filter
    with an unknown value matches none.
    """
    matching = Question.objects.offered().select_related("current").only(*LIST_COLUMNS)
    if topic:
        matching = matching.filter(topic=topic)
    if kind:
        matching = matching.filter(kinds__contains=[kind])
    if difficulty:
        levels = [level for level in DIFFICULTIES if str(level) == difficulty]
        matching = matching.filter(difficulty__in=levels)
    return matching.search(words) if words else matching


LIST_COLUMNS = (
    "slug",
    "topic",
    "kinds",
    "difficulty",
    "current__title_html_en",
    "current__title_html_zh",
    "current__title_en",
    "current__title_zh",
)


def about(claim: str) -> QuerySet[Question]:
    """Return the questions that a claim answers."""
    return questions().filter(current__claims__contains=[claim])


def related(revision: Revision) -> QuerySet[Question]:
    """Return the related questions of a revision that exist."""
    return questions().filter(slug__in=revision.related)


# ---------------------------------------------------------------- a revision as a page shows it


@dataclass(frozen=True)
class Step:
    html: SafeString
    check: Mapping[str, Any] | None  # symbols, answer, range; None: the reader marks this step


@dataclass(frozen=True)
class Option:
    key: str
    html: SafeString
    reason: SafeString
    is_right: bool
    place: int  # in the right order, from 0; -1 where the options have no order


@dataclass(frozen=True)
class Choice:
    html: SafeString
    form: str  # one, several, order
    options: tuple[Option, ...]  # in the order of the seed
    facts: Mapping[str, Any]

    @property
    def keys(self) -> list[str]:
        return [option.key for option in self.options]


@dataclass(frozen=True)
class QuestionPage:
    """A revision in one language, with a sampled variant. All HTML was sanitized when it was
    rendered.
    """

    revision: Revision
    language: str  # en, zh
    seed: int
    title: SafeString
    statement: SafeString
    answer: SafeString  # figure and reference in place, verdicts as given
    numeric: SafeString | None
    unit: str
    variant: variants.Variant | None
    choices: tuple[Choice, ...]
    hints: tuple[SafeString, ...]
    steps: tuple[Step, ...]
    points: tuple[SafeString, ...]
    mistakes: tuple[SafeString, ...]
    follow_ups: tuple[SafeString, ...]
    starter: SafeString | None

    @property
    def language_tag(self) -> str:
        """The language as the attribute `lang` names it."""
        return "zh-Hans" if self.language == "zh" else "en"

    @property
    def sources(self) -> Sequence[Mapping[str, str]]:
        return list(self.revision.sources)


def question_page(
    revision: Revision, seed: int = 0, *, language: str = "", verdicts: str = ""
) -> QuestionPage:
    """Return a revision as a page shows it (two queries at most).

    Args:
        seed: of the variant and of the order of options, modulo variants.SEEDS.
        language: en or zh; by default the reader's.
        verdicts: HTML that replaces `{{verdicts}}`.
    """
    language = language or ("zh" if is_chinese() else "en")
    return _PageBuilder(revision, seed % variants.SEEDS, language, verdicts).page()


class _PageBuilder:
    def __init__(self, revision: Revision, seed: int, language: str, verdicts: str) -> None:
        self.revision, self.seed, self.language = revision, seed, language
        self.texts = list(revision.texts.all())
        self.variant_html = html_columns.variant_html(revision, self.texts, language, seed)
        self.markers = {
            "figure": getattr(revision, f"figure_{language}"),
            "verdicts": verdicts,
            "reference": highlight_code(revision.reference) if revision.reference else "",
        }

    def page(self) -> QuestionPage:
        facts, numeric = self.revision.facts, self.html_of("numeric")
        variant = facts.get("variant")
        step_facts = facts.get("step") or [{}] * len(self.texts_of("step"))
        return QuestionPage(
            revision=self.revision,
            language=self.language,
            seed=self.seed,
            title=self.html(self.revision, "title"),
            statement=self.html(self.revision, "statement"),
            answer=self.html(self.revision, "answer"),
            numeric=numeric[0] if numeric else None,
            unit=((variant or {}).get("unit") or {}).get(self.language, ""),
            variant=variants.sample(variant, self.seed) if variant else None,
            choices=tuple(
                self.choice(number, text) for number, text in enumerate(self.texts_of("choice"))
            ),
            hints=self.html_of("hint"),
            steps=tuple(
                Step(html, step.get("check"))
                for html, step in zip(self.html_of("step"), step_facts, strict=True)
            ),
            points=self.html_of("point"),
            mistakes=self.html_of("mistake"),
            follow_ups=self.html_of("follow_up"),
            starter=highlight_code(self.revision.starter) if self.revision.starter else None,
        )

    def texts_of(self, kind: str, group: int = 0) -> list[RevisionText]:
        texts = [text for text in self.texts if text.kind == kind and text.group == group]
        return sorted(texts, key=lambda text: text.position)

    def html_of(self, kind: str) -> tuple[SafeString, ...]:
        return tuple(self.html(text, "text") for text in self.texts_of(kind))

    def html(self, row: Revision | RevisionText, field: str) -> SafeString:
        html_column = html_columns.HtmlColumn(row, field, self.language)
        stored = self.variant_html.get(html_column.name) or getattr(row, html_column.column)
        return mark_safe(rendering.fill_markers(stored, **self.markers))  # noqa: S308 - sanitized by nh3

    def choice(self, number: int, text: RevisionText) -> Choice:
        facts = self.revision.facts["choice"][number]
        options = {
            option.key: self.option(option, facts) for option in self.texts_of("option", number)
        }
        keys = variants.shuffled(list(options), self.seed)
        return Choice(
            self.html(text, "text"), facts["form"], tuple(options[key] for key in keys), facts
        )

    def option(self, text: RevisionText, facts: Mapping[str, Any]) -> Option:
        right = facts["right"]
        return Option(
            key=text.key,
            html=self.html(text, "text"),
            reason=self.html(text, "reason"),
            is_right=text.key in right,
            place=right.index(text.key) if facts["form"] == "order" else -1,
        )
