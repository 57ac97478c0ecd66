"""Private cards: their list, one that is written or changed, and their deletion. A card itself is
the page of a question.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import User
from apps.common.listing import chosen_filters, filter_words, page_of
from apps.progress import forms, presenters, selectors
from apps.progress.views.reader import signed_in
from apps.questions import private_cards as cards
from apps.questions import selectors as bank
from apps.questions.limits import MAX_PRIVATE_CARDS
from apps.questions.models import Question
from apps.questions.private_cards import MARKDOWN, BadCard, TooManyCards

CARDS_PER_PAGE = 50
FILTERS = ("words", "origin")


@login_required
@require_safe
def private_cards(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    chosen = chosen_filters(request, FILTERS)
    page = page_of(request, bank.private_cards(user, **chosen), CARDS_PER_PAGE)
    origins = bank.private_card_origins(user)
    context = {
        "page": page,
        "rows": _rows(user, list(page)),
        "chosen": chosen,
        "words": chosen["words"],
        "filtered": filter_words(chosen, origin=[(name, name) for name, _count in origins]),
        "origins": [(name, f"{name} ({count})") for name, count in origins],
        "of_origin": dict(origins).get(chosen["origin"], 0),
        "max": MAX_PRIVATE_CARDS,
    }
    return render(request, "progress/private_cards.html", context, status=page.status)


def _rows(user: User, questions: list[Question]) -> list[dict[str, Any]]:
    by_question = selectors.cards.cards_by_question(user, questions)
    return [
        {
            "question": question,
            "when": presenters.reviews.when_due(by_question.get(question.pk), user),
        }
        for question in questions
    ]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_private_card(request: HttpRequest) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form = forms.PrivateCardForm(posted, text_format=MARKDOWN)
    if form.is_bound and form.is_valid():
        try:
            card = cards.create(owner=signed_in(request), text=form.text)
        except (BadCard, TooManyCards) as refused:
            form.add_error(None, refused.message)
        else:
            messages.success(request, _("Card saved. It comes up among your new cards."))
            return redirect(card)
    return _form_page(request, form, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_private_card(request: HttpRequest, slug: str) -> HttpResponse:
    card = bank.private_card(signed_in(request), slug)
    text = cards.text_of(card)
    posted = request.POST if request.method == "POST" else None
    initial = {"front": text.front, "back": text.back}
    form = forms.PrivateCardForm(posted, initial=initial, text_format=text.text_format)
    if form.is_bound and form.is_valid():
        try:
            cards.change(card=card, text=form.text)
        except (BadCard, TooManyCards) as refused:
            form.add_error(None, refused.message)
        else:
            messages.success(request, _("Card saved."))
            return redirect(card)
    return _form_page(request, form, card)


def _form_page(
    request: HttpRequest, form: forms.PrivateCardForm, card: Question | None
) -> HttpResponse:
    context = {"form": form, "card": card}
    status = 422 if form.errors else 200
    return render(request, "progress/private_card_form.html", context, status=status)


@require_POST
@login_required
def delete_private_card(request: HttpRequest, slug: str) -> HttpResponse:
    user = signed_in(request)
    card = bank.private_card(user, slug)
    cards.delete(owner=user, slugs=[card.slug])
    messages.success(request, _("The card is deleted, with its reviews."))
    return redirect("progress:private-cards")


@require_POST
@login_required
def delete_private_cards(request: HttpRequest) -> HttpResponse:
    """Delete all private cards that came from a file."""
    origin = forms.OriginForm.read(request.POST).cleaned_data["origin"]
    count = cards.delete(owner=signed_in(request), origin=origin) if origin else 0
    message = ngettext("%(n)s card is deleted.", "%(n)s cards are deleted.", count)
    messages.success(request, message % {"n": count})
    return redirect("progress:private-cards")
