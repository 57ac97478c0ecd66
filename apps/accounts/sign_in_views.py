"""How somebody signs in besides the password: the page that lists it, setting up and removing
second factors, the second step, and signing in with a passkey alone.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import Login
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import connected_accounts, providers, second_factors
from apps.accounts.forms.second_factors import PasskeyForm, PasskeySignInForm, TotpForm
from apps.accounts.mfa_adapter import MFAAdapter
from apps.accounts.models import User
from apps.accounts.qr_codes import qr_svg
from apps.common.redirects import next_path


@require_safe
@login_required
def sign_in(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    accounts = connected_accounts.listed(request.user)
    connected = {account.provider for account in accounts}
    context = {
        "factors": second_factors.second_factors_of(request.user),
        "accounts": accounts,
        "providers": [row for row in providers.available() if row[0] not in connected],
    }
    return render(request, "mfa/index.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def totp(request: HttpRequest) -> HttpResponse:
    """Show a new secret, and set it up once a code proves that an app has it. The page carries the
    secret along, signed: nothing is stored before.
    """
    user = request.user
    assert isinstance(user, User)
    if request.method != "POST":
        if second_factors.second_factors_of(user).totp:
            return redirect("accounts:sign-in")
        return _totp_page(request, TotpForm(user=user, secret=generate_totp_secret()))
    form = TotpForm(request.POST, user=user)
    if not form.is_valid():
        return _totp_page(request, form)
    codes = second_factors.add_totp(
        user=user, secret=form.secret, session_key=request.session.session_key
    )
    messages.success(request, _("Your authenticator app is set up."))
    return _recovery_codes(request, codes)


def _totp_page(request: HttpRequest, form: TotpForm) -> HttpResponse:
    secret = form.secret or generate_totp_secret()
    if not form.secret:  # the form came too late, or was not ours
        form.renew(secret)
    url = MFAAdapter().build_totp_url(form.user, secret)
    groups = [secret[place : place + 4] for place in range(0, len(secret), 4)]
    context = {"form": form, "qr": qr_svg(url), "secret": " ".join(groups), "url": url}
    return render(request, "mfa/totp.html", context, status=422 if form.errors else 200)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def passkey_add(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    form = PasskeyForm(request.POST or None, user=user)
    if request.method != "POST" or not form.is_valid():
        options = webauthn.begin_registration(user, False)
        # one that can sign in alone, where the device has room for it and knows its owner
        options["publicKey"]["authenticatorSelection"].update(
            residentKey="preferred", requireResidentKey=False, userVerification="preferred"
        )
        context = {"form": form, "options": options}
        return render(request, "mfa/passkey.html", context, status=422 if form.errors else 200)
    codes = second_factors.add_passkey(
        user=user,
        name=form.cleaned_data["name"],
        credential=form.cleaned_data["credential"],
        session_key=request.session.session_key,
    )
    messages.success(request, _("Your passkey is set up."))
    return _recovery_codes(request, codes)


@never_cache
@require_POST
@login_required
def recovery_codes(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    return _recovery_codes(request, second_factors.renew_recovery_codes(user=request.user))


def _recovery_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Show new codes as the answer to the form that made them: no other page has them."""
    if not codes:
        return redirect("accounts:sign-in")
    return render(request, "mfa/recovery_codes.html", {"codes": codes})


@require_POST
@login_required
def factor_remove(request: HttpRequest, pk: int) -> HttpResponse:
    assert isinstance(request.user, User)
    if not second_factors.remove(user=request.user, pk=pk):
        raise Http404
    messages.success(request, _("Removed."))
    return redirect("accounts:sign-in")


class SecondStepView(AuthenticateView):  # type: ignore[misc]
    """The second step of signing in, after the password."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["factors"] = second_factors.second_factors_of(self.stage.login.user)
        return context


@never_cache
@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """Answer what the browser needs to ask for a passkey of any account: a challenge, which the
    session remembers.
    """
    return JsonResponse(webauthn.begin_authentication(None))


@never_cache
@require_POST
def passkey_sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey, which is both: what somebody has, and a finger or PIN."""
    if request.user.is_authenticated:
        return redirect(next_path(request))
    form = PasskeySignInForm(request.POST)
    if not form.is_valid():
        for problem in form.errors["credential"]:
            messages.error(request, problem)
        return redirect("account_login")
    authenticator = form.cleaned_data["credential"]
    login = Login(user=authenticator.user, redirect_url=next_path(request))
    response: HttpResponse = perform_passwordless_login(request, authenticator, login)
    return response
