"""Posts: found by their permalinks, written, edited, deleted, voted on, accepted."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from apps.common.error_views import respond
from apps.common.errors import Refused
from apps.common.fragments import is_fragment
from apps.common.listing import page_of
from apps.discussions import presenters, selectors, services
from apps.discussions.errors import EditConflict, NotYours, ThreadGone
from apps.discussions.forms import (
    AcceptForm,
    DeleteForm,
    EditForm,
    PreviewForm,
    ReplyForm,
    VoteForm,
)
from apps.discussions.languages import language_of, page_language
from apps.discussions.models import Post, State, Thread
from apps.discussions.presenters.composer import Preview
from apps.discussions.views.thread_page import (
    composer,
    giving_text_back,
    insists,
    post_url,
    preview_of,
    readable_post,
    show_thread,
    signed_in,
)
from apps.discussions.word_diff import diff

VERSIONS_PER_PAGE = 10  # of an edited post


@require_safe
def post(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Lead to the page of the thread that has the post."""
    return redirect(post_url(request, pk, number, shown=insists(request)))


# ---------------------------------------------------------------- written


@require_POST
@login_required
def reply(request: HttpRequest, pk: int) -> HttpResponse:
    form = ReplyForm(request.POST)
    with giving_text_back(request):
        thread = selectors.thread_for(request.user, pk)
    shown = request.POST.get("shown") == "1"
    if not form.is_valid():
        return show_thread(request, thread, shown=shown, form=form, status=422)
    text = form.cleaned_data["text"]
    if form.cleaned_data["preview"]:
        preview = preview_of(request, text)
        return show_thread(request, thread, shown=shown, form=form, preview=preview)
    try:
        post = services.posts.reply(
            author=signed_in(request),
            thread=thread,
            text=text,
            language=language_of(text, page_language()),
            key=form.cleaned_data["key"],
            share=form.cleaned_data["share"],
        )
    except Refused as error:
        return _not_taken(request, thread, form, error)
    return redirect(post_url(request, pk, post.number, shown=shown))


def _not_taken(
    request: HttpRequest, thread: Thread, form: ReplyForm, refused: Refused
) -> HttpResponse:
    """Show the thread as it stands now, with the reply and why it was not taken."""
    shown = form.cleaned_data["shown"]
    try:
        thread = selectors.thread_for(request.user, thread.pk)
    except Http404:
        raise refused from None  # a page with the text, to be copied

    def page() -> HttpResponse:
        return show_thread(
            request, thread, shown=shown, form=form, refused=refused, status=refused.status
        )

    return respond(request, refused, page)


@require_POST
@login_required
def preview(request: HttpRequest) -> HttpResponse:
    """Show how a text would look, as a fragment of the page on which it is written."""
    form = PreviewForm(request.POST)
    context: dict[str, object] = {"form": form, "preview": None}
    if form.is_valid() and form.cleaned_data["text"]:
        context["preview"] = preview_of(request, form.cleaned_data["text"])
    return render(request, "discussions/_preview.html", context)


@require_safe
def quote(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Send Markdown that quotes a post."""
    text = presenters.composer.quote(readable_post(request, pk, number))
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


# ---------------------------------------------------------------- edited


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    with giving_text_back(request):
        post = selectors.readable_post(request.user, pk, number)
    if post.author_id != request.user.pk:
        raise NotYours(_("Only its author edits a post."))
    if post.state == State.DELETED:
        raise ThreadGone
    if request.method != "POST":
        return _show_edit(request, post, EditForm(initial={"text": post.text, "edits": post.edits}))
    form = EditForm(request.POST)
    if not form.is_valid():
        return _show_edit(request, post, form, status=422)
    text = form.cleaned_data["text"]
    if form.cleaned_data["preview"]:
        return _show_edit(request, post, form, preview=preview_of(request, text))
    try:
        services.posts.edit_post(
            author=signed_in(request),
            post=post,
            text=text,
            edits=form.cleaned_data["edits"],
            share=form.cleaned_data["share"],
        )
    except Refused as error:
        refused = error
        return respond(request, refused, lambda: _edit_refused(request, post, form, refused))
    return redirect(post_url(request, pk, number, shown=form.cleaned_data["shown"]))


def _edit_refused(
    request: HttpRequest, post: Post, form: EditForm, refused: Refused
) -> HttpResponse:
    """Show an edit that was not taken. After another edit, the form has the number of that one:
    sent again, it replaces the text that is shown beside it.
    """
    post.refresh_from_db(fields=["text", "edits", "state"])
    if isinstance(refused, EditConflict):
        data = request.POST.copy()
        data["edits"] = str(post.edits)
        form = EditForm(data)
    return _show_edit(request, post, form, refused=refused, status=refused.status)


def _show_edit(
    request: HttpRequest,
    post: Post,
    form: EditForm,
    *,
    refused: Refused | None = None,
    preview: Preview | None = None,
    status: int = 200,
) -> HttpResponse:
    theirs, pieces = "", []
    if isinstance(refused, EditConflict):
        theirs = post.text
        pieces = diff(theirs, str(form["text"].value()))
    context = {
        "post": post,
        "thread": post.thread,
        "theirs": theirs,
        "pieces": pieces,
        "shown": insists(request) or request.POST.get("shown") == "1",
        **composer(request, form, refused=refused, preview=preview),
    }
    return render(request, "discussions/edit.html", context, status=status)


@require_POST
@login_required
def delete(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    post = selectors.readable_post(request.user, pk, number)
    form = DeleteForm.read(request.POST)
    services.posts.delete_post(author=signed_in(request), post=post)
    messages.success(request, _("Your post was deleted. Its place in the thread stays."))
    if not Thread.objects.filter(pk=pk).exclude(state=State.DELETED).exists():
        return redirect("discussions:threads")
    return redirect(post_url(request, pk, number, shown=form.cleaned_data["shown"]))


@require_safe
@vary_on_headers("HX-Request")
def history(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Show what a post said before each edit."""
    post = readable_post(request, pk, number)
    revisions = selectors.revisions_of(post, request.user)
    page = page_of(request, revisions, VERSIONS_PER_PAGE)
    rows = list(page)
    before = revisions.filter(number__lt=rows[-1].number).first() if rows else None
    versions = presenters.history.versions(
        post, rows, before=before, has_present=page.number == 1 and not page.missing
    )
    context = {
        "post": post,
        "thread": post.thread,
        "page": page,
        "versions": versions,
        "language_tag": presenters.threads.language_tag(post.language),
        "query": "?show=1" if insists(request) else "",
    }
    return render(request, "discussions/history.html", context, status=page.status)


# ---------------------------------------------------------------- judged


@require_POST
@login_required
def vote(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    post = selectors.readable_post(request.user, pk, number)
    form = VoteForm.read(request.POST)
    services.votes.vote(user=signed_in(request), post=post, value=form.cleaned_data["value"])
    shown = form.cleaned_data["shown"]
    if not is_fragment(request):
        return redirect(post_url(request, pk, number, shown=shown))
    post = selectors.readable_post(request.user, pk, number)
    context = {"post": post, "thread": post.thread, "may_vote": True, "shown": shown}
    return render(request, "discussions/_votes.html", context)


@require_POST
@login_required
def accept(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    post = selectors.readable_post(request.user, pk, number)
    form = AcceptForm.read(request.POST)
    services.threads.accept(
        user=signed_in(request), post=post, accepted=form.cleaned_data["accepted"]
    )
    return redirect(post_url(request, pk, number, shown=form.cleaned_data["shown"]))
