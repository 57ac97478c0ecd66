"""Accounts (one signs in with an address; others see a handle), their sessions, and the outbox of
mails.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.password_validation import validate_password
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.accounts.addresses import MAX_ADDRESS_LENGTH, canonical_email, check_address
from apps.accounts.passwords import normalized
from apps.accounts.zones import DEFAULT, canonical_zone
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock, now


def check_time_zone(name: str) -> None:
    if canonical_zone(name) is None:
        raise ValidationError(
            _("“%(name)s” is not a time zone. Use a name such as Asia/Shanghai or Europe/Berlin."),
            params={"name": name},
        )


MIN_HANDLE_LENGTH, MAX_HANDLE_LENGTH = 2, 30
MAX_SUBJECT_LENGTH = 200  # of a stored mail; longer ones are cut
PROJECT_HANDLE = "gradus"
# the password is unusable
PROJECT_DEFAULTS = {"email": "gradus@gradus.invalid", "is_active": False, "password": "!"}


class CanonicalEmailField(models.CharField):  # type: ignore[type-arg]
    """The canonical form of the row's `email`, stored with it. Look-ups compare the canonical form
    of their value.
    """

    def pre_save(self, model_instance: Any, add: bool) -> str:
        form = canonical_email(model_instance.email)
        setattr(model_instance, self.attname, form)
        return form

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(canonical_email(value) if isinstance(value, str) else value)


class AsciiLower(Lower):
    """The lower case of a handle, whose letters are ASCII. In a database with a Turkish locale,
    LOWER alone would not turn I into i.
    """

    template = 'LOWER(%(expressions)s COLLATE "C")'


def _normalized(password: str | None) -> str | None:
    return None if password is None else normalized(password)


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, email: str, handle: str, password: str | None = None, **fields: Any
    ) -> User:
        user = self.model(email=email.strip(), handle=handle, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    @transaction.atomic
    def create_superuser(
        self, email: str, handle: str, password: str | None = None, **fields: Any
    ) -> User:
        """Create an operator.

        Raises:
            ValidationError: the password is too weak; `createsuperuser` checks some of them only.
        """
        if password is not None:
            validate_password(password, self.model(email=email.strip(), handle=handle))
        roles = {"is_staff": True, "is_superuser": True}
        user = self.create_user(email, handle, password, **roles, **fields)
        record(Kind.RIGHTS_CHANGED, person=user, details={"after": roles})
        return user

    def project(self) -> User:
        """Return the account `gradus`, which owns the recorded runs. A migration creates it; if it
        is missing, it is created again.
        """
        user, _is_new = self.get_or_create(handle=PROJECT_HANDLE, defaults=PROJECT_DEFAULTS)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(canonical_email=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, or the project's own account `gradus`, which owns recorded runs and cannot sign
    in.
    """

    class Theme(models.TextChoices):
        SYSTEM = "", _("same as system")
        LIGHT = "light", _("light")
        DARK = "dark", _("dark")

    class ProfilePart(models.TextChoices):
        PAGE = "page", _("a page about me, which everybody may open")
        JOINED = "joined", _("it says in which month I joined")
        NUMBERS = "numbers", _("it says how many predictions I made, and how good they were")
        RUNS = "runs", _("it lists the runs that I share")
        THREADS = "threads", _("it lists the threads that I began")

    class Language(models.TextChoices):
        BROWSER = "", _("same as browser")
        ENGLISH = "en", "English"
        CHINESE = "zh-hans", "简体中文"

    # as it was typed: mail is sent there; look-ups use the canonical form
    email = models.EmailField(
        _("e-mail"), max_length=MAX_ADDRESS_LENGTH, validators=[check_address]
    )
    canonical_email = CanonicalEmailField(
        _("canonical e-mail"),
        max_length=MAX_ADDRESS_LENGTH,
        blank=True,
        default="",
        editable=False,
    )
    handle = models.CharField(
        _("handle"),
        max_length=MAX_HANDLE_LENGTH,
        help_text=_("The name others see: 2 to 30 letters, digits, - or _."),
        validators=[
            RegexValidator(
                rf"^[A-Za-z0-9][A-Za-z0-9_-]{{{MIN_HANDLE_LENGTH - 1},{MAX_HANDLE_LENGTH - 1}}}\Z",
                _("2 to 30 letters, digits, - or _, starting with a letter or digit."),
            )
        ],
    )
    language = models.CharField(
        _("language"), max_length=8, choices=Language, blank=True, default=""
    )
    # of the pages when they last signed in: that of mails while `language` follows the browser
    page_language = models.CharField(
        max_length=8, blank=True, default="", db_default="", editable=False
    )
    theme = models.CharField(_("theme"), max_length=8, choices=Theme, blank=True, default="")
    time_zone = models.CharField(
        _("time zone"), max_length=64, default=DEFAULT, validators=[check_time_zone]
    )
    # of ProfilePart: what everybody may see of them; nothing without PAGE
    profile = ArrayField(models.CharField(max_length=8), default=list, db_default=[], blank=True)
    # the ledger's switch: the verdict of every recorded run is opened for them
    shows_all_verdicts = models.BooleanField(default=False, db_default=False, editable=False)
    is_active = models.BooleanField(_("can sign in"), default=True)
    is_staff = models.BooleanField(_("can use the admin"), default=False)
    date_joined = models.DateTimeField(_("joined"), default=now)
    # when the account goes, once its owner has asked for it: until then they may keep it
    deletion_at = models.DateTimeField(_("is deleted"), null=True, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "canonical_email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email", "handle"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        indexes = [
            models.Index(
                fields=["deletion_at"],
                condition=models.Q(deletion_at__isnull=False),
                name="users_to_delete",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["canonical_email"],
                name="one_account_an_address",
                violation_error_message=_("This e-mail address already has an account."),
            ),
            models.UniqueConstraint(
                AsciiLower("handle"),
                name="handles_are_unique",
                violation_error_message=_("This handle is taken."),
            ),
        ]

    def __str__(self) -> str:
        return self.handle

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(_normalized(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        return super().check_password(_normalized(raw_password))

    async def acheck_password(self, raw_password: str | None) -> bool:
        return await super().acheck_password(_normalized(raw_password))

    @transaction.atomic
    def save(self, *args: Any, **options: Any) -> None:
        """Save the row, the canonical form always with its address. allauth's rows of former
        addresses go: by them the account could still be signed in to, and its password reset.
        """
        update_fields = options.get("update_fields")
        if update_fields is not None and "email" in update_fields:
            options["update_fields"] = {*update_fields, "canonical_email"}
        is_new = self._state.adding
        super().save(*args, **options)
        if not is_new and (update_fields is None or "email" in update_fields):
            rows = self.emailaddress_set  # type: ignore[attr-defined]
            rows.exclude(email=self.canonical_email).delete()
        if not self.is_active and (update_fields is None or "is_active" in update_fields):
            Session.objects.filter(user=self).delete()

    def clean(self) -> None:
        super().clean()
        self.time_zone = canonical_zone(self.time_zone) or self.time_zone

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Check that the canonical form is unique wherever the address is checked. Forms exclude
        it, since none shows it.
        """
        excluded = set(exclude or ())
        if "email" not in excluded:
            self.canonical_email = canonical_email(self.email)
            excluded.discard("canonical_email")
        super().validate_constraints(excluded)

    @property
    def mail_language(self) -> str:
        """The language of a mail that no request of theirs causes."""
        return self.language or self.page_language or settings.LANGUAGE_CODE

    @property
    def has_public_page(self) -> bool:
        """Whether they have a page that everybody may open, by their own choice."""
        is_here = self.is_active and self.deletion_at is None
        return is_here and self.ProfilePart.PAGE in self.profile

    @property
    def is_project(self) -> bool:
        return self.handle == PROJECT_HANDLE


class Session(AbstractBaseSession):
    """A session of a browser, or of a form that is kept for its author (`common.pending`), with the
    person whose it is, so that it is deleted with them. Written by `sessions.SessionStore`.
    """

    # no constraint in the database: the store takes its violation for a key that is in use, and
    # would try keys for ever
    user = models.ForeignKey(User, models.CASCADE, null=True, db_constraint=False, editable=False)

    class Meta(AbstractBaseSession.Meta):
        abstract = False


class EmailChange(models.Model):
    """An address that somebody wants to have instead of theirs, until both mailboxes agree."""

    class Side(models.TextChoices):
        OLD = "old"
        NEW = "new"

    user = models.OneToOneField(User, models.CASCADE)
    email = models.EmailField(max_length=MAX_ADDRESS_LENGTH)  # as it was typed
    old_confirmed = models.BooleanField(default=False)
    new_confirmed = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Clock())

    class Meta:
        default_permissions = ()
        verbose_name = _("change of an e-mail address")
        verbose_name_plural = _("changes of e-mail addresses")

    def __str__(self) -> str:
        return f"{self.user_id}"


class Invitation(models.Model):
    """May sign up with this address, until it is used or too old; then the row goes."""

    email = models.EmailField(
        _("e-mail"), max_length=MAX_ADDRESS_LENGTH, validators=[check_address]
    )
    canonical_email = CanonicalEmailField(
        max_length=MAX_ADDRESS_LENGTH, unique=True, editable=False
    )
    token_hash = models.BinaryField(unique=True, editable=False)
    created_by = models.ForeignKey(
        User, models.SET_NULL, null=True, editable=False, verbose_name=_("invited by")
    )
    created_at = models.DateTimeField(_("created"), db_default=Clock(), editable=False)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        default_permissions = ("view", "add", "delete")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return str(self.pk)  # the operators' log keeps it longer than the address may be kept


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    def due(self) -> OutgoingMailQuerySet:
        """Return the mails that may be attempted now, the longest due first."""
        return self.filter(state=OutgoingMail.State.QUEUED, next_attempt_at__lte=Clock()).order_by(
            "next_attempt_at", "pk"
        )


class OutgoingMail(models.Model):
    """A mail to one recipient: a row of the outbox, stored in the transaction that causes the mail,
    and delivered by housekeep.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")

    # sender and recipient are addresses of the envelope, without names
    sender = models.TextField(_("sender"))
    recipient = models.TextField(_("recipient"))
    # whose account it is about, at whatever address: it goes with the account; NULL: nobody's
    person = models.ForeignKey(User, models.CASCADE, null=True, related_name="+", editable=False)
    subject = models.CharField(_("subject"), max_length=MAX_SUBJECT_LENGTH)
    # MIME; emptied once it was sent, because its links work like passwords
    message = models.BinaryField(editable=False)
    state = models.CharField(
        _("state"), max_length=8, choices=State, default=State.QUEUED, db_default=State.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    error = models.TextField(_("last error"), blank=True, default="", db_default="")
    created_at = models.DateTimeField(_("created"), db_default=Clock())
    # postponed when an attempt starts, so that nobody else leases the row meanwhile
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, db_default=Clock())
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=models.Q(state="queued"), name="queued_mails"
            ),
            models.Index(
                fields=["ended_at"], condition=~models.Q(state="queued"), name="ended_mails"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    state="queued", next_attempt_at__isnull=False, ended_at__isnull=True
                )
                | models.Q(
                    state__in=["sent", "failed"],
                    next_attempt_at__isnull=True,
                    ended_at__isnull=False,
                ),
                name="mails_are_queued_or_ended",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)  # the operators' log keeps it longer than the address may be kept
