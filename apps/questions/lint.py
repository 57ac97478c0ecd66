"""Checks of the whole bank: every fault of every file, dead links, and questions of the catalogue
that are still missing.

Only files are read, no database. The labs are known by `workers/labs/*.toml`, which are read, never
imported.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

from apps.common import structs
from apps.common.number_format import significant
from apps.common.text import CONTENT_LANGUAGES
from apps.common.toml import line_of
from apps.questions import (
    html_columns,
    links,
    loading,
    rendering,
    sampling,
    slips,
    variants,
)
from apps.questions.html_columns import Fault, HtmlColumn
from apps.questions.links import CLAIM, LAB, Target
from apps.questions.loading import QuestionFolder
from apps.questions.markdown_parser import BadFile
from apps.questions.schema import Facts

CATALOGUE = Path(__file__).with_name("catalogue.csv")
TEXT_ALTERNATIVE = re.compile(r'role="img" aria-label="[^"]+"')
# outside code and formulas: the reader would see it as it was typed
UNPARSED_MARKUP = {
    re.compile(r"\$"): (
        "a dollar sign without its partner. TeX stands between two; write \\$ for the sign itself"
    ),
    re.compile(r"!\["): (
        "images are not read: figures are rendered by figure.py, and stand at {{figure: caption}}"
    ),
    re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>"): (
        "HTML is not read: write Markdown, or `code` for a tag itself"
    ),
}
TODO = re.compile("(?<![A-Za-z])TODO(?![A-Za-z])")  # Chinese may stand beside it
LOCAL_LINK = re.compile(r'<a href="(/[^"]*|#[^"]*)"')
Claims = Mapping[str, set[str]]  # of each lab, by its slug


def faults(bank_folder: Path, labs_folder: Path) -> Iterator[str]:
    """Yield every fault of a bank, as `file:line: message`.

    Raises:
        NoKatex: the front end was not built.
    """
    paths = loading.question_folders(bank_folder)
    all_slugs = {path.name for path in paths} | _catalogue_titles().keys()
    claims = lab_claims(labs_folder)
    for path in paths:
        try:
            folder = loading.read_folder(path)
        except BadFile as error:
            yield str(error)
            continue
        yield from _fact_faults(folder, all_slugs, claims)
        yield from _text_faults(folder, all_slugs, claims)
        yield from _figure_faults(folder)


def lab_claims(labs_folder: Path) -> dict[str, set[str]]:
    """Return the claims of each lab, by its slug."""
    claims = {}
    for path in sorted(labs_folder.glob("*.toml")):
        card = tomllib.loads(path.read_text(encoding="utf-8"))
        claims[path.stem.replace("_", "-")] = set(card.get("claims", {}))
    return claims


def missing_questions(bank_folder: Path) -> list[tuple[str, str]]:
    """Return slug and English title of each question of the catalogue that the bank does not have,
    in the catalogue's order.
    """
    slugs = {path.name for path in loading.question_folders(bank_folder)}
    return [(slug, title) for slug, title in _catalogue_titles().items() if slug not in slugs]


def size_of_catalogue() -> int:
    return len(_catalogue_titles())


def _catalogue_titles() -> dict[str, str]:
    """Return the English title of each question of the catalogue, by its slug."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return {row["slug"]: row["title_en"] for row in csv.DictReader(file)}


def claims_without_lab(bank_folder: Path, labs_folder: Path) -> list[str]:
    """Return the claims that questions name and no lab has yet; answers show no verdict there."""
    existing = set().union(*lab_claims(labs_folder).values())
    named: set[str] = set()
    for path in bank_folder.glob("*/*/question.toml"):
        named |= set(tomllib.loads(path.read_text(encoding="utf-8")).get("claims", []))
    return sorted(named - existing)


def unfinished(bank_folder: Path) -> list[str]:
    """Return what questions do not have yet and may be loaded without: texts that are marked TODO,
    short answers, and answers to follow-ups.
    """
    lines = []
    for path in loading.question_folders(bank_folder):
        if todo := _todo(
            [path / "en.md", path / "zh.md", path / "question.toml", *path.glob("*.py")]
        ):
            lines.append(f"{path.name}: {todo}")
        try:
            english = loading.read_folder(path).english
        except BadFile:
            continue  # among the faults
        if english.passage("short_answer") is None:
            lines.append(f"{path.name}: no short answer")
        if bare := sum(not follow_up.detail for follow_up in english.passages_of("follow_up")):
            lines.append(f"{path.name}: {bare} follow-ups without an answer")
    return lines


def unfinished_labs(labs_folder: Path) -> list[str]:
    """Return the labs whose words or code are marked TODO."""
    tomls = sorted(labs_folder.glob("*.toml"))
    marked = {toml: _todo([toml, toml.with_suffix(".py")]) for toml in tomls}
    return [f"{toml.stem.replace('_', '-')}: {todo}" for toml, todo in marked.items() if todo]


def unfinished_lines(path: Path) -> list[int]:
    """Return the lines of a file that are marked TODO; comments of a .toml are not texts."""
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return [
        number
        for number, line in enumerate(lines, start=1)
        if TODO.search(line) and not (path.suffix == ".toml" and line.lstrip().startswith("#"))
    ]


def _todo(paths: Iterable[Path]) -> str:
    """Return how many lines of some files are marked TODO, and the first; nothing where none is."""
    lines = [
        (path.name, line) for path in paths if path.exists() for line in unfinished_lines(path)
    ]
    if not lines:
        return ""
    file, line = lines[0]
    return f"{len(lines)} lines are marked TODO, the first is {file}:{line}"


def slips_without_message(bank_folder: Path) -> list[str]:
    """Return the common slips of numeric parts that no [[numeric.wrong]] explains, each as
    `file:line: formula`, what is wrong with it, and what it gives. Suggestions, not faults.
    """
    lines = []
    for path in loading.question_folders(bank_folder):
        try:
            facts = loading.read_folder(path).facts
        except BadFile:  # one of the faults
            continue
        file = path / "question.toml"
        source = file.read_text(encoding="utf-8-sig")
        for number in range(len(facts.numeric)):
            line = line_of(source, ("numeric", number, "answer"))
            suggested = slips.without_message(facts, number)
            lines += [f"{file}:{line}: {_as_line(slip)}" for slip in suggested]
    return lines


def _as_line(slip: slips.Slip) -> str:
    value, answer = significant(slip.value), significant(slip.answer)
    values = sampling.format_values(slip.values)
    return f"{slip.formula} ({slip.what}) gives {value}, not {answer}, at {values}"


def _fact_faults(folder: QuestionFolder, slugs: Iterable[str], claims: Claims) -> Iterator[str]:
    """Yield names of questions and claims that do not exist, and mistakes of the numeric part that
    have the same value.
    """
    file = folder.path / "question.toml"
    source = file.read_text(encoding="utf-8-sig")

    def fault(path: structs.Path, message: str) -> str:
        return f"{file}:{line_of(source, path)}: {message}"

    for slug in sorted(set(folder.facts.related) - set(slugs)):
        message = f"{slug} is no question, neither here nor in the catalogue"
        yield fault(("related",), message)
    for claim in folder.facts.claims:
        lab = claim.partition(".")[0]
        if lab in claims and claim not in claims[lab]:
            existing = ", ".join(sorted(claims[lab]))
            yield fault(("claims",), f"{lab} has no claim {claim}. It has: {existing}")
    for path, message in _ambiguous_mistakes(folder.facts):
        yield fault(path, message)


def _ambiguous_mistakes(facts: Facts) -> Iterator[tuple[structs.Path, str]]:
    """Yield wrong answers that have the value of an earlier one in some variant: nobody would see
    their explanation.
    """
    reported = set()
    for seed in range(sampling.SEEDS) if facts.numeric else ():
        sampled = sampling.sample(facts, seed)
        for number, (of_part, answer) in enumerate(
            zip(facts.numeric, sampled.answers, strict=True)
        ):
            part = variants.numeric_part("", 0, of_part, answer)
            for (_, earlier), (mistake, later) in combinations(enumerate(part.wrong), 2):
                path: structs.Path = ("numeric", number, "wrong", mistake, "value")
                if path in reported or not part.is_near(earlier.value, later.value):
                    continue
                reported.add(path)
                values = sampling.format_values(sampled.values)
                yield (
                    path,
                    (
                        f"with seed {seed} ({values}) this is another mistake's value too: "
                        "choose numbers that tell them apart"
                    ),
                )


def _text_faults(folder: QuestionFolder, slugs: set[str], claims: Claims) -> Iterator[str]:
    # Pages hide links to labs and claims until they exist.
    planned = {Target(LAB, slug) for slug in folder.facts.labs}
    planned |= {Target(CLAIM, claim) for claim in folder.facts.claims}
    revision, texts, passages = loading.build_rows(folder)
    text_faults = html_columns.render_html(revision, texts)
    for html_column in html_columns.html_columns(revision, texts):
        text_faults += _unparsed_markup(html_column)
        text_faults += _dead_links(html_column, slugs, claims, planned)
    for fault in text_faults:
        yield str(loading.as_bad_file(fault, folder, passages))


def _unparsed_markup(html_column: HtmlColumn) -> Iterator[Fault]:
    source = html_column.source
    outside = rendering.EXTRACTED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
    for pattern, message in UNPARSED_MARKUP.items():
        if match := pattern.search(outside):
            start = source[match.start() :].partition("\n")[0][:20]
            yield Fault(html_column, f"“{start}”: {message}", match.start())


def _dead_links(
    html_column: HtmlColumn, slugs: set[str], claims: Claims, planned: Collection[Target]
) -> Iterator[Fault]:
    for link in LOCAL_LINK.findall(rendering.render(html_column.source).html):
        if links.target_of(link) not in planned and not link_exists(link, slugs, claims):
            offset = max(html_column.source.find(link), 0)
            yield Fault(html_column, f"{link} leads nowhere", offset)


def link_exists(link: str, slugs: Collection[str], claims: Claims) -> bool:
    """Return whether a link leads to a page of this site: a question of the bank or the catalogue,
    a lab, a claim of the ledger, another page.
    """
    match links.target_of(link):
        case Target(links.QUESTION, slug):
            return slug in slugs
        case Target(links.LAB, slug):
            return slug in claims
        case Target(links.CLAIM, claim):
            return any(claim in of_lab for of_lab in claims.values())
    try:
        resolve(urlsplit(link).path)
    except Resolver404:
        return False
    return True


def _figure_faults(folder: QuestionFolder) -> Iterator[str]:
    for language in CONTENT_LANGUAGES:
        svg = folder.files.get(f"figure_{language}")
        if svg is not None and not TEXT_ALTERNATIVE.search(svg):
            yield (
                f"{folder.path / loading.FIGURES[language]}:1: the figure has no text alternative "
                "(axes.alternative in figure.py)"
            )
