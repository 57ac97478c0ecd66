"""Threads and posts as programs get them, as far as their reader may see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request

from apps.api.serializers import Id, Moment, Output, utc, utc_or_none
from apps.discussions import evidence, presenters, selectors
from apps.discussions.evidence import Evidence, EvidenceState, Stated
from apps.discussions.models import Citation, Language, Post, State, Thread
from apps.discussions.presenters.threads import ThreadRow
from apps.discussions.selectors.moderation import last_takedowns
from apps.experiments.api.run_outputs import SUMMARY_EXAMPLE as RUN_EXAMPLE
from apps.experiments.api.run_outputs import RunVerdict, verdict_data
from apps.experiments.presenters import statement
from apps.experiments.reader import reader_of

FOLLOWING, MUTED, NOT_FOLLOWING = "following", "muted", "none"


# ---------------------------------------------------------------- threads


class ThreadSummary(Output):
    id = Id()
    title = serializers.CharField()
    about_kind = serializers.ChoiceField(Thread.About.choices)
    about = serializers.CharField(
        help_text="`question:…`, `lab:…`, `run:…`, `claim:…` or `general`; empty: it is gone."
    )
    about_title = serializers.CharField()
    language = serializers.ChoiceField(Language.choices)
    author = serializers.CharField(allow_null=True, help_text="Null: the account is gone.")
    state = serializers.ChoiceField(State.choices)
    is_locked = serializers.BooleanField(help_text="It can be read, but nobody can reply.")
    is_answered = serializers.BooleanField(help_text="An answer was accepted.")
    reply_count = serializers.IntegerField()
    score = serializers.IntegerField(help_text="Votes on its first post.")
    created_at = Moment()
    last_post_at = Moment()
    url = serializers.URLField(help_text="Its page.")


class ThreadDetail(ThreadSummary):
    class Participant(Output):
        handle = serializers.CharField()
        post_count = serializers.IntegerField()
        first_number = serializers.IntegerField(help_text="Of their first post.")

    is_folded = serializers.BooleanField(
        help_text="Posts may give the answer of its question away: they are without `html` and "
        "`text` until you reveal the answer, or ask with `unfold=true`."
    )
    accepted_number = serializers.IntegerField(allow_null=True, help_text="Of a post.")
    accepted_by = serializers.CharField(allow_null=True)
    follow_state = serializers.ChoiceField((FOLLOWING, MUTED, NOT_FOLLOWING), help_text="Yours.")
    follower_count = serializers.IntegerField()
    participants = Participant(many=True)
    has_more_participants = serializers.BooleanField()


THREAD_EXAMPLE = {
    "id": "12",
    "title": "Why does the loss stall without warm-up?",
    "about_kind": "question",
    "about": "question:adam-step",
    "about_title": "Question: How large is the first step of Adam?",
    "language": "en",
    "author": "mei",
    "state": "published",
    "is_locked": False,
    "is_answered": True,
    "reply_count": 3,
    "score": 4,
    "created_at": "2026-11-02T08:15:00.000Z",
    "last_post_at": "2026-11-03T19:02:11.000Z",
    "url": "https://gradus.example/threads/12",
}
THREAD_DETAIL_EXAMPLE = THREAD_EXAMPLE | {
    "is_folded": False,
    "accepted_number": 2,
    "accepted_by": "mei",
    "follow_state": "following",
    "follower_count": 2,
    "participants": [{"handle": "mei", "post_count": 2, "first_number": 1}],
    "has_more_participants": False,
}


def thread_summary(request: Request, row: ThreadRow) -> dict[str, Any]:
    thread, subject = row.thread, row.about
    is_there = bool(subject.url) or thread.about == Thread.About.GENERAL
    return {
        "id": str(thread.pk),
        "title": thread.title,
        "about_kind": thread.about,
        "about": subject.name if is_there else "",
        "about_title": str(subject.full_title),
        "language": thread.language,
        "author": _handle(thread.author),
        "state": thread.state,
        "is_locked": thread.is_locked,
        "is_answered": thread.is_answered,
        "reply_count": thread.replies,
        "score": max(thread.score, 0),
        "created_at": utc(thread.created_at),
        "last_post_at": utc(thread.last_post_at),
        "url": request.build_absolute_uri(thread.get_absolute_url()),
    }


def thread_detail(request: Request, thread: Thread) -> dict[str, Any]:
    """Return what is said of a thread (of `selectors.thread_for`)."""
    reader = reader_of(request._request)
    is_folded = selectors.is_folded(reader.user, thread)
    head = presenters.threads.thread_context(thread, reader, is_folded=is_folded)
    people = selectors.participants(thread)
    accepted = head["accepted"]
    [row] = presenters.threads.thread_rows([thread])
    return thread_summary(request, row) | {
        "is_folded": is_folded,
        "accepted_number": accepted.number if accepted else None,
        "accepted_by": _handle(thread.accepted_by) if accepted else None,
        **follow_data(thread),
        "participants": [
            {"handle": one.handle, "post_count": one.posts, "first_number": one.first_number}
            for one in people[: selectors.MAX_PARTICIPANTS]
        ],
        "has_more_participants": len(people) > selectors.MAX_PARTICIPANTS,
    }


def follow_data(thread: Thread) -> dict[str, Any]:
    following = presenters.threads.follow_context(thread)
    state = MUTED if following["is_muted"] else NOT_FOLLOWING
    return {
        "follow_state": FOLLOWING if following["is_following"] else state,
        "follower_count": getattr(thread, "followers", 0),
    }


def _handle(person: Any) -> str | None:
    return person.handle if person else None


# ---------------------------------------------------------------- posts


class CitedEvidence(Output):
    place = serializers.IntegerField(help_text="Of the `data-citation` in `html`.")
    citation_state = serializers.ChoiceField(
        EvidenceState.values,
        help_text="`folded`: predict the verdict, or open it, to see it. `gone`: the run is not "
        "there, or not shared with you. `absent`: the run has no such verdict or point. "
        "`elsewhere`: read the post alone, or the points of the run.",
    )
    citation_kind = serializers.ChoiceField(Citation.Kind.choices, allow_null=True)
    run_id = Id(allow_null=True)
    lab_id = Id(allow_null=True)
    claim = serializers.CharField(help_text="Empty but of a verdict.")
    statement = serializers.CharField(help_text="Of the claim.")
    verdict_of_run = RunVerdict(allow_null=True)
    cited_point = serializers.DictField(
        allow_null=True,
        help_text="`arm`, `series`, `step`; where it is shown, `mean`, and `low` and `high` of its "
        "95% interval.",
    )


class RenderedText(Output):
    html = serializers.CharField(
        allow_null=True,
        help_text='Null: folded, hidden or deleted. `<div data-citation="0"></div>` stands for '
        "`cites` 0.",
    )
    cites = CitedEvidence(many=True, help_text="Runs, verdicts and points.")


class PostDetail(RenderedText):
    thread_id = Id()
    number = serializers.IntegerField(help_text="Within the thread, from 1.")
    author = serializers.CharField(allow_null=True, help_text="Null: the account is gone.")
    is_own = serializers.BooleanField()
    language = serializers.ChoiceField(Language.choices)
    state = serializers.ChoiceField(State.choices)
    text = serializers.CharField(allow_null=True, help_text="Markdown. Null: as `html`.")
    is_folded = serializers.BooleanField(help_text="See `is_folded` of the thread.")
    is_accepted = serializers.BooleanField()
    score = serializers.IntegerField()
    own_vote = serializers.ChoiceField((-1, 0, 1))
    created_at = Moment()
    edited_at = Moment(allow_null=True)
    edit_count = serializers.IntegerField()
    moderation_action_id = Id(allow_null=True, help_text="That hid it, of an own post.")
    url = serializers.URLField(help_text="Its place on the page.")


CITES_EXAMPLE = {
    "place": 0,
    "citation_state": "shown",
    "citation_kind": "claim",
    "run_id": RUN_EXAMPLE["id"],
    "lab_id": "dead-relu",
    "claim": "dead-relu.lr-kills",
    "statement": "A large learning rate kills ReLU units.",
    "verdict_of_run": RUN_EXAMPLE["verdicts"][0],  # type: ignore[index] # a list
    "cited_point": None,
}
TEXT_EXAMPLE = f"Look:\n\n[claim:dead-relu.lr-kills@{RUN_EXAMPLE['id']}]"
HTML_EXAMPLE = '<p>Look:</p>\n<div data-citation="0"></div>'
POST_EXAMPLE = {
    "html": HTML_EXAMPLE,
    "cites": [CITES_EXAMPLE],
    "thread_id": "12",
    "number": 2,
    "author": "ola",
    "is_own": False,
    "language": "en",
    "state": "published",
    "text": TEXT_EXAMPLE,
    "is_folded": False,
    "is_accepted": True,
    "score": 2,
    "own_vote": 1,
    "created_at": "2026-11-02T09:00:00.000Z",
    "edited_at": None,
    "edit_count": 0,
    "moderation_action_id": None,
    "url": "https://gradus.example/threads/12/posts/2",
}


def post_rows(
    request: Request, posts: Iterable[Post], thread: Thread, *, unfold: bool
) -> list[dict[str, Any]]:
    """Return posts of one thread (of `selectors.thread_for`), by at most eight queries.

    Args:
        unfold: the reader insists on seeing a folded thread.
    """
    posts, reader = list(posts), reader_of(request._request)
    readable = [
        post for post in posts if presenters.posts.is_readable(post, reader, thread, shown=unfold)
    ]
    texts = evidence.stated(readable, reader, thread)
    takedowns = last_takedowns(posts, reader.user)
    rows = []
    for post in posts:
        stated, takedown = texts.get(post.pk), takedowns.get(post.pk)
        rows.append(
            {
                **rendered_text(stated),
                "thread_id": str(thread.pk),
                "number": post.number,
                "author": _handle(post.author),
                "is_own": post.author_id is not None and post.author_id == reader.user.pk,
                "language": post.language,
                "state": post.state,
                "text": post.text if stated else None,
                "is_folded": stated is None and post.state == State.PUBLISHED,
                "is_accepted": thread.accepted_id == post.pk,
                "score": post.shown_score,
                "own_vote": getattr(post, "own_vote", 0),
                "created_at": utc(post.created_at),
                "edited_at": utc_or_none(post.edited_at),
                "edit_count": post.edits,
                "moderation_action_id": str(takedown.pk) if takedown else None,
                "url": request.build_absolute_uri(post.address),
            }
        )
    return rows


def rendered_text(stated: Stated | None) -> dict[str, Any]:
    if stated is None:
        return {"html": None, "cites": []}
    return {"html": str(stated.html), "cites": [_evidence(one) for one in stated.evidence]}


def _evidence(one: Evidence) -> dict[str, Any]:
    cited, run, verdict = one.cited, one.run, one.verdict
    words = run.version.words if run else {}
    has_claim = cited is not None and cited.kind == Citation.Kind.CLAIM
    return {
        "place": one.place,
        "citation_state": one.state.value,
        "citation_kind": cited.kind.value if cited else None,
        "run_id": str(run.pk) if run else None,
        "lab_id": run.version.lab_id if run else None,
        "claim": cited.claim if cited else "",
        "statement": statement(words, cited.claim) if cited and has_claim else "",
        "verdict_of_run": verdict_data(words, verdict) if verdict else None,
        "cited_point": _point(one),
    }


def _point(one: Evidence) -> dict[str, Any] | None:
    cited = one.cited
    if cited is None or cited.kind != Citation.Kind.POINT:
        return None
    place = {"arm": cited.arm, "series": cited.series, "step": float(cited.step)}
    return place | dict(one.values or {})


def post_address(post: Post) -> str:
    return reverse("discussions_api:post", args=[post.thread_id, post.number])
