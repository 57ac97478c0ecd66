"""Every write of `accounts`, save those of allauth's own pages."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.accounts import operators
from apps.accounts.models import User
from apps.common.errors import BadLink
from apps.common.locks import lock


def choose_language(*, user: User, language: str) -> None:
    User.objects.filter(pk=user.pk).update(language=language)


def choose_theme(*, user: User, theme: str) -> None:
    User.objects.filter(pk=user.pk).update(theme=theme)


def change_settings(*, user: User, language: str, theme: str, time_zone: str) -> None:
    User.objects.filter(pk=user.pk).update(language=language, theme=theme, time_zone=time_zone)


@transaction.atomic
def make_operator(*, email: str, again: bool = False) -> str:
    """Return a token for the operator's one-time link; nothing when there is an operator and
    `again` is not asked.

    Args:
        email: the operator's address. When an operator exists, whose link to make; nothing means
            the first one's.
    """
    lock("operator")
    operators_now = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    if operators_now.exists():
        user = operators_now.filter(email__iexact=email).first() if email else operators_now.first()
        return operators.token_for(user) if again and user else ""
    return operators.token_for(_new_operator(email.lower() or "operator@localhost"))


def _new_operator(email: str) -> User:
    """Return the account of `email` as an operator, made when there was none. The address counts as
    verified.
    """
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        user = User.objects.create_user(email, _free_handle("operator"))
    user.is_staff = user.is_superuser = user.is_active = True
    user.save()
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    return user


def _free_handle(wanted: str) -> str:
    taken = {
        handle.lower()
        for handle in User.objects.filter(handle__istartswith=wanted).values_list(
            "handle", flat=True
        )
    }
    names = (wanted if n == 1 else f"{wanted}{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


@transaction.atomic
def enter_as_operator(*, request: HttpRequest, token: str) -> None:
    """Sign the operator in, once, and set the old password aside, so that a new one is chosen next.

    Raises:
        BadLink: the link was used, is older than a day, or was not made here.
    """
    user = operators.find(token)
    if user is None:
        raise BadLink(
            _(
                "This link has already been used or is more than a day old. Run ./gradus "
                "manage make_operator --again for a new one."
            )
        )
    user.set_unusable_password()
    user.save(update_fields=["password"])
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
