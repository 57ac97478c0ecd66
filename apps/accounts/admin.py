"""People, for those who run the site. The admin has no sign-in of its own: the site's has limits on
tries.
"""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.accounts import outbox
from apps.accounts.models import OutgoingMail, User
from apps.common.lists import HardyLists, Kept

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Gradus"


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email", "handle")
        field_classes: dict[str, type] = {}


class PersonForm(UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"
        field_classes: dict[str, type] = {}


@admin.register(User)
class PersonAdmin(HardyLists, UserAdmin):  # type: ignore[type-arg]
    form = PersonForm
    add_form = NewPersonForm
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
    ordering = ("handle",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("handle", "email", "password")}),
        (_("Settings"), {"fields": ("language", "theme", "time_zone")}),
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

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep the account that owns the recorded runs."""
        return super().has_delete_permission(request, obj) and not (
            obj is not None and obj.handle == "gradus"
        )


@admin.register(OutgoingMail)
class OutgoingMailAdmin(Kept):
    """The outbox without the mails' text: it holds links that work like passwords."""

    list_display = [
        "recipient",
        "subject",
        "state",
        "attempts",
        "error",
        "created_at",
        "next_attempt_at",
        "ended_at",
    ]
    list_filter = ["state"]
    search_fields = ["recipient", "subject"]
    fields = (
        "sender",
        "recipient",
        "subject",
        "state",
        "attempts",
        "error",
        "created_at",
        "next_attempt_at",
        "ended_at",
    )
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
