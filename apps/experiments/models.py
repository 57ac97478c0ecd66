"""Labs, runs and the run attempts of workers: tables, constraints and query sets."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import (
    Case,
    DateTimeField,
    ExpressionWrapper,
    F,
    FloatField,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Extract, Greatest, Least, Power
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import PROJECT_HANDLE, User
from apps.common.clock import Clock
from apps.common.listing import search_condition
from apps.common.text import in_language
from apps.common.topics import TOPICS
from apps.experiments.scheduling import HALF_LIFE


class Queue(models.TextChoices):
    LABS = "labs", _("labs")
    BENCH = "bench", _("bench")


class Outcome(models.TextChoices):
    HOLDS = "holds", _("holds")
    DEPENDS = "depends", _("depends")
    DOES_NOT_HOLD = "does_not_hold", _("does not hold")
    INCONCLUSIVE = "inconclusive", _("inconclusive")


SEARCHED_WORDS = ("title_en", "title_zh", "question_en", "question_zh")  # columns of LabWords


class LabQuerySet(models.QuerySet["Lab"]):
    def offered(self) -> LabQuerySet:
        """Labs that a learner can run now: not withdrawn."""
        return self.filter(withdrawn=False)

    def with_code(self) -> LabQuerySet:
        """Offered labs whose code is loaded."""
        return self.offered().filter(current__isnull=False)

    def listed(self) -> LabQuerySet:
        """Those labs with the columns that lists show, without their words and code."""
        labs = self.with_code().select_related("current__words_row")
        return labs.defer("current__words_row__words", "current__words_row__source")

    def search(self, words: str) -> LabQuerySet:
        """Labs that have every one of the words in their slug, or in their title or question in
        either language.
        """
        of_words = [f"current__words_row__{column}" for column in SEARCHED_WORDS]
        return self.filter(search_condition(words, ["slug", *of_words]))


class Lab(models.Model):
    """What a learner may run. Its code and words are files, which `load_labs` reads into tables."""

    class Kind(models.TextChoices):
        TRAINING = "training", _("training")
        BENCHMARK = "benchmark", _("benchmark")
        ANALYTIC = "analytic", _("closed form")

    slug = models.SlugField(primary_key=True, max_length=64)
    topic = models.SlugField(max_length=64)
    kind = models.CharField(max_length=16, choices=Kind)
    queue = models.CharField(max_length=16, choices=Queue, default=Queue.LABS)
    # null only while the first is created
    current = models.ForeignKey("LabVersion", models.PROTECT, related_name="+", null=True)
    withdrawn = models.BooleanField(default=False)  # its files are gone; its runs stay
    position = models.PositiveSmallIntegerField(default=0)  # in the catalogue

    objects = LabQuerySet.as_manager()

    class Meta:
        verbose_name = _("lab")
        verbose_name_plural = _("labs")
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def current_version(self) -> LabVersion:
        assert self.current is not None, "a lab that is offered has code"
        return self.current

    @property
    def title(self) -> str:
        """In the reader's language. A query unless `words_row` was selected with it."""
        return self.current_version.title

    @property
    def question(self) -> str:
        """What it asks, in the reader's language; the title where it says none."""
        return in_language(self.current_version.words_row, "question") or self.title


class LabVersion(models.Model):
    """What a lab's code does: what a run points at. Immutable: a trigger refuses every UPDATE
    (migration 0002). How it is worded may be replaced: that is a row of `LabWords`.
    """

    lab = models.ForeignKey(Lab, models.CASCADE, related_name="versions")
    code_hash = models.CharField(max_length=64)  # `workers.code_hash` of the .py
    created_at = models.DateTimeField(db_default=Clock())

    class Meta:
        verbose_name = _("version of a lab")
        verbose_name_plural = _("versions of labs")
        constraints = [
            models.UniqueConstraint(fields=["lab", "code_hash"], name="a_version_is_its_code")
        ]

    def __str__(self) -> str:
        return f"{self.lab_id} {self.code_hash[:8]}"

    @property
    def words(self) -> dict[str, Any]:
        """The newest words for this code. A query unless `words_row` was selected with it."""
        words: dict[str, Any] = self.words_row.words
        return words

    @property
    def title(self) -> str:
        """The lab's title in the reader's language, as this version has it."""
        return in_language(self.words_row, "title")

    @property
    def source(self) -> str:
        """The code as printed beside the results, with its newest comments."""
        return self.words_row.source


class LabWords(models.Model):
    """What readers see of a version of a lab: its words, in both languages, and its printed code.
    Words, comments and layout are corrected without a new version.

    The columns that repeat words are written with them (`lab_columns`).
    """

    version = models.OneToOneField(
        LabVersion, models.CASCADE, primary_key=True, related_name="words_row"
    )
    words = models.JSONField()  # the .toml
    source = models.TextField()  # the .py
    title_en = models.TextField()
    title_zh = models.TextField()
    question_en = models.TextField()
    question_zh = models.TextField()
    seconds = models.FloatField(null=True)  # of a standard run, as the lab declares
    defaults_hash = models.CharField(max_length=64)  # `lab_config.config_hash` of the defaults
    updated_at = models.DateTimeField(db_default=Clock())

    class Meta:
        verbose_name = _("words of a lab")
        verbose_name_plural = _("words of labs")

    def __str__(self) -> str:
        return f"{self.version_id}"


class ClaimQuerySet(models.QuerySet["Claim"]):
    def offered(self) -> ClaimQuerySet:
        """Claims of the labs that are offered, as their current code has them."""
        return self.filter(version__lab__withdrawn=False, version__lab__current=F("version"))

    def search(self, words: str) -> ClaimQuerySet:
        """Claims that have every one of the words in their name or statement, or in the title or
        question of their lab, in either language.
        """
        of_lab = [f"version__words_row__{column}" for column in SEARCHED_WORDS]
        columns = ["name", "statement_en", "statement_zh", *of_lab]
        return self.filter(search_condition(words, columns))

    def in_ledger_order(self) -> ClaimQuerySet:
        """By topic, lab and place in it: a total order."""
        places = [
            When(version__lab__topic=slug, then=Value(place)) for place, slug in enumerate(TOPICS)
        ]
        topic = Case(*places, default=Value(len(places)))
        lab = ("version__lab__topic", "version__lab__position", "version__lab__slug")
        return self.order_by(topic, *lab, "position")


class Claim(models.Model):
    """A claim of a version of a lab: what the ledger lists. Written with the version's words."""

    version = models.ForeignKey(LabVersion, models.CASCADE, related_name="claims")
    name = models.CharField(max_length=128)  # lab.claim
    position = models.PositiveSmallIntegerField()  # from 0, within the lab
    statement_en = models.TextField()
    statement_zh = models.TextField()
    words = models.JSONField()  # its table in the .toml: sentences, conditions, source

    objects = ClaimQuerySet.as_manager()

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        constraints = [
            models.UniqueConstraint(fields=["version", "name"], name="a_claim_is_named_once")
        ]
        indexes = [models.Index(fields=["name"], name="claims_by_name")]
        ordering = ["version", "position"]

    def __str__(self) -> str:
        return self.name

    @property
    def statement(self) -> str:
        """In the reader's language; its name where it says none."""
        return in_language(self, "statement") or self.name


class Worker(models.Model):
    """A worker process that may lease runs. Its token is shown once and stored as a hash."""

    MAX_NETWORKS = 100

    name = models.CharField(max_length=64, unique=True)
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    queues = models.JSONField(default=list)  # that it may lease runs from
    created_at = models.DateTimeField(db_default=Clock())
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    # from which its token was used, at most MAX_NETWORKS
    networks = models.JSONField(default=list, db_default=[], blank=True, editable=False)
    last_address = models.GenericIPAddressField(null=True, blank=True)
    # its last LeaseRequest: device, slots, labs, versions
    capabilities = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name


class RunQuerySet(models.QuerySet["Run"]):
    def waiting(self) -> RunQuerySet:
        return self.filter(state=Run.State.QUEUED)

    def running(self) -> RunQuerySet:
        return self.filter(state=Run.State.RUNNING)

    def visible_to(self, user: User | AnonymousUser) -> RunQuerySet:
        return self.filter(Q(owner_id=user.pk) | Q(shared=True))

    def shared_by_project(self) -> RunQuerySet:
        return self.filter(owner__handle=PROJECT_HANDLE, shared=True)

    def recorded(self) -> RunQuerySet:
        """The project's recorded standard runs: shared, finished, at default settings."""
        return self.shared_by_project().filter(at_defaults=True, state=Run.State.SUCCEEDED)

    def with_all_points(self) -> RunQuerySet:
        return self.filter(thinned_at=None)

    def due_for_thinning(self) -> RunQuerySet:
        """Runs that ended more than POINTS_KEEP_DAYS ago, but the project's and those that are
        shared: others may be looking at all of their points.
        """
        if not settings.POINTS_KEEP_DAYS:
            return self.none()
        age = timedelta(days=settings.POINTS_KEEP_DAYS)
        due = self.with_all_points().filter(ended_at__lt=Clock() - age, shared=False)
        return due.filter(last_seq__gt=0).exclude(owner__handle=PROJECT_HANDLE)

    def of_current_code(self) -> RunQuerySet:
        return self.filter(version=F("version__lab__current"))


class Run(models.Model):
    """One execution of an experiment: what is queued, watched, stopped, compared and reproduced."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Finished")
        FAILED = "failed", _("Failed")
        LIMIT_EXCEEDED = "limit_exceeded", _("Limit reached")
        CANCELLED = "cancelled", _("Stopped")
        LOST = "lost", _("Lost (our fault)")  # or the lab's: `Run.state_word`

    ENDED_STATES = [
        State.SUCCEEDED,
        State.FAILED,
        State.LIMIT_EXCEEDED,
        State.CANCELLED,
        State.LOST,
    ]
    # error of a lost run
    OUTDATED = "The lab changed while this run was queued; no worker still has the old version."
    # error of a lost run, too: each of its run attempts ended with the process of the lab
    LAB_CRASHED = "The lab's process ended without a result, each time that the run was started."
    STANDARD_REPLICATES = 16
    MORE_REPLICATES = [32, 64]  # offered after an inconclusive verdict
    MAX_KEY_CHARS = 64
    MAX_ERROR_CHARS = 500
    MAX_DETAIL_CHARS = 20_000  # kept of a traceback

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="runs")
    # idempotency key: chosen by the submitter, unique with the owner
    key = models.CharField(max_length=MAX_KEY_CHARS)
    version = models.ForeignKey(LabVersion, models.PROTECT, related_name="runs")
    config = models.JSONField()  # all settings, defaults included
    config_hash = models.CharField(max_length=64)  # `lab_config.config_hash` of them
    # every setting at its default: only such runs count as evidence
    at_defaults = models.BooleanField()
    replicates = models.PositiveSmallIntegerField(default=STANDARD_REPLICATES)
    seed = models.PositiveIntegerField(default=0)
    queue = models.CharField(max_length=16, choices=Queue)
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    cancel_requested = models.BooleanField(default=False)
    shared = models.BooleanField(default=False)
    queued_at = models.DateTimeField(db_default=Clock())
    started_at = models.DateTimeField(null=True, blank=True)  # of the last run attempt
    ended_at = models.DateTimeField(null=True, blank=True)
    points_done = models.PositiveIntegerField(default=0)  # that the lab has yielded
    points_expected = models.PositiveIntegerField(default=0)  # at its end; 0: unknown
    last_seq = models.PositiveIntegerField(default=0)  # of the last stored batch
    error = models.CharField(max_length=MAX_ERROR_CHARS, blank=True)
    detail = models.TextField(blank=True)  # for the operator
    seconds = models.FloatField(null=True, blank=True)  # of work, as the worker measured it
    device = models.JSONField(default=dict, blank=True)
    versions = models.JSONField(default=dict, blank=True)
    engine = models.PositiveIntegerField(default=0)  # `workers.engine.VERSION`; 0: not known
    summary = models.JSONField(default=dict, blank=True)
    thinned_at = models.DateTimeField(null=True, blank=True)  # NULL: it has all of its points

    objects = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="a_key_makes_one_run"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"]) ^ Q(ended_at__isnull=False),
                name="a_run_is_over_or_has_no_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "owner", "queued_at"],
                condition=Q(state="queued"),
                name="runs_that_wait",
            ),
            models.Index(fields=["owner"], condition=Q(state="running"), name="runs_that_go"),
            models.Index(fields=["owner", "-queued_at"], name="runs_of_an_owner"),
            models.Index(fields=["version", "at_defaults", "state"], name="runs_as_evidence"),
            models.Index(fields=["owner", "config_hash"], name="runs_at_settings"),
            models.Index(
                fields=["ended_at"],
                condition=Q(thinned_at=None, shared=False, last_seq__gt=0),
                name="runs_to_be_thinned",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def is_over(self) -> bool:
        return self.state in self.ENDED_STATES

    @property
    def is_outdated(self) -> bool:
        """Whether it was lost because no worker had its code any more."""
        return self.state == self.State.LOST and self.error == self.OUTDATED

    @property
    def is_lab_crash(self) -> bool:
        """Whether it was lost because the lab's process ended every time."""
        return self.state == self.State.LOST and self.error == self.LAB_CRASHED

    @property
    def state_word(self) -> str:
        return str(_("Lost (the lab crashed)") if self.is_lab_crash else self.get_state_display())


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def standing(self) -> PredictionQuerySet:
        """Predictions but those of lost runs, which cost the learner nothing."""
        return self.exclude(run__state=Run.State.LOST)

    def counted(self) -> PredictionQuerySet:
        """Predictions that count for calibration."""
        return self.filter(not_counted="")


class Prediction(models.Model):
    """What the learner predicted before the run: an outcome of the lab's headline claim, and a
    sketch, which is shown but not scored.
    """

    class NotCounted(models.TextChoices):
        """Why a prediction does not count for calibration: the answer could be known before."""

        OPENED = "opened", _("you had opened the verdict before")
        PREDICTED = "predicted", _("you had predicted these settings before")
        WATCHED = "watched", _("you had run these settings before")

    class Confidence(models.IntegerChoices):
        P35 = 35, "35%"
        P50 = 50, "50%"
        P65 = 65, "65%"
        P80 = 80, "80%"
        P95 = 95, "95%"

    run = models.OneToOneField(Run, models.CASCADE, related_name="prediction")
    claim = models.CharField(max_length=128)
    outcome = models.CharField(max_length=16, choices=Outcome)
    confidence = models.PositiveSmallIntegerField(choices=Confidence)
    sketch = models.JSONField(default=dict, blank=True)  # {arm: value}
    created_at = models.DateTimeField(db_default=Clock())
    was_right = models.BooleanField(null=True)  # NULL: not scored
    score = models.FloatField(null=True)  # (confidence - right) squared, in 0..1; less is better
    # decided when it is committed; empty: it counts for calibration
    not_counted = models.CharField(max_length=16, choices=NotCounted, blank=True, default="")

    objects = PredictionQuerySet.as_manager()

    class Meta:
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")

    def __str__(self) -> str:
        return f"{self.claim}: {self.outcome} ({self.confidence}%)"


class OpenedVerdict(models.Model):
    """A person saw the verdicts of a lab's version at some settings, without having predicted them.

    What a visitor opened is in their session (`opened_verdicts`), until they sign in.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="opened_verdicts"
    )
    version = models.ForeignKey(LabVersion, models.CASCADE, related_name="+")
    config_hash = models.CharField(max_length=64)
    opened_at = models.DateTimeField(db_default=Clock())

    class Meta:
        verbose_name = _("opened verdict")
        verbose_name_plural = _("opened verdicts")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "version", "config_hash"], name="a_verdict_is_opened_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.config_hash[:8]}"


class Verdict(models.Model):
    """A run's result on one claim."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="verdicts")
    claim = models.CharField(max_length=128, db_index=True)
    outcome = models.CharField(max_length=16, choices=Outcome)
    effect = models.FloatField(null=True)
    low = models.FloatField(null=True)  # of the 95 % interval
    high = models.FloatField(null=True)
    replicates = models.PositiveIntegerField(default=0)  # finite ones
    diverged = models.PositiveIntegerField(default=0)
    exact = models.BooleanField(default=False)  # closed form
    # conditions of a claim that has several, as wire.Part
    parts = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = _("verdict")
        verbose_name_plural = _("verdicts")
        constraints = [models.UniqueConstraint(fields=["run", "claim"], name="one_verdict_a_claim")]
        ordering = ["pk"]  # the lab's order

    def __str__(self) -> str:
        return f"{self.claim}: {self.outcome}"


class RunAttemptQuerySet(models.QuerySet["RunAttempt"]):
    def silent(self) -> RunAttemptQuerySet:
        """Run attempts without a heartbeat for `LEASE_SECONDS` in which one could have been heard.
        A heartbeat that lies further than that in the future counts as none: the clock was set
        back.
        """
        return self.filter(self._is_silent())

    def heard(self) -> RunAttemptQuerySet:
        return self.exclude(self._is_silent())

    @staticmethod
    def _is_silent() -> Q:
        lease = timedelta(seconds=settings.LEASE_SECONDS)
        marks = ListeningMark.objects.values("listened_at")
        listened_at = Coalesce(Subquery(marks[:1]), Clock())  # without a mark, always
        is_past = Q(last_heartbeat_at__lt=ExpressionWrapper(listened_at - lease, DateTimeField()))
        return is_past | Q(last_heartbeat_at__gt=Clock() + lease)


class ListeningMark(models.Model):
    """When a web process could last have heard a worker: one row, which all of them renew
    (`listening.py`). It stands still while the site is away, and no lease runs out meanwhile.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    listened_at = models.DateTimeField(db_default=Clock())
    # the last time that the site was away: pages say so until its workers have come back
    away_at = models.DateTimeField(null=True, blank=True)
    back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_mark")]

    def __str__(self) -> str:
        return f"{self.listened_at}"


class RunAttempt(models.Model):
    """One worker's attempt at a run. Only who has its token may report on the run, and only until
    it ends.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="run_attempts")
    number = models.PositiveSmallIntegerField()  # from 1
    worker = models.ForeignKey(Worker, models.SET_NULL, null=True, related_name="run_attempts")
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    started_at = models.DateTimeField(db_default=Clock())
    last_heartbeat_at = models.DateTimeField(db_default=Clock())
    # of the lease request, chosen by its worker: a request that is repeated leases once
    request_key = models.UUIDField(null=True, blank=True)
    # the worker has reported: until then the lease may have been given to nobody
    is_confirmed = models.BooleanField(default=False)
    # when its last points came; an empty report is a heartbeat, no progress
    last_progress_at = models.DateTimeField(db_default=Clock())
    ended_at = models.DateTimeField(null=True, blank=True)
    finished = models.BooleanField(default=False)  # it sent the result
    # the worker gave it back at its shutdown: does not count towards MAX_RUN_ATTEMPTS
    released = models.BooleanField(default=False)

    objects = RunAttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("run attempt")
        verbose_name_plural = _("run attempts")
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="run_attempts_are_numbered"),
            models.UniqueConstraint(
                fields=["run"], condition=Q(ended_at=None), name="one_live_attempt_a_run"
            ),
            models.UniqueConstraint(
                fields=["worker", "request_key"], name="a_request_leases_one_run"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} attempt {self.number}"


class Batch(models.Model):
    """Points of one arm and one series as they were reported, or a reset by a later run attempt.

    Arrays are little-endian float64, NaN where not finite.
    """

    class Kind(models.TextChoices):
        POINTS = "points"
        RESET = "reset"

    run = models.ForeignKey(Run, models.CASCADE, related_name="batches")
    seq = models.PositiveIntegerField()  # rises within a run, across run attempts
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.POINTS)
    arm = models.CharField(max_length=128, blank=True)
    series = models.CharField(max_length=128, blank=True)
    step = models.BinaryField(default=b"")
    mean = models.BinaryField(default=b"")
    low = models.BinaryField(default=b"")  # empty for a single replicate
    high = models.BinaryField(default=b"")
    reset = models.JSONField(default=dict)  # {"run_attempt": number, "keep": seq} of a reset

    class Meta:
        verbose_name = _("batch of points")
        verbose_name_plural = _("batches of points")
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="batches_come_once")]

    def __str__(self) -> str:
        return f"{self.run_id} #{self.seq}"


class ComputeUsage(models.Model):
    """The compute-seconds that a learner has used, with exponential decay."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="compute_usage"
    )
    seconds = models.FloatField(default=0)
    updated_at = models.DateTimeField(db_default=Clock())

    _half_lives: Any = (
        Cast(Extract(Clock() - F("updated_at"), "epoch"), FloatField()) / HALF_LIFE.total_seconds()
    )
    # The exponent is bounded: years without a run, or a clock that was set back, would overflow,
    # and the error would stop every lease.
    DECAYED_SECONDS: Any = F("seconds") * Power(
        0.5, Greatest(Least(_half_lives, 365.0), 0.0), output_field=FloatField()
    )

    class Meta:
        verbose_name = _("compute usage")
        verbose_name_plural = _("compute usage")

    def __str__(self) -> str:
        return f"{self.owner_id}: {self.seconds:.0f} s"
