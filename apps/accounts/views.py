"""Pages of `accounts` that are not allauth's: settings, the language and theme switches, forms that
were sent while signed out, and the operator's link.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import services
from apps.accounts.forms import LanguageForm, SettingsForm, ThemeForm
from apps.accounts.models import User
from apps.accounts.preferences import browser_language, remember
from apps.common import error_views, pending
from apps.common.redirects import next_path


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


@require_POST
@login_required
def sessions_end(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere else. The password was asked for again (`reauthentication`)."""
    assert isinstance(request.user, User)
    services.end_other_sessions(user=request.user, key=request.session.session_key or "")
    messages.success(request, _("You are signed out everywhere else."))
    return redirect("accounts:settings")


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
