"""Notices: what happened that somebody wants to know, and how each person wants to hear of it."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.clock import Clock

MAX_TITLE_LENGTH = 300
MAX_PATH_LENGTH = 500
MAX_SUBJECT_LENGTH = 100


class Kind(models.TextChoices):
    REPLY = "reply", _("A reply in a thread that you began")
    MENTION = "mention", _("Somebody mentions you")
    ACCEPTED = "accepted", _("Your answer was accepted")
    FOLLOWED = "followed", _("A new post in a thread that you follow")
    MODERATION = "moderation", _("A moderator did something with a post of yours")
    REPORT = "report", _("A report of yours was decided")
    VERDICT = "verdict", _("A run of yours finished while you were elsewhere")
    WEBHOOK = "webhook", _("A webhook of yours was disabled")


class Delivery(models.TextChoices):
    SITE = "site", _("on this site")
    DIGEST = "digest", _("on this site, and in one e-mail a day")
    AT_ONCE = "at-once", _("on this site, and by e-mail at once")
    NEVER = "never", _("never")


MAILED = (Delivery.DIGEST, Delivery.AT_ONCE)
# docs/notices.md says why
DEFAULTS: Mapping[Kind, Delivery] = {
    Kind.REPLY: Delivery.DIGEST,
    Kind.MENTION: Delivery.AT_ONCE,
    Kind.ACCEPTED: Delivery.DIGEST,
    Kind.FOLLOWED: Delivery.DIGEST,
    Kind.MODERATION: Delivery.AT_ONCE,
    Kind.REPORT: Delivery.DIGEST,
    Kind.VERDICT: Delivery.SITE,
    Kind.WEBHOOK: Delivery.AT_ONCE,
}


class NoticeQuerySet(models.QuerySet["Notice"]):
    def unread(self) -> NoticeQuerySet:
        return self.filter(read_at=None)

    def locked(self) -> list[int]:
        """Lock the notices, in one order whoever does; return their primary keys."""
        rows = self.order_by("pk").select_for_update(of=("self",), no_key=True)
        return list(rows.values_list("pk", flat=True))

    def to_be_mailed(self) -> NoticeQuerySet:
        return self.unread().filter(mail_due_at__isnull=False)


class Notice(models.Model):
    """One thing that a person may want to know. It leads to a page, and quotes nothing of it but
    the title. While it is unread, another of the same kind and subject counts up this one.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=16, choices=Kind)
    # what it is about, by which notices are counted together: `thread 12`
    subject = models.CharField(max_length=MAX_SUBJECT_LENGTH)
    title = models.CharField(max_length=MAX_TITLE_LENGTH)  # of the page it leads to
    path = models.CharField(max_length=MAX_PATH_LENGTH)  # of the first that is unread
    # who did it; NULL: nobody, or the account is gone
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    count = models.PositiveIntegerField(default=1)
    details = models.JSONField(default=dict)  # small: what the sentence of its kind needs
    created_at = models.DateTimeField(db_default=Clock())
    updated_at = models.DateTimeField(db_default=Clock())  # when it last counted up
    read_at = models.DateTimeField(null=True)
    # when it is to be mailed; NULL: never, or it was
    mail_due_at = models.DateTimeField(null=True)
    # of `count`: how many a mail has told of already
    mailed_count = models.PositiveIntegerField(default=0, db_default=0)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-updated_at", "-pk"]
        constraints = [
            models.UniqueConstraint(  # its index counts a person's, too
                fields=["person", "kind", "subject"],
                condition=Q(read_at=None),
                name="one_unread_notice_of_a_subject",
            )
        ]
        indexes = [
            models.Index(fields=["person", "-updated_at", "-id"], name="notices_of_a_person"),
            models.Index(
                fields=["mail_due_at"],
                condition=Q(mail_due_at__isnull=False),
                name="notices_to_be_mailed",
            ),
            models.Index(
                fields=["subject"], condition=Q(read_at=None), name="unread_notices_of_a_subject"
            ),
            models.Index(
                fields=["read_at"],
                condition=Q(read_at__isnull=False),
                name="notices_by_when_read",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"


class Preference(models.Model):
    """How a person wants to hear of a kind of notice, where it is not the default."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_preferences"
    )
    kind = models.CharField(max_length=16, choices=Kind)
    delivery = models.CharField(max_length=16, choices=Delivery)

    class Meta:
        verbose_name = _("preference for notices")
        verbose_name_plural = _("preferences for notices")
        constraints = [
            models.UniqueConstraint(fields=["person", "kind"], name="one_preference_of_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.kind} {self.delivery}"
