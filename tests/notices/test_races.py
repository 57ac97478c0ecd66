"""What happens at once, on connections of its own."""

from __future__ import annotations

import pytest
from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.discussions import services as discussions
from apps.discussions.models import Post, Thread
from apps.notices import services
from apps.notices.models import Kind, Notice
from tests.connections import at_once, elsewhere
from tests.discussions.conftest import reply
from tests.notices.conftest import tell

pytestmark = pytest.mark.django_db(transaction=True)


def test_replies_at_once_count_up_one_notice(thread: Thread, mei: User, ola: User) -> None:
    results = at_once(lambda: reply(ola, thread), times=4)
    assert all(isinstance(result, Post) for result in results), results
    notice = Notice.objects.get(person=mei)
    assert notice.count == 4
    assert notice.path == Post.objects.get(number=2).get_absolute_url()


def test_the_first_two_notices_of_a_subject_at_once_are_one(mei: User) -> None:
    results = at_once(lambda: tell(mei), times=4)
    assert not any(isinstance(result, Exception) for result in results), results
    assert Notice.objects.get().count == 4


def test_a_notice_that_is_read_while_it_counts_up_leaves_an_unread_one(mei: User) -> None:
    tell(mei)
    with transaction.atomic():
        services.mark_read(person=mei)
        counting = elsewhere(lambda: tell(mei, path="/threads/1/posts/9"))
        assert not counting.done(), "it waits for who reads"
    counting.result()
    read, unread = Notice.objects.order_by("pk")
    assert (read.count, read.read_at is None) == (1, False)
    assert (unread.count, unread.path, unread.read_at) == (1, "/threads/1/posts/9", None)


def test_a_person_who_is_being_deleted_is_skipped_and_holds_up_nobody(
    thread: Thread, mei: User, ola: User, sam: User
) -> None:
    discussions.follows.follow(user=sam, thread=thread)
    with transaction.atomic():
        accounts.delete_user(user=sam)
        post = elsewhere(lambda: reply(ola, thread)).result()
        assert isinstance(post, Post)
    assert list(Notice.objects.values_list("person__handle", "kind")) == [("mei", Kind.REPLY)]


def test_all_read_and_a_reply_at_once_never_deadlock(
    thread: Thread, mei: User, ola: User, sam: User
) -> None:
    for n in range(20):
        tell(mei, subject=f"thread:{n}")
    turns = iter(range(100))

    def act() -> object:
        return reply(ola, thread) if next(turns) % 2 else services.mark_read(person=mei)

    results = at_once(act, times=6)
    assert not any(isinstance(result, Exception) for result in results), results


def test_reading_and_choosing_and_taking_back_at_once_never_deadlock(
    thread: Thread, mei: User
) -> None:
    """Rows that counted up lie elsewhere in the table than their keys say."""
    subject = f"thread:{thread.pk}"
    for kind in (Kind.MENTION, Kind.REPLY, Kind.FOLLOWED):
        tell(mei, kind, subject=subject)
    tell(mei, Kind.MENTION, subject=subject)
    first, *_others = Notice.objects.order_by("pk")
    with transaction.atomic():
        Notice.objects.select_for_update().get(pk=first.pk)
        taking_back = elsewhere(lambda: services.withdraw(subject=subject))
        with transaction.atomic():
            rest = Notice.objects.exclude(pk=first.pk).order_by("pk")
            assert len(rest.select_for_update(nowait=True)) == 2, "it locks them in order"
    assert taking_back.result() == 3
