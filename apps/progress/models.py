"""What belongs to a learner: cards and the log of reviews, attempts and answers, plans, notes."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.clock import Clock, now
from apps.experiments.models import Run
from apps.progress import memory
from apps.questions.models import Question, Revision

USER_MODEL = settings.AUTH_USER_MODEL

# Bounds that constraints, forms, pages and services read
MAX_SESSION_CARDS = 20
NEW_QUESTIONS = 5  # that are added to a session where nothing is due
MAX_REVIEW_SECONDS = 600  # a longer review was interrupted: it counts as this long
PLAN_MINUTES = (5, 240)  # a day
PLAN_RETENTION = (80, 95)  # percent


class Rating(models.IntegerChoices):
    AGAIN = memory.AGAIN, _("Again")
    HARD = memory.HARD, _("Hard")
    GOOD = memory.GOOD, _("Good")
    EASY = memory.EASY, _("Easy")


class GradedBy(models.TextChoices):
    """What a rating follows from: a check by the site, or the learner's own judgement."""

    SELF = "self", _("self-graded")
    NUMERIC = "numeric", _("numeric check")
    CHOICE = "choice", _("choice check")
    DERIVATION = "derivation", _("derivation check")


# ---------------------------------------------------------------- memory


class CardQuerySet(models.QuerySet["Card"]):
    def due(self, user: User, before: datetime) -> CardQuerySet:
        """Cards of `user` that fall due before a time, the most overdue first: a scan of the index
        `cards_due`.
        """
        return self.filter(
            user=user, suspended=False, due__lt=before, question__withdrawn=False
        ).order_by("due", "pk")


class Card(models.Model):
    """One learner's memory of one question, as FSRS models it: always the result of folding the
    card's log of reviews (`memory.fold`).
    """

    class State(models.IntegerChoices):
        LEARNING = memory.LEARNING, _("learning")
        REVIEW = memory.REVIEW, _("review")
        RELEARNING = memory.RELEARNING, _("relearning")

    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="cards")
    question = models.ForeignKey(Question, models.CASCADE, related_name="cards")
    state = models.PositiveSmallIntegerField(choices=State, default=State.LEARNING)
    step = models.PositiveSmallIntegerField(null=True, default=0)  # of learning or relearning
    stability = models.FloatField(null=True)  # days until recall has fallen to 90 %
    difficulty = models.FloatField(null=True)  # 1 to 10
    due = models.DateTimeField(default=now)
    last_review = models.DateTimeField(null=True)  # null: never reviewed
    last_day = models.DateField(null=True)  # the learner's day of the last review
    suspended = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now)

    objects = CardQuerySet.as_manager()

    class Meta:
        verbose_name = _("card")
        verbose_name_plural = _("cards")
        constraints = [
            models.UniqueConstraint(fields=["user", "question"], name="one_card_a_question"),
            models.CheckConstraint(
                condition=Q(state=memory.REVIEW) ^ Q(step__isnull=False),
                name="a_learning_card_has_a_step",
            ),
            models.CheckConstraint(
                condition=Q(
                    last_review=None,
                    last_day=None,
                    stability=None,
                    difficulty=None,
                    state=memory.LEARNING,
                )
                | Q(
                    last_review__isnull=False,
                    last_day__isnull=False,
                    stability__gt=0,
                    difficulty__range=(1, 10),
                ),
                name="a_reviewed_card_has_a_memory",
            ),
            models.CheckConstraint(
                condition=Q(last_review=None) | Q(due__gte=F("last_review")),
                name="due_after_the_last_review",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "due"], condition=Q(suspended=False), name="cards_due")
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.question_id}"

    @property
    def is_new(self) -> bool:
        return self.last_review is None

    @property
    def is_learning(self) -> bool:
        return self.state != self.State.REVIEW


class ReviewSession(models.Model):
    """A list of cards to review. Which of them are done follows from the log of reviews, so that
    undo changes nothing here.
    """

    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="sessions")
    day = models.DateField()  # the learner's
    cards = ArrayField(models.BigIntegerField(), size=MAX_SESSION_CARDS)  # in order
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("review session")
        verbose_name_plural = _("review sessions")
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(ended_at=None), name="one_open_session"
            ),
            models.CheckConstraint(
                condition=Q(cards__len__range=(1, MAX_SESSION_CARDS)),
                name="a_session_has_cards_and_a_bound",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.day}: {len(self.cards)}"


class Review(models.Model):
    """A rated review, or the undo of one. An append-only log: a trigger refuses every UPDATE.

    The state of a card is the fold of its ratings that are not undone, ordered by the time at which
    they were given. So storing is idempotent, and the order in which posts arrive is irrelevant.
    """

    card = models.ForeignKey(Card, models.CASCADE, related_name="reviews")
    # the card's user, repeated here for the index
    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="reviews")
    review_id = models.UUIDField()  # idempotency key, chosen by the client
    # null: this row undoes another
    rating = models.PositiveSmallIntegerField(choices=Rating, null=True)
    # review_id of the row that no longer counts; that row may arrive after this one
    undoes = models.UUIDField(null=True)
    graded_by = models.CharField(max_length=16, choices=GradedBy, default=GradedBy.SELF)
    at = models.DateTimeField()  # when the rating was given
    day = models.DateField()  # the learner's day at that time
    seconds = models.FloatField(default=0)  # from the question to the rating
    session = models.ForeignKey(ReviewSession, models.CASCADE, null=True, related_name="reviews")
    before = models.JSONField()  # the state of the card when this was stored
    created_at = models.DateTimeField(db_default=Clock())

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["at", "review_id"]
        constraints = [
            models.UniqueConstraint(fields=["card", "review_id"], name="a_review_is_stored_once"),
            models.UniqueConstraint(
                fields=["card", "undoes"], condition=Q(undoes__isnull=False), name="undone_once"
            ),
            models.CheckConstraint(
                condition=Q(rating__isnull=False) ^ Q(undoes__isnull=False),
                name="a_rating_or_an_undo",
            ),
            models.CheckConstraint(
                condition=Q(rating=None) | Q(rating__range=(memory.AGAIN, memory.EASY)),
                name="ratings_are_1_to_4",
            ),
            models.CheckConstraint(
                condition=Q(seconds__range=(0, MAX_REVIEW_SECONDS)),
                name="review_seconds_are_bounded",
            ),
        ]
        indexes = [
            models.Index(
                fields=["user", "-id"],
                condition=Q(rating__isnull=False),
                name="ratings_newest_first",
            ),
            models.Index(
                fields=["session"], condition=Q(session__isnull=False), name="reviews_of_a_session"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.card_id}: {self.rating or 'undone'}"


class DailyStats(models.Model):
    """What a learner did on one day: sums over the log, updated with every review, so that no page
    aggregates years of it.
    """

    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="days")
    day = models.DateField()
    reviews = models.PositiveIntegerField(default=0)
    # of the reviews, those that tested recall (`memory.CountedReview`)
    recalls = models.PositiveIntegerField(default=0)
    recalled = models.PositiveIntegerField(default=0)  # of the recalls, not rated Again
    seconds = models.FloatField(default=0)

    class Meta:
        verbose_name = _("daily statistics")
        verbose_name_plural = _("daily statistics")
        ordering = ["day"]
        constraints = [
            models.UniqueConstraint(fields=["user", "day"], name="one_row_a_day"),
            models.CheckConstraint(
                condition=Q(recalled__lte=F("recalls"), recalls__lte=F("reviews")),
                name="recalled_of_recalls_of_reviews",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.day}"


# ---------------------------------------------------------------- answers


class Attempt(models.Model):
    """One meeting of a learner with a question, from the first answer, hint or reveal to the
    rating.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="attempts")
    question = models.ForeignKey(Question, models.CASCADE, related_name="attempts")
    # RESTRICT: a private card is deleted with its revisions and attempts, as one
    revision = models.ForeignKey(Revision, models.RESTRICT, related_name="attempts")
    number = models.PositiveIntegerField()  # of the learner's attempts at the question, from 0
    seed = models.PositiveSmallIntegerField()  # of the variant and of the order of options
    day = models.DateField()  # the learner's: the next day begins another attempt
    # how many were opened, by part; with "" those of the whole question
    hints = models.JSONField(default=dict)
    started_at = models.DateTimeField(default=now)
    revealed_at = models.DateTimeField(null=True)
    over = models.BooleanField(default=False)  # rated, or superseded by a later attempt
    # review_id of the rating that counts, of those given to this attempt
    counting_review_id = models.UUIDField(null=True)
    # ratings so far, replaced ones included
    ratings_given = models.PositiveSmallIntegerField(default=0)
    session = models.ForeignKey(ReviewSession, models.SET_NULL, null=True, related_name="attempts")

    class Meta:
        verbose_name = _("attempt at a question")
        verbose_name_plural = _("attempts at questions")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "question", "number"], name="attempts_are_numbered"
            ),
            models.UniqueConstraint(
                fields=["user", "question"], condition=Q(over=False), name="one_open_attempt"
            ),
        ]
        indexes = [
            models.Index(
                fields=["user", "counting_review_id"],
                condition=Q(counting_review_id__isnull=False),
                name="attempts_by_counting_review",
            ),
            models.Index(fields=["user", "-started_at"], name="attempts_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.question_id} #{self.number}"

    @property
    def is_revealed(self) -> bool:
        return self.revealed_at is not None

    def hints_open_for(self, part: str) -> int:
        """Return how many hints that help with a part are open; with "", those of the whole."""
        return sum(count for of, count in self.hints.items() if of in ("", part))


class Answer(models.Model):
    """A learner's answer to a part of a revision. Invalid input is not stored."""

    class Outcome(models.TextChoices):
        RIGHT = "right", _("right")
        WRONG = "wrong", _("wrong")
        KEPT = "kept", _("saved")  # written; the learner grades it

    class Sure(models.IntegerChoices):
        GUESS = 50, _("Guess")
        LEANING = 75, _("Leaning")
        CERTAIN = 95, _("Certain")

    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="answers")
    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="answers")
    revision = models.ForeignKey(Revision, models.RESTRICT, related_name="answers")
    part = models.CharField(max_length=16)  # its name, as in `questions.variants`
    place = models.PositiveIntegerField()  # among those of its part and attempt, from 1
    seed = models.PositiveSmallIntegerField()
    entered = models.JSONField()  # the fields of a `questions.answers.TypedAnswer`
    was_read = models.JSONField(null=True)  # how it was parsed: a number, keys, an expression
    outcome = models.CharField(max_length=8, choices=Outcome)
    hints = models.PositiveSmallIntegerField(default=0)  # opened before it
    confidence = models.PositiveSmallIntegerField(choices=Sure, null=True)  # percent
    # that follows from it; null for all but the first answer to a part
    rating = models.PositiveSmallIntegerField(choices=Rating, null=True)
    graded_by = models.CharField(max_length=16, choices=GradedBy)
    key = models.UUIDField()  # idempotency key of the form
    created_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="a_key_makes_one_answer"),
            models.UniqueConstraint(
                fields=["attempt", "part", "place"], name="answers_have_places"
            ),
        ]
        indexes = [
            models.Index(
                fields=["user", "confidence"],
                condition=Q(place=1, confidence__isnull=False),
                name="first_checks_by_sureness",
            )
        ]

    def __str__(self) -> str:
        return f"{self.part}: {self.outcome}"


# ---------------------------------------------------------------- plans and notes


class Plan(models.Model):
    """How much a learner wants to study, how well they want to remember, and until when."""

    user = models.OneToOneField(USER_MODEL, models.CASCADE, related_name="plan")
    interview = models.DateField(_("interview date"), null=True, blank=True)
    minutes = models.PositiveSmallIntegerField(_("minutes per day"), default=30)
    # percent
    retention = models.PositiveSmallIntegerField(
        _("target recall"), default=round(100 * memory.DEFAULT_RETENTION)
    )
    two_buttons = models.BooleanField(_("only two buttons: Again and Good"), default=False)

    class Meta:
        verbose_name = _("study plan")
        verbose_name_plural = _("study plans")
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__range=PLAN_MINUTES), name="plan_minutes_are_bounded"
            ),
            models.CheckConstraint(
                condition=Q(retention__range=PLAN_RETENTION), name="plan_retention_is_bounded"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.minutes} min"


class Note(models.Model):
    """A learner's own words beside a question."""

    MAX_CHARS = 4000  # UTF-16 code units (common.text.length)

    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="notes")
    question = models.ForeignKey(Question, models.CASCADE, related_name="notes")
    text = models.TextField(max_length=MAX_CHARS)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        constraints = [
            models.UniqueConstraint(fields=["user", "question"], name="one_note_a_question")
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.question_id}"  # never the text: it is private


class Bookmark(models.Model):
    """A question that a learner wants to find again."""

    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="bookmarks")
    question = models.ForeignKey(Question, models.CASCADE, related_name="bookmarks")
    created_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = _("bookmark")
        verbose_name_plural = _("bookmarks")
        constraints = [
            models.UniqueConstraint(fields=["user", "question"], name="one_bookmark_a_question")
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.question_id}"


class UnreadVerdict(models.Model):
    """A finished run whose verdict its owner has not opened; deleted once they have."""

    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="unread_verdicts")
    run = models.OneToOneField(Run, models.CASCADE, related_name="unread")
    created_at = models.DateTimeField(default=now)
    # when its owner, who was elsewhere, got a notice of it; NULL: not yet, or it came too long ago
    told_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("unread verdict")
        verbose_name_plural = _("unread verdicts")
        ordering = ["created_at"]
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(told_at=None), name="verdicts_to_tell_of"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id}"
