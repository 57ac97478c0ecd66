"""Threads and notices by a program and by the command."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gradus_client import Changed, Client, NotFound, Refused, RunsNotShared
from gradus_client.events import PostChanged, PostsCame

from apps.accounts.models import User
from apps.api.scopes import Scope
from apps.api.services import make_token
from apps.discussions import services, sse
from apps.discussions.models import Post, State, Thread
from apps.experiments.models import Lab
from apps.notices.models import Notice
from tests.client.conftest import Command
from tests.discussions.conftest import loose_brakes, make_person, reply, start  # noqa: F401
from tests.experiments.watching import until
from tests.serving import serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site() -> Iterator[str]:
    """Serve the site, and end its streams of threads before it stops."""
    with serving() as address:
        yield address
        for loop, hub in list(sse._hubs.items()):
            for viewer in [viewer for viewers in hub.viewers.values() for viewer in viewers]:
                loop.call_soon_threadsafe(viewer.end)


@pytest.fixture
def ola(db: None) -> User:
    return make_person("ola")


@pytest.fixture
def olas(site: str, ola: User, client_of: Callable[..., Client]) -> Client:
    token = make_token(user=ola, name="tests", scopes=tuple(Scope), days=30)[1]
    return Client(site, token)


def test_a_thread_is_begun_answered_voted_on_and_accepted(client: Client, olas: Client) -> None:
    thread = client.threads.start("Why does it stall?", "I set $\\eta$ to zero.", key="mine")
    again = client.threads.start("Why does it stall?", "I set $\\eta$ to zero.", key="mine")
    assert again.id == thread.id and Thread.objects.count() == 1
    theirs = olas.threads[thread.id]
    post = theirs.reply("Because of the step.", key="once")
    assert theirs.reply("Because of the step.", key="once").number == post.number == 2
    assert theirs.edit(2, "Because of the *step*.").edit_count == 1
    vote = client.threads[thread.id].vote(2)
    assert (vote.own_vote, vote.score) == (1, 1)
    assert thread.vote(2, 0).score == 0 and thread.vote(2, -1).own_vote == -1
    accepted = thread.accept(2).detail
    assert (accepted.is_answered, accepted.accepted_number) == (True, 2)
    assert thread.accept(2, is_accepted=False).detail.accepted_number is None
    texts = [(one.number, one.author, one.text) for one in thread.posts()]
    assert texts == [
        (1, "mei", "I set $\\eta$ to zero."),
        (2, "ola", "Because of the *step*."),
    ]
    with pytest.raises(Refused):
        thread.edit(2, "Mine now.")
    theirs.delete(2)
    assert thread.post(2).state == "deleted" and thread.post(2).text is None


def test_an_edit_of_what_was_changed_meanwhile_is_refused(
    client: Client, mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = client.threads.start("Why does it stall?", "One.")
    request = client.transport.request

    def late(method: str, path: str, **more: Any) -> Any:
        if method == "PATCH":
            post = Post.objects.get()
            services.posts.edit_post(author=mei, post=post, text="Elsewhere.", edits=post.edits)
        return request(method, path, **more)

    monkeypatch.setattr(client.transport, "request", late)
    with pytest.raises(Changed):
        thread.edit(1, "Two.")
    assert Post.objects.get().text == "Elsewhere."


def test_threads_are_listed_by_what_they_are_and_followed(client: Client, ola: User) -> None:
    first, second = start(ola, title="Why does it stall?"), start(ola, title="And why not?")
    reply(ola, first)
    assert [one.id for one in client.threads.list()] == [str(first.pk), str(second.pk)]
    assert [one.title for one in client.threads.list(words="stall")] == ["Why does it stall?"]
    thread = client.threads[second.pk]
    assert thread.follow().follow_state == "following"
    assert [one.id for one in client.threads.list(show="following")] == [thread.id]
    assert thread.mute().follow_state == "muted" and thread.unfollow().follow_state == "none"


def test_private_runs_are_cited_once_their_owner_agrees(
    client: Client, lab: Lab, gradus: Command
) -> None:
    run = client.labs["dead-relu"].run()
    text = f"Look:\n\n[run:{run.id}]"
    with pytest.raises(RunsNotShared) as refused:
        client.threads.start("Is it dead?", text)
    assert refused.value.share_run_ids == [run.id] and not Thread.objects.exists()
    thread = client.threads.start("Is it dead?", text, share_run_ids=[run.id])
    (cited,) = thread.post(1).cites
    assert cited.run_id == run.id and client.runs[run.id].detail.is_shared
    other = client.labs["dead-relu"].run()
    cites = ("threads", "reply", thread.id, "--text", f"[run:{other.id}]")
    assert f"--share {other.id}" in gradus(*cites, status=1)
    assert "/posts/2" in gradus(*cites, "--share", other.id)
    assert run.id in gradus("threads", "show", thread.id)


def test_notices_are_listed_and_marked_as_read(client: Client, olas: Client, mei: User) -> None:
    thread = client.threads.start("Why does it stall?", "One.")
    olas.threads[thread.id].reply("Two.")
    (notice,) = client.notices.list(is_unread=True)
    assert (notice.notice_kind, notice.actor) == ("reply", "ola")
    assert client.notices.unread().unread_count == 1
    client.notices.mark_read(notice.id)
    assert client.notices.unread().unread_count == 0
    olas.threads[thread.id].reply("Three.")
    latest = client.notices.list(subject=f"thread:{thread.id}").first(1)[0]
    assert client.notices.mark_all_read(latest.updated_at).unread_count == 0
    assert client.notices.set_delivery("reply", "digest").delivery == "digest"
    settings = {one.notice_kind: one.delivery for one in client.notices.settings()}
    assert settings["reply"] == "digest"


def test_a_thread_is_watched_and_what_was_cut_goes_on(client: Client, ola: User, mei: User) -> None:
    row = start(mei)
    thread = client.threads[row.pk]
    events = thread.watch(after=1)
    post = reply(ola, row)
    assert next(events) == PostsCame(posts=1, last=2)
    told: list[Any] = []

    def listen() -> None:
        told.append(next(events))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    until(lambda: any(hub.viewers.get(row.pk) for hub in sse._hubs.values()))
    until(lambda: any(viewer.after == 2 for viewer in _viewers(row)))
    services.posts.edit_post(author=ola, post=post, text="Because of the *step*.", edits=0)
    services.posts.reply(author=ola, thread=row, text="And more.", language="en", key="k")
    listener.join(timeout=60)
    # a message may be lost, a new post may not
    assert told and told[0] in (PostChanged(post=2), PostsCame(posts=1, last=3))
    Thread.objects.filter(pk=row.pk).update(state=State.DELETED)
    client.transport.sleep = lambda seconds: None
    with pytest.raises(NotFound):
        list(events)


def _viewers(row: Thread) -> list[Any]:
    return [viewer for hub in list(sse._hubs.values()) for viewer in hub.viewers.get(row.pk, ())]


# ---------------------------------------------------------------- the command


def test_the_command_lists_shows_writes_votes_accepts_and_follows(
    gradus: Command, ola: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Because it *does*.\nTruly."))
    assert "/threads/" in gradus("threads", "start", "Why does it stall?")
    row = Thread.objects.get()
    reply(ola, row, "Because of $x^2$.\x1b[2J")
    number = str(row.pk)
    assert "Why does it stall?" in gradus("threads", "list", "--show", "mine")
    shown = gradus("threads", "show", number)
    assert "Because it does. Truly." in shown and "#2 · ola" in shown and "x²" in shown
    assert "\x1b" not in shown
    assert len(gradus.json("threads", "show", number)["posts"]) == 2
    assert "+1" in gradus("threads", "vote", number, "2", "up")
    assert "Accepted." in gradus("threads", "accept", number, "2")
    assert "✓ accepted" in gradus("threads", "show", number)
    assert "Taken back." in gradus("threads", "accept", number, "2", "--undo")
    assert "muted" in gradus("threads", "follow", number, "muted")
    assert "/posts/3" in gradus("threads", "reply", number, "--text", "Thanks.")
    assert gradus("threads", "show", "0", status=1)


def test_the_command_shows_posts_as_they_come(
    gradus: Command, ola: User, mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = start(mei)
    reply(ola, row, "Because of the step.")

    def shown(_context: Any, post: Any) -> None:
        numbers.append(post.number)
        if post.number == 2:
            raise KeyboardInterrupt  # as somebody ends it

    numbers: list[int] = []
    monkeypatch.setattr("gradus_client.thread_commands.show_post", shown)
    gradus("threads", "watch", str(row.pk), status=130)
    assert numbers == [1, 2]


def test_the_command_lists_notices_and_marks_them(gradus: Command, ola: User, mei: User) -> None:
    row = start(mei)
    reply(ola, row)
    assert "ola" in gradus("notices", "list", "--unread")
    pk = str(Notice.objects.get(person=mei).pk)
    assert "Unread: 0" in gradus("notices", "read", pk)
    reply(ola, row)
    assert "●" in gradus("notices", "list") and "Unread: 0" in gradus("notices", "read")
    assert gradus.json("notices", "list", "--unread") == []
