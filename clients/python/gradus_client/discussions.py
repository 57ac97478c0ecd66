"""Threads and notices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from gradus_client import events
from gradus_client.models import (
    Following,
    NoticeOfPerson,
    NoticeSetting,
    PostDetail,
    ThreadDetail,
    ThreadSummary,
    UnreadNotices,
    Vote,
)
from gradus_client.transport import Pages, Resource, Transport, decoded, segment


class Threads(Resource):
    """Threads: `client.threads[12].reply("Because of the step.")`."""

    def list(
        self,
        *,
        show: str = "",
        about: str = "",
        language: str = "",
        order: str = "",
        words: str = "",
    ) -> Pages[ThreadSummary]:
        """Return threads, by default those with the latest posts first.

        Args:
            show: `unanswered`, `mine` or `following`.
            about: a kind such as `question`, or one thing, such as `question:adam-step`.
        """
        params = {
            "show": show or None,
            "about": about or None,
            "language": language or None,
            "order": order or None,
            "words": words or None,
        }
        return Pages(self._transport, ThreadSummary, "threads", params)

    def __getitem__(self, thread: str | int) -> Thread:
        path = f"threads/{segment(thread)}"
        return Thread(self._transport, self._transport.read(ThreadDetail, "GET", path))

    def start(
        self,
        title: str,
        text: str,
        *,
        about: str = "",
        language: str = "",
        share_run_ids: Sequence[str] = (),
        key: str = "",
    ) -> Thread:
        """Begin a thread. The same key with the same thread begins it once, however often it is
        sent.

        Args:
            about: such as `question:adam-step`; by default nothing.
            share_run_ids: private runs of yours that the text cites, and everybody may then see.
        Raises:
            RunsNotShared: the text cites others.
        """
        body = _body(text, language, share_run_ids) | {"title": title}
        if about:
            body["about"] = about
        return Thread(self._transport, self._transport.create(ThreadDetail, "threads", body, key))


class Thread:
    """A thread. `detail` is what was last known of it; `refresh` reads it again."""

    def __init__(self, transport: Transport, detail: ThreadDetail) -> None:
        self._transport, self.detail = transport, detail

    @property
    def id(self) -> str:
        return self.detail.id

    def __repr__(self) -> str:
        return f"<Thread {self.id}: {self.detail.title}>"

    def refresh(self) -> Thread:
        self.detail = self._transport.read(ThreadDetail, "GET", self._path)
        return self

    # ------------------------------------------------------------ posts

    def posts(self, *, unfold: bool = False) -> Pages[PostDetail]:
        """Return its posts in order.

        Args:
            unfold: with the texts of those that may give away an answer.
        """
        return Pages(self._transport, PostDetail, f"{self._path}/posts", _unfolding(unfold))

    def post(self, number: int, *, unfold: bool = False) -> PostDetail:
        path = self._post(number)
        return self._transport.read(PostDetail, "GET", path, params=_unfolding(unfold))

    def reply(
        self,
        text: str,
        *,
        language: str = "",
        share_run_ids: Sequence[str] = (),
        key: str = "",
    ) -> PostDetail:
        """Write a post. Arguments and errors are those of `Threads.start`."""
        body = _body(text, language, share_run_ids)
        return self._transport.create(PostDetail, f"{self._path}/posts", body, key)

    def edit(self, number: int, text: str, *, share_run_ids: Sequence[str] = ()) -> PostDetail:
        """Replace the text of a post of yours. Refused with `Changed` if it is changed elsewhere
        meanwhile.
        """
        path = self._post(number)
        etag = self._transport.request("GET", path).headers.get("ETag", "*")
        body = _body(text, "", share_run_ids)
        return decoded(self._transport.request("PATCH", path, body=body, etag=etag), PostDetail)

    def delete(self, number: int) -> None:
        """Delete a post of yours; its place stays."""
        self._transport.request("DELETE", self._post(number))

    def vote(self, number: int, own_vote: int = 1) -> Vote:
        """Vote on a post: 1 or -1; 0 takes your vote back."""
        path = f"{self._post(number)}/vote"
        if own_vote == 0:
            self._transport.request("DELETE", path)
            return Vote(own_vote=0, score=self.post(number).score)
        return self._transport.read(Vote, "PUT", path, body={"own_vote": own_vote})

    def accept(self, number: int, is_accepted: bool = True) -> Thread:
        """Accept a post as the answer, or take that back."""
        method = "PUT" if is_accepted else "DELETE"
        self._transport.request(method, f"{self._post(number)}/acceptance")
        return self.refresh()

    # ------------------------------------------------------------ hearing of it

    def follow(self) -> Following:
        """Hear of its new posts."""
        return self._set_following("following")

    def mute(self) -> Following:
        """Hear nothing of it, not even when you are mentioned."""
        return self._set_following("muted")

    def unfollow(self) -> Following:
        return self._set_following("none")

    def watch(self, after: int = 0) -> Iterator[events.ThreadEvent]:
        """Yield what is new in it as it happens, until you stop: new posts after the one numbered
        `after`, and those up to it that were changed. A cut connection is taken up where it was.

        Raises:
            NotFound: it was hidden or deleted.
            ConnectionFailed: the site stays away.
        """
        return events.watch_thread(self._transport, self.id, after)

    # ------------------------------------------------------------

    @property
    def _path(self) -> str:
        return f"threads/{segment(self.id)}"

    def _post(self, number: int) -> str:
        return f"{self._path}/posts/{segment(number)}"

    def _set_following(self, follow_state: str) -> Following:
        body = {"follow_state": follow_state}
        return self._transport.read(Following, "PUT", f"{self._path}/follow", body=body)


class Notices(Resource):
    """What happened, of which you are told."""

    def list(self, *, is_unread: bool | None = None, subject: str = "") -> Pages[NoticeOfPerson]:
        """Return notices, the latest first.

        Args:
            subject: what they are about, such as `thread:12`.
        """
        params = {"is_unread": is_unread, "subject": subject or None}
        return Pages(self._transport, NoticeOfPerson, "notices", params)

    def unread(self) -> UnreadNotices:
        return self._transport.read(UnreadNotices, "GET", "notices/unread-count")

    def mark_read(self, notice: str) -> None:
        self._transport.request("PUT", f"notices/{segment(notice)}/read")

    def mark_all_read(self, until: datetime, *, subject: str = "") -> UnreadNotices:
        """Mark those up to a time as read: `updated_at` of the latest that you have seen."""
        body: dict[str, Any] = {"until": until}
        if subject:
            body["subject"] = subject
        # repeating it changes nothing
        return self._transport.read(UnreadNotices, "POST", "notices/read", body=body)

    def settings(self) -> Pages[NoticeSetting]:
        """Return how you hear of each kind."""
        return Pages(self._transport, NoticeSetting, "notices/settings", {})

    def set_delivery(self, notice_kind: str, delivery: str) -> NoticeSetting:
        path = f"notices/settings/{segment(notice_kind)}"
        return self._transport.read(NoticeSetting, "PUT", path, body={"delivery": delivery})


def _body(text: str, language: str, share_run_ids: Sequence[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"text": text}
    if language:
        body["language"] = language
    if share_run_ids:
        body["share_run_ids"] = list(share_run_ids)
    return body


def _unfolding(unfold: bool) -> dict[str, Any]:
    return {"unfold": True if unfold else None}
