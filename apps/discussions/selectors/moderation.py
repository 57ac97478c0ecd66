"""What moderators read: the queue, the log, who is muted; and what authors read of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    CharField,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, JSONObject
from django.http import Http404

from apps.accounts.models import User
from apps.accounts.privileges import manageable_people
from apps.common.clock import Clock
from apps.discussions.models import Appeal, Flag, ModerationAction, Mute, Post, State, Thread
from apps.discussions.selectors.threads import citations
from apps.discussions.subjects import subject_of

Kind = ModerationAction.Kind
FLAGGED, PENDING, APPEALED = "flagged", "pending", "appealed"
WAITING = (FLAGGED, PENDING, APPEALED)
APPEALABLE = (Kind.HIDE, Kind.REJECT, Kind.LOCK, Kind.MOVE, Kind.MUTE)
MAX_COUNTED = 100  # of a person's posts, and of what was done with them
MAX_NAMED = 20  # people whom a search by handle may mean
PERMISSION = "moderate"


def moderators() -> QuerySet[User]:
    """Return the people who may moderate, and can sign in."""
    permission = {"content_type__app_label": "discussions", "codename": PERMISSION}
    direct = Q(**{f"user_permissions__{name}": value for name, value in permission.items()})
    by_groups = Q(**{f"groups__permissions__{name}": value for name, value in permission.items()})
    pks = User.objects.filter(direct | by_groups | Q(is_superuser=True)).values("pk")
    return User.objects.filter(is_active=True, pk__in=pks)


def other_moderators(than: User) -> QuerySet[User]:
    return moderators().exclude(pk=than.pk)


# ---------------------------------------------------------------- the queue


@dataclass(frozen=True)
class Waiting:
    """How many things of each kind wait for moderators."""

    flagged: int
    pending: int
    appealed: int

    def of(self, show: str) -> int:
        if not show:
            return self.flagged + self.pending + self.appealed
        return int(getattr(self, show)) if show in WAITING else 0


def queue(*, show: str = "", reason: str = "", language: str = "") -> QuerySet[Any]:
    """Return what waits, the oldest first, as rows of `kind`, `row` and `at`: posts with flags and
    posts that await approval (`row` is the key of the post), open appeals (that of the appeal).
    Unknown filters show nothing.
    """
    rows = [
        _row(kind, posts)
        for kind, posts in _queues(reason=reason, language=language).items()
        if show in ("", kind)
    ]
    first, *others = rows or [_row(FLAGGED, _flagged().none())]
    rows_of_all: QuerySet[Any] = first.union(*others, all=True).order_by("at", "kind", "row")
    return rows_of_all


def waiting(*, reason: str = "", language: str = "") -> Waiting:
    """Return how many rows of each kind the queue has: one query."""
    queues = _queues(reason=reason, language=language)
    counts = {kind: _count(rows) for kind, rows in queues.items()}
    one_row = User.objects.order_by("pk").annotate(**counts).values(*counts)[:1]
    values: dict[str, int] = next(iter(one_row), {})
    return Waiting(**{kind: values.get(kind, 0) for kind in WAITING})


def _queues(*, reason: str, language: str) -> dict[str, QuerySet[Any]]:
    of_flags, of_posts, of_appeals = Q(), Q(), Q()
    if language:
        of_flags &= Q(post__language=language)
        of_posts &= Q(language=language)
        of_appeals &= Q(action__post__language=language)
    queues: dict[str, QuerySet[Any]] = {FLAGGED: _flagged(reason).filter(of_flags)}
    if not reason:  # which flags alone have
        queues[PENDING] = Post.objects.filter(of_posts, state=State.PENDING)
        queues[APPEALED] = Appeal.objects.filter(of_appeals, outcome=Appeal.Outcome.OPEN)
    return queues


def _flagged(reason: str = "") -> QuerySet[Flag]:
    """Return the waiting flags of posts that can be read; a deleted post leaves nothing to
    decide.
    """
    flags = Flag.objects.filter(action=None, post__state=State.PUBLISHED)
    return flags.filter(reason=reason) if reason else flags


def _row(kind: str, rows: QuerySet[Any]) -> Any:
    named: Any = rows.order_by().annotate(kind=Value(kind, output_field=CharField()))
    if kind == FLAGGED:
        return named.values("kind", row=F("post_id")).annotate(at=Min("created_at"))
    return named.values("kind", row=F("pk"), at=F("created_at"))


def _count(rows: QuerySet[Any]) -> Coalesce:
    what = Count("post", distinct=True) if rows.model is Flag else Count("pk")
    total = rows.order_by().annotate(all=Value(1)).values("all").annotate(n=what).values("n")
    return Coalesce(Subquery(total, output_field=IntegerField()), Value(0))


# of what a thread is about its name alone is shown
SUBJECTS = ("thread__question", "thread__lab", "thread__run")
HEAVY = (
    "search",
    "thread__search",
    *(f"thread__run__{column}" for column in ("config", "detail", "summary", "device", "versions")),
)


def posts_to_decide(pks: Iterable[int], reader: User | None) -> dict[int, Post]:
    """Return posts by key, with their threads, authors and their history (`person_of`), what the
    threads are about, what the posts cite (`cites`) and their flags (`waiting_flags`): one query.

    Args:
        reader: None: without the history of authors, which takes most of the time.
    """
    posts = Post.objects.filter(pk__in=list(pks)).select_related(
        "author", "thread__author", *SUBJECTS
    )
    posts = posts.annotate(cites=citations(), flags_json=_flags())
    if reader is not None:
        posts = posts.annotate(**_history("author", reader))
    return {post.pk: post for post in posts.defer(*HEAVY)}


@dataclass(frozen=True)
class WaitingFlag:
    reason: str
    text: str
    handle: str | None  # of who flagged; None: the account is gone

    @property
    def reason_words(self) -> str:
        return str(Flag.Reason(self.reason).label)


def _flags() -> ArraySubquery:
    """Return the expression that reads the waiting flags of a post, the oldest first."""
    flags = Flag.objects.filter(post=OuterRef("pk"), action=None).order_by("created_at", "pk")
    columns = JSONObject(reason="reason", text="text", handle="flagger__handle")
    return ArraySubquery(flags.values(json=columns))


def waiting_flags(post: Post) -> list[WaitingFlag]:
    """Return the waiting flags of a post of `posts_to_decide`."""
    return [WaitingFlag(**row) for row in getattr(post, "flags_json", ())]


def open_appeals(pks: Collection[int], reader: User) -> dict[int, Appeal]:
    """Return open appeals by key, with who appealed and their history (`person_of`)."""
    if not pks:
        return {}
    appeals = Appeal.objects.filter(pk__in=pks).annotate(**_history("person", reader))
    appeals = appeals.select_related(
        "action__moderator",
        "action__thread__question",
        "action__thread__lab",
        "action__thread__run",
        "person",
    )
    heavy = [f"action__{column}" for column in HEAVY if column.startswith("thread__")]
    return {appeal.pk: appeal for appeal in appeals.defer(*heavy)}


class CountUpTo(Subquery):
    """How many rows a query has, MAX_COUNTED at most: who wrote ten thousand posts is not slower
    than who wrote a hundred.
    """

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[:MAX_COUNTED])


HISTORY = ("posts_written", "posts_hidden", "actions_about", "is_muted", "is_manageable")


def _history(column: str, reader: User) -> dict[str, Any]:
    """Return the expressions of HISTORY for the person in a column: how many posts they wrote, how
    many of them are hidden, how often moderators acted on what is theirs (MAX_COUNTED at most),
    whether they are muted, and whether `reader` may act on what they wrote.
    """
    posts = Post.objects.filter(author=OuterRef(column))
    actions = ModerationAction.objects.filter(person=OuterRef(column))
    muted = Mute.objects.filter(person=OuterRef(column), ends_at__gt=Clock())
    hidden = posts.filter(state=State.HIDDEN)
    manageable = manageable_people(reader).filter(pk=OuterRef(column))
    counts = [CountUpTo(rows) for rows in (posts, hidden, actions)]
    return dict(zip(HISTORY, [*counts, Exists(muted), Exists(manageable)], strict=True))


def person_of(row: Post | Appeal) -> Any:
    """Return whom a post of `posts_to_decide` or an appeal of `open_appeals` concerns, with HISTORY
    as attributes; None: the account is gone.
    """
    person: Any = row.author if isinstance(row, Post) else row.person
    if person is not None:
        for name in HISTORY:
            setattr(person, name, getattr(row, name))
    return person


# ---------------------------------------------------------------- the log, and who is muted


def log(*, person: str = "", kind: str = "") -> QuerySet[ModerationAction]:
    """Return what moderators did, the newest first. Unknown filters show nothing.

    Args:
        person: a handle: whom it concerns, or who did it.
    """
    actions = ModerationAction.objects.select_related(
        "moderator", "person", "post", "thread", "appeal", "mute"
    ).defer("post__text", "post__html", "post__search", "thread__search")
    if kind:
        actions = actions.filter(kind=kind)
    if person:
        named = User.objects.filter(handle__iexact=person).values_list("pk", flat=True)
        pks = list(named[:MAX_NAMED])
        actions = actions.filter(Q(person__in=pks) | Q(moderator__in=pks))
    return actions.order_by("-pk")


def current_mutes() -> QuerySet[Mute]:
    """Return the mutes that hold, those that end first first."""
    mutes = Mute.objects.filter(ends_at__gt=Clock()).select_related("person", "action__moderator")
    return mutes.order_by("ends_at", "pk")


def mute_of(person: User | AnonymousUser) -> Mute | None:
    """Return the mute of a person that ends last, with its action, and how long it still holds
    (`left`); None: they may write.
    """
    if person.pk is None:
        return None
    left = ExpressionWrapper(F("ends_at") - Clock(), output_field=DurationField())
    mutes = Mute.objects.filter(person=person.pk, ends_at__gt=Clock()).select_related("action")
    return mutes.annotate(left=left).order_by("-ends_at").first()


# ---------------------------------------------------------------- what authors read


def actions_about(reader: User) -> QuerySet[ModerationAction]:
    """Return what moderators did that concerns `reader`, with what it was about and their appeals,
    the newest first.
    """
    actions = ModerationAction.objects.filter(person=reader)
    return actions.select_related("post__thread", "thread", "appeal", "mute").order_by("-pk")


def action_about(reader: User, pk: int) -> ModerationAction:
    """Return an action that concerns `reader`, with what it was about and their appeal.

    Raises:
        Http404: there is none, or it concerns somebody else.
    """
    action = actions_about(reader).filter(pk=pk).first()
    if action is None:
        raise Http404("No such action.")
    return action


def is_in_force(action: ModerationAction) -> bool:
    """Return whether what an action did still holds, and nothing later did the same."""
    match action.kind:
        case Kind.HIDE | Kind.REJECT if action.post_id:
            is_hidden = Post.objects.filter(pk=action.post_id, state=State.HIDDEN).exists()
            return is_hidden and _is_last(action, "post", Kind.HIDE, Kind.REJECT)
        case Kind.LOCK if action.thread_id:
            locked = Thread.objects.filter(pk=action.thread_id, locked_at__isnull=False)
            return locked.exists() and _is_last(action, "thread", Kind.LOCK)
        case Kind.MOVE if action.thread_id:
            thread = Thread.objects.select_related("question", "lab", "run")
            moved = thread.filter(pk=action.thread_id).exclude(state=State.DELETED).first()
            is_there = moved is not None and str(subject_of(moved)) == action.details.get("to")
            return is_there and _is_last(action, "thread", Kind.MOVE)
        case Kind.MUTE:
            return Mute.objects.filter(action=action, ends_at__gt=Clock()).exists()
    return False


def _is_last(action: ModerationAction, of: str, *like: Kind) -> bool:
    same = ModerationAction.objects.filter(**{of: getattr(action, of)}, kind__in=like)
    return not same.filter(pk__gt=action.pk).exists()


def last_takedowns(
    posts: Iterable[Post], reader: User | AnonymousUser
) -> dict[int, ModerationAction]:
    """Return for each of the reader's own hidden posts the action that hid it, with its appeal: one
    query at most. For their places in a thread (`discussions/_takedown.html`).
    """
    mine = [post for post in posts if reader.pk is not None and post.author_id == reader.pk]
    hidden = [post.pk for post in mine if post.state == State.HIDDEN]
    if not hidden:
        return {}
    actions = ModerationAction.objects.filter(post__in=hidden, kind__in=[Kind.HIDE, Kind.REJECT])
    newest = actions.order_by("post_id", "-pk").distinct("post_id").select_related("appeal")
    return {action.post_id: action for action in newest if action.post_id is not None}
