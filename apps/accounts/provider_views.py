"""Signing in and up with an account of another site, and connecting one. A browser is sent to the
provider by a form, and comes back to `provider_callback`, which knows by the state what for:

- `sign-in`: to sign in, or up if the account there is connected to none here;
- `connect`: to connect it to the account that is signed in;
- `confirm`: to show once more who is there, before somebody without a password chooses one.
"""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.account.views import PasswordSetView
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts import connected_accounts, invitations, providers
from apps.accounts.adapter import AccountAdapter
from apps.accounts.forms.sign_in import ProviderSignupForm
from apps.accounts.limits import APP
from apps.accounts.models import Invitation, User
from apps.accounts.providers import NAMES, Begun, Identity
from apps.common.errors import SignInIncomplete, TooManyAttempts
from apps.common.redirects import next_path

PENDING = "provider_sign_up"  # in a visitor's session, between the provider and the form
MAX_PENDING_SECONDS = 3600


def _check(provider: str) -> None:
    if not providers.is_available(provider):
        raise Http404


def _count_attempt(request: HttpRequest) -> None:
    """Count a way to a provider or back, of a network: each asks the provider.

    Raises:
        TooManyAttempts: there were too many.
    """
    if not ratelimit.consume(request, app=APP, action="provider_sign_in"):
        raise TooManyAttempts(60)


@require_POST
def provider_sign_in(request: HttpRequest, provider: str) -> HttpResponse:
    _check(provider)
    onward = next_path(request)
    if request.user.is_authenticated:
        return redirect(onward)
    _count_attempt(request)
    token = invitations.token_in(request)
    if len(token) > invitations.MAX_TOKEN_LENGTH:
        token = ""
    return providers.begin(request, provider, process="sign-in", onward=onward, invitation=token)


@require_POST
@login_required
def provider_connect(request: HttpRequest, provider: str) -> HttpResponse:
    _check(provider)
    _count_attempt(request)
    page, pk = reverse("accounts:sign-in"), request.user.pk
    return providers.begin(request, provider, process="connect", onward=page, owner=pk)


@require_POST
@login_required
def provider_confirm(request: HttpRequest, provider: str) -> HttpResponse:
    _check(provider)
    _count_attempt(request)
    page, pk = next_path(request, reverse("account_set_password")), request.user.pk
    return providers.begin(request, provider, process="confirm", onward=page, owner=pk)


@require_POST
@login_required
def provider_disconnect(request: HttpRequest, pk: int) -> HttpResponse:
    assert isinstance(request.user, User)
    if not connected_accounts.disconnect(user=request.user, pk=pk):
        raise Http404
    messages.success(request, _("Disconnected."))
    return redirect("accounts:sign-in")


@never_cache
@require_GET
def provider_callback(request: HttpRequest, provider: str) -> HttpResponse:
    """Take up what a browser was sent to a provider for. The provider decides that this is a GET;
    the state, which counts once and in this browser alone, is what a form's token is elsewhere.
    """
    _check(provider)
    _count_attempt(request)
    begun = providers.begun(request, provider)
    identity = providers.identify(request, provider, begun.code_verifier)
    if begun.process == "sign-in":
        return _sign_in(request, identity, begun)
    if request.user.pk != begun.data["owner"]:
        raise SignInIncomplete(
            _("You are no longer signed in to the account with which you began."),
            page=reverse("account_login"),
        )
    assert isinstance(request.user, User)
    if begun.process == "connect":
        connected_accounts.connect(user=request.user, identity=identity)
        messages.success(
            request, _("%(provider)s signs you in from now on.") % {"provider": NAMES[provider]}
        )
        return redirect(begun.onward)
    if connected_accounts.owner_of(identity) != request.user:
        raise SignInIncomplete(
            _("%(name)s at %(provider)s is not connected to your account.")
            % {"name": identity.name, "provider": NAMES[provider]},
            page=reverse("accounts:sign-in"),
        )
    connected_accounts.note_confirmed(request)
    return redirect(begun.onward)


def _sign_in(request: HttpRequest, identity: Identity, begun: Begun) -> HttpResponse:
    if request.user.is_authenticated:  # in another tab, meanwhile
        return redirect(begun.onward)
    owner = connected_accounts.owner_of(identity)
    if owner is not None:
        return _enter(request, identity, Login(user=owner, redirect_url=begun.onward))
    invitation, is_open = _may_sign_up(begun.data["invitation"])
    if not is_open:
        return _closed(request)
    connected_accounts.address_for(identity, invitation)
    request.session[PENDING] = {
        "identity": identity.as_json(),
        "invitation": begun.data["invitation"],
        "onward": begun.onward,
        "at": int(timezone.now().timestamp()),
    }
    return redirect("provider_signup")


def _enter(request: HttpRequest, identity: Identity, login: Login) -> HttpResponse:
    """Sign in, by way of the second step where there is one."""
    record_authentication(
        request, login.user, "socialaccount", provider=identity.provider, uid=identity.uid
    )
    response: HttpResponse = perform_login(request, login)
    return response


def _may_sign_up(token: str) -> tuple[Invitation | None, bool]:
    """Return the invitation with this token, where one is needed, and whether an account may be
    created.
    """
    if settings.SIGNUP != "invitation":
        return None, settings.SIGNUP == "open"
    invitation = invitations.invitation_of(token)
    return invitation, invitation is not None


def _closed(request: HttpRequest) -> HttpResponse:
    return render(request, "account/signup_closed.html", status=403)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def provider_signup(request: HttpRequest) -> HttpResponse:
    """Ask who comes from a provider for the first time for a handle, and create their account."""
    pending = request.session.get(PENDING)
    now = int(timezone.now().timestamp())
    if request.user.is_authenticated or not pending or now - pending["at"] > MAX_PENDING_SECONDS:
        return redirect("account_login")
    identity = Identity.from_json(pending["identity"])
    invitation, is_open = _may_sign_up(pending["invitation"])
    if not providers.is_available(identity.provider) or not is_open:
        return _closed(request)
    owner = connected_accounts.owner_of(identity)
    if owner is not None:  # the form was sent twice, or filled in elsewhere
        del request.session[PENDING]
        return redirect("account_login")
    address = connected_accounts.address_for(identity, invitation)
    form = ProviderSignupForm(request.POST or None, name=identity.name)
    if request.method == "POST" and form.is_valid():
        if not ratelimit.consume(request, app=APP, action="signup"):
            raise TooManyAttempts(60)
        user = _created(form, identity, address, invitation)
        if user is not None:
            del request.session[PENDING]
            login = Login(user=user, redirect_url=pending["onward"], signup=True)
            return _enter(request, identity, login)
    context = {"form": form, "identity": identity, "address": address}
    return render(request, "account/provider_signup.html", context)


def _created(
    form: ProviderSignupForm, identity: Identity, address: str, invitation: Invitation | None
) -> User | None:
    """Create the account; None if somebody was quicker with the handle, which the form then says.

    Raises:
        SignInIncomplete: or with the address, or the account elsewhere.
    """
    try:
        return connected_accounts.sign_up(
            identity=identity,
            handle=form.cleaned_data["username"],
            time_zone=form.cleaned_data["time_zone"],
            address=address,
            invitation=invitation,
        )
    except IntegrityError as error:
        constraint = error.__cause__.diag.constraint_name if error.__cause__ else ""  # type: ignore[attr-defined]
        if constraint != "handles_are_unique":
            raise SignInIncomplete(
                _("An account was created with this address meanwhile. Sign in to it."),
                page=reverse("account_login"),
            ) from error
        form.add_error("username", AccountAdapter.error_messages["username_taken"])
        return None


class SetPasswordView(PasswordSetView):  # type: ignore[misc]
    """The page on which who has no password chooses one; who signs in with an account of another
    site shows first that they still can.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            accounts = connected_accounts.must_confirm(request)
            if accounts:
                context = {"providers": accounts, "onward": request.get_full_path()}
                return render(request, "account/provider_confirm.html", context, status=403)
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response
