"""Every write of `accounts`, save those of allauth's own pages."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth import login
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.accounts import operators, outbox
from apps.accounts.deletion import HANDED_OVER, reach
from apps.accounts.models import User
from apps.accounts.signals import user_deleting
from apps.common.errors import BadLink, ProjectAccountStays
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
        user = (
            operators_now.filter(canonical_email=email).first() if email else operators_now.first()
        )
        return operators.token_for(user) if again and user else ""
    return operators.token_for(_new_operator(email or "operator@localhost"))


def _new_operator(email: str) -> User:
    """Return the account of `email` as an operator, made when there was none. The address counts as
    verified; a password that somebody chose before does not count.
    """
    user = User.objects.filter(canonical_email=email).first()
    if user is None:
        user = User.objects.create_user(email, _free_handle("operator"))
    user.is_staff = user.is_superuser = user.is_active = True
    user.set_unusable_password()  # who signed up with this address may be anybody
    user.save()
    EmailAddress.objects.update_or_create(
        user=user, email=user.canonical_email, defaults={"verified": True, "primary": True}
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


@transaction.atomic
def delete_user(*, user: User) -> None:
    """Delete a person with all that is theirs: `deletion` says what that is, and what stays without
    their name. A run that is being worked on goes too; its worker is told at its next report.

    Raises:
        ProjectAccountStays: it is the account that owns the recorded runs.
    """
    if user.is_project:
        raise ProjectAccountStays(
            _("The account %(handle)s owns the recorded runs and cannot be deleted.")
            % {"handle": user.handle}
        )
    user_deleting.send(sender=User, user=user)
    # after what the listeners locked: who writes a run locks it first, then refers to its owner
    locked = User.objects.select_for_update().filter(pk=user.pk).first()
    if locked is None:
        return
    project = User.objects.project()
    for model, name in HANDED_OVER.items():
        model._base_manager.filter(**{name: user.pk}).update(**{name: project})
    reached = reach()
    _anonymize_log(User.objects.filter(pk=user.pk))
    for model in reached.deleted:
        _anonymize_log(reached.deleted_rows(model, [user.pk]))
    outbox.delete_mails_to(address=locked.email)
    locked.delete()


def _anonymize_log(rows: QuerySet[Any]) -> None:
    """Take from the operators' log what rows were called: a handle, an address."""
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(rows.model),
        object_id__in=rows.values(pk_text=Cast("pk", TextField())),
    ).update(object_repr=rows.model._meta.model_name)
