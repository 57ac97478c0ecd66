"""Threads and posts that a reader may see, and whose bodies stay folded for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.fields import BigIntegerField, BooleanField, IntegerField, SmallIntegerField
from django.db.models.functions import Coalesce, JSONObject
from django.db.models.lookups import IsNull
from django.http import Http404

from apps.accounts.models import User
from apps.discussions import search_words
from apps.discussions.limits import MAX_POSTS_IN_THREAD
from apps.discussions.models import (
    Citation,
    Follow,
    Language,
    Post,
    PostRevision,
    State,
    Thread,
    ThreadWords,
    Vote,
)
from apps.discussions.selectors.readers import may_moderate
from apps.discussions.subjects import Subject, find_subject
from apps.progress.models import Attempt
from apps.questions.models import Question, Revision

Person = User | AnonymousUser
SHOW = ("", "unanswered", "mine", "following")
# of a question's revision lists show the title alone; it has a dozen long texts
REVISION_COLUMNS = {"id", "title_en", "title_zh", "title_html_en", "title_html_zh"}
HEAVY = (
    "search",
    "lab__current__words_row__words",
    "lab__current__words_row__source",
    *(f"run__{column}" for column in ("detail", "summary", "device", "versions")),
    *(
        f"question__current__{column.name}"
        for column in Revision._meta.concrete_fields
        if column.name not in REVISION_COLUMNS
    ),
)
CITATION_COLUMNS = ("position", "kind", "run", "claim", "arm", "series", "step")
ORDERS = ("", "newest", "best", "unanswered")  # "": by the last post
MAX_PARTICIPANTS = 20  # shown beside a thread
KEYS = Value(2**32, BigIntegerField())  # more than there are threads
FILTERS = ("show", "about", "language", "order", "words")


def visible_threads(reader: Person) -> QuerySet[Thread]:
    """Return the threads that `reader` may see: published ones, their own, and for moderators all.
    A thread about a run that is no longer shared is seen by whoever may see the run.
    """
    rows = Thread.objects.exclude(state=State.DELETED)
    if may_moderate(reader):
        return rows
    mine = Q(author_id=reader.pk) if reader.pk else Q(pk__in=[])
    of_run = ~Q(about=Thread.About.RUN) | Q(run__shared=True) | Q(run=None)
    if reader.pk:
        of_run |= Q(run__owner_id=reader.pk)
    return rows.filter(Q(state=State.PUBLISHED) & of_run | mine)


def threads(
    reader: Person,
    *,
    show: str = "",
    about: str = "",
    language: str = "",
    order: str = "",
    words: str = "",
) -> QuerySet[Thread]:
    """Return the list of threads, with what a row shows. Unknown filters show nothing.

    Args:
        about: a kind of thing, or one thing by its name (`subjects`).
    """
    rows = _listed(visible_threads(reader))
    if ":" in about:
        subject = find_subject(about, reader)
        rows = rows.filter(_about(subject)) if subject else rows.none()
    elif about:
        rows = rows.filter(about=about) if about in Thread.About.values else rows.none()
    if language:
        rows = rows.filter(language=language) if language in Language.values else rows.none()
    return _ordered(_searched(_shown(rows, reader, show), words), order)


def _searched(rows: QuerySet[Thread], words: str) -> QuerySet[Thread]:
    """Return those threads that have every one of the words, in their title or in some post. Words
    that are not indexed ("why does the") are passed over; they alone find nothing.
    """
    queries = search_words.queries(words)
    if not queries:
        return rows
    matching = ThreadWords.objects.exclude(*map(search_words.is_empty, queries))
    for query in queries:
        matching = matching.filter(Q(search=query) | Q(search_words.is_empty(query)))
    return rows.filter(pk__in=matching.values("thread"))


def _shown(rows: QuerySet[Thread], reader: Person, show: str) -> QuerySet[Thread]:
    match show:
        case "":
            return rows
        case "unanswered":
            return rows.filter(replies=0, accepted=None, state=State.PUBLISHED)
        case "mine" if reader.pk:
            written = Post.objects.filter(author_id=reader.pk).exclude(state=State.DELETED)
            return rows.filter(Exists(written.filter(thread=OuterRef("pk"))))
        case "following" if reader.pk:
            follows = Follow.objects.filter(user_id=reader.pk, is_muted=False)
            return rows.filter(Exists(follows.filter(thread=OuterRef("pk"))))
    return rows.none()


def _ordered(rows: QuerySet[Thread], order: str) -> QuerySet[Thread]:
    match order:
        case "newest":
            return rows.order_by("-created_at", "-id")
        case "best":
            return rows.order_by("-score", "-id")
        case "unanswered":
            return rows.order_by(IsNull(F("accepted"), False), "replies", "-id")
    return rows.order_by("-last_post_at", "-id")


def with_place(rows: QuerySet[Thread], order: str) -> tuple[QuerySet[Thread], tuple[str, ...]]:
    """Return threads with what an order goes by in the columns of `ordering`, for pages by a
    cursor: of votes and replies many threads have the same number, so each gets one of its own,
    `place`, in which its key counts least.
    """
    match order:
        case "newest":
            return rows, ("-created_at", "-id")
        case "best":
            place = ExpressionWrapper(F("score") * KEYS + F("id"), BigIntegerField())
            return rows.annotate(place=place), ("-place",)
        case "unanswered":
            answered = Case(When(accepted=None, then=0), default=MAX_POSTS_IN_THREAD + 1)
            place = ExpressionWrapper((answered + F("replies")) * KEYS - F("id"), BigIntegerField())
            return rows.annotate(place=place), ("place",)
    return rows, ("-last_post_at", "-id")


def _listed(rows: QuerySet[Thread]) -> QuerySet[Thread]:
    return rows.select_related(
        "author", "question__current", "lab__current__words_row", "run__version__lab"
    ).defer(*HEAVY)


def threads_about(reader: Person, subject: Subject, limit: int) -> list[Thread]:
    """Return the newest threads about one thing; about a lab, also those about its claims."""
    return list(_ordered(_listed(visible_threads(reader)).filter(_about(subject)), "")[:limit])


def _about(subject: Subject) -> Q:
    columns = {name: value for name, value in subject.columns.items() if value}
    condition = Q(**columns)
    if subject.lab is not None:
        condition |= Q(claim__startswith=f"{subject.lab.slug}.")
    return condition


def thread_for(reader: Person, pk: int) -> Thread:
    """Return a thread that `reader` may see, with what its page says of it: `shown_posts`, how many
    the reader sees; `people`, who wrote in it (`participants`); `followers`; `own_mute`, None if
    the reader does not follow it; `is_revealed`, whether they have revealed the answer of its
    question.

    Raises:
        Http404: there is none, or they may not.
    """
    posts = _seen_posts(Post.objects.filter(thread=OuterRef("pk")), reader)
    follows = Follow.objects.filter(thread=OuterRef("pk"))
    own_follow = follows.filter(user_id=reader.pk or 0).values("is_muted")[:1]
    attempts = _revealed(reader).filter(question=OuterRef("question"))
    thread = (
        _listed(visible_threads(reader))
        .select_related("accepted_by", "accepted__author")
        .defer("accepted__text", "accepted__html", "accepted__search", *HEAVY)
        .annotate(
            shown_posts=_count(posts),
            followers=_count(follows.filter(is_muted=False)),
            own_mute=Subquery(own_follow, output_field=BooleanField()),
            people=_participants(),
            is_revealed=Exists(attempts),
        )
        .filter(pk=pk)
        .first()
    )
    if thread is None:
        raise Http404("No such thread.")
    return thread


def _count(rows: QuerySet[Any]) -> Coalesce:
    """Return the expression that counts rows of a thread."""
    counts = rows.order_by().values("thread").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)


def posts_of(thread: Thread, reader: Person) -> QuerySet[Post]:
    """Return the posts of a thread in order, with `own_vote` of the reader and what they cite
    (`cites`): those that await approval for their author and moderators alone. Hidden and deleted
    ones keep their places.
    """
    posts = _seen_posts(thread.posts.select_related("author").defer("search", "text"), reader)
    own_vote = Vote.objects.filter(post=OuterRef("pk"), user_id=reader.pk or 0).values("value")[:1]
    vote = Coalesce(Subquery(own_vote), Value(0), output_field=SmallIntegerField())
    return posts.annotate(own_vote=vote, cites=citations()).order_by("number")


def citations() -> ArraySubquery:
    """Return the expression that reads what a post cites, for `embeds.citations_of`: without a
    query of its own.
    """
    rows = Citation.objects.filter(post=OuterRef("pk")).order_by("position")
    columns = {name: name for name in CITATION_COLUMNS}
    return ArraySubquery(rows.values(json=JSONObject(**columns)))


def _seen_posts(posts: QuerySet[Post], reader: Person) -> QuerySet[Post]:
    if may_moderate(reader):
        return posts
    waits = Q(state=State.PENDING)
    return posts.filter(~waits | Q(author_id=reader.pk) if reader.pk else ~waits)


@dataclass(frozen=True)
class Participant:
    """Somebody who wrote in a thread."""

    pk: int
    handle: str
    first_number: int  # of their first post
    posts: int


def participants(thread: Thread) -> list[Participant]:
    """Return who wrote published posts in a thread of `thread_for`, by their first ones; at most
    MAX_PARTICIPANTS, and one more.
    """
    return [Participant(**row) for row in getattr(thread, "people", ())]


def _participants() -> ArraySubquery:
    """Return the expression that reads who wrote in a thread: without a query of its own."""
    rows = Post.objects.published().filter(thread=OuterRef("pk")).exclude(author=None)
    people = rows.values("author_id").annotate(first=Min("number"), count=Count("pk"))
    handle = User.objects.filter(pk=OuterRef("author_id")).values("handle")
    columns = JSONObject(
        pk="author_id", handle=Subquery(handle), first_number="first", posts="count"
    )
    return ArraySubquery(people.order_by("first").values(json=columns)[: MAX_PARTICIPANTS + 1])


def place_of_post(thread_pk: int, reader: Person, number: int) -> int:
    """Return the place of a post among those that `reader` sees in a thread, from 1: one query.

    Raises:
        Http404: they see no such thread, or no such post.
    """
    posts = _seen_posts(Post.objects.filter(thread=thread_pk), reader)
    until = posts.filter(thread__in=visible_threads(reader).filter(pk=thread_pk))
    places = until.filter(number__lte=number).aggregate(n=Count("pk"), last=Max("number"))
    if places["last"] != number:
        raise Http404("No such post.")
    return int(places["n"])


def readable_post(reader: Person, thread_pk: int, number: int) -> Post:
    """Return a post that `reader` may read, with its thread.

    Raises:
        Http404: there is none, or they may not.
    """
    thread = thread_for(reader, thread_pk)
    post = posts_of(thread, reader).defer(None).filter(number=number).first()
    if post is None:
        raise Http404("No such post.")
    post.thread = thread
    return post


def revisions_of(post: Post, reader: Person) -> QuerySet[PostRevision]:
    """Return what a post said before its edits, the newest first: what its readers could read then,
    for its author and moderators all of it.
    """
    revisions = post.revisions.order_by("-number")
    is_mine = post.author_id is not None and post.author_id == reader.pk
    if is_mine or may_moderate(reader):
        return revisions
    return revisions.filter(state=State.PUBLISHED)


def folded_questions(reader: Person, questions: Iterable[Question | None]) -> set[int]:
    """Return the keys of those questions whose answer `reader` has not revealed yet (one query):
    bodies of threads about them stay folded.
    """
    pks = {question.pk for question in questions if question is not None}
    if not pks or not reader.pk:
        return pks
    revealed = _revealed(reader).filter(question__in=pks)
    return pks - set(revealed.values_list("question", flat=True))


def _revealed(reader: Person) -> QuerySet[Attempt]:
    return Attempt.objects.filter(user_id=reader.pk or 0, revealed_at__isnull=False)


def is_folded(reader: Person, thread: Thread) -> bool:
    """Return whether the bodies of a thread's posts stay folded for `reader`, who did not begin
    it.
    """
    if thread.question_id is None or (reader.pk and thread.author_id == reader.pk):
        return False
    if (is_revealed := getattr(thread, "is_revealed", None)) is not None:  # by `thread_for`
        return not is_revealed
    return bool(folded_questions(reader, [thread.question]))
