"""What posts cite, as data for programs: a place stands in the HTML for each citation. What its
reader may not see yet is neither there nor in the data (`embeds`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.db import models
from django.utils.safestring import SafeString, mark_safe

from apps.discussions import embed_charts
from apps.discussions.citations import Cited, Kind
from apps.discussions.embed_reading import MARKER, Reading, Text, stored_texts
from apps.discussions.limits import MAX_CITATIONS
from apps.discussions.models import Post, Thread
from apps.discussions.post_markdown import RenderedPost
from apps.experiments.models import Run, Verdict
from apps.experiments.selectors import Reader


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


def stated(posts: Iterable[Post], reader: Reader, thread: Thread) -> dict[int, Stated]:
    """Return posts by primary key for a program: what they cite as data. Arguments as of `filled`;
    at most four queries.
    """
    posts = list(posts)
    texts = stored_texts(posts, thread)
    return dict(zip([post.pk for post in posts], _Stating(reader, texts, thread).all, strict=True))


def stated_preview(rendered: RenderedPost, reader: Reader) -> Stated:
    """Return the same of a text that is not stored yet."""
    citations = dict(enumerate(rendered.citations))
    return _Stating(reader, [Text(rendered.html, citations, "", None)]).all[0]


class _Stating(Reading):
    """Leaves a place in the HTML for each citation, and says what it is."""

    def __init__(self, reader: Reader, texts: Sequence[Text], thread: Thread | None = None) -> None:
        super().__init__(reader, texts, thread)
        points = [one for one in self.seen if one.kind == Kind.POINT][:MAX_CITATIONS]
        self.values = embed_charts.point_values(points)
        self.all = [Stated(self._html(text), self._evidence(text)) for text in texts]

    def _html(self, text: Text) -> SafeString:
        html = MARKER.sub(partial(self._place, text), text.html)
        return mark_safe(html)  # noqa: S308 - sanitized by nh3; a summary is escaped

    def _place(self, text: Text, marker: re.Match[str]) -> str:
        if marker["place"] is None:
            return self.titles.summary(text.subject_of_fold(marker))
        return f'<div data-citation="{marker["place"]}"></div>'

    def _evidence(self, text: Text) -> list[Evidence]:
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
