"""Who someone is: an address signs in, a handle is what others see."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.common.clock import now

ZONES = frozenset(available_timezones()) - {"localtime"}  # which PostgreSQL does not know


def check_time_zone(name: str) -> None:
    if name not in ZONES:
        raise ValidationError(
            _("“%(name)s” is not a time zone. Use a name such as Asia/Shanghai or Europe/Berlin."),
            params={"name": name},
        )


# an unusable password: nobody signs in with it
PROJECT = {"email": "gradus@gradus.invalid", "is_active": False, "password": "!"}


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, email: str, handle: str, password: str | None = None, **more: Any
    ) -> User:
        user = self.model(email=self.normalize_email(email).lower(), handle=handle, **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, handle: str, password: str | None = None, **more: Any
    ) -> User:
        return self.create_user(email, handle, password, is_staff=True, is_superuser=True, **more)

    def project(self) -> User:
        """Return the account `gradus`, which owns the recorded runs: made by a migration, and again
        where it is missing.
        """
        found, _made = self.get_or_create(handle="gradus", defaults=PROJECT)
        return found

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, or the project's own account `gradus`, which owns recorded runs and cannot sign
    in.
    """

    class Theme(models.TextChoices):
        SYSTEM = "", _("same as system")
        LIGHT = "light", _("light")
        DARK = "dark", _("dark")

    class Language(models.TextChoices):
        BROWSER = "", _("same as browser")
        ENGLISH = "en", "English"
        CHINESE = "zh-hans", "简体中文"

    email = models.EmailField(_("e-mail"), max_length=254)
    handle = models.CharField(
        _("handle"),
        max_length=30,
        help_text=_("The name others see: 2 to 30 letters, digits, - or _."),
        validators=[
            RegexValidator(
                r"^[A-Za-z0-9][A-Za-z0-9_-]{1,29}\Z",
                _("2 to 30 letters, digits, - or _, starting with a letter or digit."),
            )
        ],
    )
    language = models.CharField(
        _("language"), max_length=8, choices=Language, blank=True, default=""
    )
    theme = models.CharField(_("theme"), max_length=8, choices=Theme, blank=True, default="")
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[check_time_zone]
    )
    is_active = models.BooleanField(_("can sign in"), default=True)
    is_staff = models.BooleanField(_("can use the admin"), default=False)
    date_joined = models.DateTimeField(_("joined"), default=now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["handle"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="one_account_an_address",
                violation_error_message=_("This e-mail address already has an account."),
            ),
            models.UniqueConstraint(
                Lower("handle"),
                name="handles_are_unique",
                violation_error_message=_("This handle is taken."),
            ),
        ]

    def __str__(self) -> str:
        return self.handle
