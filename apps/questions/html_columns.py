"""The HTML columns of a revision and its texts. Text without sampled values is rendered when it is
published, the rest for each variant when that is first shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.core.cache import cache

from apps.common.text import CONTENT_LANGUAGES
from apps.questions import rendering, sampling, schema, tex
from apps.questions.models import Revision, RevisionText

RENDERER_VERSION = "4"  # of rendering.py: stored HTML of another version is rendered again
REVISION_FIELDS = ("title", "statement", "short_answer", "answer")
INLINE_FIELDS = ("title",)


@dataclass(frozen=True)
class HtmlColumn:
    """Markdown in one language and the column that holds its HTML."""

    row: Revision | RevisionText
    field: str  # one of REVISION_FIELDS, text, detail
    language: str

    @property
    def source(self) -> str:
        return str(getattr(self.row, f"{self.field}_{self.language}"))

    @property
    def column(self) -> str:
        return f"{'html' if self.field == 'text' else self.field + '_html'}_{self.language}"

    @property
    def name(self) -> str:
        """Return a name that is unique within the revision and language."""
        row = self.row
        if isinstance(row, Revision):
            return self.field
        return f"{row.kind}.{row.part}.{row.position}.{self.field}"

    @property
    def is_inline(self) -> bool:
        return self.field in INLINE_FIELDS


@dataclass(frozen=True)
class Fault:
    """What is wrong with a text, and at which of its characters."""

    html_column: HtmlColumn
    message: str
    offset: int


def current_html_version() -> str:
    """Return the version of everything that renders HTML."""
    return f"{RENDERER_VERSION}-{tex.katex_digest()}"


def html_columns(
    revision: Revision,
    texts: Iterable[RevisionText],
    languages: Sequence[str] = CONTENT_LANGUAGES,
) -> Iterator[HtmlColumn]:
    """Yield every HTML column of a revision and its texts."""
    for language in languages:
        for field in REVISION_FIELDS:
            yield HtmlColumn(revision, field, language)
        for text in texts:
            yield HtmlColumn(text, "text", language)
            if text.detail_en:
                yield HtmlColumn(text, "detail", language)


def variant_names(revision: Revision) -> set[str]:
    """Return the names whose values a text may show."""
    variant = schema.read(revision.facts).variant
    of_rows = variant.rows[0].values if variant.rows else {}
    return {*variant.sample, *variant.compute, *of_rows}


def render_html(revision: Revision, texts: Sequence[RevisionText]) -> list[Fault]:
    """Fill the HTML columns of rows, which need not be stored yet. Returns what is wrong with the
    texts.

    Raises:
        NoKatex: the front end was not built.
        NoSample, BadExpression, NoValue: the variant cannot be sampled.
    """
    names, faults = variant_names(revision), []
    values = _formatted_values(revision, 0) if names else {}
    for html_column in html_columns(revision, texts):
        source = html_column.source
        has_values = bool(rendering.value_names(source) & names)
        markdown = rendering.insert_values(source, values) if has_values else source
        rendered = rendering.render(markdown, inline=html_column.is_inline)
        setattr(html_column.row, html_column.column, "" if has_values else rendered.html)
        faults += [
            Fault(
                html_column,
                message,
                _line_offset(source, markdown, offset) if has_values else offset,
            )
            for message, offset in rendered.faults
        ]
    revision.html_version = current_html_version()
    return faults


def _line_offset(source: str, markdown: str, offset: int) -> int:
    """Return where in `source` the line begins that has `offset` in `markdown`, which has values in
    the place of names.
    """
    before = source.split("\n")[: markdown.count("\n", 0, offset)]
    return sum(len(line) + 1 for line in before)


def variant_html(
    revision: Revision, texts: Sequence[RevisionText], language: str, seed: int
) -> dict[str, str]:
    """Return the HTML of each text that shows sampled values, by its name. It is rendered once for
    each seed, and cached.
    """
    names = variant_names(revision)
    with_values = [
        html_column
        for html_column in html_columns(revision, texts, [language])
        if names and rendering.value_names(html_column.source) & names
    ]
    if not with_values:
        return {}
    seed %= sampling.SEEDS
    key = f"question:{revision.pk}:{language}:{seed}:{current_html_version()}"
    html: dict[str, str] | None = cache.get(key)
    if html is None:
        values = _formatted_values(revision, seed)
        rendered = {
            html_column.name: rendering.render(
                rendering.insert_values(html_column.source, values), inline=html_column.is_inline
            )
            for html_column in with_values
        }
        html = {name: text.html for name, text in rendered.items()}
        # publishing found no faults, so one here is a formula that timed out: do not cache it
        if not any(text.faults for text in rendered.values()):
            cache.set(key, html, timeout=None)
    return html


def _formatted_values(revision: Revision, seed: int) -> dict[str, str]:
    sampled = sampling.sample(schema.read(revision.facts), seed)
    return {name: sampling.format_value(value) for name, value in sampled.values.items()}
