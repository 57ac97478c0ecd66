"""The page of a thread: its posts, a page of them at a time, and what a reply is written with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.accounts.models import User
from apps.common.errors import KeyReused, NotFound, Refused
from apps.common.listing import page_of
from apps.discussions import presenters, selectors
from apps.discussions.forms import ReplyForm, TextForm
from apps.discussions.limits import MAX_TEXT_LENGTH, POSTS_PER_PAGE
from apps.discussions.models import Post, Thread
from apps.discussions.presenters.composer import Preview
from apps.discussions.selectors.moderation import mute_of
from apps.discussions.services.posts import rendered, stored_text
from apps.experiments.reader import reader_of


def signed_in(request: HttpRequest) -> User:
    """Return the user of a view that requires one (`login_required`)."""
    assert isinstance(request.user, User)
    return request.user


@contextmanager
def giving_text_back(request: HttpRequest) -> Iterator[None]:
    """Have the text of a form shown where what it is about is gone: the page of NotFound has it, to
    be copied.
    """
    try:
        yield
    except Http404:
        if request.method == "POST":
            raise NotFound from None
        raise


def fresh_key() -> str:
    """Return an idempotency key for a form."""
    return uuid.uuid4().hex


def key_of(form: ReplyForm, refused: Refused | None) -> str:
    """Return the key with which a form is sent the next time: another one, if this one came with
    another text.
    """
    return fresh_key() if isinstance(refused, KeyReused) else str(form["key"].value() or "")


def insists(request: HttpRequest) -> bool:
    """Return whether the reader wants to see a folded thread."""
    return request.GET.get("show") == "1"


def readable_post(request: HttpRequest, pk: int, number: int) -> Post:
    """Return a post with its text, which is neither hidden from the reader nor folded.

    Raises:
        Http404: there is none.
    """
    post = selectors.readable_post(request.user, pk, number)
    if not presenters.posts.is_readable(
        post, reader_of(request), post.thread, shown=insists(request)
    ):
        raise Http404("This post is not shown.")
    return post


def preview_of(request: HttpRequest, text: str) -> Preview:
    """Return how a text would look as a post of the reader."""
    stored = stored_text(text)
    return presenters.composer.preview(stored, rendered(stored), reader_of(request))


def composer(
    request: HttpRequest,
    form: TextForm,
    *,
    draft: str = "",
    refused: Refused | None = None,
    preview: Preview | None = None,
) -> dict[str, Any]:
    """Return what the form of a post shows: the text as it was entered, why it was not taken, and
    how it would look; to who is muted, instead of an empty form, until when, and why (`mute`).

    Args:
        draft: the name by which the device keeps what is written; empty: it does not.
    """
    runs = refused.extra.get("runs") if refused else None
    return {
        "mute": None if form.is_bound else mute_of(request.user),
        "key": key_of(form, refused) if isinstance(form, ReplyForm) else "",
        "form": form,
        "texts": [str(form["text"].value())] if form.is_bound else [],
        "draft": draft,
        "refused": refused,
        "private_runs": runs or [],
        "preview": preview,
        "max_text_length": MAX_TEXT_LENGTH,
    }


def show_thread(
    request: HttpRequest,
    thread: Thread,
    *,
    shown: bool,
    quoted: str = "",
    form: ReplyForm | None = None,
    refused: Refused | None = None,
    preview: Preview | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show a thread; with a reply that was not taken, its last page.

    Args:
        shown: the reader insists on seeing a folded thread.
        quoted: what a fresh reply begins with.
    """
    reader = reader_of(request)
    is_folded = selectors.is_folded(reader.user, thread)
    posts = selectors.posts_of(thread, reader.user)
    shown_posts: int = getattr(thread, "shown_posts", 0)
    last_page = page_of_place(shown_posts)
    page = page_of(
        request, posts, POSTS_PER_PAGE, count=shown_posts, default=last_page if form else 1
    )
    rows = presenters.posts.post_rows(list(page), reader, thread, shown=shown)
    people = selectors.participants(thread)
    query = "?show=1" if shown and is_folded else ""
    context = {
        "page": page,
        "rows": rows,
        "last_number": thread.last_number,
        "is_last_page": page.number == last_page,
        "people": presenters.threads.people(
            thread, reader, people[: selectors.MAX_PARTICIPANTS], query
        ),
        "has_more_people": len(people) > selectors.MAX_PARTICIPANTS,
        "shown": shown,
        "query": query,
        **presenters.threads.thread_context(thread, reader, is_folded=is_folded and not shown),
        **composer(
            request,
            form or ReplyForm(initial={"key": fresh_key(), "text": quoted}),
            draft=f"thread-{thread.pk}",
            refused=refused,
            preview=preview,
        ),
    }
    return render(request, "discussions/thread.html", context, status=max(status, page.status))


def show_posts(request: HttpRequest, thread: Thread, **which: int) -> HttpResponse:
    """Show some posts of a thread, a page of them at most, as a fragment."""
    posts = selectors.posts_of(thread, request.user).filter(**which)[:POSTS_PER_PAGE]
    rows = presenters.posts.post_rows(
        list(posts), reader_of(request), thread, shown=insists(request)
    )
    context = {"rows": rows, "thread": thread, "has_new": any("gt" in lookup for lookup in which)}
    return render(request, "discussions/_some_posts.html", context)


def page_of_place(place: int) -> int:
    """Return the page that has the post in this place, from 1."""
    return max(1, (place + POSTS_PER_PAGE - 1) // POSTS_PER_PAGE)


def post_url(request: HttpRequest, thread_pk: int, number: int, *, shown: bool = False) -> str:
    """Return the address of a post on the page of its thread.

    Raises:
        Http404: the reader sees no such post.
    """
    page = page_of_place(selectors.place_of_post(thread_pk, request.user, number))
    query = "&".join(
        part for part in (f"page={page}" if page > 1 else "", "show=1" if shown else "") if part
    )
    url = reverse("discussions:thread", args=[thread_pk])
    return f"{url}?{query}#post-{number}" if query else f"{url}#post-{number}"
