"""The HTML columns of a revision and its texts. Text without drawn values is set once; the rest
when a variant is first shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.core.cache import cache

from apps.questions import rendering, tex, variants
from apps.questions.models import Revision, RevisionText

VERSION = "2"  # of rendering.py: what it makes is made anew when this changes
LANGUAGES = ("en", "zh")
INLINE = ("title",)


@dataclass(frozen=True)
class Text:
    """One text of a revision: the row it is in, the column, the language."""

    row: Revision | RevisionText
    field: str  # title, statement, answer, text, reason
    language: str

    @property
    def source(self) -> str:
        return str(getattr(self.row, f"{self.field}_{self.language}"))

    @property
    def column(self) -> str:
        return f"{'html' if self.field == 'text' else self.field + '_html'}_{self.language}"

    @property
    def name(self) -> str:
        """Return what the text is called among the texts of its revision."""
        row = self.row
        return (
            self.field
            if isinstance(row, Revision)
            else f"{row.kind}.{row.group}.{row.position}.{self.field}"
        )


@dataclass(frozen=True)
class Fault:
    """Something is wrong with a text: what, and at which of its characters."""

    text: Text
    what: str
    offset: int


def made_by() -> str:
    """Return the version of everything that makes HTML."""
    return f"{VERSION}-{tex.fingerprint()}"


def texts(
    revision: Revision, text_rows: Iterable[RevisionText], languages: Sequence[str] = LANGUAGES
) -> Iterator[Text]:
    """Yield every text of a revision that is not empty."""
    for language in languages:
        for field in ("title", "statement", "answer"):
            yield Text(revision, field, language)
        for text_row in text_rows:
            yield Text(text_row, "text", language)
            if text_row.kind == RevisionText.Kind.OPTION:
                yield Text(text_row, "reason", language)


def variant_names(revision: Revision) -> set[str]:
    """Return the names whose values a text may show."""
    variant = revision.facts.get("variant") or {}
    rows = variant.get("rows") or [{"values": {}}]
    return {*variant.get("sample", {}), *variant.get("answer", {}), *rows[0]["values"]} - set(
        variants.RESERVED
    )


def set_html(revision: Revision, text_rows: Sequence[RevisionText]) -> list[Fault]:
    """Fill the HTML columns (of rows that need not be saved yet), and return what is wrong with the
    texts.

    Raises:
        NoKatex: the front end was not built.
        NoDraw, BadExpression, NoValue: the variant cannot be drawn.
    """
    names, faults = variant_names(revision), []
    values = _values(revision, 0) if names else {}
    for text in texts(revision, text_rows):
        variant = bool(rendering.value_names(text.source) & names)
        shown = rendering.with_values(text.source, values) if variant else text.source
        made = rendering.render(shown, inline=text.field in INLINE)
        setattr(text.row, text.column, "" if variant else made.html)
        faults += [
            Fault(text, what, _line_begins(text.source, shown, at) if variant else at)
            for what, at in made.faults
        ]
    revision.html_made_by = made_by()
    return faults


def _line_begins(source: str, shown: str, offset: int) -> int:
    """Return where in `source` the line begins that has `offset` in `shown`, where values stand for
    names.
    """
    before = source.split("\n")[: shown.count("\n", 0, offset)]
    return sum(len(line) + 1 for line in before)


def variant_html(
    revision: Revision, text_rows: Sequence[RevisionText], language: str, seed: int
) -> dict[str, str]:
    """Return the HTML of each text that shows drawn values, by its name; made once for each seed,
    and kept.
    """
    names = variant_names(revision)
    mine = [
        text
        for text in texts(revision, text_rows, [language])
        if names and rendering.value_names(text.source) & names
    ]
    if not mine:
        return {}
    seed %= variants.SEEDS
    key = f"question:{revision.pk}:{language}:{seed}:{made_by()}"
    found: dict[str, str] | None = cache.get(key)
    if found is None:
        values = _values(revision, seed)
        made = {
            text.name: rendering.render(
                rendering.with_values(text.source, values), inline=text.field in INLINE
            )
            for text in mine
        }
        found = {name: each.html for name, each in made.items()}
        # loading saw none: a formula that took too long here is set again
        if not any(each.faults for each in made.values()):
            cache.set(key, found, timeout=None)
    return found


def _values(revision: Revision, seed: int) -> dict[str, str]:
    variant = variants.sample(revision.facts["variant"], seed)
    return {name: variants.format_value(value) for name, value in variant.values.items()}
