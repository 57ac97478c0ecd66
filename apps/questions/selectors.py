"""Reads: which questions a learner may see, and a revision as a page shows it, in one language."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum, Value
from django.db.models.functions import Length
from django.http import Http404
from django.utils.safestring import SafeString, mark_safe

from apps.accounts.models import User
from apps.common.highlighting import highlight_code
from apps.common.listing import search_condition
from apps.common.text import is_chinese
from apps.questions import card_text, html_columns, links, rendering, schema, variants
from apps.questions.html_columns import HtmlColumn
from apps.questions.limits import DIFFICULTIES, MAX_PRIVATE_CARDS, MAX_PRIVATE_CHARS
from apps.questions.links import FindMissing, Target
from apps.questions.models import Question, Revision, RevisionText
from apps.questions.variants import (
    ChoicePart,
    DerivationPart,
    NumericPart,
    OrderPart,
    Part,
    QuestionVariant,
)


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


# ---------------------------------------------------------------- what authors see


def questions_of_authors(*, words: str = "", has_drafts: bool | None = None) -> QuerySet[Question]:
    """Return all questions, whether they are offered or not, with `draft_count`."""
    is_draft = Q(revisions__published_at=None, revisions__isnull=False)
    rows = Question.objects.select_related("current").annotate(
        draft_count=Count("revisions", filter=is_draft)
    )
    if has_drafts is not None:
        rows = rows.filter(draft_count__gt=0) if has_drafts else rows.filter(draft_count=0)
    return rows.search(words) if words else rows


def question_of_authors(slug: str) -> Question:
    """Return a question, whether it is offered or not; 404 if there is none."""
    question = Question.objects.select_related("current").filter(slug=slug).first()
    if question is None:
        raise Http404("No such question.")
    return question


def revisions_of(question: Question) -> QuerySet[Revision]:
    """Return the revisions of a question, drafts included."""
    return bank_revisions().filter(question=question)


def bank_revisions() -> QuerySet[Revision]:
    """Return the revisions of all questions of the bank, drafts included."""
    return Revision.objects.filter(question__owner=None).select_related("question")


def revision_of_authors(pk: int) -> Revision:
    """Return a revision with its question, drafts included; 404 if there is none."""
    revision = bank_revisions().filter(pk=pk).first()
    if revision is None:
        raise Http404("No such revision.")
    return revision


# ---------------------------------------------------------------- private cards

PRIVATE_COLUMNS = ("current__title_en", "current__statement_en", "current__answer_en")


def private_cards(owner: User, *, words: str = "", origin: str = "") -> QuerySet[Question]:
    """Return the private cards of a person, the newest first.

    Args:
        words: that front or back must have.
        origin: the file that they came from; "" for all.
    """
    cards = Question.with_private.private_to(owner).select_related("current").order_by("-pk")
    if origin:
        cards = cards.filter(origin=origin)
    return cards.filter(search_condition(words, PRIVATE_COLUMNS)) if words else cards


def private_card(owner: User, slug: str) -> Question:
    """Return a private card of a person; 404 for any other question."""
    card = private_cards(owner).filter(slug=slug).first()
    if card is None:
        raise Http404("No such private card.")
    return card


def private_card_origins(owner: User) -> list[tuple[str, int]]:
    """Return the files that a person's private cards came from, each with how many."""
    cards = Question.with_private.private_to(owner).exclude(origin="").order_by("origin")
    return list(cards.values_list("origin").annotate(n=Count("pk")))


@dataclass(frozen=True)
class RoomForCards:
    """How much a person's private cards may still grow by."""

    cards: int
    chars: int


def room_for_cards(owner: User) -> RoomForCards:
    """Return what is left of `MAX_PRIVATE_CARDS` and `MAX_PRIVATE_CHARS` (one query)."""
    chars = Length("current__statement_en") + Length("current__answer_en")
    cards = Question.with_private.private_to(owner)
    stored = cards.aggregate(cards=Count("pk"), chars=Sum(chars))
    return RoomForCards(
        max(0, MAX_PRIVATE_CARDS - stored["cards"]),
        max(0, MAX_PRIVATE_CHARS - (stored["chars"] or 0)),
    )


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


def neighbours(question: Question) -> tuple[Question | None, Question | None]:
    """Return the question before this one and the one after it, among those of its topic from easy
    to hard, as the list has them (one query; only their places and slugs).
    """
    level, slug = question.difficulty, question.slug
    of_topic = Question.objects.offered().filter(topic=question.topic).only("slug", "difficulty")
    easier = of_topic.filter(Q(difficulty__lt=level) | Q(difficulty=level, slug__lt=slug))
    harder = of_topic.filter(Q(difficulty__gt=level) | Q(difficulty=level, slug__gt=slug))
    before = easier.order_by("-difficulty", "-slug").annotate(is_after=Value(False))[:1]
    after = harder.order_by("difficulty", "slug").annotate(is_after=Value(True))[:1]
    beside = {row.is_after: row for row in before.union(after)}  # type: ignore[attr-defined]
    return beside.get(False), beside.get(True)


# ---------------------------------------------------------------- a revision as it is marked


def question_variant(revision: Revision, seed: int) -> QuestionVariant:
    """Return what marking needs of a revision: no query, no text.

    Args:
        seed: of the sampled numbers and of the order of options, modulo sampling.SEEDS.
    """
    if revision.is_private:
        return QuestionVariant(seed=seed, values={}, parts=(), hints=0, points=0, starter="")
    typed = schema.read(revision.facts)
    return variants.build_variant(typed, revision.outline, revision.starter, seed)


# ---------------------------------------------------------------- a revision as a page shows it


@dataclass(frozen=True)
class OptionHtml:
    key: str
    html: SafeString
    reason: SafeString
    is_right: bool
    place: int  # in the right order, from 0; -1 where the options have no order


@dataclass(frozen=True)
class PartHtml:
    """A part with its texts."""

    part: Part
    html: SafeString
    hints: tuple[SafeString, ...]
    options: tuple[OptionHtml, ...]  # in the order of the seed
    steps: tuple[SafeString, ...]

    @property
    def kind(self) -> str:
        """Return the name of its kind: numeric, choice, order, derivation."""
        return KIND_OF[type(self.part)]


KIND_OF: dict[type, str] = {
    NumericPart: variants.NUMERIC,
    ChoicePart: variants.CHOICE,
    OrderPart: variants.ORDER,
    DerivationPart: variants.DERIVATION,
}


@dataclass(frozen=True)
class FollowUp:
    question: SafeString
    answer: SafeString  # empty where nobody has written it yet


@dataclass(frozen=True)
class QuestionPage:
    """A revision in one language, with a sampled variant. All HTML was sanitized when it was
    rendered.
    """

    revision: Revision
    variant: QuestionVariant
    language: str  # en, zh
    title: SafeString
    statement: SafeString
    short_answer: SafeString  # may be empty
    answer: SafeString  # figure and reference in place, verdicts as given
    parts: tuple[PartHtml, ...]
    hints: tuple[SafeString, ...]
    points: tuple[SafeString, ...]
    mistakes: tuple[SafeString, ...]
    follow_ups: tuple[FollowUp, ...]
    starter: SafeString | None

    @property
    def seed(self) -> int:
        return self.variant.seed

    @property
    def language_tag(self) -> str:
        """The language as the attribute `lang` names it; that of a private card is unknown."""
        if self.revision.is_private:
            return ""
        return "zh-Hans" if self.language == "zh" else "en"

    @property
    def source(self) -> str:
        """The statement as it was written."""
        language = "en" if self.revision.is_private else self.language
        return str(getattr(self.revision, f"statement_{language}"))

    @property
    def sources(self) -> Sequence[Mapping[str, str]]:
        return list(self.revision.sources)


def question_page(
    revision: Revision,
    variant: QuestionVariant | None = None,
    *,
    language: str = "",
    verdicts: str = "",
    find_missing: FindMissing | None = None,
) -> QuestionPage:
    """Return a revision as a page shows it (two queries at most, and those of `find_missing`).

    Args:
        variant: of the revision; by default that of seed 0.
        language: en or zh; by default the reader's.
        verdicts: HTML that replaces `{{verdicts}}`.
        find_missing: says which questions, labs and claims that texts link to do not exist; they
            are not linked then. It is not asked where there are no such links.
    """
    language = language or ("zh" if is_chinese() else "en")
    variant = variant or question_variant(revision, 0)
    if revision.is_private:
        return _private_page(revision, variant, language, find_missing)
    return _PageBuilder(revision, variant, language, verdicts, find_missing).page()


def _private_page(
    revision: Revision, variant: QuestionVariant, language: str, find_missing: FindMissing | None
) -> QuestionPage:
    """Return a private card as a page shows it: its front is the statement, its back the answer."""
    sides = [
        card_text.shown(text, revision.text_format)
        for text in (revision.statement_en, revision.answer_en)
    ]
    linked = links.targets(sides) if find_missing else set()
    missing: Collection[Target] = find_missing(linked) if find_missing and linked else ()
    front, back = (mark_safe(links.resolved(side, missing)) for side in sides)  # noqa: S308 - sanitized by nh3
    return QuestionPage(
        revision=revision,
        variant=variant,
        language=language,
        title=mark_safe(revision.title_html_en),  # noqa: S308 - escaped text
        statement=front,
        short_answer=mark_safe(""),
        answer=back,
        parts=(),
        hints=(),
        points=(),
        mistakes=(),
        follow_ups=(),
        starter=None,
    )


class _PageBuilder:
    def __init__(
        self,
        revision: Revision,
        variant: QuestionVariant,
        language: str,
        verdicts: str,
        find_missing: FindMissing | None,
    ) -> None:
        self.revision, self.variant, self.language = revision, variant, language
        self.texts = list(revision.texts.all())
        self.variant_html = html_columns.variant_html(revision, self.texts, language, variant.seed)
        self.markers = {
            "figure": getattr(revision, f"figure_{language}"),
            "verdicts": verdicts,
            "reference": highlight_code(revision.reference) if revision.reference else "",
        }
        linked = links.targets(map(self.stored, self.html_columns())) if find_missing else set()
        self.missing: Collection[Target] = find_missing(linked) if find_missing and linked else ()

    def html_columns(self) -> Iterator[HtmlColumn]:
        return html_columns.html_columns(self.revision, self.texts, [self.language])

    def stored(self, html_column: HtmlColumn) -> str:
        """Return the HTML of a column, with the variant's values, before its markers are filled."""
        html = self.variant_html.get(html_column.name)
        return html or getattr(html_column.row, html_column.column)

    def page(self) -> QuestionPage:
        return QuestionPage(
            revision=self.revision,
            variant=self.variant,
            language=self.language,
            title=self.html(self.revision, "title"),
            statement=self.html(self.revision, "statement"),
            short_answer=self.html(self.revision, "short_answer"),
            answer=self.html(self.revision, "answer"),
            parts=tuple(self.part(part) for part in self.variant.parts),
            hints=self.html_of("hint"),
            points=self.html_of("point"),
            mistakes=self.html_of("mistake"),
            follow_ups=tuple(
                FollowUp(self.html(text, "text"), self.html(text, "detail"))
                for text in self.texts_of("follow_up")
            ),
            starter=highlight_code(self.revision.starter) if self.revision.starter else None,
        )

    def texts_of(self, kind: str, part: int = 0) -> list[RevisionText]:
        texts = [text for text in self.texts if text.kind == kind and text.part == part]
        return sorted(texts, key=lambda text: text.position)

    def html_of(self, kind: str, part: int = 0) -> tuple[SafeString, ...]:
        return tuple(self.html(text, "text") for text in self.texts_of(kind, part))

    def html(self, row: Revision | RevisionText, field: str) -> SafeString:
        stored = self.stored(HtmlColumn(row, field, self.language))
        linked = links.resolved(stored, self.missing)
        return mark_safe(rendering.fill_markers(linked, **self.markers))  # noqa: S308 - sanitized by nh3

    def part(self, part: Part) -> PartHtml:
        number = int(part.name)
        return PartHtml(
            part=part,
            html=self.html_of(KIND_OF[type(part)], number)[0],
            hints=self.html_of("hint", number),
            options=self.options(part),
            steps=self.html_of("step", number),
        )

    def options(self, part: Part) -> tuple[OptionHtml, ...]:
        if not isinstance(part, ChoicePart | OrderPart):
            return ()
        texts = {text.key: text for text in self.texts_of("option", int(part.name))}
        return tuple(self.option(texts[key], part) for key in part.options)

    def option(self, text: RevisionText, part: ChoicePart | OrderPart) -> OptionHtml:
        return OptionHtml(
            key=text.key,
            html=self.html(text, "text"),
            reason=self.html(text, "detail"),
            is_right=text.key in part.right,
            place=part.right.index(text.key) if isinstance(part, OrderPart) else -1,
        )
