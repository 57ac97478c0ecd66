"""Reads: who may see which question, and a revision as a page shows it, in one language."""

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
from apps.questions.models import Question, Revision, RevisionText


def question_for(slug: str) -> Question:
    """Return a question that is offered, with its present revision; 404 otherwise."""
    question = Question.objects.offered().select_related("current").filter(slug=slug).first()
    if question is None:
        raise Http404("No such question.")
    return question


def questions(
    *, topic: str = "", kind: str = "", difficulty: str = "", words: str = ""
) -> QuerySet[Question]:
    """Return the questions that fit, with what a list of them shows. A filter with an unknown value
    fits nothing.
    """
    found = Question.objects.offered().select_related("current").only(*LISTED)
    if topic:
        found = found.filter(topic=topic)
    if kind:
        found = found.filter(kinds__contains=[kind])
    if difficulty:
        found = (
            found.filter(difficulty=int(difficulty))
            if difficulty in tuple("12345")
            else found.none()
        )
    return found.saying(words) if words else found


LISTED = (
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
    """Return the questions that a revision points to, those that exist."""
    return questions().filter(slug__in=revision.related)


# ---------------------------------------------------------------- a revision as a page shows it


@dataclass(frozen=True)
class Step:
    html: SafeString
    check: Mapping[str, Any] | None  # symbols, answer, range; none: the reader marks this step


@dataclass(frozen=True)
class Option:
    key: str
    html: SafeString
    reason: SafeString
    is_right: bool
    place: int  # in the right order, from 0; -1: none


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
    """A revision in one language, its variant drawn. All HTML is safe: made from cleaned text when
    it was stored.
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
    def sources(self) -> Sequence[Mapping[str, str]]:
        return list(self.revision.sources)


def question_page(
    revision: Revision, seed: int = 0, *, language: str = "", verdicts: str = ""
) -> QuestionPage:
    """Return a revision as a page shows it (two queries at most).

    Args:
        seed: of the variant and of the order of options, counted modulo 64.
        language: en or zh; the reader's, when it is not given.
        verdicts: HTML in the place of `{{verdicts}}`; without it there is nothing.
    """
    language = language or ("zh" if is_chinese() else "en")
    return _Reading(revision, seed % variants.SEEDS, language, verdicts).question_page()


class _Reading:
    def __init__(self, revision: Revision, seed: int, language: str, verdicts: str) -> None:
        self.revision, self.seed, self.language = revision, seed, language
        self.texts = list(revision.texts.all())
        self.variant = html_columns.variant_html(revision, self.texts, language, seed)
        self.inserts = {"figure": getattr(revision, f"figure_{language}"), "verdicts": verdicts}
        self.inserts["reference"] = highlight_code(revision.reference) if revision.reference else ""

    def question_page(self) -> QuestionPage:
        facts, numeric = self.revision.facts, self.each("numeric")
        variant = facts.get("variant")
        checks = facts.get("step") or [{}] * len(self.of("step"))
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
                self.choice(number, text_row) for number, text_row in enumerate(self.of("choice"))
            ),
            hints=self.each("hint"),
            steps=tuple(
                Step(html, each.get("check"))
                for html, each in zip(self.each("step"), checks, strict=True)
            ),
            points=self.each("point"),
            mistakes=self.each("mistake"),
            follow_ups=self.each("follow_up"),
            starter=highlight_code(self.revision.starter) if self.revision.starter else None,
        )

    def of(self, kind: str, group: int = 0) -> list[RevisionText]:
        return sorted(
            (p for p in self.texts if p.kind == kind and p.group == group),
            key=lambda text_row: text_row.position,
        )

    def each(self, kind: str) -> tuple[SafeString, ...]:
        return tuple(self.html(text_row, "text") for text_row in self.of(kind))

    def html(self, row: Revision | RevisionText, field: str) -> SafeString:
        text = html_columns.Text(row, field, self.language)
        stored = self.variant.get(text.name) or getattr(row, text.column)
        return mark_safe(rendering.served(stored, **self.inserts))  # noqa: S308 - cleaned by nh3 when it was stored

    def choice(self, number: int, text_row: RevisionText) -> Choice:
        facts = self.revision.facts["choice"][number]
        options = {option.key: self.option(option, facts) for option in self.of("option", number)}
        order = variants.shuffled(list(options), self.seed)
        return Choice(
            self.html(text_row, "text"), facts["form"], tuple(options[key] for key in order), facts
        )

    def option(self, text_row: RevisionText, facts: Mapping[str, Any]) -> Option:
        right = facts["right"]
        place = right.index(text_row.key) if facts["form"] == "order" else -1
        return Option(
            text_row.key,
            self.html(text_row, "text"),
            self.html(text_row, "reason"),
            text_row.key in right,
            place,
        )
