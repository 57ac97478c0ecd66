"""What is sensitive asks for the password again, unless it was entered in this session within
`ACCOUNT_REAUTHENTICATION_TIMEOUT`. allauth has the page and remembers when; here is the table of
what is sensitive, and what becomes of a form that is sent too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.common import pending
from apps.common.error_views import respond
from apps.common.errors import PasswordNeeded
from apps.common.redirects import is_local


@dataclass(frozen=True)
class Sensitive:
    """A route that asks for the password again, of whoever has one of these permissions: others
    are refused there anyway. Without permissions: of everybody.
    """

    permissions: frozenset[str]  # none: of everybody who is signed in
    # before the form is shown, because it will hold a password, which is not kept when it comes
    # too late; otherwise when it is sent
    at_once: bool = False
    # of a list: the actions that are sensitive; the others are not
    actions: frozenset[str] = frozenset()


def _of(*permissions: str, at_once: bool = False, actions: str = "") -> Sensitive:
    return Sensitive(frozenset(permissions), at_once, frozenset(actions.split()))


# by URL name. What belongs here: one's own second factors; roles, permissions, passwords and
# addresses of others, deleting people, new tokens of workers, webhooks, and an archive of all that
# somebody has here.
SENSITIVE: Mapping[str, Sensitive] = {
    "accounts:totp": _of(at_once=True),
    "accounts:passkey-add": _of(at_once=True),
    "accounts:recovery-codes": _of(),
    "accounts:factor-remove": _of(),
    "accounts:provider-connect": _of(),
    "accounts:provider-disconnect": _of(),
    "admin:accounts_user_add": _of("accounts.add_user", at_once=True),
    "admin:accounts_user_change": _of("accounts.change_user"),
    "admin:auth_user_password_change": _of("accounts.change_user", at_once=True),
    "admin:accounts_user_delete": _of("accounts.delete_user"),
    "admin:accounts_user_changelist": _of(
        "accounts.delete_user",
        "accounts.change_user",
        actions="delete_selected sign_out remove_second_factors",
    ),
    "admin:auth_group_add": _of("auth.add_group"),
    "admin:auth_group_change": _of("auth.change_group"),
    "admin:auth_group_delete": _of("auth.delete_group"),
    "admin:auth_group_changelist": _of("auth.delete_group", actions="delete_selected"),
    "admin:account_emailaddress_change": _of("account.change_emailaddress"),
    "admin:account_emailaddress_delete": _of("account.delete_emailaddress"),
    "admin:account_emailaddress_changelist": _of(
        "account.change_emailaddress",
        "account.delete_emailaddress",
        actions="delete_selected make_verified",
    ),
    "archives:download": _of(),
    "admin:experiments_worker_add": _of("experiments.add_worker"),
    "admin:experiments_worker_changelist": _of("experiments.change_worker", actions="renew"),
    # of everybody, for what is theirs: where it is told what they do, and by which secret
    "api_pages:new": _of(),
    "api_pages:device-decide": _of(actions="approve"),
    "webhooks:new": _of(),
    "webhooks:edit": _of(),
    "webhooks:secret": _of(),
}


def needs_password(request: HttpRequest) -> bool:
    """Return whether a request must wait until its sender has entered their password again."""
    route = SENSITIVE.get(request.resolver_match.view_name) if request.resolver_match else None
    if route is None or not request.user.is_authenticated or not _is_asked(request, route):
        return False
    if route.permissions and not any(map(request.user.has_perm, route.permissions)):
        return False
    return not has_entered_password(request)


def has_entered_password(request: HttpRequest) -> bool:
    """Return whether who is signed in has entered their password lately."""
    # allauth counts somebody without a password as having entered it
    is_known = request.user.is_authenticated and request.user.has_usable_password()
    return bool(is_known and did_recently_reauthenticate(request))


def _is_asked(request: HttpRequest, route: Sensitive) -> bool:
    if request.method != "POST":
        return route.at_once
    # Django may take any of several values
    return not route.actions or not route.actions.isdisjoint(request.POST.getlist("action"))


def ask_for_password(request: HttpRequest) -> HttpResponse:
    """Send somebody to the page that asks, and from there to where they were going. A form is kept
    as one that was sent while signed out is (`pending`), without passwords: they see it again, and
    send it by a button. Who has no password, because they came by an operator's link, chooses one.
    """
    return respond(request, PasswordNeeded(), lambda: _redirect(request))


def _redirect(request: HttpRequest) -> HttpResponse:
    assert request.user.is_authenticated
    onward, kept = request.get_full_path(), None
    if request.method == "POST":
        form = pending.posted(request, owner=str(request.user.pk))
        onward = form.page
        # what is left of a form of passwords is nothing to send
        is_lost = not form.fields and any("password" in name for name in request.POST)
        if not is_lost and (kept := pending.store(request, form)):
            onward = reverse("accounts:resume", args=[kept.name])
    is_known = request.user.has_usable_password()
    page = reverse("account_reauthenticate" if is_known else "account_set_password")
    response = redirect(f"{page}?{urlencode({'next': onward})}" if is_local(onward) else page)
    if kept:
        kept.set_cookie(response)
    return response
