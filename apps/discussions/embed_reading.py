"""What the markers in the HTML of posts stand for, read at once for one reader: at most four
queries, however many posts there are, and whatever they cite.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q, prefetch_related_objects
from django.db.models.functions import JSONObject

from apps.discussions import folds
from apps.discussions.citations import Cited, Kind
from apps.discussions.models import Citation, Post, Thread
from apps.experiments import selectors
from apps.experiments.models import LabWords, Run, Verdict
from apps.experiments.selectors import Reader
from apps.questions.models import Question

MARKER = re.compile(r"<!--gradus:(?:citation-(?P<place>[0-9]{1,4})|fold:(?P<name>[a-z0-9:.-]*))-->")
VERDICT_COLUMNS = tuple(
    column.name for column in Verdict._meta.concrete_fields if column.name not in ("id", "run")
)
NUMBERS = ("effect", "low", "high")  # of a verdict; JSON has whole ones as integers
TITLES = ("title_en", "title_zh", "title_html_en", "title_html_zh")


@dataclass(frozen=True)
class Text:
    html: str
    citations: Mapping[int, Cited | None]  # by their places; None: the run is gone
    address: str  # where a fold's form comes back to; empty: the run's page
    subject: folds.Named | None  # what its thread is about

    def cited(self) -> Iterator[Cited]:
        """Yield what it cites, in the order in which it is read."""
        for marker in MARKER.finditer(self.html):
            if marker["place"] and (cited := self.citations.get(int(marker["place"]))):
                yield cited

    def given_away(self) -> Iterator[folds.Named]:
        """Yield what its folds give away."""
        for marker in MARKER.finditer(self.html):
            if marker["place"] is None and (subject := self.subject_of_fold(marker)):
                yield subject

    def subject_of_fold(self, marker: re.Match[str]) -> folds.Named | None:
        """Return what a fold gives away; None: it is no subject."""
        return folds.named(marker["name"]) if marker["name"] else self.subject


def citations_of(post: Post) -> list[Citation]:
    """Return the citations of a post: those that came with it (`selectors.posts_of`)."""
    rows = getattr(post, "cites", None)
    return list(post.citations.all()) if rows is None else [_from_json(**row) for row in rows]


def _from_json(run: str | None, **columns: Any) -> Citation:
    return Citation(run_id=UUID(run) if run else None, **columns)


def _of_row(row: Citation) -> tuple[int, Cited | None]:
    """Return the place of a citation, and what it cites. What its author could not see when they
    wrote it has no run.
    """
    if row.run_id is None:
        return row.position, None
    kind = Kind(row.kind)
    return row.position, Cited(kind, row.run_id, row.claim, row.arm, row.series, row.step)


def stored_texts(posts: Sequence[Post], thread: Thread | None, back: str = "") -> list[Text]:
    unread = [post for post in posts if not hasattr(post, "cites")]
    prefetch_related_objects(unread, "citations")
    return [
        Text(
            post.html,
            dict(map(_of_row, citations_of(post))),
            back or post.address,
            folds.subject_of(thread or post.thread),
        )
        for post in posts
    ]


class Reading:
    """What the markers of some texts need, read at once."""

    def __init__(self, reader: Reader, texts: Sequence[Text], thread: Thread | None = None) -> None:
        self.reader, self.texts = reader, texts
        cited = list(dict.fromkeys(one for text in texts for one in text.cited()))
        named = {subject for text in texts for subject in text.given_away()}
        claims = {one.claim for one in cited if one.kind == Kind.CLAIM}
        self.runs = _runs(reader, {one.run for one in cited} | _keys(named, "run"), claims)
        labs = _words(self.runs.values(), {folds.lab_of(subject) for subject in named})
        self.titles = folds.Titles(_questions(_keys(named, "question"), thread), labs, self.runs)
        self.readable = selectors.readable_runs(reader, self.runs.values())
        self.seen = [one for one in cited if one.run in self.readable]
        self.verdicts = _verdicts(self.runs[pk] for pk in self.readable)


def _keys(named: Collection[folds.Named], kind: str) -> set[Any]:
    return {key for of, key in named if of == kind}


def _runs(reader: Reader, pks: Collection[UUID], claims: Collection[str]) -> dict[UUID, Run]:
    """Return those of some runs that the reader may see at all, without their words, with their
    verdicts on some claims (`cited_verdicts`), and with whether the reader may see them.
    """
    if not pks:
        return {}
    runs = selectors.with_access(Run.objects.visible_to(reader.user), reader)
    if claims:
        verdicts = Verdict.objects.filter(run=OuterRef("pk"), claim__in=claims).order_by()
        columns = {name: name for name in VERDICT_COLUMNS}
        rows = ArraySubquery(verdicts.values(json=JSONObject(**columns)))
        runs = runs.annotate(cited_verdicts=rows)
    runs = runs.select_related("owner", "version__lab").defer("detail", "summary", "versions")
    return runs.in_bulk(pks)


def _words(runs: Collection[Run], labs: Collection[str]) -> dict[str, LabWords]:
    """Give runs the words of their versions. Returns the present words of some labs, by slug."""
    versions, labs = {run.version_id for run in runs}, set(filter(None, labs))
    if not versions and not labs:
        return {}
    offered = Q(version__lab__in=labs, version__lab__withdrawn=False)
    of_labs = offered & Q(version__lab__current=F("version"))
    rows = LabWords.objects.filter(Q(version__in=versions) | of_labs).defer("source")
    by_version = {row.version_id: row for row in rows.select_related("version__lab")}
    for run in runs:
        run.version.words_row = by_version[run.version_id]
    current = [row for row in by_version.values() if row.version.lab.current_id == row.version_id]
    return {row.version.lab_id: row for row in current if not row.version.lab.withdrawn}


def _questions(keys: Collection[folds.Key], thread: Thread | None) -> dict[folds.Key, Question]:
    """Return questions that are offered, by slug and by primary key. The one that the thread is
    about came with it.
    """
    if not keys:
        return {}
    question = thread.question if thread else None
    if question is not None and question.current is not None and not question.withdrawn:
        of_thread: dict[folds.Key, Question] = {question.pk: question, question.slug: question}
        return of_thread | _questions(set(keys) - of_thread.keys(), None)
    pks, slugs = ([key for key in keys if isinstance(key, kind)] for kind in (int, str))
    columns = [f"current__{name}" for name in TITLES]
    questions = Question.objects.offered().filter(Q(pk__in=pks) | Q(slug__in=slugs))
    by_key: dict[folds.Key, Question] = {}
    for row in questions.select_related("current").only("slug", *columns):
        by_key[row.pk] = by_key[row.slug] = row
    return by_key


def _verdicts(runs: Iterable[Run]) -> dict[tuple[UUID, str], Verdict]:
    """Return the verdicts that came with runs whose verdicts the reader may see."""
    return {
        (run.pk, row["claim"]): _verdict_from_json(run, **row)
        for run in runs
        for row in getattr(run, "cited_verdicts", ())
    }


def _verdict_from_json(run: Run, **columns: Any) -> Verdict:
    numbers = {name: columns[name] for name in NUMBERS if columns[name] is not None}
    return Verdict(run=run, **columns | {name: float(value) for name, value in numbers.items()})
