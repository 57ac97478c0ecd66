"""Loading the bank's files into tables: idempotent, by revision, in one transaction. Errors name
file and line.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from apps.common import locks, toml
from apps.common.structs import BadFact
from apps.common.text import CONTENT_LANGUAGES
from apps.questions import html_columns, markdown_parser, schema, services, validators
from apps.questions.html_columns import Fault
from apps.questions.limits import MAX_SLUG_LENGTH
from apps.questions.markdown_parser import BadFile, Document, Passage
from apps.questions.models import Bank, Question, Revision, RevisionText
from apps.questions.rendering import value_names
from apps.questions.schema import BankFacts, Facts, as_json

REQUIRED_FILES = ("question.toml", "en.md", "zh.md")
FIGURES = {language: f"figure.{language}.svg" for language in CONTENT_LANGUAGES}
CODE_FILES = ("starter", "reference")  # Python
KNOWN_FILES = {
    *REQUIRED_FILES,
    "figure.py",
    *FIGURES.values(),
    "variant.py",
    "variants.json",
    "checks.py",
    *(f"{name}.py" for name in CODE_FILES),
    "cases.py",
    "wrong",
    "__pycache__",
}
# before the digest of a question whose folder is gone: loading withdrew it, not an operator
GONE = "gone:"
TEXT_KINDS = set(RevisionText.Kind.values)  # passages that become rows of their own
NO_SLUG = f"is no slug of at most {MAX_SLUG_LENGTH} characters"
RENDER = "python manage.py render_figures"
PassagePair = tuple[Passage, Passage]  # English, Chinese


@dataclass(frozen=True)
class QuestionFolder:
    """A question as its files describe it."""

    path: Path
    facts: Facts
    outline: dict[str, Any]
    english: Document
    chinese: Document
    files: dict[str, str]  # the other texts: starter, reference, figures

    @property
    def slug(self) -> str:
        return self.path.name

    @property
    def sha256(self) -> str:
        """Return a digest of the contents, whatever their white space and comments."""
        passages = [
            [(p.kind, p.part, p.key, p.text, p.detail) for p in document.passages]
            for document in (self.english, self.chinese)
        ]
        content = [as_json(self.facts), passages, self.files]
        whole = json.dumps(content, sort_keys=True)
        return sha256(whole.encode()).hexdigest()


@transaction.atomic
def load_questions(bank_folder: Path) -> list[str]:
    """Load every `<topic>/<slug>/` of a bank; questions whose folders are gone are withdrawn.
    Returns a line for each change.

    A question that an operator withdrew stays withdrawn.

    Raises:
        BadFile: a file cannot be loaded; then nothing of the bank is.
    """
    folders = read_bank(bank_folder)
    locks.lock("load_questions")
    # rendering formulas in between may take longer than the site's limit for idle transactions
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    bank, changes = _load_bank(bank_folder / "bank.toml")
    stored = {
        question.slug: question
        for question in Question.objects.select_related("current").filter(bank=bank)
    }
    for folder in folders:
        if change := _load(folder, bank, stored.get(folder.slug)):
            changes.append(f"{folder.slug}: {change}")
    slugs = {folder.slug for folder in folders}
    for question in stored.values():
        if question.files_sha256 and not question.withdrawn and question.slug not in slugs:
            Question.objects.filter(pk=question.pk).update(
                withdrawn=True, files_sha256=_gone(question.files_sha256)
            )
            changes.append(f"{question.slug}: withdrawn, its files are gone")
    return changes


def question_folders(bank_folder: Path) -> list[Path]:
    """Return the folders `<topic>/<slug>/` of a bank."""
    return sorted(path for path in bank_folder.glob("*/*/") if path.name != "__pycache__")


def read_bank(bank_folder: Path) -> list[QuestionFolder]:
    """Return every question of a bank, read and checked, without a database.

    Raises:
        BadFile: a file is wrong.
    """
    by_slug: dict[str, Path] = {}
    for path in question_folders(bank_folder):
        if path.name in by_slug:
            raise BadFile(path, 1, f"there is another question of this name: {by_slug[path.name]}")
        by_slug[path.name] = path
    return [read_folder(path) for path in by_slug.values()]


def read_folder(path: Path) -> QuestionFolder:
    """Return the question in a folder.

    Raises:
        BadFile: a file is missing, unknown, or wrong.
    """
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    for name in REQUIRED_FILES:
        if name not in names:
            raise BadFile(path / name, 1, "is missing")
    if unknown := sorted(names - KNOWN_FILES):
        expected = ", ".join(sorted(KNOWN_FILES - {"__pycache__"}))
        raise BadFile(path / unknown[0], 1, f"is no file of a question. Known: {expected}")
    english = markdown_parser.parse(path / "en.md", "en")
    chinese = markdown_parser.parse(path / "zh.md", "zh")
    markdown_parser.compare(english, chinese)
    outline = validators.outline(
        validators.TextPlace(passage.kind, passage.part, passage.key)
        for passage in english.passages
        if passage.kind in TEXT_KINDS
    )
    facts = _read_facts(path, outline)
    files = _read_other_files(path, names, facts)
    folder = QuestionFolder(path, facts, outline, english, chinese, files)
    _check_markers(folder)
    return folder


def _read_facts(path: Path, outline: dict[str, Any]) -> Facts:
    file = path / "question.toml"
    source = markdown_parser.read_text(file)
    try:
        written = toml.parse(source)
        if (path / "variant.py").exists():
            _add_rows(written, path / "variants.json")
        facts = validators.check(written)
        if not schema.is_slug(path.name):
            raise BadFact((), f"the folder {path.name} {NO_SLUG}")
        if facts.topic != path.parent.name:
            raise BadFact(("topic",), f"the folder lies in {path.parent.name}")
        validators.check_against(facts, outline)
        validators.check_samples(facts)
    except toml.BadToml as error:
        raise BadFile(file, error.line, error.message) from None
    except BadFact as error:
        if error.path[:2] == ("variant", "rows"):
            raise BadFile(path / "variants.json", 1, f"{error.message}. Run:  {RENDER}") from None
        raise BadFile(file, toml.line_of(source, error.path), error.message) from None
    return facts


def _add_rows(facts: dict[str, Any], path: Path) -> None:
    """Add the variants that variant.py generated to `[variant]`, as they are; they are checked with
    the other facts.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        message = f"cannot be read. It is generated from variant.py by:  {RENDER}"
        raise BadFile(path, 1, message) from None
    variant = facts.setdefault("variant", {})
    if isinstance(variant, dict):
        variant["rows"] = rows


def _read_other_files(path: Path, names: set[str], facts: Facts) -> dict[str, str]:
    files = {}
    for name in CODE_FILES:
        file = path / f"{name}.py"
        if file.name in names:
            files[name] = markdown_parser.read_text(file)
        elif facts.code:
            message = "is missing: a code question has a starter and a reference"
            raise BadFile(file, 1, message)
    if "figure.py" in names:
        for language, name in FIGURES.items():
            if name not in names:
                message = f"is missing. It is rendered from figure.py by:  {RENDER}"
                raise BadFile(path / name, 1, message)
            files[f"figure_{language}"] = markdown_parser.read_text(path / name)
    return files


def _check_markers(folder: QuestionFolder) -> None:
    """Check that a text has the markers of the files that are there, and no others."""
    for document, language in ((folder.english, "en"), (folder.chinese, "zh")):
        for marker, has_file in (
            ("{{figure:", f"figure_{language}" in folder.files),
            ("{{reference}}", "reference" in folder.files),
        ):
            line = _line_of_marker(document, marker)
            if (line is not None) == has_file:
                continue
            name = marker.strip("{}:")
            if has_file:
                raise BadFile(document.path, 1, f"there is a {name}.py, but no {marker}")
            message = f"{marker}… stands here, but there is no {name}.py"
            raise BadFile(document.path, line or 1, message)


def _line_of_marker(document: Document, marker: str) -> int | None:
    for passage in document.passages:
        before, separator, _after = passage.text.partition(marker)
        if separator:
            return passage.line + before.count("\n")
    return None


def _check_values(folder: QuestionFolder) -> None:
    """Check that both languages show the same sampled values in the same passages."""
    for english, chinese in zip(folder.english.passages, folder.chinese.passages, strict=True):
        for passage, other, path in (
            (english, chinese, folder.english.path),
            (chinese, english, folder.chinese.path),
        ):
            ours, theirs = (value_names(p.text + p.detail) for p in (passage, other))
            if missing := theirs - ours:
                names = ", ".join(f"{{{{{name}}}}}" for name in sorted(missing))
                raise BadFile(path, passage.line, f"the other language shows {names} here")


# ---------------------------------------------------------------- into tables


def _load_bank(file: Path) -> tuple[Bank, list[str]]:
    try:
        facts = toml.read(markdown_parser.read_text(file), BankFacts)
    except toml.BadToml as error:
        raise BadFile(file, error.line, error.message) from None
    titles = {"title_en": facts.title.en, "title_zh": facts.title.zh}
    bank, is_new = Bank.objects.update_or_create(slug=facts.slug, defaults=titles)
    return bank, [f"bank {bank}: created"] if is_new else []


def _load(folder: QuestionFolder, bank: Bank, question: Question | None) -> str:
    """Bring one question up to date. Returns what changed; nothing when nothing did."""
    digest = folder.sha256
    if question is None and Question.objects.filter(slug=folder.slug).exists():
        raise BadFile(folder.path, 1, "another bank has a question of this name")
    if question is None or question.files_sha256 not in (digest, _gone(digest)):
        return _publish(folder, bank, question, digest)
    changes = []
    if question.files_sha256 != digest:
        Question.objects.filter(pk=question.pk).update(withdrawn=False, files_sha256=digest)
        changes.append("offered again")
    version = html_columns.current_html_version()
    if question.current is not None and question.current.html_version != version:
        services.rerender(revision=question.current)
        changes.append("rendered again")
    return ", ".join(changes)


def _gone(digest: str) -> str:
    return digest if digest.startswith(GONE) else (GONE + digest)[: len(digest)]


def _publish(folder: QuestionFolder, bank: Bank, question: Question | None, digest: str) -> str:
    revision, texts, passages = build_rows(folder)
    for fault in html_columns.render_html(revision, texts):
        raise as_bad_file(fault, folder, passages)
    _check_values(folder)
    facts = folder.facts
    fields = {"topic": facts.topic, "kinds": facts.kinds, "difficulty": facts.difficulty}
    if question is not None and question.files_sha256.startswith(GONE):
        fields["withdrawn"] = False
    if question is None:
        question = Question.objects.create(
            bank=bank, slug=folder.slug, files_sha256=digest, **fields
        )
    else:
        Question.objects.filter(pk=question.pk).update(files_sha256=digest, **fields)
    revision.question = question
    services.publish_revision(revision=revision, texts=texts)
    return f"revision {revision.number}"


def build_rows(
    folder: QuestionFolder,
) -> tuple[Revision, list[RevisionText], dict[int, PassagePair]]:
    """Return the rows, not stored, and by the `id()` of each text the passages that it comes
    from.
    """
    facts = as_json(folder.facts)
    columns = {name: facts.pop(name, []) for name in ("sources", "labs", "claims", "related")}
    synonyms = facts.pop("synonyms", {})
    revision = Revision(
        **_revision_texts(folder),
        **columns,
        facts=facts,
        outline=folder.outline,
        synonyms="\n".join(text for texts in synonyms.values() for text in texts),
        **folder.files,
    )
    texts: list[RevisionText] = []
    passages: dict[int, PassagePair] = {}
    positions: Counter[tuple[str, int]] = Counter()
    for english, chinese in zip(folder.english.passages, folder.chinese.passages, strict=True):
        if english.kind not in TEXT_KINDS:
            continue
        place = (english.kind, english.part)
        text = RevisionText(
            kind=english.kind,
            part=english.part,
            position=positions[place],
            key=english.key,
            text_en=english.text,
            text_zh=chinese.text,
            detail_en=english.detail,
            detail_zh=chinese.detail,
        )
        positions[place] += 1
        texts.append(text)
        passages[id(text)] = (english, chinese)
    return revision, texts, passages


def _revision_texts(folder: QuestionFolder) -> dict[str, str]:
    """Return the columns of a revision's own texts; empty where a question has none yet."""
    columns = {}
    for language, document in (("en", folder.english), ("zh", folder.chinese)):
        for field in html_columns.REVISION_FIELDS:
            passage = document.passage(field)
            columns[f"{field}_{language}"] = passage.text if passage else ""
    return columns


def as_bad_file(fault: Fault, folder: QuestionFolder, passages: dict[int, PassagePair]) -> BadFile:
    """Return a fault of a text as an error of its file, at the line."""
    html_column = fault.html_column
    is_english = html_column.language == "en"
    document = folder.english if is_english else folder.chinese
    if isinstance(html_column.row, Revision):
        passage = document.passage(html_column.field) or document.passages[0]
    else:
        passage = passages[id(html_column.row)][0 if is_english else 1]
    first = passage.detail_line if html_column.field == "detail" else passage.line
    line = first + html_column.source[: fault.offset].count("\n")
    return BadFile(document.path, line, fault.message)
