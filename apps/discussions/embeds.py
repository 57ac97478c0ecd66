"""Posts as one reader sees them: their stored HTML with its markers filled in.

A citation shows the stored run, or folds it by the one rule (`experiments.selectors.access`): what
its reader may not see yet is not in the HTML. A fold says what it gives away. However many posts a
page has, and whatever they cite, that takes at most four queries and MAX_CHARTS charts: the rest
are links, which load one each.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import F, OuterRef, Q, prefetch_related_objects
from django.db.models.functions import JSONObject
from django.http import Http404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.common.text import in_language
from apps.discussions import citations, embed_charts, folds
from apps.discussions.citations import Cited, Kind
from apps.discussions.embed_charts import Chart
from apps.discussions.limits import MAX_CHARTS, MAX_CITATIONS
from apps.discussions.models import Citation, Post, Thread
from apps.discussions.post_markdown import RenderedPost
from apps.experiments import presenters, selectors
from apps.experiments.models import LabWords, Run, Verdict
from apps.experiments.opened_verdicts import Subject
from apps.experiments.selectors import Reader
from apps.questions.models import Question

MARKER = re.compile(r"<!--gradus:(?:citation-(?P<place>[0-9]{1,4})|fold:(?P<name>[a-z0-9:.-]*))-->")
HERE = "/~here~"  # stands for the page that a fold's form comes back to
VERDICT_COLUMNS = tuple(
    column.name for column in Verdict._meta.concrete_fields if column.name not in ("id", "run")
)
NUMBERS = ("effect", "low", "high")  # of a verdict; JSON has whole ones as integers
TITLES = ("title_en", "title_zh", "title_html_en", "title_html_zh")


def filled(
    posts: Iterable[Post], reader: Reader, thread: Thread | None = None, *, back: str = ""
) -> dict[int, SafeString]:
    """Return the HTML of posts by primary key, with all markers filled in for `reader`.

    Args:
        posts: that they may read; of `selectors.posts_of`, else it takes a query more.
        thread: of all of them; None: each has its own loaded.
        back: the page that a fold's form comes back to; empty: the post in its thread.
    """
    posts = list(posts)
    htmls = _Filling(reader, _stored_texts(posts, thread, back), thread).htmls()
    return {post.pk: html for post, html in zip(posts, htmls, strict=True)}


def _stored_texts(posts: Sequence[Post], thread: Thread | None, back: str = "") -> list[_Text]:
    unread = [post for post in posts if not hasattr(post, "cites")]
    prefetch_related_objects(unread, "citations")
    return [
        _Text(
            post.html,
            dict(map(_of_row, citations_of(post))),
            back or post.address,
            folds.subject_of(thread or post.thread),
        )
        for post in posts
    ]


def stated(posts: Iterable[Post], reader: Reader, thread: Thread) -> dict[int, Stated]:
    """Return posts by primary key for a program: what they cite as data. Arguments as of `filled`;
    at most four queries.
    """
    posts = list(posts)
    texts = _stored_texts(posts, thread)
    return dict(zip([post.pk for post in posts], _Stating(reader, texts, thread).all, strict=True))


def stated_preview(rendered: RenderedPost, reader: Reader) -> Stated:
    """Return the same of a text that is not stored yet."""
    citations = dict(enumerate(rendered.citations))
    return _Stating(reader, [_Text(rendered.html, citations, "", None)]).all[0]


def preview(rendered: RenderedPost, reader: Reader, thread: Thread | None = None) -> SafeString:
    """Return the HTML of a text that is not stored yet, as its author would see it.

    Args:
        thread: that it replies to.
    """
    citations = dict(enumerate(rendered.citations))
    text = _Text(rendered.html, citations, "", folds.subject_of(thread))
    return next(_Filling(reader, [text]).htmls())


def chart(text: str, reader: Reader) -> Chart:
    """Return the chart of a citation of a run or a point.

    Raises:
        Http404: it is none, or the reader may not see the run.
        VerdictHidden: it would give away what they have neither predicted nor opened.
    """
    cited = citations.parse(text)
    if cited is None or cited.kind == Kind.CLAIM:
        raise Http404("No such citation.")
    run = selectors.run_for(reader.user, cited.run)
    if not selectors.shows_verdict(reader, run):
        raise presenters.verdict_hidden(run)
    return embed_charts.charts([(run, cited)])[cited]


class EvidenceState(models.TextChoices):
    """What a reader gets of a citation."""

    SHOWN = "shown"
    FOLDED = "folded"  # they have neither predicted the verdict nor opened it
    ABSENT = "absent"  # the run has no such verdict, or no such point
    ELSEWHERE = "elsewhere"  # of more points than are read at once
    GONE = "gone"  # the run is not there, or not shared with them


@dataclass(frozen=True)
class Evidence:
    """A citation as one reader may see it. Of a run that is gone for them nothing is told."""

    place: int  # that its marker has
    state: EvidenceState
    cited: Cited | None = None
    run: Run | None = None  # with its words
    verdict: Verdict | None = None
    values: Mapping[str, float | None] | None = None  # of a point: mean, low, high


@dataclass(frozen=True)
class Stated:
    """A post for a program: in its HTML an empty element stands for each citation."""

    html: SafeString  # `<div data-citation="PLACE"></div>`
    evidence: list[Evidence]


@dataclass(frozen=True)
class _Text:
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


class _Reading:
    """What the markers of some texts need, read at once."""

    def __init__(
        self, reader: Reader, texts: Sequence[_Text], thread: Thread | None = None
    ) -> None:
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


class _Filling(_Reading):
    """Fills the markers in with HTML."""

    def __init__(
        self, reader: Reader, texts: Sequence[_Text], thread: Thread | None = None
    ) -> None:
        super().__init__(reader, texts, thread)
        drawn = [one for one in self.seen if one.kind != Kind.CLAIM][:MAX_CHARTS]
        self.charts = embed_charts.charts((self.runs[one.run], one) for one in drawn)
        self.left = set(self.charts)  # charts that stand nowhere yet
        self.rendered: dict[tuple[str, Cited, bool], str] = {}

    def htmls(self) -> Iterator[SafeString]:
        for text in self.texts:
            folded = set[Subject]()
            html = MARKER.sub(partial(self._fill, text, folded), text.html)
            yield mark_safe(html)  # noqa: S308 - sanitized by nh3; what is filled in is escaped

    def _fill(self, text: _Text, folded: set[Subject], marker: re.Match[str]) -> str:
        """Return what stands for a marker.

        Args:
            folded: the verdicts that were folded in this text before: their form is there already.
        """
        if marker["place"] is None:
            return self.titles.summary(text.subject_of_fold(marker))
        cited = text.citations.get(int(marker["place"]))
        run = self.runs.get(cited.run) if cited else None
        if cited is None or run is None:
            return self.gone
        if run.pk in self.readable:
            return self._shown(cited, run)
        subject = selectors.subject_of(run)
        html = self._folded(cited, run, is_repeated=subject in folded)
        folded.add(subject)
        return html.replace(HERE, text.address or _run_url(run))

    @cached_property
    def gone(self) -> str:
        """What stands for a run that is gone, or whose share was withdrawn, or that the author of a
        post could not see: nobody learns which.
        """
        return _gap(_("This run is no longer shared."))

    def _folded(self, cited: Cited, run: Run, *, is_repeated: bool) -> str:
        key = ("folded", cited, is_repeated)
        if key not in self.rendered:
            fold = replace(presenters.fold(run, HERE), is_repeated=is_repeated)
            self.rendered[key] = self._render("folded", cited, run, fold=fold)
        return self.rendered[key]

    def _shown(self, cited: Cited, run: Run) -> str:
        has_chart = cited in self.left
        self.left.discard(cited)
        key = ("shown", cited, has_chart)
        if key not in self.rendered:
            self.rendered[key] = (
                self._verdict(cited, run)
                if cited.kind == Kind.CLAIM
                else self._chart(cited, run, self.charts[cited] if has_chart else None)
            )
        return self.rendered[key]

    def _verdict(self, cited: Cited, run: Run) -> str:
        row = self.verdicts.get((run.pk, cited.claim))
        if row is None and run.is_over:
            return _gap(_("This run has no verdict on this claim."), run)
        words, lab = run.version.words, run.version.lab
        is_in_ledger = (
            cited.claim in words.get("claims", {})
            and not lab.withdrawn
            and lab.current_id == run.version_id
        )
        return self._render(
            "verdict",
            cited,
            run,
            verdict=presenters.present_verdict(words, row) if row else None,
            statement=presenters.statement(words, cited.claim),
            device=presenters.device_text(run.device),
            ledger_url=presenters.ledger_url(cited.claim) if is_in_ledger else "",
        )

    def _chart(self, cited: Cited, run: Run, chart: Chart | None) -> str:
        if cited in self.charts and self.charts[cited].is_missing:
            return _gap(_("This run has no such point."), run)
        more = {"chart": chart, "chart_url": chart_url(cited)}
        if cited.kind == Kind.POINT:
            more |= {"point": embed_charts.point_words(run, cited), "point_url": _point_url(cited)}
        return self._render("chart", cited, run, **more)

    def _render(self, kind: str, cited: Cited, run: Run, **more: Any) -> str:
        words = run.version.words
        context = {
            "kind": kind,
            "cited": cited,
            "run": run,
            "caption": presenters.run_caption(run),
            "question": in_language(words, "question"),
            "changed": [one for one in presenters.settings_of(words, run.config) if one.is_changed],
            "is_private": not run.shared,
            "predict_url": presenters.predict_again_url(run),
            "fork_url": presenters.fork_url(run),
            # for the form that opens a verdict
            "user": self.reader.user,
            "csrf_token": self.reader.csrf_token,
        }
        return render_to_string("discussions/_embed.html", context | more)


class _Stating(_Reading):
    """Leaves a place in the HTML for each citation, and says what it is."""

    def __init__(
        self, reader: Reader, texts: Sequence[_Text], thread: Thread | None = None
    ) -> None:
        super().__init__(reader, texts, thread)
        points = [one for one in self.seen if one.kind == Kind.POINT][:MAX_CITATIONS]
        self.values = embed_charts.point_values(points)
        self.all = [Stated(self._html(text), self._evidence(text)) for text in texts]

    def _html(self, text: _Text) -> SafeString:
        html = MARKER.sub(partial(self._place, text), text.html)
        return mark_safe(html)  # noqa: S308 - sanitized by nh3; a summary is escaped

    def _place(self, text: _Text, marker: re.Match[str]) -> str:
        if marker["place"] is None:
            return self.titles.summary(text.subject_of_fold(marker))
        return f'<div data-citation="{marker["place"]}"></div>'

    def _evidence(self, text: _Text) -> list[Evidence]:
        return [self._of(place, cited) for place, cited in sorted(text.citations.items())]

    def _of(self, place: int, cited: Cited | None) -> Evidence:
        run = self.runs.get(cited.run) if cited else None
        if cited is None or run is None:
            return Evidence(place, EvidenceState.GONE)
        if run.pk not in self.readable:
            return Evidence(place, EvidenceState.FOLDED, cited, run)
        state, verdict, values = EvidenceState.SHOWN, None, None
        if cited.kind == Kind.CLAIM:
            verdict = self.verdicts.get((run.pk, cited.claim))
            state = state if verdict else EvidenceState.ABSENT
        elif cited.kind == Kind.POINT and cited not in self.values:
            state = EvidenceState.ELSEWHERE
        elif cited.kind == Kind.POINT:
            values = self.values[cited]
            state = state if values else EvidenceState.ABSENT
        return Evidence(place, state, cited, run, verdict, values)


def chart_url(cited: Cited) -> str:
    """Return the address of the chart of a citation, as a fragment."""
    return f"{reverse('discussions:chart')}?{urlencode({'cite': str(cited)})}"


def _gap(words: str, run: Run | None = None) -> str:
    """Return what stands where a citation shows nothing.

    Args:
        run: that the reader may see.
    """
    caption = presenters.run_caption(run) if run else ""
    return render_to_string(
        "discussions/_embed_gap.html", {"words": words, "run": run, "caption": caption}
    )


def _run_url(run: Run) -> str:
    return reverse("experiments:run", args=[run.pk])


def _point_url(cited: Cited) -> str:
    """Return the address of the page of a run, at a point."""
    query = urlencode({"series": cited.series, "arm": cited.arm, "step": cited.step})
    return f"{reverse('experiments:run', args=[cited.run])}?{query}#chart"


# ---------------------------------------------------------------- reads


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
