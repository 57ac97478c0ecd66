"""The list of threads, a thread, a new one, and what other pages show of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from apps.common.error_views import respond
from apps.common.errors import Refused
from apps.common.fields import is_whole
from apps.common.fragments import is_fragment
from apps.common.listing import chosen_filters, filter_words, page_of
from apps.common.text import clean
from apps.discussions import presenters, selectors, services
from apps.discussions.forms import FOLLOW, MUTE, FollowForm, ThreadForm
from apps.discussions.languages import page_language
from apps.discussions.limits import THREADS_PER_PAGE
from apps.discussions.models import Language, Thread
from apps.discussions.presenters.composer import Preview
from apps.discussions.subjects import GENERAL, Subject, find_subject, related_subjects
from apps.discussions.views.thread_page import (
    composer,
    fresh_key,
    insists,
    preview_of,
    readable_post,
    show_posts,
    show_thread,
    signed_in,
)
from apps.experiments.selectors import runs_of

MAX_NUMBER_DIGITS = 6  # of a post in an address
FRAGMENTS = {"after": "number__gt", "only": "number"}  # which posts of a thread
PANEL_THREADS = 5
OWN_RUNS = 8  # that one may pick from for a citation
MAX_CITED_CHARS = 2_000  # that a link may put into a new thread


@require_safe
@vary_on_headers("HX-Request")
def threads(request: HttpRequest) -> HttpResponse:
    chosen = chosen_filters(request, selectors.FILTERS)
    page = page_of(request, selectors.threads(request.user, **chosen), THREADS_PER_PAGE)
    only = find_subject(chosen["about"], request.user) if ":" in chosen["about"] else None
    about = presenters.subjects.present_subject(only) if only else None
    kinds = [(kind.value, kind.label) for kind in Thread.About]
    context = {
        "page": page,
        "rows": presenters.threads.thread_rows(page),
        "chosen": chosen,
        "filtered": filter_words(
            chosen | ({"about": ""} if about else {}),
            show=presenters.threads.shows(),
            about=kinds,
            language=Language.choices,
        ),
        "only": about,
        "compose": _compose_query(about.name if about else ""),
        "shows": presenters.threads.shows(),
        "kinds": [(about.name, about.short), *kinds] if about else kinds,
        "languages": Language.choices,
        "orders": presenters.threads.orders(),
    }
    template = "_threads.html" if is_fragment(request) else "threads.html"
    return render(request, f"discussions/{template}", context, status=page.status)


@require_safe
@vary_on_headers("HX-Request")
def thread(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a thread; to a script that has some of its posts, those after them (`?after=12`), or one
    of them that has changed (`?only=12`).
    """
    if is_fragment(request):
        for name, lookup in FRAGMENTS.items():
            if number := _post_number(request, name):
                thread = selectors.thread_for(request.user, pk)
                return show_posts(request, thread, **{lookup: int(number)})
    quoted, number = "", _post_number(request, "quote")
    if number and request.user.is_authenticated:
        post = readable_post(request, pk, int(number))
        thread, quoted = post.thread, presenters.composer.quote(post)
    else:
        thread = selectors.thread_for(request.user, pk)
    return show_thread(request, thread, shown=insists(request), quoted=quoted)


def _post_number(request: HttpRequest, name: str) -> str:
    """Return the number of a post in an address; empty: there is none, or it is nonsense."""
    number = request.GET.get(name, "")
    return number if is_whole(number, MAX_NUMBER_DIGITS) else ""


# ---------------------------------------------------------------- a new one


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _show_new(request, _fresh_form(request))
    form = ThreadForm(request.POST, reader=request.user)
    if not form.is_valid():
        return _show_new(request, form, status=422)
    if form.cleaned_data["preview"]:
        return _show_new(request, form, preview=preview_of(request, form.cleaned_data["text"]))
    try:
        started = services.threads.start_thread(
            author=signed_in(request),
            subject=form.cleaned_data["about"],
            title=form.cleaned_data["title"],
            text=form.cleaned_data["text"],
            language=form.cleaned_data["language"],
            key=form.cleaned_data["key"],
            share=form.cleaned_data["share"],
        )
    except Refused as error:
        refused = error
        return respond(
            request,
            refused,
            lambda: _show_new(request, form, refused=refused, status=refused.status),
        )
    return redirect(started)


def _fresh_form(request: HttpRequest) -> ThreadForm:
    about = clean(request.GET.get("about", "")) or GENERAL
    cited = clean(request.GET.get("cite", ""))[:MAX_CITED_CHARS].strip()
    initial = {
        "about": about,
        "language": page_language(),
        "text": f"{cited}\n\n" if cited else "",
        "key": fresh_key(),
    }
    return ThreadForm(initial=initial, reader=request.user)


def _show_new(
    request: HttpRequest,
    form: ThreadForm,
    *,
    refused: Refused | None = None,
    preview: Preview | None = None,
    status: int = 200,
) -> HttpResponse:
    about = clean(str(form["about"].value() or GENERAL))
    subject = find_subject(about, request.user)
    options = _options(request, subject)
    context = {
        "subject": presenters.subjects.present_subject(subject) if subject else None,
        "is_missing": subject is None,
        "options": options,
        "about": str(subject) if subject else GENERAL,
        **composer(request, form, draft="thread-new", refused=refused, preview=preview),
    }
    return render(request, "discussions/new.html", context, status=status)


def _options(request: HttpRequest, subject: Subject | None) -> list[Any]:
    """Return what a new thread may be about: what it was begun from, what that belongs to, and
    nothing in particular.
    """
    general = find_subject(GENERAL, request.user)
    subjects = [*([subject, *related_subjects(subject)] if subject else []), general]
    names = dict.fromkeys(map(str, filter(None, subjects)))
    by_name = {str(one): one for one in subjects if one}
    return [presenters.subjects.present_subject(by_name[name]) for name in names]


# ---------------------------------------------------------------- on other pages


@require_safe
@vary_on_headers("HX-Request")
def panel(request: HttpRequest) -> HttpResponse:
    """Show the newest threads about something: a fragment of its page, or the list of them."""
    name = clean(request.GET.get("about", ""))
    subject = find_subject(name, request.user)
    if subject is None:
        raise Http404("No such subject.")
    about = presenters.subjects.present_subject(subject)
    if not is_fragment(request):
        return redirect(about.threads_url)
    rows = selectors.threads_about(request.user, subject, PANEL_THREADS + 1)
    context = {
        "rows": presenters.threads.thread_rows(rows[:PANEL_THREADS]),
        "has_more": len(rows) > PANEL_THREADS,
        "about": about,
        "compose": _compose_query(about.name),
    }
    return render(request, "discussions/_panel.html", context)


def _compose_query(about: str) -> str:
    """Return the query of the link to a new thread; about a run it cites the run."""
    if not about:
        return ""
    kind, _colon, key = about.partition(":")
    cited = {"cite": f"[run:{key}]"} if kind == "run" else {}
    return "?" + urlencode({"about": about, **cited})


@require_safe
@login_required
def own_runs(request: HttpRequest) -> HttpResponse:
    """Show the reader's newest runs, to pick one for a citation."""
    runs = runs_of(signed_in(request))[:OWN_RUNS]
    context = {"runs": presenters.composer.own_runs(runs)}
    return render(request, "discussions/_own_runs.html", context)


# ---------------------------------------------------------------- following


@require_POST
@login_required
def follow(request: HttpRequest, pk: int) -> HttpResponse:
    user, thread = signed_in(request), selectors.thread_for(request.user, pk)
    form = FollowForm.read(request.POST)
    how = form.cleaned_data["how"]
    change = {FOLLOW: services.follows.follow, MUTE: services.follows.mute}
    change.get(how, services.follows.unfollow)(user=user, thread=thread)
    if is_fragment(request):
        thread = selectors.thread_for(request.user, pk)
        context = {**presenters.threads.follow_context(thread), "is_swapped": True}
        return render(request, "discussions/_follow.html", context)
    query = "?show=1" if form.cleaned_data["shown"] else ""
    return redirect(f"{reverse('discussions:thread', args=[pk])}{query}")
