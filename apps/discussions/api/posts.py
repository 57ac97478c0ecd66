"""Posts: read, written, edited, deleted, voted on, accepted."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.conditional import check_unchanged, etag_of
from apps.api.endpoint import Endpoint, read, read_query
from apps.api.errors import PreconditionFailed
from apps.api.idempotency import creates, key_of
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Input, LongText, Moment, Output, YesOrNo, utc
from apps.discussions import evidence, presenters, selectors, services
from apps.discussions.api.outputs import (
    CITES_EXAMPLE,
    HTML_EXAMPLE,
    POST_EXAMPLE,
    TEXT_EXAMPLE,
    PostDetail,
    RenderedText,
    post_address,
    post_rows,
    rendered_text,
)
from apps.discussions.api.writing import NewText, asking_to_share, runs_to_share
from apps.discussions.errors import EditConflict, NotYours, ThreadGone
from apps.discussions.languages import language_of, page_language
from apps.discussions.models import Language, Post, PostRevision, State
from apps.experiments.reader import reader_of


class Unfolding(Input):
    unfold = YesOrNo(
        required=False,
        help_text="True: also where posts may give away an answer that you have not revealed.",
    )


def unfolds(request: Request) -> bool:
    return bool(read_query(request, Unfolding).get("unfold"))


def post_answer(
    request: Request, thread_pk: int, number: int, *, unfold: bool = False, status: int = 200
) -> Response:
    """Return the answer with a post, with the ETag of its text: votes do not change it."""
    post = selectors.readable_post(request.user, thread_pk, number)
    [data] = post_rows(request, [post], post.thread, unfold=unfold)
    headers = {"ETag": etag_of_text(post)}
    if status == 201:
        headers["Location"] = post_address(post)
    return Response(data, status=status, headers=headers)


def etag_of_text(post: Post) -> str:
    return etag_of(post.pk, post.edits)


class ThreadPostsEndpoint(Endpoint):
    """Posts that were hidden or deleted keep their places, without a text."""

    tag = "posts"
    scopes = {"GET": Scope.READ, "POST": Scope.POST}
    is_public = True

    class NewReply(NewText):
        language = serializers.ChoiceField(
            Language.choices, required=False, help_text="Without it, as the text is read."
        )

    @operation(
        "The posts of a thread, in order",
        response=PostDetail,
        example=POST_EXAMPLE,
        pages=True,
        parameters=[Unfolding],
    )
    def get(self, request: Request, pk: int) -> Response:
        unfold, thread = unfolds(request), selectors.thread_for(request.user, pk)
        posts = selectors.posts_of(thread, request.user).defer(None).defer("search")

        def with_evidence(rows: list[Post]) -> list[dict[str, Any]]:
            return post_rows(request, rows, thread, unfold=unfold)

        return page(request, posts, lambda row: row, ordering=("number",), prepare=with_evidence)

    @operation(
        "Reply in a thread",
        request=NewReply,
        request_example={"text": TEXT_EXAMPLE},
        response=PostDetail,
        example=POST_EXAMPLE,
        status=201,
        description="A post that awaits a moderator's approval is `pending`.",
    )
    @creates
    def post(self, request: Request, pk: int) -> Response:
        thread = selectors.thread_for(request.user, pk)
        data = read(request, self.NewReply)
        language = data.get("language") or language_of(data["text"], page_language())
        with asking_to_share():
            post = services.posts.reply(
                author=self.person(),
                thread=thread,
                text=data["text"],
                language=language,
                key=key_of(request) or uuid4().hex,
                share=runs_to_share(request, data),
            )
        return post_answer(request, pk, post.number, status=201)


class PostEndpoint(Endpoint):
    tag = "posts"
    scopes = {"GET": Scope.READ, "PATCH": Scope.POST, "DELETE": Scope.POST}
    is_public = True

    class PostChange(NewText):
        pass

    @operation(
        "A post",
        response=PostDetail,
        example=POST_EXAMPLE,
        parameters=[Unfolding],
        description="Its ETag is that of its text: votes do not change it.",
    )
    def get(self, request: Request, pk: int, number: int) -> Response:
        return post_answer(request, pk, number, unfold=unfolds(request))

    @operation(
        "Edit a post of yours",
        request=PostChange,
        request_example={"text": TEXT_EXAMPLE},
        response=PostDetail,
        example=POST_EXAMPLE,
        edits=True,
        description="What it said before is kept, and can be read.",
    )
    def patch(self, request: Request, pk: int, number: int) -> Response:
        person, post = self.person(), selectors.readable_post(request.user, pk, number)
        if post.author_id != person.pk:
            raise NotYours(_("Only its author edits a post."))
        if post.state == State.DELETED:
            raise ThreadGone
        data = read(request, self.PostChange)
        check_unchanged(request, etag_of_text(post))
        try:
            with asking_to_share():
                services.posts.edit_post(
                    author=person,
                    post=post,
                    text=data["text"],
                    edits=post.edits,
                    share=runs_to_share(request, data),
                )
        except EditConflict:  # after it was read here
            post = selectors.readable_post(person, pk, number)
            raise PreconditionFailed(etag_of_text(post)) from None
        return post_answer(request, pk, number)

    @operation("Delete a post of yours", description="Its place in the thread stays.")
    def delete(self, request: Request, pk: int, number: int) -> Response:
        post = selectors.readable_post(request.user, pk, number)
        services.posts.delete_post(author=self.person(), post=post)
        return Response(status=204)


class PostRevisionsEndpoint(Endpoint):
    tag = "posts"
    scopes = {"GET": Scope.READ}
    is_public = True

    class Revision(Output):
        revision = serializers.IntegerField(help_text="From 1, the text as it was first posted.")
        text = serializers.CharField(help_text="Markdown.")
        written_at = Moment()

    @operation(
        "What a post said before its edits, the newest first",
        response=Revision,
        pages=True,
        parameters=[Unfolding],
        example={"revision": 1, "text": "Look:", "written_at": "2026-11-02T09:00:00.000Z"},
        description="What readers could read then; its author gets all of it.",
    )
    def get(self, request: Request, pk: int, number: int) -> Response:
        post, unfold = selectors.readable_post(request.user, pk, number), unfolds(request)
        reader = reader_of(request._request)
        if not presenters.posts.is_readable(post, reader, post.thread, shown=unfold):
            raise Http404("This post is not shown.")
        revisions = selectors.revisions_of(post, request.user)
        return page(request, revisions, self.show, ordering=("-number",))

    @staticmethod
    def show(revision: PostRevision) -> dict[str, Any]:
        return {
            "revision": revision.number + 1,
            "text": revision.text,
            "written_at": utc(revision.written_at),
        }


class PostPreviewEndpoint(Endpoint):
    """Stores nothing."""

    tag = "posts"
    scopes = {"POST": Scope.POST}
    limits = {"POST": "previews"}

    class TextToPreview(Input):
        text = LongText(allow_blank=True, help_text="Markdown.")

    class Preview(RenderedText):
        class TextFault(Output):
            message = serializers.CharField()
            line = serializers.IntegerField(help_text="From 1.")
            offset = serializers.IntegerField(help_text="UTF-16 code units from the beginning.")

        faults = TextFault(many=True, help_text="What could not be read, and what would be right.")

    @operation(
        "See how a text would look",
        request=TextToPreview,
        request_example={"text": TEXT_EXAMPLE},
        response=Preview,
        example={"html": HTML_EXAMPLE, "cites": [CITES_EXAMPLE], "faults": []},
    )
    def post(self, request: Request) -> Response:
        text = services.posts.stored_text(read(request, self.TextToPreview)["text"])
        rendered = services.posts.rendered(text)
        stated = evidence.stated_preview(rendered, reader_of(request._request))
        faults = [
            {"message": fault.message, "line": fault.line, "offset": fault.offset}
            for fault in presenters.composer.faults(text, rendered)
        ]
        return Response({**rendered_text(stated), "faults": faults})


# ---------------------------------------------------------------- judged


class PostVoteEndpoint(Endpoint):
    tag = "posts"
    scopes = {"PUT": Scope.POST, "DELETE": Scope.POST}
    limits = {"PUT": "votes", "DELETE": "votes"}

    class Vote(Output):
        own_vote = serializers.ChoiceField((-1, 0, 1))
        score = serializers.IntegerField(help_text="Of the post, after it.")

    class NewVote(Input):
        own_vote = serializers.ChoiceField((-1, 1), help_text="1: up.")

    @operation(
        "Vote on a post",
        request=NewVote,
        request_example={"own_vote": 1},
        response=Vote,
        example={"own_vote": 1, "score": 2},
    )
    def put(self, request: Request, pk: int, number: int) -> Response:
        post = selectors.readable_post(request.user, pk, number)
        value = read(request, self.NewVote)["own_vote"]
        score = services.votes.vote(user=self.person(), post=post, value=value)
        return Response({"own_vote": value, "score": max(score, 0)})

    @operation("Take your vote back")
    def delete(self, request: Request, pk: int, number: int) -> Response:
        post = selectors.readable_post(request.user, pk, number)
        services.votes.vote(user=self.person(), post=post, value=0)
        return Response(status=204)


class PostAcceptanceEndpoint(Endpoint):
    """By whoever began the thread, or a moderator."""

    tag = "posts"
    scopes = {"PUT": Scope.POST, "DELETE": Scope.POST}
    limits = {"PUT": "other", "DELETE": "other"}

    @operation("Accept a post as the answer of its thread")
    def put(self, request: Request, pk: int, number: int) -> Response:
        return self.set(request, pk, number, is_accepted=True)

    @operation("Take the acceptance of a post back")
    def delete(self, request: Request, pk: int, number: int) -> Response:
        return self.set(request, pk, number, is_accepted=False)

    def set(self, request: Request, pk: int, number: int, *, is_accepted: bool) -> Response:
        post = selectors.readable_post(request.user, pk, number)
        services.threads.accept(user=self.person(), post=post, accepted=is_accepted)
        return Response(status=204)
