"""Pages of `accounts` that are not allauth's: settings, the language and theme switches, forms that
were sent while signed out, and the operator's link.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import email_changes, services
from apps.accounts.forms.settings import (
    EmailForm,
    EndSessionsForm,
    LanguageForm,
    OwnPasswordForm,
    SettingsForm,
    ThemeForm,
)
from apps.accounts.limits import limit_address_changes, limit_password_attempts
from apps.accounts.models import User
from apps.accounts.preferences import browser_language, remember
from apps.accounts.sessions import ActiveSession, active_sessions, end_sessions
from apps.audit import presenters
from apps.audit.selectors import events_about
from apps.common import error_views, pending
from apps.common.browsers import browser_name
from apps.common.listing import page_of
from apps.common.redirects import next_path

EVENTS_PER_PAGE = 25


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    chosen = LanguageForm.read(request.POST).cleaned_data["language"]
    if isinstance(request.user, User):
        services.choose_language(user=request.user, language=chosen)
    return remember(redirect(next_path(request)), language=chosen)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    chosen = ThemeForm.read(request.POST).cleaned_data["theme"]
    if isinstance(request.user, User):
        services.choose_theme(user=request.user, theme=chosen)
    return remember(redirect(next_path(request)), theme=chosen)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = SettingsForm(request.POST or None, user=request.user)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/settings.html", {"form": form})
    services.change_settings(user=request.user, **form.cleaned_data)
    translation.activate(form.cleaned_data["language"] or browser_language(request))
    messages.success(request, _("Settings saved."))
    return remember(
        redirect("accounts:settings"),
        language=form.cleaned_data["language"],
        theme=form.cleaned_data["theme"],
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """Show in which browsers somebody is signed in, and sign them out in some."""
    assert isinstance(request.user, User)
    if request.method == "POST":
        limit_password_attempts(request)
    active = active_sessions(request)
    others = [(other.name, described(other)) for other in active if not other.is_current]
    form = EndSessionsForm(request.POST or None, user=request.user, others=others)
    if request.method != "POST" or not form.is_valid():
        context = {"form": form, "others": others, "current": [s for s in active if s.is_current]}
        return render(request, "accounts/sessions.html", context)
    if form.cleaned_data["everywhere"]:
        services.sign_out_everywhere(
            user=request.user, except_session=request.session.session_key, with_programs=True
        )
        messages.success(request, _("Signed out everywhere else."))
        return redirect("accounts:sessions")
    chosen = [other.key for other in active if other.name in form.cleaned_data["sessions"]]
    end_sessions(user=request.user, keys=chosen)
    messages.success(request, _("Signed out there."))
    return redirect("accounts:sessions")


def described(session: ActiveSession) -> str:
    """Return a session in words: its browser, and when it was used."""
    words = {
        "browser": browser_name(session.browser) or _("unknown browser"),
        "signed_in": date_format(localtime(session.signed_in_at), "Y-m-d H:i"),
        "used": date_format(localtime(session.used_at), "Y-m-d"),
    }
    return _("%(browser)s: signed in %(signed_in)s, used %(used)s") % words


@require_safe
@login_required
def activity(request: HttpRequest) -> HttpResponse:
    page = page_of(request, events_about(request.user), EVENTS_PER_PAGE)
    context = {"page": page, "rows": [presenters.row(event) for event in page]}
    return render(request, "accounts/activity.html", context, status=page.status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def email(request: HttpRequest) -> HttpResponse:
    """Ask for another address, show what a change waits for, or stop it."""
    user = request.user
    assert isinstance(user, User)
    if request.method == "POST" and request.POST.get("action") == "stop":
        email_changes.stop(user=user)
        messages.success(request, _("Your address stays as it is."))
        return redirect("accounts:email")
    if request.method == "POST":
        limit_password_attempts(request)
    form = EmailForm(request.POST or None, user=user)
    if request.method != "POST" or not form.is_valid():
        context = {"form": form, "change": email_changes.pending_change(user)}
        return render(request, "accounts/email.html", context)
    limit_address_changes(request)
    change = email_changes.change_address(
        user=user,
        address=form.cleaned_data["email"],
        session_key=request.session.session_key,
    )
    if change is None:
        messages.success(request, _("Your address is changed."))
    return redirect("accounts:email")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def email_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Say yes or no to another address, by the link that was mailed to one of the two."""
    change, side = email_changes.change_of(token=token)
    context = {"change": change, "is_old": side == side.OLD}
    if request.method != "POST":
        return render(request, "accounts/email_confirm.html", context)
    if request.POST.get("action") == "stop":
        email_changes.stop(user=change.user)
        return render(request, "accounts/email_stopped.html", context)
    is_owner = request.user == change.user
    waits = email_changes.confirm(
        token=token, session_key=request.session.session_key if is_owner else None
    )
    return render(request, "accounts/email_confirmed.html", context | {"waits": waits})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """Ask for the deletion of one's account, which takes effect after seven days."""
    assert isinstance(request.user, User)
    if request.method == "POST":
        limit_password_attempts(request)
    form = OwnPasswordForm(request.POST or None, user=request.user)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/delete.html", {"form": form})
    services.ask_for_deletion(user=request.user)
    return redirect("accounts:delete")


@require_POST
@login_required
def keep(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    if services.keep_account(user=request.user):
        messages.success(request, _("Your account stays."))
    return redirect(next_path(request, reverse("accounts:settings")))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def keep_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep an account by the link that was mailed to its owner, signed in or not."""
    owner = services.deletion_of(token=token)
    if request.method != "POST":
        return render(request, "accounts/keep.html", {"owner": owner})
    services.keep_account(user=owner)
    return render(request, "accounts/kept.html")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def resume(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a form that was sent while its owner was signed out. A POST discards it."""
    form = pending.load(request, pk)
    if form is None:
        return redirect("/")
    if request.method == "POST":
        pending.discard(request, pk)
        return redirect(form.page)
    return error_views.resume(request, form, pk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def operator(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button, which signs in: a program that looks links up must not use the link."""
    if request.method != "POST":
        services.check_operator_link(token=token)
        return render(request, "accounts/operator.html")
    services.enter_as_operator(request=request, token=token)
    return redirect("account_set_password")
