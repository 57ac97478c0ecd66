"""Votes: one each, changed or taken back by another press."""

from __future__ import annotations

from django.db import transaction
from django.db.models import OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.discussions.errors import OwnPost, ThreadGone
from apps.discussions.models import Post, State, Thread, Vote
from apps.discussions.services.locks import lock_post, lock_thread


@transaction.atomic
def vote(*, user: User, post: Post, value: int) -> int:
    """Set a person's vote on a post: 1 up, -1 down, 0 none. Returns the post's score after it.

    Raises:
        AccountGone: the person was deleted meanwhile.
        OwnPost: they wrote it.
        ThreadGone: it can no longer be read.
    """
    lock_user(user)
    thread = lock_thread(post.thread_id)
    post = lock_post(post.pk)
    if post.state != State.PUBLISHED:
        raise ThreadGone
    if post.author_id == user.pk:
        raise OwnPost
    if value:
        Vote.objects.update_or_create(post=post, user=user, defaults={"value": value})
    else:
        Vote.objects.filter(post=post, user=user).delete()
    return count_votes(thread, post)


@transaction.atomic
def withdraw_all(*, user: User) -> None:
    """Take back all votes of a person whose account goes; what they voted on is locked."""
    votes = Vote.objects.filter(user=user)
    posts = list(votes.values_list("post", flat=True))
    votes.delete()
    rest = Vote.objects.filter(post=OuterRef("pk")).order_by().values("post")
    score = Coalesce(Subquery(rest.annotate(score=Sum("value")).values("score")), Value(0))
    Post.objects.filter(pk__in=posts).update(score=score)
    first = Post.objects.filter(thread=OuterRef("pk"), number=1).values("score")[:1]
    begun = Thread.objects.filter(posts__pk__in=posts, posts__number=1).values("pk")
    Thread.objects.filter(pk__in=begun).update(score=Subquery(first))


def count_votes(thread: Thread, post: Post) -> int:
    """Count the votes on a locked post again. Returns its score."""
    score = post.votes.aggregate(score=Sum("value"))["score"] or 0
    Post.objects.filter(pk=post.pk).update(score=score)
    if post.number == 1:
        Thread.objects.filter(pk=thread.pk).update(score=score)
    return int(score)
