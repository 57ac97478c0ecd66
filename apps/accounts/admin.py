"""Accounts and the outbox in Django's admin. The admin uses the site's pages to sign in and
to change one's password, which limit attempts.

Whom and what somebody may change says `privileges`. The pages follow it, so that nothing is offered
that would be refused; what is sent all the same is refused by `people_services`, or here.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    UserChangeForm,
)
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.accounts import deletion, outbox, people_services, privileges
from apps.accounts.models import Invitation, OutgoingMail, User
from apps.accounts.roles import ROLES
from apps.accounts.second_factors import has_second_factor
from apps.common.admin import EditableMixin, ReadOnlyAdmin


def to_password_change(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """Lead to the site's own page, which limits attempts."""
    return redirect("account_change_password")


admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = to_password_change  # type: ignore[method-assign,assignment]
admin.site.site_header = admin.site.site_title = "Gradus"


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email", "handle")
        field_classes: dict[str, type] = {}


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"
        field_classes: dict[str, type] = {}


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by

    def save(self, commit: bool = True) -> User:
        has_password = self.cleaned_data["set_usable_password"]
        password = self.cleaned_data["password1"] if has_password else None
        person: User = self.user
        people_services.set_password_of(by=self.by, person=person, password=password)
        return person


@admin.register(User)
class UserAccountAdmin(EditableMixin, UserAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    list_display = (
        "handle",
        "email",
        "is_active",
        "is_staff",
        "is_superuser",
        "last_login",
        "date_joined",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", "language", "groups")
    search_fields = ("handle", "email")
    actions = ("sign_out", "remove_second_factors")
    ordering = ("handle",)
    readonly_fields = ("last_login", "date_joined", "deletion_at", "second_step")
    fieldsets = (
        (None, {"fields": ("handle", "email", "password", "second_step")}),
        (_("Preferences"), {"fields": ("language", "theme", "time_zone")}),
        (
            _("Permissions"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (_("Dates"), {"fields": ("last_login", "date_joined", "deletion_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("handle", "email", "usable_password", "password1", "password2"),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        flags = () if _by(request).is_superuser else people_services.STAFF_FLAGS
        return [*super().get_readonly_fields(request, obj), *flags]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer what may be given; a form with something else is invalid."""
        if db_field.name == "groups":
            kwargs["queryset"] = privileges.grantable_groups(_by(request))
        elif db_field.name == "user_permissions":
            kwargs["queryset"] = privileges.grantable_permissions(_by(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # Django would ignore a field that the page shows without an input
        is_forged = any(flag in request.POST for flag in people_services.STAFF_FLAGS)
        if is_forged and not _by(request).is_superuser:
            raise people_services.staff_flags_refused()
        return super().changeform_view(request, *args, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_manage(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        people_services.save_person(
            by=_by(request),
            person=obj,
            groups=form.cleaned_data.get("groups"),
            permissions=form.cleaned_data.get("user_permissions"),
        )

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:  # noqa: A002 - Django's name
        page: Any = copy(self)  # this one serves all requests
        page.change_password_form = partial(PasswordForm, by=_by(request))
        return super(UserAccountAdmin, page).user_change_password(request, id, form_url)

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def sign_out(self, request: HttpRequest, people: QuerySet[User]) -> None:
        count = people_services.end_sessions_of(by=_by(request), people=people)
        text = ngettext("%(count)s session has ended.", "%(count)s sessions have ended.", count)
        messages.success(request, text % {"count": count})

    @admin.action(description=_("Remove the second step of signing in"), permissions=["change"])
    def remove_second_factors(self, request: HttpRequest, people: QuerySet[User]) -> None:
        count = people_services.remove_second_factors_of(by=_by(request), people=people)
        text = ngettext(
            "%(count)s person signs in with the password alone from now on.",
            "%(count)s people sign in with the password alone from now on.",
            count,
        )
        messages.success(request, text % {"count": count})

    @admin.display(description=_("second step of signing in"), boolean=True)
    def second_step(self, person: User) -> bool:
        return has_second_factor(person)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse to delete the account that owns the recorded runs, and who may do more."""
        may = super().has_delete_permission(request, obj) and _may_manage(request, obj)
        return may and not (obj is not None and obj.is_project)

    def get_deleted_objects(
        self, objs: QuerySet[User] | Sequence[User], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Show how many rows are deleted and how many stay, not each row: somebody who has studied
        for years has thousands. Whoever may delete users may delete what is theirs.
        """
        users = list(objs)
        deleted, kept = deletion.count(users)
        counts = {str(User._meta.verbose_name_plural): len(users)} | {
            # of the bank's questions, which are rows of the same table as private cards, none goes
            str(getattr(model, "owned_name_plural", model._meta.verbose_name_plural)): rows
            for model, rows in deleted.items()
        }
        lines: list[Any] = [str(user) for user in users]
        if kept:
            kept_lines = [
                f"{capfirst(model._meta.verbose_name_plural)}: {rows}"
                for model, rows in kept.items()
            ]
            lines += [gettext("Stays, without the name:"), kept_lines]
        pks = [user.pk for user in users]
        manageable = privileges.manageable_people(_by(request)).filter(pk__in=pks).count()
        may = self.has_delete_permission(request) and manageable == len(users)
        missing = set() if may else {str(User._meta.verbose_name)}
        protected = [str(user) for user in users if user.is_project]
        return lines, counts, missing, protected

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        people_services.delete_people(by=_by(request), people=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        people_services.delete_people(by=_by(request), people=queryset)


def _by(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _may_manage(request: HttpRequest, person: User | None) -> bool:
    """Return whether who asks may change this person; any person if None."""
    people = privileges.manageable_people(_by(request))
    return person is None or people.filter(pk=person.pk).exists()


admin.site.unregister([Group, EmailAddress, Authenticator])  # the last holds secrets
# keys are settings, and no token is stored
admin.site.unregister([SocialApp, SocialToken, SocialAccount])


@admin.register(Group)
class UserGroupAdmin(EditableMixin, GroupAdmin):
    """Groups of the operators' own. The roles are shown, and changed in the code alone."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or obj.name not in ROLES:
            return super().get_fieldsets(request, obj)
        hint = _(
            "This is a role: its permissions are restored at every start. For others, make a group."
        )
        return [(None, {"fields": ("name", "permissions"), "description": hint})]

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        """Offer what may be given; a form with something else is invalid."""
        if request and db_field.name == "permissions":
            kwargs["queryset"] = privileges.grantable_permissions(_by(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_edit(request, obj)

    def _may_edit(self, request: HttpRequest, group: Group | None) -> bool:
        groups = privileges.editable_groups(_by(request))
        return group is None or groups.filter(pk=group.pk).exists()

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        people_services.save_group(
            by=_by(request), group=obj, permissions=form.cleaned_data["permissions"]
        )

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        people_services.delete_groups(by=_by(request), groups=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        people_services.delete_groups(by=_by(request), groups=queryset)


@admin.register(EmailAddress)
class UserEmailAddressAdmin(EditableMixin, EmailAddressAdmin):
    """Whether addresses are verified. The address itself is changed at the person: one that differs
    from theirs would sign in to the account, too.
    """

    readonly_fields = ("user", "email")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and _may_manage(request, obj and obj.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and _may_manage(request, obj and obj.user)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        people_services.save_address(by=_by(request), address=obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        people_services.delete_addresses(by=_by(request), addresses=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        people_services.delete_addresses(by=_by(request), addresses=queryset)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return _without_address(super().log_change(request, obj, message))

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        return _without_address(super().log_deletions(request, queryset))

    @admin.action(description=_("Mark as verified"), permissions=["change"])
    def make_verified(self, request: HttpRequest, addresses: QuerySet[Any]) -> None:
        count = people_services.verify_addresses(by=_by(request), addresses=addresses)
        text = ngettext(
            "%(count)s address is verified.", "%(count)s addresses are verified.", count
        )
        messages.success(request, text % {"count": count})


def _without_address(entries: Any) -> Any:
    """Take the addresses from entries of the operators' log, which outlives their rows: those go
    when somebody has another address, and then nobody knows whose they were.
    """
    pks = [entry.pk for entry in (entries if isinstance(entries, list) else [entries])]
    LogEntry.objects.filter(pk__in=pks).update(object_repr=EmailAddress._meta.model_name)
    return entries


@admin.register(Invitation)
class InvitationAdmin(EditableMixin, admin.ModelAdmin[Invitation]):
    """Invitations that wait. The link is mailed, and shown once to who invites."""

    list_display = ("email", "created_by", "created_at")
    search_fields = ("email",)
    fields = ("email",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        return type("InvitationForm", (form,), {"clean_email": _clean_invited})

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        link = people_services.invite(by=_by(request), address=obj.email)
        request.new_link = link  # type: ignore[attr-defined]
        obj.pk = Invitation.objects.get(canonical_email=obj.email).pk

    def response_add(
        self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the link in the answer itself: a message would wait in the session's row."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("New invitation"),
            "email": obj.email,
            "link": request.new_link,  # type: ignore[attr-defined]
        }
        return render(request, "admin/new_invitation.html", context)

    def delete_model(self, request: HttpRequest, obj: Invitation) -> None:
        people_services.withdraw_invitations(by=_by(request), rows=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        people_services.withdraw_invitations(by=_by(request), rows=queryset)


def _clean_invited(form: Any) -> str:
    """Refuse to invite whom the site has; another invitation replaces the one before."""
    address: str = form.cleaned_data["email"]
    if User.objects.filter(canonical_email=address).exists():
        raise ValidationError(_("This e-mail address already has an account."))
    return address


MAIL_COLUMNS = (
    "recipient",
    "subject",
    "state",
    "attempts",
    "error",
    "created_at",
    "next_attempt_at",
    "ended_at",
)


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ReadOnlyAdmin):
    """The outbox, without the text of the mails, which has links that work like passwords."""

    list_display = MAIL_COLUMNS
    list_filter = ["state"]
    search_fields = ["recipient", "subject"]
    fields = ("sender", *MAIL_COLUMNS)
    actions = ["retry"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("message")

    @admin.action(description=_("Try again"), permissions=["retry"])
    def retry(self, request: HttpRequest, mails: QuerySet[OutgoingMail]) -> None:
        count = outbox.retry_mails(mails=mails)
        text = ngettext(
            "%(count)s mail will be tried again.", "%(count)s mails will be tried again.", count
        )
        messages.success(request, text % {"count": count})

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("accounts.change_outgoingmail"))
