"""The audit log, and the counts by which it stays small."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.audit.kinds import choices
from apps.common.clock import Clock

MAX_SUBJECT_CHARS = 200
MAX_AGENT_CHARS = 200
MAX_NETWORK_CHARS = 64


class AuditEvent(models.Model):
    """One thing that happened. Written once: triggers refuse UPDATE, DELETE and TRUNCATE (migration
    0002). A reference to a person becomes NULL when their account is deleted, and what is theirs in
    the row is erased with it; rows older than the retention may be deleted.
    """

    kind = models.CharField(_("what happened"), max_length=40, choices=choices)
    at = models.DateTimeField(_("time"), db_default=Clock())
    # whom it concerns, who sees it on their account page; NULL: nobody, or the account is gone
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("concerns"),
    )
    # who did it; NULL: somebody not signed in, a command, or the account is gone
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("done by"),
    )
    # of the request, IPv4 /24 or IPv6 /48; erased with the actor, or the person if nobody acted
    network = models.CharField(_("network"), max_length=MAX_NETWORK_CHARS)
    agent = models.CharField(_("browser or program"), max_length=MAX_AGENT_CHARS)
    # what it was done to, as it was named: a worker, a role, a revision
    subject = models.CharField(_("object"), max_length=MAX_SUBJECT_CHARS)
    # small; what was `before` and `after`, `count` of the events of this hour that it stands for
    details = models.JSONField(_("details"), default=dict)
    personal = models.JSONField(_("personal details"), default=dict)  # erased with the person

    class Meta:
        verbose_name = _("security event")
        verbose_name_plural = _("security events")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["person", "-id"], name="audit_by_person"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["kind", "-id"], name="audit_by_kind"),
            models.Index(fields=["network", "-id"], name="audit_by_network"),
            models.Index(fields=["subject", "-id"], name="audit_by_subject"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())


class EventCount(models.Model):
    """How many events of a limited kind one source caused within an hour; kept for a day."""

    hour = models.DateTimeField()
    kind = models.CharField(max_length=40)
    source = models.CharField(max_length=80)  # `person 12`, a network, or empty: the whole site
    count = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["hour", "kind", "source"], name="one_count_an_hour")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.source}: {self.count}"
