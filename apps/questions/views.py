"""The bank's own pages: the questions about a claim, and the report of a mistake."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from apps.accounts.models import User
from apps.common.fragments import is_fragment
from apps.common.text import clean, is_chinese
from apps.questions import selectors, services
from apps.questions.forms import ReportForm


@require_safe
@vary_on_headers("HX-Request")
def about(request: HttpRequest, claim: str) -> HttpResponse:
    """Show the questions that a claim answers: a fragment of the ledger, or a page."""
    context = {"questions": selectors.about(clean(claim)), "claim": claim}
    template = "_about.html" if is_fragment(request) else "about.html"
    return render(request, f"questions/{template}", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.question_for(slug)
    assert question.current is not None and isinstance(request.user, User)
    form = ReportForm(request.POST or None, initial={"key": uuid.uuid4().hex})
    if request.method == "POST" and form.is_valid():
        language = "zh" if is_chinese() else "en"
        services.report_mistake(
            reporter=request.user, revision=question.current, language=language, **form.cleaned_data
        )
        messages.success(request, _("Thank you. We will read it and fix what is wrong."))
        return redirect(question)
    return render(request, "questions/report.html", {"question": question, "form": form})
