"""The bank's files into tables: idempotent, by revision, one transaction, errors with file and
line.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from apps.common import locks
from apps.questions import html_columns, markdown_parser, services
from apps.questions import schema as rules
from apps.questions.html_columns import Fault
from apps.questions.markdown_parser import BadFile, Passage, Words
from apps.questions.models import Bank, Question, Revision, RevisionText
from apps.questions.rendering import value_names
from apps.questions.validators import BadFact

NEEDED = ("question.toml", "en.md", "zh.md")
KNOWN = {
    *(
        *NEEDED,
        "figure.py",
        "figure.en.svg",
        "figure.zh.svg",
        "variant.py",
        "variants.json",
        "checks.py",
    ),
    *("starter.py", "reference.py", "cases.py", "wrong", "__pycache__"),
}
MAX_BANK_TITLE_CHARS = 200  # characters, of the bank's
# before the hash of files that are not there any more: then it was us who withdrew the question,
# not an operator
GONE = "gone:"
# passages that are texts
ROWS = {"hint", "step", "numeric", "choice", "option", "point", "mistake", "follow_up"}


@dataclass(frozen=True)
class Folder:
    """A question as its files say it."""

    path: Path
    facts: dict[str, Any]
    english: Words
    chinese: Words
    files: dict[str, str]  # the further texts: starter, reference, figures

    @property
    def slug(self) -> str:
        return self.path.name

    @property
    def sha256(self) -> str:
        """Return a hash of what the files say, whatever their spaces and comments."""
        said = [
            [(p.kind, p.key, p.text, p.reason) for p in each.passages]
            for each in (self.english, self.chinese)
        ]
        whole = json.dumps(
            [self.facts, said, self.files], sort_keys=True, ensure_ascii=True, default=str
        )
        return sha256(whole.encode()).hexdigest()


@transaction.atomic
def load_questions(folder: Path) -> list[str]:
    """Load every `<topic>/<slug>/` of a bank; questions whose files are gone are withdrawn. Returns
    a line for each change.

    What an operator withdrew stays so.

    Raises:
        BadFile: a file cannot be loaded; nothing of the bank is then.
    """
    folders = read_bank(folder)
    locks.lock("load_questions")
    # formulas are set in between, which takes long on a busy machine; nobody waits for this
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    bank, changes = _load_bank(folder / "bank.toml")
    known = {
        question.slug: question
        for question in Question.objects.select_related("current").filter(bank=bank)
    }
    for one in folders:
        if change := _load(one, bank, known.get(one.slug)):
            changes.append(f"{one.slug}: {change}")
    here = {one.slug for one in folders}
    gone = [q for q in known.values() if q.files_sha256 and not q.withdrawn and q.slug not in here]
    for question in gone:
        Question.objects.filter(pk=question.pk).update(
            withdrawn=True, files_sha256=_gone(question.files_sha256)
        )
        changes.append(f"{question.slug}: withdrawn, its files are gone")
    return changes


def read_bank(folder: Path) -> list[Folder]:
    """Return every question of a bank, read and checked, without a database.

    Raises:
        BadFile: a file is wrong.
    """
    found: dict[str, Path] = {}
    for path in sorted(each for each in folder.glob("*/*/") if each.name != "__pycache__"):
        if path.name in found:
            raise BadFile(path, 1, f"there is another question of this name: {found[path.name]}")
        found[path.name] = path
    return [read_folder(path) for path in found.values()]


def read_folder(path: Path) -> Folder:
    """Return the question in a folder.

    Raises:
        BadFile: a file is missing, unknown, or wrong.
    """
    names = {each.name for each in path.iterdir() if not each.name.startswith(".")}
    for name in NEEDED:
        if name not in names:
            raise BadFile(path / name, 1, "is missing")
    if strange := sorted(names - KNOWN):
        raise BadFile(
            path / strange[0],
            1,
            f"is no file of a question. Known: {', '.join(sorted(KNOWN - {'__pycache__'}))}",
        )
    english, chinese = (
        markdown_parser.read(path / "en.md", "en"),
        markdown_parser.read(path / "zh.md", "zh"),
    )
    markdown_parser.compare(english, chinese)
    facts = _facts(path, english)
    one = Folder(path, facts, english, chinese, _further_files(path, names, facts))
    _check_markers(one)
    return one


def _facts(path: Path, english: Words) -> dict[str, Any]:
    file = path / "question.toml"
    source = markdown_parser.text_of(file)
    try:
        facts = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        line = str(error).rpartition("line ")[2].partition(",")[0]
        raise BadFile(file, int(line) if line.isdecimal() else 1, f"is not TOML: {error}") from None
    counts = Counter(passage.kind for passage in english.passages)
    options: dict[int, list[str]] = {}
    for option in english.all("option"):
        options.setdefault(option.group, []).append(option.key)
    try:
        rules.check(facts)
        if not rules.SLUG.fullmatch(path.name) or len(path.name) > rules.MAX_CHARS[rules.SLUG]:
            raise BadFact(
                (),
                (
                    f"the folder {path.name} is no slug of at "
                    f"most {rules.MAX_CHARS[rules.SLUG]} characters"
                ),
            )
        if facts["topic"] != path.parent.name:
            raise BadFact(("topic",), f"the folder lies in {path.parent.name}")
        if (path / "variant.py").exists() and "variant" in facts:
            facts["variant"]["rows"] = _rows(
                path / "variants.json", len(facts["variant"].get("wrong", []))
            )
        rules.check_against(facts, counts, options, has_rows="rows" in facts.get("variant", {}))
        if "variant" in facts:
            rules.check_samples(facts["variant"])
    except BadFact as error:
        raise BadFile(file, rules.line_of(source, error.path), error.what) from None
    return {**facts, "review": json.loads(json.dumps(facts.get("review", {}), default=str))}


def _rows(path: Path, wrong: int) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        rules.check_rows(rows, wrong)
    except (OSError, ValueError):
        raise BadFile(
            path,
            1,
            "cannot be read. It is made from variant.py by:  python manage.py render_figures",
        ) from None
    except BadFact as error:
        raise BadFile(path, 1, f"{error.what}. Run:  python manage.py render_figures") from None
    return rows


def _further_files(path: Path, names: set[str], facts: dict[str, Any]) -> dict[str, str]:
    files = {}
    if "code" in facts:
        for name in ("starter", "reference"):
            if f"{name}.py" not in names:
                raise BadFile(
                    path / f"{name}.py",
                    1,
                    "is missing: a code question has a starter and a reference",
                )
    for name in ("starter", "reference"):
        if f"{name}.py" in names:
            files[name] = markdown_parser.text_of(path / f"{name}.py")
    if "figure.py" in names:
        for language in ("en", "zh"):
            if f"figure.{language}.svg" not in names:
                what = "is missing. It is drawn from figure.py by:  python manage.py render_figures"
                raise BadFile(path / f"figure.{language}.svg", 1, what)
            files[f"figure_{language}"] = markdown_parser.text_of(path / f"figure.{language}.svg")
    return files


def _check_markers(one: Folder) -> None:
    """See that what the text asks for is there, and the other way round."""
    for each, language in ((one.english, "en"), (one.chinese, "zh")):
        whole = "\n".join(passage.text for passage in each.passages)
        for marker, there in (
            ("{{figure:", f"figure_{language}" in one.files),
            ("{{reference}}", "reference" in one.files),
        ):
            if (marker in whole) != there:
                line = next(
                    (
                        p.line + p.text[: p.text.index(marker)].count("\n")
                        for p in each.passages
                        if marker in p.text
                    ),
                    1,
                )
                name = marker.strip("{}:")
                what = (
                    f"{marker}… stands here, but there is no {name}.py"
                    if not there
                    else f"there is a {name}.py, but no {marker}"
                )
                raise BadFile(each.path, line, what)


def _check_values(one: Folder) -> None:
    """See that both languages show the same drawn values at the same places."""
    for ours, theirs in zip(one.english.passages, one.chinese.passages, strict=True):
        for passage, other, file in (
            (ours, theirs, one.english.path),
            (theirs, ours, one.chinese.path),
        ):
            if missing := value_names(other.text) - value_names(passage.text):
                names = ", ".join(f"{{{{{name}}}}}" for name in sorted(missing))
                raise BadFile(file, passage.line, f"the other language shows {names} here")


# ---------------------------------------------------------------- into tables


def _load_bank(file: Path) -> tuple[Bank, list[str]]:
    try:
        said = tomllib.loads(markdown_parser.text_of(file))
        slug, titles = (
            str(said["slug"]),
            {f"title_{language}": str(said["title"][language]) for language in ("en", "zh")},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadFile(file, 1, f"says slug and title {{ en, zh }} of the bank: {error}") from None
    if not rules.SLUG.fullmatch(slug) or len(slug) > rules.MAX_CHARS[rules.SLUG]:
        raise BadFile(
            file, 1, f"{slug!r} is no slug of at most {rules.MAX_CHARS[rules.SLUG]} characters"
        )
    if not all(
        0 < len(title) <= MAX_BANK_TITLE_CHARS and "\x00" not in title for title in titles.values()
    ):
        raise BadFile(file, 1, f"a title of the bank has 1 to {MAX_BANK_TITLE_CHARS} characters")
    bank, made = Bank.objects.update_or_create(slug=slug, defaults=titles)
    return bank, [f"bank {bank}: made"] if made else []


def _load(one: Folder, bank: Bank, question: Question | None) -> str:
    """Bring one question up to date. Returns what changed; nothing, when nothing did."""
    digest = one.sha256
    if question is None and Question.objects.filter(slug=one.slug).exists():
        raise BadFile(one.path, 1, "another bank has a question of this name")
    if question is None or question.files_sha256 not in (digest, _gone(digest)):
        return _publish(one, bank, question, digest)
    said = []
    if question.files_sha256 != digest:
        Question.objects.filter(pk=question.pk).update(withdrawn=False, files_sha256=digest)
        said.append("offered again")
    if question.current is not None and question.current.html_made_by != html_columns.made_by():
        services.set_again(revision=question.current)
        said.append("set again")
    return ", ".join(said)


def _gone(digest: str) -> str:
    return digest if digest.startswith(GONE) else (GONE + digest)[: len(digest)]


def _publish(one: Folder, bank: Bank, question: Question | None, digest: str) -> str:
    revision, text_rows, lines = rows_of(one)
    for fault in html_columns.set_html(revision, text_rows):
        raise placed(fault, one, lines)
    _check_values(one)
    facts = one.facts
    fields = {"topic": facts["topic"], "kinds": facts["kinds"], "difficulty": facts["difficulty"]}
    if question is not None and question.files_sha256.startswith(GONE):
        fields["withdrawn"] = False
    if question is None:
        question = Question.objects.create(bank=bank, slug=one.slug, files_sha256=digest, **fields)
    else:
        Question.objects.filter(pk=question.pk).update(files_sha256=digest, **fields)
    revision.question = question
    services.publish_made(revision=revision, text_rows=text_rows)
    return f"revision {revision.number}"


def rows_of(one: Folder) -> tuple[Revision, list[RevisionText], dict[int, tuple[Passage, Passage]]]:
    """Return the rows, not saved, and for each text the passages that it is made of."""

    def both(kind: str) -> dict[str, str]:
        return {f"{kind}_en": one.english.one(kind).text, f"{kind}_zh": one.chinese.one(kind).text}

    facts = one.facts
    links = {name: facts.get(name, []) for name in ("sources", "labs", "claims", "related")}
    kept = {
        name: facts[name]
        for name in ("often_said_but", "variant", "choice", "step", "code", "review")
        if name in facts
    }
    own = {name: facts[name] for name in ("topic", "kinds", "difficulty")}
    revision = Revision(
        **both("title"),
        **both("statement"),
        **both("answer"),
        **links,
        facts={**own, **kept},
        **one.files,
    )
    text_rows: list[RevisionText] = []
    lines: dict[int, tuple[Passage, Passage]] = {}
    places: Counter[tuple[str, int]] = Counter()
    for ours, theirs in zip(one.english.passages, one.chinese.passages, strict=True):
        if ours.kind not in ROWS:
            continue
        place = (ours.kind, ours.group)
        texts = {
            "text_en": ours.text,
            "text_zh": theirs.text,
            "reason_en": ours.reason,
            "reason_zh": theirs.reason,
        }
        text_row = RevisionText(
            kind=ours.kind, group=ours.group, position=places[place], key=ours.key, **texts
        )
        places[place] += 1
        text_rows.append(text_row)
        lines[id(text_row)] = (ours, theirs)
    return revision, text_rows, lines


def placed(fault: Fault, one: Folder, lines: dict[int, tuple[Passage, Passage]]) -> BadFile:
    """Return a fault of a text as an error of its file, at the line."""
    english = fault.text.language == "en"
    said = one.english if english else one.chinese
    passage = (
        said.one(fault.text.field)
        if isinstance(fault.text.row, Revision)
        else lines[id(fault.text.row)][0 if english else 1]
    )
    first = passage.reason_line if fault.text.field == "reason" else passage.line
    return BadFile(said.path, first + fault.text.source[: fault.offset].count("\n"), fault.what)
