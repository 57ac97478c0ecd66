"""Pages of `notices`. A notice is opened by a button, since that marks it as read; a page that
shows what notices are about marks those (`notices/_read_here.html`).
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import User
from apps.common.errors import BadLink
from apps.common.fragments import is_fragment
from apps.common.listing import page_of
from apps.common.redirects import is_local
from apps.notices import presenters, selectors, services
from apps.notices.forms import DeliveriesForm, ReadForm, UnsubscribeForm
from apps.notices.models import MAILED, Notice
from apps.notices.unsubscribe_tokens import Unsubscribing, read_token

NOTICES_PER_PAGE = 50


@require_safe
@login_required
def notices(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    page = page_of(request, selectors.notices_of(request.user), NOTICES_PER_PAGE)
    context = {
        "page": page,
        "days": presenters.by_day(map(presenters.row, page)),
        "latest": selectors.latest_update(request.user),
    }
    return render(request, "notices/notices.html", context, status=page.status)


@require_POST
@login_required
def open_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark a notice as read, and go where it leads."""
    assert isinstance(request.user, User)
    notice = get_object_or_404(Notice, pk=pk, person=request.user)
    services.mark_read(person=request.user, pks=[notice.pk])
    return redirect(notice.path if is_local(notice.path) else "notices:notices")


@require_POST
@login_required
def read(request: HttpRequest) -> HttpResponse:
    """Mark notices as read: all that a page has shown, or those about a subject. htmx gets the link
    to the notices, with how many are left.
    """
    assert isinstance(request.user, User)
    form = ReadForm.read(request.POST).cleaned_data
    services.mark_read(person=request.user, subject=form["subject"] or None, until=form["until"])
    if is_fragment(request):
        return render(request, "notices/_tool.html")
    return redirect("notices:notices")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    deliveries = selectors.deliveries(request.user)
    form = DeliveriesForm(request.POST or None, deliveries=deliveries)
    if request.method != "POST" or not form.is_valid():
        context = {
            "form": form,
            "is_confirmed": selectors.has_confirmed_address(request.user),
        }
        status = 422 if request.method == "POST" else 200
        return render(request, "notices/settings.html", context, status=status)
    services.change_deliveries(person=request.user, deliveries=form.chosen)
    messages.success(request, _("Settings saved."))
    return redirect("notices:settings")


@csrf_exempt  # mail programs press it, without a cookie (RFC 8058); the token says whose it is
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button, which stops the mails that a mail was one of: a program that looks links up
    must not use the link.
    """
    what = read_token(token)
    person = User.objects.filter(pk=what.person).first() if what else None
    if what is None or person is None:
        raise BadLink(
            _(
                "This link is not complete, or the account is gone. Copy the whole link from the "
                "e-mail, or sign in and open Notices, then Settings."
            )
        )
    everything = UnsubscribeForm.read(request.POST).cleaned_data["everything"]
    if request.method == "POST" and everything:
        services.unsubscribe_from_all(person=person)
    elif request.method == "POST":
        services.unsubscribe(person=person, what=what)
    return render(request, "notices/unsubscribe.html", _unsubscribing(request, person, what))


def _unsubscribing(request: HttpRequest, person: User, what: Unsubscribing) -> dict[str, object]:
    """Return what the page says: which mails are stopped, or would be."""
    present = selectors.deliveries(person)
    still = [kind.label for kind, delivery in present.items() if what.stops(kind, delivery)]
    mailed = sum(delivery in MAILED for delivery in present.values())
    return {
        "is_done": request.method == "POST",
        "is_digest": not what.kinds,
        "still": still,
        "has_more": mailed > len(still),
    }
