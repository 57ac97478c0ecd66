"""Posts as one reader sees them: their stored HTML with its markers filled in.

A citation shows the stored run, or folds it by the one rule (`experiments.selectors.access`): what
its reader may not see yet is not in the HTML. A fold says what it gives away. However many posts a
page has, and whatever they cite, that takes at most four queries and MAX_CHARTS charts: the rest
are links, which load one each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlencode

from django.http import Http404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.common.text import in_language
from apps.discussions import citations, embed_charts, folds
from apps.discussions.citations import Cited, Kind
from apps.discussions.embed_charts import Chart
from apps.discussions.embed_reading import MARKER, Reading, Text, stored_texts
from apps.discussions.limits import MAX_CHARTS
from apps.discussions.models import Post, Thread
from apps.discussions.post_markdown import RenderedPost
from apps.experiments import presenters, selectors
from apps.experiments.models import Run
from apps.experiments.opened_verdicts import Subject
from apps.experiments.selectors import Reader

HERE = "/~here~"  # stands for the page that a fold's form comes back to


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
    htmls = _Filling(reader, stored_texts(posts, thread, back), thread).htmls()
    return {post.pk: html for post, html in zip(posts, htmls, strict=True)}


def preview(rendered: RenderedPost, reader: Reader, thread: Thread | None = None) -> SafeString:
    """Return the HTML of a text that is not stored yet, as its author would see it.

    Args:
        thread: that it replies to.
    """
    citations = dict(enumerate(rendered.citations))
    text = Text(rendered.html, citations, "", folds.subject_of(thread))
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


class _Filling(Reading):
    """Fills the markers in with HTML."""

    def __init__(self, reader: Reader, texts: Sequence[Text], thread: Thread | None = None) -> None:
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

    def _fill(self, text: Text, folded: set[Subject], marker: re.Match[str]) -> str:
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
