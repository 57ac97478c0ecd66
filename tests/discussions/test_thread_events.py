"""Watching a thread live, over real HTTP: how many posts came, never what they say; also while
Redis is away.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings as site_settings

from apps.accounts.models import User
from apps.api.scopes import Scope
from apps.api.services import make_token, revoke_tokens
from apps.common import live, live_messages
from apps.common.circuit_breaker import REDIS_PAUSE_SECONDS, CircuitBreaker
from apps.discussions import services, sse, thread_events
from apps.discussions.models import Post, State, Thread
from tests.discussions.conftest import reply
from tests.experiments.watching import Reader, cookies_of, own_broker, until
from tests.serving import serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


@pytest.fixture
def site() -> Iterator[str]:
    with serving() as address:
        yield address
        for loop, hub in list(sse._hubs.items()):
            for viewer in [viewer for viewers in hub.viewers.values() for viewer in viewers]:
                loop.call_soon_threadsafe(viewer.end)
        until(lambda: not any(hub.viewers for hub in sse._hubs.values()))


@pytest.fixture
def told_by_redis_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is read when someone joins or a message comes, and then not again."""
    monkeypatch.setattr(live, "CALM_SECONDS", 3600)


def watch(
    site: str,
    thread: Thread,
    user: User | None = None,
    after: int | None = 1,
    knows: str | None = None,
) -> Reader:
    """Watch a thread.

    Args:
        after: number of the last post that the page shows.
        knows: the id of the last event that came (`Last-Event-ID`).
    """
    headers = {"Last-Event-ID": knows} if knows else {}
    query = "" if after is None else f"?after={after}"
    cookies = cookies_of(user) if user else {}
    return Reader(site, cookies).read(f"/threads/{thread.pk}/events{query}", **headers)


def counts(reader: Reader) -> list[tuple[int, int]]:
    """Return what a reader was told: how many posts, and the number of the last."""
    return [(data["posts"], data["last"]) for kind, _number, data in reader.seen if kind == "post"]


def changed(reader: Reader) -> list[int]:
    """Return the numbers of the posts that a reader has and was told to have changed."""
    return [data["post"] for kind, _number, data in reader.seen if kind == "change"]


def listening() -> bool:
    """Return whether a site listens to what threads tell."""
    client = redis.Redis.from_url(site_settings.REDIS_URL)
    return bool(client.pubsub_numsub(thread_events.CHANNEL)[0][1] == 1)


def joined(thread: Thread, viewers: int) -> bool:
    return sum(len(hub.viewers.get(thread.pk, ())) for hub in sse._hubs.values()) == viewers


def watching(site: str, thread: Thread, *readers: Reader) -> None:
    """Wait until these watch, and would hear of a post."""
    until(lambda: joined(thread, len(readers)) and listening())


def test_each_viewer_is_told_how_many_posts_came_after_those_they_have(
    site: str, thread: Thread, ola: User, sam: User, told_by_redis_alone: None
) -> None:
    reply(ola, thread)
    behind, present = watch(site, thread, sam, after=1), watch(site, thread, ola, after=2)
    until(lambda: counts(behind) == [(1, 2)])
    watching(site, thread, behind, present)
    reply(ola, thread, "The secret is the step.")
    until(lambda: counts(behind) == [(1, 2), (2, 3)] and counts(present) == [(1, 3)])
    assert behind.seen[-1] == ("post", 3, {"posts": 2, "last": 3}), "its id is the post's number"
    reply(sam, thread)
    until(lambda: counts(behind)[-1] == (3, 4) and counts(present)[-1] == (2, 4))
    assert not behind.over and not present.over


def test_a_visitor_may_listen_and_is_told_nothing_of_what_posts_say(
    site: str, thread: Thread, ola: User
) -> None:
    with httpx.stream("GET", f"{site}/threads/{thread.pk}/events?after=0", timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        reply(ola, thread, "The secret is the step.")
        received = ""
        for text in answer.iter_text():
            received += text
            if '"posts":2' in received:
                break
    assert "secret" not in received and "ola" not in received


def test_who_comes_again_is_not_told_of_the_same_posts_twice(
    site: str, thread: Thread, ola: User, told_by_redis_alone: None
) -> None:
    for _ in range(3):
        reply(ola, thread)
    resumed = watch(site, thread, after=1, knows="4")
    missed = watch(site, thread, after=1, knows="3")
    alone = watch(site, thread, after=None, knows="2")
    until(lambda: counts(missed) == [(3, 4)] and counts(alone) == [(2, 4)])
    watching(site, thread, resumed, missed, alone)
    reply(ola, thread)
    until(lambda: counts(resumed) == [(4, 5)] and counts(alone)[-1] == (3, 5))


def test_a_program_watches_with_its_token_resumes_and_ends_with_the_token(
    site: str, thread: Thread, ola: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RECHECK_SECONDS", 0)
    reply(ola, thread)
    reply(ola, thread)
    token = make_token(user=ola, name="tests", scopes=[Scope.READ], days=1)[1]
    path, headers = f"/api/v1/threads/{thread.pk}/events", {"Authorization": f"Bearer {token}"}
    reader = Reader(site, {}).read(path, **headers)
    resumed = Reader(site, {}).read(path, **headers, **{"Last-Event-ID": "2"})
    until(lambda: counts(reader) == [(3, 3)] and counts(resumed) == [(1, 3)])
    watching(site, thread, reader, resumed)
    revoke_tokens(user=ola)
    reply(ola, thread)
    until(lambda: reader.over and resumed.over)
    assert counts(reader) == [(3, 3)], "the next post was not told any more"


def test_a_program_without_the_right_is_told_why(site: str, thread: Thread, ola: User) -> None:
    path = f"{site}/api/v1/threads/{thread.pk}/events"
    narrow = make_token(user=ola, name="tests", scopes=[Scope.POST], days=1)[1]
    for url, token, code in (
        (path, "no", "not-authorised"),
        (path, narrow, "scope-missing"),
        (f"{site}/api/v1/threads/0/events", narrow, "scope-missing"),
    ):
        answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert answer.json()["code"] == code
    assert httpx.get(f"{site}/api/v1/threads/0/events").json()["code"] == "not-found"
    assert httpx.post(path, timeout=60).json()["code"] == "method-not-allowed"


@pytest.mark.parametrize("after", ["", "x", "-1", "1e3", "%00", "9" * 40])
def test_nonsense_for_a_number_means_from_the_beginning_or_the_end(
    site: str, thread: Thread, ola: User, after: str
) -> None:
    reader = Reader(site, {}).read(f"/threads/{thread.pk}/events?after={after}")
    until(lambda: joined(thread, 1))
    reply(ola, thread)
    if after == "9" * 40:
        reference = watch(site, thread)
        until(lambda: counts(reference) == [(1, 2)])
        assert counts(reader) == []
    else:
        until(lambda: counts(reader)[-1:] == [(2, 2)])
    until(lambda: reader.status == 200)


def test_what_is_not_published_is_not_counted(
    site: str, thread: Thread, ola: User, told_by_redis_alone: None
) -> None:
    first = reply(ola, thread)
    reader = watch(site, thread)
    until(lambda: counts(reader) == [(1, 2)])
    watching(site, thread, reader)
    waiting = reply(ola, thread)
    until(lambda: counts(reader)[-1] == (2, 3))
    for post, state in ((waiting, State.PENDING), (first, State.HIDDEN)):
        Post.objects.filter(pk=post.pk).update(state=state)
        thread_events.post_changed(post)
    until(lambda: counts(reader)[-1] == (0, 1))
    Post.objects.filter(pk=first.pk).update(state=State.PUBLISHED)
    thread_events.post_changed(first)
    until(lambda: counts(reader)[-1] == (1, 2))


def test_a_post_that_is_hidden_restored_edited_or_deleted_is_told_at_once(
    site: str, thread: Thread, mei: User, ola: User, sam: User, ada: User, told_by_redis_alone: None
) -> None:
    post = reply(ola, thread)
    reader, behind = watch(site, thread, sam, after=2), watch(site, thread, after=1)
    until(lambda: counts(behind) == [(1, 2)])
    watching(site, thread, reader, behind)
    hidden = services.moderation.hide(moderator=ada, post=post, reason="It is rude.")
    until(lambda: changed(reader) == [2] and counts(behind)[-1] == (0, 1))
    services.appeals.appeal(person=ola, action=hidden, text="Is it?")
    services.moderation.restore(moderator=ada, post=post, reason="It is not.")
    until(lambda: changed(reader) == [2, 2] and counts(behind)[-1] == (1, 2))
    services.posts.edit_post(author=ola, post=post, text="Because of momentum.", edits=0)
    until(lambda: changed(reader) == [2, 2, 2])
    services.posts.edit_post(author=mei, post=thread.posts.get(number=1), text="Why?", edits=0)
    until(lambda: changed(reader)[3:] == [1] and changed(behind) == [1])
    services.posts.delete_post(author=ola, post=post)
    until(lambda: changed(reader)[4:] == [2] and counts(behind)[-1] == (0, 1))
    assert changed(behind) == [1], "it does not have the other"
    assert counts(reader) == []


def test_a_thread_that_is_hidden_lets_its_viewers_go_at_once(
    site: str, thread: Thread, sam: User, ada: User, told_by_redis_alone: None
) -> None:
    reader = watch(site, thread, sam)
    watching(site, thread, reader)
    first = thread.posts.get(number=1)
    services.moderation.hide(moderator=ada, post=first, reason="It is rude.")
    until(lambda: reader.over)
    assert changed(reader) in ([], [1])


def test_posts_are_told_while_redis_is_away(
    site: str, thread: Thread, ola: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # nobody is there
    live_messages.client.cache_clear()
    monkeypatch.setattr(thread_events, "breaker", CircuitBreaker(REDIS_PAUSE_SECONDS))
    reader = watch(site, thread)
    until(lambda: joined(thread, 1))
    reply(ola, thread)
    until(lambda: counts(reader) == [(1, 2)])
    reply(ola, thread)
    until(lambda: counts(reader)[-1] == (2, 3))
    assert not thread_events.breaker.is_closed, "who tells has noticed"
    live_messages.client.cache_clear()


def test_posts_are_told_while_redis_is_frozen_and_after(
    site: str,
    thread: Thread,
    ola: User,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    told_by_redis_alone: None,
) -> None:
    monkeypatch.setattr(thread_events, "breaker", CircuitBreaker(REDIS_PAUSE_SECONDS))
    with own_broker(tmp_path, settings, monkeypatch) as broker:
        reader = watch(site, thread)
        watching(site, thread, reader)
        [here] = [hub for hub in sse._hubs.values() if thread.pk in hub.viewers]
        os.kill(broker, signal.SIGSTOP)
        until(lambda: not here.connected)
        reply(ola, thread)
        until(lambda: counts(reader) == [(1, 2)])
        os.kill(broker, signal.SIGCONT)
        until(listening)
        monkeypatch.setattr(thread_events, "breaker", CircuitBreaker(REDIS_PAUSE_SECONDS))
        reply(ola, thread)
        until(lambda: counts(reader)[-1] == (2, 3))


def test_a_message_that_was_lost_is_made_up_for(
    site: str, thread: Thread, ola: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CALM_SECONDS", 0.2)
    monkeypatch.setattr(thread_events, "_publish", lambda message: None)
    reader = watch(site, thread)
    watching(site, thread, reader)
    reply(ola, thread)
    until(lambda: counts(reader) == [(1, 2)])


@pytest.mark.parametrize("nonsense", [b"nonsense", b"\xff", b"{}", b'{"thread":"x"}'])
def test_nonsense_on_the_channel_is_passed_over(
    site: str, thread: Thread, ola: User, nonsense: bytes, told_by_redis_alone: None
) -> None:
    reader = watch(site, thread)
    watching(site, thread, reader)
    redis.Redis.from_url(site_settings.REDIS_URL).publish(thread_events.CHANNEL, nonsense)
    reply(ola, thread)
    until(lambda: counts(reader) == [(1, 2)])


def hide(thread: Thread) -> None:
    Thread.objects.filter(pk=thread.pk).update(state=State.HIDDEN)


def delete(thread: Thread) -> None:
    thread.delete()


@pytest.mark.parametrize("gone", [hide, delete])
def test_a_thread_that_is_hidden_or_gone_ends_the_stream(
    site: str, thread: Thread, sam: User, gone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CALM_SECONDS", 0.2)
    readers = [watch(site, thread, sam), watch(site, thread)]
    watching(site, thread, *readers)
    pk = thread.pk
    gone(thread)
    until(lambda: all(reader.over for reader in readers))
    assert httpx.get(f"{site}/threads/{pk}/events", timeout=60).status_code == 404


def test_a_stream_ends_with_the_session_of_who_watches(
    site: str, thread: Thread, ola: User, sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RECHECK_SECONDS", 0)
    reader = watch(site, thread, sam)
    watching(site, thread, reader)
    sam.set_password("eleven loud sparrows")
    sam.save()
    reply(ola, thread)
    until(lambda: reader.over)
    assert counts(reader) == []


def test_a_person_and_a_network_have_so_many_streams_of_all_kinds(
    site: str, thread: Thread, mei: User, sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_STREAMS_PER_PERSON", 1)
    monkeypatch.setattr(live, "MAX_STREAMS_PER_NETWORK", 2)
    readers = [watch(site, thread, mei)]
    until(lambda: joined(thread, 1))
    path = f"{site}/threads/{thread.pk}/events"
    refused = httpx.get(path, cookies=cookies_of(mei), headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-streams")
    readers += [watch(site, thread)]
    until(lambda: joined(thread, 2))
    assert httpx.get(path, timeout=60).status_code == 429, "of the network"
    assert httpx.get(path, cookies=cookies_of(sam), timeout=60).status_code == 429
    assert not any(reader.over for reader in readers)


def test_who_may_not_see_a_thread_may_not_watch_it(site: str, thread: Thread, sam: User) -> None:
    hide(thread)
    path = f"{site}/threads/{thread.pk}/events"
    assert httpx.get(path, timeout=60).status_code == 404
    assert httpx.get(path, cookies=cookies_of(sam), timeout=60).status_code == 404
    assert httpx.get(f"{site}/threads/{10**30}/events", timeout=60).status_code == 404
    assert httpx.head(path, timeout=60).status_code == 405
    author = watch(site, thread, thread.author)
    until(lambda: joined(thread, 1) and author.status == 200)


def test_a_deleted_post_is_counted_no_more(site: str, thread: Thread, ola: User) -> None:
    post = reply(ola, thread)
    reader = watch(site, thread)
    until(lambda: counts(reader) == [(1, 2)])
    services.posts.delete_post(author=ola, post=post)
    until(lambda: counts(reader)[-1] == (0, 1))


def test_what_was_read_for_one_viewer_is_not_taken_for_all_that_another_lacks() -> None:
    behind = sse.Viewer(1, after=1, told=1, state="published")
    assert behind.put(sse.ThreadEvent(1, "published", 3, [4])), "posts 2 and 3 are missing"
    assert behind.inbox.empty()
    assert not behind.put(sse.ThreadEvent(1, "published", 1, [2, 3, 4]))
    assert b'{"posts":3,"last":4}' in (behind.inbox.get_nowait() or b"")
    assert not behind.put(sse.ThreadEvent(1, "published", 0, [1, 2, 3, 4]))
    assert behind.inbox.empty(), "nothing has changed"
