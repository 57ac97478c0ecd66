"""Archives of a person's own data: those that are made for them, and those that they upload."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.common.clock import Clock

KEY_CHARS = 32
MAX_ERROR_LENGTH = 500
MAX_NAME_LENGTH = 200


def new_key() -> str:
    """Return the name of a file that nobody can guess."""
    return secrets.token_hex(KEY_CHARS // 2)


class Work(models.Model):
    """A row of work for housekeep, whose file has its key for a name. An attempt begins with a
    lease, so that one whose process ended begins again.
    """

    owner_id: Any  # whose it is, as each has it
    state: Any
    key = models.CharField(max_length=KEY_CHARS, unique=True, default=new_key, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    # postponed by the lease; NULL: there is nothing to do
    next_attempt_at = models.DateTimeField(null=True, db_default=Clock())
    created_at = models.DateTimeField(db_default=Clock())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        default_permissions = ("view",)
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.owner_id}: {self.state}"


class ExportQuerySet(models.QuerySet["Export"]):
    def underway(self) -> ExportQuerySet:
        return self.filter(state__in=Export.UNDERWAY)

    def with_file(self) -> ExportQuerySet:
        """Return those that have a file, or are about to."""
        return self.filter(state__in=[*Export.UNDERWAY, Export.State.DONE])

    def due(self) -> ExportQuerySet:
        """Return the archives that may be begun now: new ones, and those whose process is gone."""
        return self.underway().filter(next_attempt_at__lte=Clock()).order_by("next_attempt_at")


class Export(Work):
    """An archive of all that is a person's, made by housekeep. Its progress renews the lease."""

    class State(models.TextChoices):
        QUEUED = "queued", pgettext_lazy("archive", "queued")
        RUNNING = "running", pgettext_lazy("archive", "being made")
        DONE = "done", pgettext_lazy("archive", "ready")
        FAILED = "failed", pgettext_lazy("archive", "failed")
        DELETED = "deleted", pgettext_lazy("archive", "deleted")

    UNDERWAY = (State.QUEUED, State.RUNNING)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="exports")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    done = models.PositiveIntegerField(default=0)  # rows, cards and runs that are written
    of = models.PositiveIntegerField(default=0)  # 0: not counted yet
    size_bytes = models.BigIntegerField(null=True)  # of the file, once it is whole
    expires_at = models.DateTimeField(null=True)  # from then on its file is deleted
    error = models.CharField(max_length=MAX_ERROR_LENGTH, blank=True)  # for the operator

    objects = ExportQuerySet.as_manager()

    class Meta(Work.Meta):
        verbose_name = _("archive of a person's data")
        verbose_name_plural = _("archives of people's data")
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(state__in=["queued", "running"]),
                name="one_archive_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["queued", "running"],
                    next_attempt_at__isnull=False,
                    ended_at__isnull=True,
                )
                | Q(
                    state__in=["done", "failed", "deleted"],
                    next_attempt_at__isnull=True,
                    ended_at__isnull=False,
                ),
                name="an_archive_is_underway_or_over",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(size_bytes__isnull=False, expires_at__isnull=False),
                name="an_archive_that_is_ready_has_a_size_and_an_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=["queued", "running"]),
                name="archives_underway",
            ),
            models.Index(fields=["owner", "-created_at"], name="archives_of_a_person"),
            models.Index(
                fields=["expires_at"], condition=Q(state="done"), name="archives_by_their_end"
            ),
        ]

    @property
    def is_underway(self) -> bool:
        return self.state in self.UNDERWAY

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.DONE

    @property
    def file_name(self) -> str:
        """The name of its file in EXPORT_ROOT."""
        return f"{self.key}.zip"

    @property
    def download_name(self) -> str:
        return f"gradus-{self.created_at:%Y-%m-%d}.zip"


class ImportQuerySet(models.QuerySet["Import"]):
    def open(self) -> ImportQuerySet:
        """Return those that are not over."""
        return self.filter(ended_at=None)

    def due(self) -> ImportQuerySet:
        """Return those that housekeep has something to do for: new ones, and those whose process is
        gone.
        """
        return self.filter(next_attempt_at__lte=Clock()).order_by("next_attempt_at")


class Import(Work):
    """A file that somebody uploaded. Housekeep reads it, and stores what it would take: the dry
    run. When its owner agrees, housekeep takes it, in one transaction.
    """

    class State(models.TextChoices):
        UPLOADED = "uploaded", pgettext_lazy("import", "being read")
        READY = "ready", pgettext_lazy("import", "waits for you")
        CONFIRMED = "confirmed", pgettext_lazy("import", "being imported")
        DONE = "done", pgettext_lazy("import", "imported")
        REFUSED = "refused", pgettext_lazy("import", "cannot be imported")
        FAILED = "failed", pgettext_lazy("import", "failed")
        DISCARDED = "discarded", pgettext_lazy("import", "not imported")

    WORK = (State.UPLOADED, State.CONFIRMED)  # for housekeep
    OPEN = (*WORK, State.READY)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="imports")
    state = models.CharField(max_length=16, choices=State, default=State.UPLOADED)
    name = models.CharField(max_length=MAX_NAME_LENGTH)  # of the file, as it was uploaded
    size_bytes = models.BigIntegerField()
    # what it would take, and what not (`services.imports.plan`); empty until it was read
    plan = models.JSONField(default=dict)
    result = models.JSONField(default=dict)  # how many rows were taken, once it was imported
    reason = models.CharField(max_length=32, blank=True)  # of `errors.BadArchive`
    values = models.JSONField(default=dict)  # of the reason's sentence

    objects = ImportQuerySet.as_manager()

    class Meta(Work.Meta):
        verbose_name = _("import of a person's data")
        verbose_name_plural = _("imports of people's data")
        constraints = [
            models.UniqueConstraint(
                fields=["owner"], condition=Q(ended_at=None), name="one_import_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["uploaded", "confirmed"]) ^ Q(next_attempt_at__isnull=True),
                name="an_import_has_work_or_none",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["uploaded", "ready", "confirmed"])
                ^ Q(ended_at__isnull=False),
                name="an_import_is_open_or_over",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="imports_with_work",
            ),
            models.Index(fields=["owner", "-created_at"], name="imports_of_a_person"),
        ]

    @property
    def is_at_work(self) -> bool:
        return self.state in self.WORK

    @property
    def file_name(self) -> str:
        """The name of its file in EXPORT_ROOT."""
        return f"{self.key}.upload"
