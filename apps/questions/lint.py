"""Looking over the whole bank: every fault of every file, links that lead nowhere, and what of the
catalogue is still missing.

Reads files alone; no database. The labs are known by their words (`workers/labs/*.toml`), which are
read, never imported.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

from apps.questions import html_columns, loading, rendering, variants
from apps.questions import schema as rules
from apps.questions.html_columns import Text
from apps.questions.loading import Folder
from apps.questions.markdown_parser import BadFile

CATALOGUE = Path(__file__).with_name("catalogue.csv")
LABEL = re.compile(r'role="img" aria-label="[^"]+"')
LEFT_OVER = {  # outside code and formulas
    re.compile(
        r"\$"
    ): "a dollar sign without its partner. TeX stands between two; write \\$ for the sign itself",
    re.compile(
        r"!\["
    ): "images are not read: figures are drawn by figure.py, and stand at {{figure: caption}}",
    re.compile(
        r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>"
    ): "HTML is not read: write Markdown, or `code` for a tag itself",
}


def faults(bank: Path, labs: Path) -> Iterator[str]:
    """Yield every fault of a bank, as `file:line: what`.

    Raises:
        NoKatex: the front end was not built.
    """
    paths = sorted(path for path in bank.glob("*/*/") if path.name != "__pycache__")
    here = {path.name for path in paths}
    known, listed = lab_claims(labs), here | _of_the_catalogue().keys()
    for path in paths:
        try:
            one = loading.read_folder(path)
        except BadFile as error:
            yield str(error)
            continue
        yield from _of_facts(one, listed, known)
        yield from _of_texts(one, here, known)
        yield from _of_figures(one)


def lab_claims(folder: Path) -> dict[str, set[str]]:
    """Return the claims of each lab, by its slug."""
    found = {}
    for path in sorted(folder.glob("*.toml")):
        words = tomllib.loads(path.read_text(encoding="utf-8"))
        found[path.stem.replace("_", "-")] = set(words.get("claims", {}))
    return found


def missing(bank: Path) -> list[tuple[str, str]]:
    """Return slug and English title of each question of the catalogue that the bank does not have,
    in the catalogue's order.
    """
    here = {path.name for path in bank.glob("*/*/")}
    return [(slug, title) for slug, title in _of_the_catalogue().items() if slug not in here]


def size_of_catalogue() -> int:
    return len(_of_the_catalogue())


def _of_the_catalogue() -> dict[str, str]:
    """Return the English title of each question of the catalogue, by its slug."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return {row["slug"]: row["title_en"] for row in csv.DictReader(file)}


def waiting(bank: Path, labs: Path) -> list[str]:
    """Return the claims that questions name and no lab has yet: their answers show no verdict
    there.
    """
    known = set().union(*lab_claims(labs).values())
    named: set[str] = set()
    for path in bank.glob("*/*/question.toml"):
        named |= set(tomllib.loads(path.read_text(encoding="utf-8")).get("claims", []))
    return sorted(named - known)


def _of_facts(one: Folder, questions: Iterable[str], labs: dict[str, set[str]]) -> Iterator[str]:
    """Yield names that nothing has, and mistakes of the numeric part that cannot be told apart."""
    found = [
        ("related", f"{slug} is no question, neither here nor in the catalogue")
        for slug in _strange(one, "related", questions)
    ]
    for claim in one.facts.get("claims", []):
        lab = claim.partition(".")[0]
        if lab in labs and claim not in labs[lab]:
            found.append(
                ("claims", f"{lab} has no claim {claim}. It has: {', '.join(sorted(labs[lab]))}")
            )
    source = (one.path / "question.toml").read_text(encoding="utf-8-sig")
    for key, what in found:
        yield f"{one.path / 'question.toml'}:{rules.line_of(source, (key,))}: {what}"
    if twice := _same_mistakes(one.facts.get("variant", {})):
        number, what = twice
        line = rules.line_of(source, ("variant", "wrong", number, "value"))
        yield f"{one.path / 'question.toml'}:{line}: {what}"


def _strange(one: Folder, key: str, known: Iterable[str]) -> list[str]:
    return sorted(set(one.facts.get(key, [])) - set(known))


def _same_mistakes(variant: rules.Facts) -> tuple[int, str] | None:
    """Return the number of a wrong value that meets an earlier one in some draw, and what to say:
    nobody would read its message.
    """
    for seed in range(variants.SEEDS) if variant.get("wrong") else ():
        sampled = variants.sample(variant, seed)
        for (_, one), (number, other) in combinations(enumerate(sampled.wrong), 2):
            if sampled.is_near(one.value, other.value):
                numbers = ", ".join(
                    f"{name} = {variants.format_value(value)}"
                    for name, value in sampled.values.items()
                )
                return (
                    number,
                    (
                        f"with seed {seed} ({numbers}) this is another mistake's value too: "
                        "choose numbers that tell them apart"
                    ),
                )
    return None


def _left_over(text: Text) -> Iterator[tuple[str, int]]:
    """Yield what a reader would see of signs that were meant to be read, and where."""
    bare = rendering.TAKEN_OUT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text.source)
    for sign, what in LEFT_OVER.items():
        if match := sign.search(bare):
            yield (
                f"“{text.source[match.start() :].partition(chr(10))[0][:20]}”: {what}",
                match.start(),
            )


def _of_texts(one: Folder, questions: set[str], labs: dict[str, set[str]]) -> Iterator[str]:
    revision, text_rows, lines = loading.rows_of(one)
    for fault in html_columns.set_html(revision, text_rows):
        yield str(loading.placed(fault, one, lines))
    for text in html_columns.texts(revision, text_rows):
        for what, at in _left_over(text):
            yield str(loading.placed(html_columns.Fault(text, what, at), one, lines))
        for link in _links(text):
            if not leads_somewhere(link, questions, labs):
                at = max(text.source.find(link), 0)
                yield str(
                    loading.placed(
                        html_columns.Fault(text, f"{link} leads nowhere", at), one, lines
                    )
                )


def _links(text: Text) -> list[str]:
    return re.findall(r'<a href="(/[^"]*|#[^"]*)"', rendering.render(text.source).html)


def leads_somewhere(link: str, questions: Iterable[str], labs: dict[str, set[str]]) -> bool:
    """Return whether an address of this site is one: a question of the bank, a lab, a claim of the
    ledger, another page.
    """
    parts = urlsplit(link)
    place = parts.path.strip("/").split("/")
    match place:
        case ["questions", slug]:
            return slug in questions
        case ["labs", slug]:
            return slug in labs
        case ["claims"] if parts.fragment:
            return any(parts.fragment in claims for claims in labs.values())
    try:
        resolve(parts.path)
    except Resolver404:
        return False
    return True


def _of_figures(one: Folder) -> Iterator[str]:
    for language in html_columns.LANGUAGES:
        svg = one.files.get(f"figure_{language}")
        if svg is not None and not LABEL.search(svg):
            yield (
                f"{one.path / f'figure.{language}.svg'}:1: the figure has no text alternative "
                "(axes.alternative in figure.py)"
            )
