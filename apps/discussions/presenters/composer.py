"""What one writes a post with: its preview, the faults of its text, quotes, and own runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from apps.common import text as texts
from apps.discussions import embeds
from apps.discussions.models import Post
from apps.discussions.post_markdown import RenderedPost
from apps.experiments.models import Run
from apps.experiments.presenters import Setting, settings_of
from apps.experiments.selectors import Reader

MAX_QUOTE_CHARS = 1_000


@dataclass(frozen=True)
class Fault:
    """What is wrong with a text, and where."""

    message: str
    line: int  # from 1
    offset: int  # UTF-16 code units from the beginning, as scripts count


@dataclass(frozen=True)
class Preview:
    html: SafeString
    faults: list[Fault]


def preview(text: str, rendered: RenderedPost, reader: Reader) -> Preview:
    """Return how a text would look as a post of `reader`, and what is wrong with it."""
    html = embeds.preview(rendered, reader)
    return Preview(html, faults(text, rendered))


def faults(text: str, rendered: RenderedPost) -> list[Fault]:
    """Return what is wrong with a text, and where."""
    return [
        Fault(message, text.count("\n", 0, place) + 1, texts.length(text[:place]))
        for message, place in rendered.faults
    ]


def quote(post: Post) -> str:
    """Return Markdown that quotes a post, with who wrote it. What the post itself quotes or folds
    is left out.
    """
    lines = [line for line in post.text.split("\n") if not line.lstrip().startswith(">")]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    if len(body) > MAX_QUOTE_CHARS:
        body = body[:MAX_QUOTE_CHARS].rsplit(maxsplit=1)[0] + " …"
    handle = post.author.handle if post.author else f"#{post.number}"
    source = f"[{handle}]({post.get_absolute_url()}):"
    quoted = "\n".join(f"> {line}".rstrip() for line in [source, "", *body.split("\n")])
    return f"{quoted}\n\n"


def own_runs(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return runs that one may cite: each with its lab, and what was changed in it."""
    return [
        {
            "run": run,
            "title": run.version.title,
            "changed": _changed(run),
            "citation": f"[run:{run.pk}]",
        }
        for run in runs
    ]


def _changed(run: Run) -> list[Setting]:
    settings = settings_of(run.version.words, run.config)
    return [setting for setting in settings if setting.is_changed]
