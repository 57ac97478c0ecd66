"""The page of tokens. One is shown in the answer to the form that made it, and never again."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import User
from apps.api import services
from apps.api.errors import TooManyTokens
from apps.api.forms import RevokeForm, TokenForm
from apps.api.models import MAX_TOKENS, ApiToken
from apps.api.scopes import Scope


@require_safe
@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    rows = [
        {"token": token, "scopes": [scope.label for scope in Scope if scope.value in token.scopes]}
        for token in ApiToken.objects.valid().filter(user=request.user)
    ]
    context = {"rows": rows, "max": MAX_TOKENS, "is_full": len(rows) >= MAX_TOKENS}
    return render(request, "api/tokens.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = TokenForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row, token = services.make_token(user=request.user, **form.cleaned_data)
            return render(request, "api/made.html", {"row": row, "token": token})
        except TooManyTokens as refused:
            form.add_error(None, refused.message)
    status = 422 if request.method == "POST" else 200
    return render(request, "api/new.html", {"form": form}, status=status)


@require_POST
@login_required
def revoke(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    token = RevokeForm.read(request.POST).cleaned_data["token"]
    if services.revoke_tokens(user=request.user, ids=[token]):
        messages.success(request, _("Token revoked. Programs that use it are refused from now on."))
    return redirect("api_pages:tokens")
