"""Every write of `accounts`."""

from __future__ import annotations

from apps.accounts.models import User


def choose_language(*, user: User, language: str) -> None:
    User.objects.filter(pk=user.pk).update(language=language)


def choose_theme(*, user: User, theme: str) -> None:
    User.objects.filter(pk=user.pk).update(theme=theme)


def change_settings(*, user: User, language: str, theme: str, time_zone: str) -> None:
    User.objects.filter(pk=user.pk).update(language=language, theme=theme, time_zone=time_zone)
