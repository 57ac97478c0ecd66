"""Overrides of allauth's rules."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.internal import ratelimit
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from apps.accounts import invitations, outbox, services
from apps.accounts.addresses import canonical_email, mailbox
from apps.accounts.known_browsers import known_browser, remember_browser
from apps.accounts.limits import APP, seconds_to_wait
from apps.accounts.models import User
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.errors import BadLink, TooManyAttempts
from apps.common.redirects import is_local

# by the name of the page that signs in; else with the password
SIGN_INS = {
    "account_signup": Kind.SIGNED_IN_NEW,
    "account_confirm_email": Kind.SIGNED_IN_CONFIRMED,
    "mfa_authenticate": Kind.SIGNED_IN_TWO_STEPS,
    "passkey_sign_in": Kind.SIGNED_IN_PASSKEY,
    "provider_callback": Kind.SIGNED_IN_PROVIDER,
    "provider_signup": Kind.SIGNED_IN_NEW,
}


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": _("This account has been deactivated."),
        "email_password_mismatch": _(
            "That e-mail and password don't match. Check both, or reset your password."
        ),
        "email_taken": _(
            "This e-mail address already has an account. Sign in, or reset your password."
        ),
        "enter_current_password": _("That is not your current password."),
        "incorrect_password": _("That is not your password."),
        "invalid_password_reset": _("This link has already been used or has expired."),
        "too_many_login_attempts": _(
            "Too many attempts in a short time. Wait a moment, then try again."
        ),
        "unknown_email": _("There is no account with this e-mail address."),
        "username_blacklisted": _("This handle is reserved. Choose another."),
        "username_taken": _("This handle is taken. Choose another."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.SIGNUP == "invitation":
            return invitations.invitation_for(request) is not None
        return bool(settings.SIGNUP == "open")

    def is_safe_url(self, url: str | None) -> bool:
        return bool(url) and is_local(str(url))

    def get_client_ip(self, request: HttpRequest) -> str:
        # behind a socket there is no address: everybody shares one limit
        return request.META.get("REMOTE_ADDR") or "unknown"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count an attempt, by network and address: who guesses keeps out nobody elsewhere. In a
        browser that the account knows attempts are counted apart, by browser.
        """
        email = canonical_email(credentials.get("email", ""))
        action, key = "login_failed", self._get_login_attempts_cache_key(request, email=email)
        if browser := known_browser(request, email):
            action, key = "login_failed_known_browser", f"{browser} {email}"
        self._login_failed_rl_usage = ratelimit.consume(request, app=APP, action=action, key=key)
        if not self._login_failed_rl_usage:
            record(Kind.SIGN_IN_REFUSED, person=_account(email))
            raise TooManyAttempts(seconds_to_wait(request, action, key=key))

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a wrong password. Tell the owner, once a day at most, when several were entered.
        What was entered for an address without an account may be a password: it is kept nowhere.
        """
        email = canonical_email(credentials.get("email", ""))
        owner = _account(email)
        record(Kind.SIGN_IN_FAILED, person=owner)
        if ratelimit.consume(request, app=APP, action="password_guessed", key=email):
            return
        if owner is None or not owner.is_active:
            return
        if ratelimit.consume(request, app=APP, action="password_guessed_mail", key=email):
            with translation.override(owner.language or translation.get_language()):
                self.send_mail("account/email/password_guessed", email, {"user": owner})

    @transaction.atomic
    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        services.note_page_language(user=user, language=translation.get_language())
        page = request.resolver_match.url_name if request.resolver_match else None
        record(SIGN_INS.get(page or "", Kind.SIGNED_IN), person=user)

    def logout(self, request: HttpRequest) -> None:
        record(Kind.SIGNED_OUT, person=request.user)
        super().logout(request)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        record(Kind.SIGN_IN_INACTIVE, person=user)
        response: HttpResponse = super().respond_user_inactive(request, user)
        return response

    @transaction.atomic
    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        is_confirmed: bool = super().confirm_email(request, email_address)
        if is_confirmed:
            record(Kind.ADDRESS_CONFIRMED, person=email_address.user)
        return is_confirmed

    def reauthenticate(self, user: User, password: str) -> bool:
        """Check the password of who is signed in, counted as a sign-in is. The session gets a new
        key: the old one may be what somebody else has.
        """
        email = user.canonical_email
        if self.authenticate(context.request, email=email, password=password) != user:
            return False
        context.request.session.cycle_key()
        return True

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Return the password alone: who sits down at a browser that was left open may hold the
        phone that lies beside it, but does not know the password.
        """
        if not user.is_authenticated or not user.has_usable_password():
            return []
        return [{"id": "reauthenticate", "url": reverse("account_reauthenticate")}]

    def post_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **details)
        remember_browser(request, response, user.canonical_email)
        return response

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Return network and address; not the request's host, which anybody may choose."""
        return f"{ratelimit.get_ip(request)} {canonical_email(credentials.get('email', ''))}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _dash, token = key.partition("-")
        return settings.SITE_URL + reverse("account_reset_password_from_key", args=[uid, token])

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return settings.SITE_URL + reverse("account_confirm_email", args=[emailconfirmation.key])

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user.email = form.typed_email()
        user.time_zone = form.cleaned_data["time_zone"]
        saved: User = super().save_user(request, user, form, commit=commit)
        invitation = getattr(form, "invitation", None)
        if invitation and not invitations.use(invitation=invitation, user=saved):
            raise BadLink(str(_("This invitation was used already.")))
        record(Kind.ACCOUNT_CREATED, person=saved)
        return saved

    def set_password(self, user: User, password: str) -> None:
        """Store the password alone: hashing takes long enough for an operator to change the row."""
        user.set_password(password)
        with transaction.atomic():
            user.save(update_fields=["password"])
            record(Kind.PASSWORD_CHANGED, person=user)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:settings")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send to the account's own address, never to another spelling of it from a form: that may
        be somebody else's mailbox.
        """
        user = _account(email)
        # of links: never the request's host
        address = mailbox(user.email if user else email)
        context = {"user": user} | context | {"site_url": settings.SITE_URL, "email": address}
        message = self.render_mail(template_prefix, address, context)
        if isinstance(context["user"], User):
            outbox.of_person(message, context["user"])
        message.send()


def _account(email: str) -> User | None:
    """Return the account of a (canonical) address, if there is one."""
    return User.objects.filter(canonical_email=email).first()
