"""The bank: questions, their revisions in two languages, and reports of mistakes in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.common.clock import Clock
from apps.common.listing import search_condition
from apps.common.topics import TOPICS
from apps.questions.limits import (
    MAX_BANK_TITLE_LENGTH,
    MAX_CLAIM_LENGTH,
    MAX_DIFFICULTY,
    MAX_GUID_LENGTH,
    MAX_IDEMPOTENCY_KEY_LENGTH,
    MAX_OPTION_KEY_LENGTH,
    MAX_ORIGIN_LENGTH,
    MAX_REPORT_LENGTH,
    MAX_SLUG_LENGTH,
    MAX_TITLE_LENGTH,
    MIN_DIFFICULTY,
)
from apps.questions.variants import PART_KINDS

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.accounts.models import User

SEARCHED_COLUMNS = (
    "current__title_en",
    "current__title_zh",
    "current__statement_en",
    "current__statement_zh",
    "current__synonyms",
    "slug",
)


class Kind(models.TextChoices):
    CONCEPT = "concept", _("concept")
    DERIVATION = "derivation", _("derivation")
    NUMERIC = "numeric", _("numeric")
    CHOICE = "choice", _("choice")
    CODE = "code", _("code")
    OPEN = "open", _("open")


class Bank(models.Model):
    """A named collection of questions."""

    slug = models.SlugField(primary_key=True, max_length=MAX_SLUG_LENGTH)
    title_en = models.CharField(max_length=MAX_BANK_TITLE_LENGTH)
    title_zh = models.CharField(max_length=MAX_BANK_TITLE_LENGTH)
    public = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("question bank")
        verbose_name_plural = _("question banks")

    def __str__(self) -> str:
        return self.slug


class QuestionQuerySet(models.QuerySet["Question"]):
    def offered(self) -> QuestionQuerySet:
        """Return the questions that may be studied: published, in a public bank, not withdrawn."""
        return self.filter(withdrawn=False, bank__public=True, current__isnull=False)

    def private_to(self, user: User | AnonymousUser) -> QuestionQuerySet:
        """Return the private cards of a person; none of a visitor."""
        return self.filter(owner=user.pk) if user.pk is not None else self.none()

    def readable_by(self, user: User | AnonymousUser) -> QuestionQuerySet:
        """Return the questions that are offered, and the person's private cards."""
        is_offered = Q(withdrawn=False, bank__public=True, current__isnull=False)
        return self.filter(is_offered | Q(owner=user.pk) if user.pk is not None else is_offered)

    def about(self, *claims: str) -> QuestionQuerySet:
        """Return the questions whose current revision names one of these claims."""
        return self.filter(current__claims__overlap=list(claims))

    def search(self, words: str) -> QuestionQuerySet:
        """Return the questions that have every one of the words in their slug, or in their title,
        statement or synonyms in either language. Words may be full-width.
        """
        return self.filter(search_condition(words, SEARCHED_COLUMNS))


QuestionManager = models.Manager.from_queryset(QuestionQuerySet)


class BankQuestions(QuestionManager["Question"]):
    """The questions of the site. A private card, which is a row of the same table, is in no result
    of it: who means one says so, by `Question.with_private`.
    """

    def get_queryset(self) -> QuestionQuerySet:
        questions: QuestionQuerySet = super().get_queryset().filter(owner=None)  # type: ignore[assignment]
        return questions


class Question(models.Model):
    """A question. Its text is in its revisions; topic, kinds and difficulty are those of the
    current one.

    A question with an owner is a private card: front and back of a flashcard that nobody else can
    see. It has neither bank, topic nor kind, and is written by `services.private_cards` alone.
    """

    # null: of a private card
    bank = models.ForeignKey(Bank, models.PROTECT, related_name="questions", null=True)
    slug = models.SlugField(max_length=MAX_SLUG_LENGTH, unique=True)
    topic = models.SlugField(  # empty: of a private card
        max_length=MAX_SLUG_LENGTH,
        choices=[(topic.slug, topic.title_en) for topic in TOPICS.values()],
        db_index=True,
    )
    kinds = ArrayField(models.CharField(max_length=16, choices=Kind.choices))
    difficulty = models.PositiveSmallIntegerField()  # MIN_DIFFICULTY to MAX_DIFFICULTY
    # null: only drafts so far
    # RESTRICT: a private card is deleted with its revisions, as one
    current = models.ForeignKey(
        "Revision", models.RESTRICT, related_name="+", null=True, blank=True
    )
    # digest of its files when they were last loaded, of a private card that of the note when it was
    # last imported; empty: written here
    files_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    withdrawn = models.BooleanField(default=False)
    # who alone sees it; null: a question of the bank. No reverse name: `with_private` is the way
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", null=True, editable=False
    )
    # of a private card: what it is known by in packages of Anki, and the file that it came from,
    # empty where it was written here
    guid = models.CharField(max_length=MAX_GUID_LENGTH, blank=True, editable=False)
    origin = models.CharField(max_length=MAX_ORIGIN_LENGTH, blank=True, editable=False)

    # what rows are called that go with a person
    owned_name_plural = _("private cards")

    objects = BankQuestions()  # the default, so that whatever forgets private cards excludes them
    with_private = QuestionQuerySet.as_manager()

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["topic", "difficulty", "slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(difficulty__range=(MIN_DIFFICULTY, MAX_DIFFICULTY)),
                name="difficulty_is_1_to_5",
            ),
            models.CheckConstraint(
                condition=Q(topic__in=list(TOPICS)) | Q(topic="", owner__isnull=False),
                name="a_question_has_a_known_topic",
            ),
            models.CheckConstraint(
                condition=Q(kinds__contained_by=list(Kind.values), kinds__len__gt=0)
                | Q(kinds=[], owner__isnull=False),
                name="a_question_has_known_kinds",
            ),
            models.CheckConstraint(
                condition=Q(owner=None, bank__isnull=False, guid="", origin="")
                | (Q(owner__isnull=False, bank=None, topic="", kinds=[]) & ~Q(guid="")),
                name="a_question_is_of_a_bank_or_private",
            ),
            models.UniqueConstraint(
                fields=["owner", "guid"],
                condition=Q(owner__isnull=False),
                name="a_private_card_has_a_guid",
            ),
        ]
        indexes = [GinIndex(fields=["kinds"], name="questions_by_kind")]

    def __str__(self) -> str:
        return self.slug

    def get_absolute_url(self) -> str:
        # a page of `progress`, which also shows what the learner did
        return f"/questions/{self.slug}"

    @property
    def is_private(self) -> bool:
        return self.owner_id is not None


class Revision(models.Model):
    """A version of a question. Once published it is immutable: an attempt keeps the revision that
    it answered.

    Text is Markdown with TeX. Its HTML is rendered when the revision is published, and empty where
    a text shows sampled values.

    That of a private card has its front as statement and its back as answer, once, in the columns
    of English, whatever the language; pages render them when they are shown.
    """

    class TextFormat(models.TextChoices):
        BANK = "bank", _("as the bank's")
        MARKDOWN = "markdown", _("Markdown")  # of a private card that was written here
        HTML = "html", _("HTML")  # of one that was imported; sanitized

    question = models.ForeignKey(Question, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()  # from 1, within the question
    title_en = models.CharField(max_length=MAX_TITLE_LENGTH)
    title_zh = models.CharField(max_length=MAX_TITLE_LENGTH)
    statement_en = models.TextField()
    statement_zh = models.TextField()
    # what one could say aloud in the interview: shown first in the answer
    short_answer_en = models.TextField(blank=True)
    short_answer_zh = models.TextField(blank=True)
    answer_en = models.TextField()
    answer_zh = models.TextField()
    # what question.toml says: the variant, right options, checks of steps, code
    facts = models.JSONField(default=dict, blank=True)
    # what its texts say of its parts (validators.outline); stored when it is published
    outline = models.JSONField(default=dict, blank=True, editable=False)
    # other names of the subject, in both languages, by which search finds it; one a line
    synonyms = models.TextField(blank=True)
    sources = models.JSONField(default=list, blank=True)  # [{"text", "url"}]
    # by slug, without foreign keys: what they name may not exist yet
    labs = ArrayField(models.SlugField(max_length=MAX_SLUG_LENGTH), default=list, blank=True)
    claims = ArrayField(models.CharField(max_length=MAX_CLAIM_LENGTH), default=list, blank=True)
    related = ArrayField(models.SlugField(max_length=MAX_SLUG_LENGTH), default=list, blank=True)
    starter = models.TextField(blank=True)  # Python, of a code question
    reference = models.TextField(blank=True)
    figure_en = models.TextField(blank=True)  # SVG, from figure.py
    figure_zh = models.TextField(blank=True)
    title_html_en = models.TextField(blank=True, editable=False)
    title_html_zh = models.TextField(blank=True, editable=False)
    statement_html_en = models.TextField(blank=True, editable=False)
    statement_html_zh = models.TextField(blank=True, editable=False)
    short_answer_html_en = models.TextField(blank=True, editable=False)
    short_answer_html_zh = models.TextField(blank=True, editable=False)
    answer_html_en = models.TextField(blank=True, editable=False)
    answer_html_zh = models.TextField(blank=True, editable=False)
    text_format = models.CharField(
        max_length=8, choices=TextFormat, default=TextFormat.BANK, editable=False
    )
    # html_columns.current_html_version() when the HTML was rendered
    html_version = models.CharField(max_length=32, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Clock())
    # null: a draft
    published_at = models.DateTimeField(null=True, blank=True, editable=False)

    owned_name_plural = _("texts of private cards")

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ["question", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["question", "number"], name="revisions_are_numbered")
        ]
        indexes = [GinIndex(fields=["claims"], name="revisions_by_claim")]
        permissions = [("publish_revision", "Can publish a draft of a question")]

    def __str__(self) -> str:
        return f"{self.question_id} r{self.number}"

    @property
    def is_published(self) -> bool:
        return self.published_at is not None

    @property
    def is_private(self) -> bool:
        return self.text_format != self.TextFormat.BANK


class RevisionText(models.Model):
    """A text of a revision besides title, statement and answer: a hint, a step, a part to answer,
    an option, a key point.
    """

    class Kind(models.TextChoices):
        HINT = "hint", _("hint")
        STEP = "step", _("step")
        NUMERIC = "numeric", _("part: numeric")
        CHOICE = "choice", _("part: choice")
        ORDER = "order", _("part: order")
        DERIVATION = "derivation", _("part: derivation")
        OPTION = "option", _("answer option")
        POINT = "point", _("key point")
        MISTAKE = "mistake", _("common mistake")
        FOLLOW_UP = "follow_up", _("follow-up")

    revision = models.ForeignKey(Revision, models.CASCADE, related_name="texts")
    kind = models.CharField(max_length=16, choices=Kind)
    # that it is, or belongs to: as they stand, from 1; 0: the whole question
    part = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)  # from 0, within kind and part
    # of an option: its key in facts
    key = models.CharField(max_length=MAX_OPTION_KEY_LENGTH, blank=True)
    text_en = models.TextField(blank=True)  # of a derivation alone: its steps may say everything
    text_zh = models.TextField(blank=True)
    # the reason of an option, shown once it was checked; the answer of a follow-up
    detail_en = models.TextField(blank=True)
    detail_zh = models.TextField(blank=True)
    html_en = models.TextField(blank=True, editable=False)
    html_zh = models.TextField(blank=True, editable=False)
    detail_html_en = models.TextField(blank=True, editable=False)
    detail_html_zh = models.TextField(blank=True, editable=False)

    class Meta:
        verbose_name = _("part of a revision")
        verbose_name_plural = _("parts of revisions")
        ordering = ["revision", "kind", "part", "position"]
        constraints = [
            # deferred: rows that swap places are written one after the other
            models.UniqueConstraint(
                fields=["revision", "kind", "part", "position"],
                name="revision_texts_have_places",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=~Q(kind="option") | (~Q(key="") & ~Q(detail_en="") & ~Q(detail_zh="")),
                name="an_option_has_key_and_reason",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=[*PART_KINDS, "option", "step"]) | Q(part__gt=0),
                name="parts_are_numbered_from_1",
            ),
            models.CheckConstraint(
                condition=Q(kind="derivation") | (~Q(text_en="") & ~Q(text_zh="")),
                name="a_text_has_words_in_both_languages",
                violation_error_message=_(
                    "Write this text in both languages. Only a derivation may leave it out."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.position + 1}"


class Report(models.Model):
    """A learner's report of a mistake in a question."""

    class About(models.TextChoices):
        FACT = "fact", _("Something it says is wrong")
        GRADING = "grading", _("A right answer was marked wrong, or a wrong one right")
        WORDS = "words", _("Wording, a typo, or the translation")
        OTHER = "other", _("Something else")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("report", "open")
        FIXED = "fixed", _("fixed")
        DECLINED = "declined", _("declined")

    MAX_OPEN_REPORTS = 20  # of one person

    # RESTRICT: of the bank's questions, of which none that was published is deleted
    question = models.ForeignKey(Question, models.RESTRICT, related_name="reports")
    revision = models.ForeignKey(Revision, models.RESTRICT, related_name="reports")
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="question_reports"
    )
    key = models.CharField(max_length=MAX_IDEMPOTENCY_KEY_LENGTH)
    about = models.CharField(max_length=16, choices=About)
    text = models.TextField(max_length=MAX_REPORT_LENGTH)
    language = models.CharField(max_length=8)  # in which the question was read
    created_at = models.DateTimeField(db_default=Clock())
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    note = models.TextField(blank=True)  # the operator's

    class Meta:
        verbose_name = _("report of a mistake")
        verbose_name_plural = _("reports of mistakes")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["reporter", "key"], name="a_key_makes_one_report")
        ]
        indexes = [
            models.Index(fields=["reporter"], condition=Q(state="open"), name="reports_that_wait")
        ]

    def __str__(self) -> str:
        return f"{self.question_id}: {self.about}"
