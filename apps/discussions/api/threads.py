"""Threads: listed, begun, followed."""

from __future__ import annotations

from uuid import uuid4

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.conditional import etag_of, tagged
from apps.api.endpoint import Endpoint, read, read_query
from apps.api.idempotency import creates, key_of
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Input, Output, Text
from apps.api.streams import stream
from apps.common.errors import BadRequest, NotAuthorised
from apps.discussions import presenters, selectors, services, sse
from apps.discussions.api.outputs import (
    FOLLOWING,
    MUTED,
    NOT_FOLLOWING,
    THREAD_DETAIL_EXAMPLE,
    THREAD_EXAMPLE,
    ThreadDetail,
    ThreadSummary,
    follow_data,
    thread_detail,
    thread_summary,
)
from apps.discussions.api.writing import NewText, asking_to_share, runs_to_share
from apps.discussions.languages import page_language
from apps.discussions.limits import MAX_TITLE_LENGTH, MIN_TITLE_LENGTH
from apps.discussions.models import Language, Thread
from apps.discussions.subjects import GENERAL, find_subject

OF_MEMBERS = ("mine", "following")


class ThreadsEndpoint(Endpoint):
    tag = "threads"
    scopes = {"GET": Scope.READ, "POST": Scope.POST}
    is_public = True

    class ThreadFilters(Input):
        show = serializers.ChoiceField(
            [name for name in selectors.SHOW if name],
            required=False,
            help_text="Unanswered ones, those in which you wrote, or those that you follow.",
        )
        about = Text(
            required=False,
            max_length=300,
            help_text="A kind (`question`, `lab`, `run`, `claim`, `general`), or one thing, such "
            "as `question:adam-step`; of a lab also the threads about its claims.",
        )
        language = serializers.ChoiceField(Language.choices, required=False)
        order = serializers.ChoiceField(
            [name for name in selectors.ORDERS if name],
            required=False,
            help_text="Without one, by the last post.",
        )
        words = Text(
            required=False, max_length=200, help_text="All of them, in the title or in some post."
        )

        def validate_about(self, name: str) -> str:
            if ":" in name or name in Thread.About.values:
                return name
            text = _("There is no such kind of thing. Kinds are: %(names)s.")
            raise serializers.ValidationError(text % {"names": ", ".join(Thread.About.values)})

    class NewThread(NewText):
        title = Text(
            allow_blank=True,
            help_text=f"{MIN_TITLE_LENGTH} to {MAX_TITLE_LENGTH} characters; one Chinese character "
            "counts as two of the first. It is never folded.",
        )
        about = Text(
            required=False,
            max_length=300,
            help_text="`question:…`, `lab:…`, `run:…`, `claim:…`; without it `general`.",
        )
        language = serializers.ChoiceField(
            Language.choices, required=False, help_text="Without it that of the answer."
        )

    @operation(
        "Threads",
        response=ThreadSummary,
        example=THREAD_EXAMPLE,
        pages=True,
        parameters=[ThreadFilters],
        description="The site's own list, with its filters.",
    )
    def get(self, request: Request) -> Response:
        asked = read_query(request, self.ThreadFilters)
        if asked.get("show") in OF_MEMBERS and self.reader() is None:
            raise NotAuthorised(
                _("Send `Authorization: Bearer <token>`. Tokens are made on the account page.")
            )
        threads = selectors.threads(request.user, **asked)
        rows, ordering = selectors.with_place(threads, asked.get("order", ""))
        return page(
            request,
            rows,
            lambda row: thread_summary(request, row),
            ordering=ordering,
            prepare=presenters.threads.thread_rows,
        )

    @operation(
        "Begin a thread",
        request=NewThread,
        request_example={
            "title": "Why does the loss stall without warm-up?",
            "about": "question:adam-step",
            "text": "I set warm-up to zero, and $\\eta$ stayed.",
        },
        response=ThreadDetail,
        example=THREAD_DETAIL_EXAMPLE,
        status=201,
        description="With its first post. One that awaits a moderator's approval is `pending`.",
    )
    @creates
    def post(self, request: Request) -> Response:
        data, person = read(request, self.NewThread), self.person()
        subject = find_subject(data.get("about") or GENERAL, person)
        if subject is None:
            text = _("There is no such thing, or it is not shared with you.")
            error = {"field": "about", "message": text}
            raise BadRequest(f"about: {text}", errors=[error])
        with asking_to_share():
            thread = services.threads.start_thread(
                author=person,
                subject=subject,
                title=data["title"],
                text=data["text"],
                language=data.get("language") or page_language(),
                key=key_of(request) or uuid4().hex,
                share=runs_to_share(request, data),
            )
        thread = selectors.thread_for(person, thread.pk)
        where = reverse("discussions_api:thread", args=[thread.pk])
        return Response(thread_detail(request, thread), status=201, headers={"Location": where})


class ThreadEndpoint(Endpoint):
    tag = "threads"
    scopes = {"GET": Scope.READ}
    is_public = True

    @operation("A thread", response=ThreadDetail, example=THREAD_DETAIL_EXAMPLE)
    def get(self, request: Request, pk: int) -> Response:
        data = thread_detail(request, selectors.thread_for(request.user, pk))
        return tagged(request, data, etag_of(data))


@stream(
    "threads/{pk}/events",
    summary="What is new in a thread, as it comes",
    description="Server-sent events. `post`: how many `posts` were published after the one that "
    "you named as `Last-Event-ID`, and the number of the `last`, which is the event's `id`. "
    "`change`: `post`, the number of one up to yours that was edited, hidden, restored or deleted. "
    "`late`: that of one that can be read since now. Send the last `id` to go on after it. It ends "
    "when the thread is hidden or deleted.",
    tag="threads",
)
async def thread_events(request: HttpRequest, pk: int) -> HttpResponseBase:
    return await sse.stream_thread(request, pk)


class ThreadFollowEndpoint(Endpoint):
    """Who follows a thread hears of its new posts. Who mutes it hears nothing of it, not even when
    they are mentioned. Who writes in it follows it.
    """

    tag = "threads"
    scopes = {"PUT": Scope.POST}
    limits = {"PUT": "other"}

    class Following(Output):
        follow_state = serializers.ChoiceField((FOLLOWING, MUTED, NOT_FOLLOWING))
        follower_count = serializers.IntegerField()

    class NewFollowing(Input):
        follow_state = serializers.ChoiceField((FOLLOWING, MUTED, NOT_FOLLOWING))

    @operation(
        "Follow a thread, mute it, or neither",
        request=NewFollowing,
        request_example={"follow_state": FOLLOWING},
        response=Following,
        example={"follow_state": FOLLOWING, "follower_count": 2},
    )
    def put(self, request: Request, pk: int) -> Response:
        person, thread = self.person(), selectors.thread_for(request.user, pk)
        change = {
            FOLLOWING: services.follows.follow,
            MUTED: services.follows.mute,
            NOT_FOLLOWING: services.follows.unfollow,
        }[read(request, self.NewFollowing)["follow_state"]]
        change(user=person, thread=thread)
        return Response(follow_data(selectors.thread_for(person, pk)))
