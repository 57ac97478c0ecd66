"""Accounts and the outbox in Django's admin. The admin uses the site's sign-in page, which limits
attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    UserChangeForm,
)
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.accounts import deletion, outbox, services
from apps.accounts.models import OutgoingMail, User
from apps.accounts.sessions import end_sessions
from apps.audit.kinds import Kind
from apps.audit.services import record, record_change
from apps.common.admin import EditableMixin, ReadOnlyAdmin

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
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


class NewPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    @transaction.atomic
    def save(self, commit: bool = True) -> Any:
        user = super().save(commit)
        record(Kind.PASSWORD_CHANGED, person=user)
        return user


@admin.register(User)
class UserAccountAdmin(EditableMixin, UserAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    change_password_form = NewPasswordForm
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
    actions = ("sign_out",)
    ordering = ("handle",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("handle", "email", "password")}),
        (_("Preferences"), {"fields": ("language", "theme", "time_zone")}),
        (
            _("Permissions"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
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

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def sign_out(self, request: HttpRequest, users: QuerySet[User]) -> None:
        count = sum(end_sessions(user=user) for user in users)
        text = ngettext("%(count)s session has ended.", "%(count)s sessions have ended.", count)
        messages.success(request, text % {"count": count})

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse to delete the account that owns the recorded runs."""
        return super().has_delete_permission(request, obj) and not (
            obj is not None and obj.is_project
        )

    def get_deleted_objects(
        self, objs: QuerySet[User] | Sequence[User], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Show how many rows are deleted and how many stay, not each row: somebody who has studied
        for years has thousands. Whoever may delete users may delete what is theirs.
        """
        users = list(objs)
        deleted, kept = deletion.count(users)
        counts = {str(User._meta.verbose_name_plural): len(users)} | {
            str(model._meta.verbose_name_plural): rows for model, rows in deleted.items()
        }
        lines: list[Any] = [str(user) for user in users]
        if kept:
            kept_lines = [
                f"{capfirst(model._meta.verbose_name_plural)}: {rows}"
                for model, rows in kept.items()
            ]
            lines += [gettext("Stays, without the name:"), kept_lines]
        missing = set() if self.has_delete_permission(request) else {str(User._meta.verbose_name)}
        protected = [str(user) for user in users if user.is_project]
        return lines, counts, missing, protected

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        form.before = User.objects.get(pk=obj.pk) if change else None
        form.rights_before = services.rights(form.before) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if change:
            services.record_account_change(before=form.before, rights_before=form.rights_before)
        else:
            record(Kind.ACCOUNT_CREATED, person=form.instance)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        services.delete_user(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            services.delete_user(user=user)


admin.site.unregister([Group, EmailAddress])


@admin.register(Group)
class UserGroupAdmin(EditableMixin, GroupAdmin):
    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        form.before = services.role(Group.objects.get(pk=obj.pk)) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        after = services.role(form.instance)
        record_change(
            Kind.ROLE_CHANGED, subject=form.instance.name, before=form.before, after=after
        )

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        record(Kind.ROLE_DELETED, subject=obj.name, details={"before": services.role(obj)})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            self.delete_model(request, group)


@admin.register(EmailAddress)
class UserEmailAddressAdmin(EditableMixin, EmailAddressAdmin):
    """Whether addresses are verified. The address itself is changed at the person: one that differs
    from theirs would sign in to the account, too.
    """

    readonly_fields = ("user", "email")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "verified" in form.changed_data and obj.verified:
            record(Kind.ADDRESS_CONFIRMED, person=obj.user)

    @transaction.atomic
    def make_verified(self, request: HttpRequest, queryset: QuerySet[EmailAddress]) -> None:
        unverified = [address.pk for address in queryset.filter(verified=False)]
        super().make_verified(request, queryset)
        verified = EmailAddress.objects.filter(pk__in=unverified, verified=True)
        for address in verified.select_related("user"):
            record(Kind.ADDRESS_CONFIRMED, person=address.user)


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
