"""Threads, watched live."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_safe

from apps.common import live
from apps.discussions import selectors, sse


@require_safe
@require_GET
async def thread_events(request: HttpRequest, pk: int) -> HttpResponseBase:
    """`GET /threads/<id>/events?after=<number of the last post that the page shows>`.

    Each event `post` has `{"posts", "last"}`: how many posts were published after that one, and the
    number of the newest, which is the event's id. Who comes again with it (`Last-Event-ID`) is not
    told of the same posts twice; without `after`, it counts from there. An event `change` has
    `{"post"}`, the number of a post up to `after` that was edited, hidden, restored or deleted; an
    event `late` that of one that can be read since now, having waited for approval.
    """
    user = await request.auser()
    thread = await sync_to_async(selectors.thread_for)(user, pk)
    told = live.event_number(request.headers.get("Last-Event-ID", ""))
    after = live.event_number(request.GET["after"]) if "after" in request.GET else told

    def may_see() -> bool:
        again = live.read_again(request)
        try:
            selectors.thread_for(again.user, pk)
        except Http404:
            return False
        return again.user == user

    return await live.streamed(request, sse.watch(thread, after, max(after, told), may_see))
