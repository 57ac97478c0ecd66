"""A site of Gradus, as its signed-in reader sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from gradus_client import models as m
from gradus_client.archives import Exports
from gradus_client.discussions import Notices, Threads
from gradus_client.labs import Lab, Prediction, Run, submit
from gradus_client.transport import (
    PATIENCE_SECONDS,
    Pages,
    Resource,
    Transport,
    decoded,
    new_key,
    segment,
)


class Questions(Resource):
    """Questions: `client.questions["dead-relu"]`, `client.questions.list(topic="losses")`."""

    def list(
        self, *, topic: str = "", kind: str = "", difficulty: int | None = None, words: str = ""
    ) -> Pages[m.QuestionSummary]:
        params = {
            "topic": topic or None,
            "kind": kind or None,
            "difficulty": difficulty,
            "words": words or None,
        }
        return Pages(self._transport, m.QuestionSummary, "questions", params)

    def __getitem__(self, slug: str) -> m.QuestionDetail:
        return self._transport.read(m.QuestionDetail, "GET", f"questions/{segment(slug)}")

    def attempt(self, slug: str, *, in_review: bool = False) -> m.AttemptDetail:
        """Begin an attempt, or go on with the open one."""
        path, body = f"questions/{segment(slug)}/attempts", {"in_review": in_review}
        # it begins none if one is open, so repeating it does no harm
        return self._transport.create(m.AttemptDetail, path, body)

    def note(self, slug: str) -> m.QuestionNote:
        return self._transport.read(m.QuestionNote, "GET", f"questions/{segment(slug)}/note")

    def write_note(self, slug: str, note: str) -> m.QuestionNote:
        """Replace your note. Refused with `Changed` if it is changed elsewhere meanwhile."""
        path = f"questions/{segment(slug)}/note"
        etag = self._transport.request("GET", path).headers.get("ETag", "*")
        return self._transport.read(m.QuestionNote, "PUT", path, body={"note": note}, etag=etag)

    def report(self, slug: str, about: str, text: str) -> m.ReportedMistake:
        """Report a mistake, about `fact`, `grading`, `words` or `other`."""
        body = {"about": about, "text": text}
        return self._transport.create(m.ReportedMistake, f"questions/{segment(slug)}/reports", body)


class Attempts(Resource):
    """Attempts of yours. Every step answers with the attempt as it is then."""

    def list(
        self, *, question_id: str = "", is_revealed: bool | None = None
    ) -> Pages[m.AttemptSummary]:
        params = {"question_id": question_id or None, "is_revealed": is_revealed}
        return Pages(self._transport, m.AttemptSummary, "attempts", params)

    def __getitem__(self, attempt: str) -> m.AttemptDetail:
        return self._transport.read(m.AttemptDetail, "GET", f"attempts/{segment(attempt)}")

    def answer(
        self,
        attempt: str,
        part: str,
        answer: Mapping[str, Any] | str,
        *,
        confidence: int | None = None,
        key: str = "",
    ) -> m.AttemptDetail:
        """Answer a part.

        Args:
            part: its name, such as `1`; of a step `4.2`; or `written`.
            answer: a text for numbers, formulas and written answers; else `{"chosen": ["a"]}` or
                `{"order": ["b", "a"]}`.
            confidence: 50, 75 or 95 percent.
        Raises:
            BadAnswer: it cannot be read, and was not counted.
        """
        fields = {"text": answer} if isinstance(answer, str) else dict(answer)
        body: dict[str, Any] = {"part": part, "answer": fields}
        if confidence is not None:
            body["confidence"] = confidence
        path = f"attempts/{segment(attempt)}/answers"
        return self._transport.create(m.AttemptDetail, path, body, key)

    def hint(self, attempt: str, number: int, part: str = "") -> m.AttemptDetail:
        """Open hints up to a number, from 1: of the question, or of a part."""
        body: dict[str, Any] = {"number": number}
        if part:
            body["part"] = part
        return self._step(attempt, "hints", body)

    def reveal(
        self, attempt: str, *, written: str | None = None, seconds: float | None = None
    ) -> m.AttemptDetail:
        """Open the reference answer. Checked parts are rated by it."""
        return self._step(attempt, "reveal", _given(written=written, seconds=seconds))

    def tick(
        self, attempt: str, ticked: Sequence[int], *, seconds: float | None = None
    ) -> m.AttemptDetail:
        """Say which key points, from 0, your written answer covered; that rates it."""
        return self._step(attempt, "points", _given(ticked=list(ticked), seconds=seconds))

    def grade(
        self,
        attempt: str,
        rating: int,
        *,
        review_id: str = "",
        seconds: float | None = None,
    ) -> m.AttemptDetail:
        """Rate how well you knew it: 1 Again, 2 Hard, 3 Good, 4 Easy. The same `review_id` again
        changes nothing.
        """
        body = _given(rating=rating, review_id=review_id or new_key(), seconds=seconds)
        return self._step(attempt, "grade", body)

    def _step(self, attempt: str, step: str, body: Any) -> m.AttemptDetail:
        # each may be repeated: it changes nothing the second time
        path = f"attempts/{segment(attempt)}/{step}"
        return self._transport.create(m.AttemptDetail, path, body)


class Cards(Resource):
    """The questions in your reviews."""

    def list(
        self, *, is_due: bool | None = None, is_suspended: bool | None = None
    ) -> Pages[m.CardSummary]:
        params = {"is_due": is_due, "is_suspended": is_suspended}
        return Pages(self._transport, m.CardSummary, "cards", params)

    def due(self) -> Pages[m.CardSummary]:
        return self.list(is_due=True)

    def __getitem__(self, slug: str) -> m.CardSummary:
        return self._transport.read(m.CardSummary, "GET", f"cards/{segment(slug)}")

    def add(self, slug: str) -> m.CardSummary:
        """Let a question come up in reviews."""
        return self._transport.read(m.CardSummary, "PUT", f"cards/{segment(slug)}")

    def suspend(self, slug: str, is_suspended: bool = True) -> m.CardSummary:
        body = {"is_suspended": is_suspended}
        return self._transport.read(m.CardSummary, "PATCH", f"cards/{segment(slug)}", body=body)


class Reviews(Resource):
    """Review sessions, and what was rated."""

    def list(self) -> Pages[m.ReviewSummary]:
        return Pages(self._transport, m.ReviewSummary, "reviews", {})

    def undo(self) -> m.ReviewSummary:
        """Take back your last rating; ten, one after the other."""
        return self._transport.create(m.ReviewSummary, "reviews/undo")

    def start(
        self, *, new_count: int = 0, topic: str = "", is_interleaved: bool = True
    ) -> m.SessionDetail:
        """Start a session with what is due, or go on with the open one."""
        body: dict[str, Any] = {"new_count": new_count, "is_interleaved": is_interleaved}
        if topic:
            body["topic"] = topic
        return self._transport.create(m.SessionDetail, "review-session", body)

    def session(self) -> m.SessionDetail:
        return self._transport.read(m.SessionDetail, "GET", "review-session")

    def skip(self, question_id: str) -> m.SessionDetail:
        """Move a card to the end of the session."""
        body = {"question_id": question_id}
        return self._transport.read(m.SessionDetail, "POST", "review-session/skip", body=body)

    def end(self) -> None:
        self._transport.request("DELETE", "review-session")


class Bookmarks(Resource):
    def list(self) -> Pages[m.BookmarkedQuestion]:
        return Pages(self._transport, m.BookmarkedQuestion, "bookmarks", {})

    def add(self, slug: str) -> None:
        self._transport.request("PUT", f"bookmarks/{segment(slug)}")

    def remove(self, slug: str) -> None:
        self._transport.request("DELETE", f"bookmarks/{segment(slug)}")


class Labs(Resource):
    """Labs: `client.labs["dead-relu"].run(depth=5)`."""

    def list(self, *, topic: str = "", lab_kind: str = "", words: str = "") -> Pages[m.LabSummary]:
        params = {"topic": topic or None, "lab_kind": lab_kind or None, "words": words or None}
        return Pages(self._transport, m.LabSummary, "labs", params)

    def __getitem__(self, slug: str) -> Lab:
        detail = self._transport.read(m.LabDetail, "GET", f"labs/{segment(slug)}")
        return Lab(self._transport, detail)

    def source(self, slug: str) -> m.LabSource:
        return self._transport.read(m.LabSource, "GET", f"labs/{segment(slug)}/source")


class Runs(Resource):
    """Your runs, and those that others share."""

    def list(self, *, lab_id: str = "", state: str = "") -> Pages[m.RunSummary]:
        params = {"lab_id": lab_id or None, "state": state or None}
        return Pages(self._transport, m.RunSummary, "runs", params)

    def __getitem__(self, run: str) -> Run:
        detail = self._transport.read(m.RunDetail, "GET", f"runs/{segment(run)}")
        return Run(self._transport, detail)

    def submit(
        self,
        lab_id: str,
        settings: Mapping[str, Any] | None = None,
        *,
        prediction: Prediction | None = None,
        replicates: int | None = None,
        key: str = "",
    ) -> Run:
        """Queue a run. The same key with the same run queues it once, however often it is sent:
        choose one yourself if your program could be cut off before it has the answer.
        """
        return submit(
            self._transport,
            lab_id,
            settings or {},
            prediction=prediction,
            replicates=replicates,
            key=key,
        )

    def compare(self, *runs: str | Run) -> m.Comparison:
        """Return runs of one lab beside each other, with the settings in which they differ."""
        ids = [run.id if isinstance(run, Run) else run for run in runs]
        return self._transport.read(m.Comparison, "GET", "runs/compare", params={"run_id": ids})

    def unread(self) -> Pages[m.UnreadRun]:
        """Return your runs whose verdict you have not read."""
        return Pages(self._transport, m.UnreadRun, "verdicts/unread", {})

    def mark_read(self, run: str) -> None:
        self._transport.request("DELETE", f"verdicts/unread/{segment(run)}")


class Claims(Resource):
    """The ledger: claims, and what runs say of them."""

    def list(
        self, *, topic: str = "", lab_id: str = "", verdict: str = "", words: str = ""
    ) -> Pages[m.LedgerClaim]:
        params = {
            "topic": topic or None,
            "lab_id": lab_id or None,
            "verdict": verdict or None,
            "words": words or None,
        }
        return Pages(self._transport, m.LedgerClaim, "claims", params)


class Client:
    """A site of Gradus.

        with Client("https://gradus.example", token) as client:
            for card in client.cards.due(): ...

    Args:
        url: of the site.
        token: made on the page “API tokens”, or by `gradus login`; without one you see what
            everybody may.
        language: of texts, such as `zh-hans`; by default that of the account.
        patience: seconds that a request waits for a site that is busy or away.
        allow_http: also where others could read the token.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        language: str = "",
        patience: float = PATIENCE_SECONDS,
        allow_http: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.transport = Transport(
            url,
            token,
            language=language,
            patience=patience,
            allow_http=allow_http,
            sleep=sleep,
        )
        self.url = self.transport.url
        self.questions = Questions(self.transport)
        self.attempts = Attempts(self.transport)
        self.cards = Cards(self.transport)
        self.reviews = Reviews(self.transport)
        self.bookmarks = Bookmarks(self.transport)
        self.labs = Labs(self.transport)
        self.runs = Runs(self.transport)
        self.claims = Claims(self.transport)
        self.threads = Threads(self.transport)
        self.notices = Notices(self.transport)
        self.exports = Exports(self.transport)

    @classmethod
    def signed_in(cls, url: str = "", **options: Any) -> Self:
        """Return a client with the token that `gradus login` has stored.

        Raises:
            NotSignedIn: there is none.
        """
        from gradus_client.credentials import Store

        site = Store().site(url)
        return cls(site.url, site.token, allow_http=site.allow_http, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self.url}>"

    def close(self) -> None:
        self.transport.close()

    # ------------------------------------------------------------ about you

    def me(self) -> m.Me:
        return self.transport.read(m.Me, "GET", "me")

    def today(self) -> m.DayPlan:
        return self.transport.read(m.DayPlan, "GET", "today")

    def plan(self) -> m.StudyPlan:
        return self.transport.read(m.StudyPlan, "GET", "plan")

    def statistics(self) -> m.Statistics:
        return self.transport.read(m.Statistics, "GET", "statistics")

    def forecast(self) -> m.Forecast:
        return self.transport.read(m.Forecast, "GET", "forecast")

    def tokens(self) -> Pages[m.Token]:
        return Pages(self.transport, m.Token, "tokens", {})

    def revoke(self, token: str = "") -> None:
        """End a token of yours, by its id; by default the one that this client carries. Another one
        takes the scope `account`.
        """
        ids = [token] if token else [one.id for one in self.tokens() if one.is_this]
        for one in ids:
            self.transport.request("DELETE", f"tokens/{segment(one)}")

    # ------------------------------------------------------------ whatever else there is

    def get(self, path: str, **params: Any) -> Any:
        """Read an address below `/api/v1/` for which there is no method here; returns its JSON."""
        return self._json("GET", path, params=params)

    def pages(self, path: str, **params: Any) -> Pages[dict[str, Any]]:
        """Read a list for which there is no method here."""
        return Pages(self.transport, dict[str, Any], path, params)

    def post(self, path: str, body: Any = None, *, key: str = "") -> Any:
        return self._json("POST", path, body={} if body is None else body, key=key)

    def put(self, path: str, body: Any = None, *, etag: str = "") -> Any:
        return self._json("PUT", path, body=body, etag=etag)

    def patch(self, path: str, body: Any, *, etag: str = "") -> Any:
        return self._json("PATCH", path, body=body, etag=etag)

    def delete(self, path: str) -> None:
        self.transport.request("DELETE", path)

    def _json(self, method: str, path: str, **more: Any) -> Any:
        answer = self.transport.request(method, path, **more)
        return decoded(answer, Any) if answer.content else None  # type: ignore[arg-type]


def _given(**fields: Any) -> dict[str, Any]:
    """Return the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}
