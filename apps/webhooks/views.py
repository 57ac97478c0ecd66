"""Pages of `webhooks`. A secret is shown in the answer to the form that made it, never again."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import User
from apps.common.fragments import is_fragment
from apps.common.listing import page_of
from apps.webhooks import presenters, selectors, services
from apps.webhooks.errors import InvalidWebhook
from apps.webhooks.forms import SecretForm, SwitchForm, WebhookForm
from apps.webhooks.limits import MAX_QUEUED, MAX_WEBHOOKS
from apps.webhooks.models import Webhook

DELIVERIES_PER_PAGE = 50


@require_safe
@login_required
def webhooks(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    rows = [presenters.webhook_row(one) for one in selectors.webhooks_of(request.user)]
    context = {"rows": rows, "max": MAX_WEBHOOKS, "is_full": len(rows) >= MAX_WEBHOOKS}
    return render(request, "webhooks/webhooks.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            webhook, secret = services.create_webhook(owner=request.user, **form.cleaned_data)
            return _show_secret(request, webhook, secret, is_new=True)
        except InvalidWebhook as refused:
            form.add_refusal(refused)
    return _form_page(request, form)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    webhook = selectors.webhook_for(request.user, pk)
    form = WebhookForm(request.POST if request.method == "POST" else None, webhook=webhook)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_webhook(webhook=webhook, **form.cleaned_data)
            messages.success(request, _("Webhook saved."))
            return redirect("webhooks:webhook", webhook.pk)
        except InvalidWebhook as refused:
            form.add_refusal(refused)
    return _form_page(request, form, webhook)


def _form_page(
    request: HttpRequest, form: WebhookForm, webhook: Webhook | None = None
) -> HttpResponse:
    context = {"form": form, "webhook": webhook}
    status = 422 if request.method == "POST" else 200
    return render(request, "webhooks/edit.html", context, status=status)


@require_safe
@login_required
def webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a webhook with its log; as a fragment, the log alone."""
    assert isinstance(request.user, User)
    webhook = selectors.webhook_for(request.user, pk)
    page = page_of(request, selectors.deliveries_of(webhook), DELIVERIES_PER_PAGE)
    context = {
        "row": presenters.webhook_row(webhook),
        "webhook": webhook,
        "page": page,
        "deliveries": [presenters.delivery_row(delivery) for delivery in page],
        "is_awaited": presenters.is_awaited(page),
        "max_queued": MAX_QUEUED,
        "is_full": selectors.queued_count(webhook) >= MAX_QUEUED,
    }
    template = "webhooks/_log.html" if is_fragment(request) else "webhooks/webhook.html"
    return render(request, template, context, status=page.status)


@require_POST
@login_required
def secret(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Make a new secret, and show it."""
    assert isinstance(request.user, User)
    webhook = selectors.webhook_for(request.user, pk)
    number = SecretForm.read(request.POST).cleaned_data["number"]
    secret = services.make_new_secret(webhook=webhook, number=number)
    return _show_secret(request, webhook, secret, is_new=False)


def _show_secret(
    request: HttpRequest, webhook: Webhook, secret: str, *, is_new: bool
) -> HttpResponse:
    context = {"webhook": webhook, "secret": secret, "is_new": is_new}
    return render(request, "webhooks/secret.html", context)


@require_POST
@login_required
def switch(request: HttpRequest, pk: UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    webhook = selectors.webhook_for(request.user, pk)
    is_active = SwitchForm.read(request.POST).cleaned_data["active"]
    services.switch_webhook(webhook=webhook, is_active=is_active)
    return redirect("webhooks:webhook", webhook.pk)


@require_POST
@login_required
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    services.delete_webhook(webhook=selectors.webhook_for(request.user, pk))
    messages.success(request, _("Webhook deleted."))
    return redirect("webhooks:webhooks")


@require_POST
@login_required
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have a test delivered; the log shows what becomes of it."""
    assert isinstance(request.user, User)
    webhook = selectors.webhook_for(request.user, pk)
    services.send_test(webhook=webhook)
    messages.success(request, _("A test is on its way. Its result appears in the log below."))
    return redirect("webhooks:webhook", webhook.pk)


@require_safe
@login_required
def delivery(request: HttpRequest, pk: UUID, of: UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    delivery = selectors.delivery_for(request.user, pk, of)
    context = {
        "row": presenters.delivery_row(delivery),
        "delivery": delivery,
        "reason": presenters.reason(delivery),
        "attempts": presenters.attempt_rows(delivery),
    }
    return render(request, "webhooks/delivery.html", context)


@require_POST
@login_required
def redeliver(request: HttpRequest, pk: UUID, of: UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    services.redeliver(delivery=selectors.delivery_for(request.user, pk, of))
    messages.success(request, _("It will be delivered again in a moment."))
    return redirect("webhooks:webhook", pk)
