"""Parsing en.md and zh.md: the texts of a question, under the same headings in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apps.questions.limits import MAX_OPTION_KEY_LENGTH, MAX_TITLE_LENGTH

# kind of passage: its heading (English, Chinese), in the usual order
PARTS = {
    "numeric": ("Part: numeric", "小题：计算"),
    "choice": ("Part: choice", "小题：选择"),
    "order": ("Part: order", "小题：排序"),
    "derivation": ("Part: derivation", "小题：推导"),
}
HEADINGS = {
    **PARTS,
    "hint": ("Hint", "提示"),
    "short_answer": ("Short answer", "简答"),
    "answer": ("Answer", "答案"),
    "point": ("Key points", "要点"),
    "mistake": ("Common mistakes", "常见错误"),
    "follow_up": ("Follow-ups", "追问"),
}
# of the third level, under a part: its heading, and the kinds of parts that may have it
SUBHEADINGS = {
    "option": (("Option", "选项"), ("choice", "order")),
    "step": (("Step", "步骤"), ("derivation",)),
    "hint": (("Hint", "提示"), tuple(PARTS)),
}
LISTS = ("point", "mistake", "follow_up")  # each item is a passage
ONCE = ("short_answer", "answer")
FENCE = re.compile(r"^\s*(`{3,}|~{3,})")


class BadFile(Exception):
    """A file of the bank cannot be loaded. Names the file, the line, and what is wrong there."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message = path, line, message


@dataclass
class Passage:
    """Text that is shown on its own, with the line that it begins on."""

    kind: str  # title, statement, or a name of HEADINGS or SUBHEADINGS
    line: int
    text: str = ""
    key: str = ""  # of an option
    detail: str = ""  # its block quote: the reason of an option, the answer of a follow-up
    detail_line: int = 0
    part: int = 0  # that it belongs to, from 1; 0: the whole question


@dataclass
class Document:
    """A question in one language."""

    path: Path
    passages: list[Passage] = field(default_factory=list)

    def passage(self, kind: str) -> Passage | None:
        return next((passage for passage in self.passages if passage.kind == kind), None)

    def passages_of(self, kind: str) -> list[Passage]:
        return [passage for passage in self.passages if passage.kind == kind]


def read_text(path: Path) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        BadFile: it is not UTF-8, or has a NUL, which PostgreSQL refuses.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, 1, f"cannot be read: {error}") from None
    if "\x00" in text:
        line = text.partition("\x00")[0].count("\n") + 1
        raise BadFile(path, line, "here is the character NUL, which no text can hold.")
    return text


def parse(path: Path, language: str) -> Document:
    """Return the passages of a file.

    Raises:
        BadFile: a heading is not one of the bank's, something is missing, or an option has no
            reason.
    """
    lines = read_text(path).splitlines()
    document = Document(path)
    for passage in _sections(path, lines, 1 if language == "zh" else 0):
        document.passages += _items(passage, path) if passage.kind in LISTS else [passage]
    _check_structure(document, language)
    return document


def _sections(path: Path, lines: list[str], language: int) -> Iterator[Passage]:
    """Yield the text under each heading."""
    current, fence, part = Passage("", 1), "", 0
    part_kind = ""  # of the part that headings of the third level belong to
    for number, line in enumerate(lines, start=1):
        if mark := FENCE.match(line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        level, _, heading = line.partition(" ")
        if fence or not re.fullmatch(r"#{1,6}", level):
            current.text += line + "\n"
            continue
        yield from _finish(current, path)
        heading = heading.strip()
        if level == "#" and number == 1 and heading:
            yield _title(heading, path)
            current = Passage("statement", 2)
            continue
        kind = _kind_of(level, heading, language, part_kind)
        if level == "##":
            part_kind = kind if kind in PARTS else ""
            part += kind in PARTS
        if not kind:
            raise BadFile(path, number, _unknown_heading(line, language))
        current = Passage(kind, number + 1, part=part if part_kind else 0)
        if kind == "option":
            current.key = heading.partition(" ")[2].strip()
    yield from _finish(current, path)


def _title(heading: str, path: Path) -> Passage:
    if len(heading) > MAX_TITLE_LENGTH:
        message = f"a title has at most {MAX_TITLE_LENGTH} characters; this has {len(heading)}."
        raise BadFile(path, 1, message)
    return Passage("title", 1, heading)


def _kind_of(level: str, heading: str, language: int, part_kind: str) -> str:
    """Return the kind of the passage under a heading; empty where it is not one of the bank's."""
    if level == "##":
        return next((kind for kind, names in HEADINGS.items() if names[language] == heading), "")
    if level == "###":
        for kind, (names, parts) in SUBHEADINGS.items():
            begins = heading.split(" ")[0] if kind == "option" else heading
            if begins == names[language] and part_kind in parts:
                return kind
    return ""


def _unknown_heading(line: str, language: int) -> str:
    names = ", ".join(f"## {names[language]}" for names in HEADINGS.values())
    under = "; ".join(
        f"### {names[language]} under {', '.join(PARTS[kind][language] for kind in parts)}"
        for names, parts in SUBHEADINGS.values()
    )
    return (
        f"“{line}” is not a heading of a question here. Known: # title (line 1), {names}; {under}."
    )


def _finish(passage: Passage, path: Path) -> Iterator[Passage]:
    """Yield a passage without the empty lines around it; an option's reason in its own field."""
    if not passage.kind:
        if passage.text.strip():
            raise BadFile(path, 1, "the file begins with its title: “# …” in line 1.")
        return
    before = passage.text[: len(passage.text) - len(passage.text.lstrip())].count("\n")
    passage.line, passage.text = passage.line + before, passage.text.strip()
    if passage.kind == "option":
        _check_option(passage, path)
    if not passage.text and passage.kind != "derivation":  # its steps may say everything
        raise BadFile(path, passage.line, f"there is no text for {passage.kind}.")
    yield passage


def _check_option(option: Passage, path: Path) -> None:
    if not 0 < len(option.key) <= MAX_OPTION_KEY_LENGTH:
        message = (
            f"an option has a key of at most {MAX_OPTION_KEY_LENGTH} characters: ### Option a."
        )
        raise BadFile(path, option.line, message)
    _split_detail(option)
    if not option.detail_line:
        message = (
            f"option {option.key} has no reason: a block quote (> …) that says why it is right "
            "or wrong."
        )
        raise BadFile(path, option.line, message)
    if not option.detail or not option.text:
        raise BadFile(path, option.line, f"option {option.key} needs both a text and a reason.")


def _split_detail(passage: Passage) -> None:
    """Move the block quote of a passage into its own field."""
    lines, fence = passage.text.split("\n"), ""
    quoted: list[int] = []
    for number, line in enumerate(lines):
        if mark := FENCE.match(line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif line.startswith(">") and not fence:
            quoted.append(number)
    if not quoted:
        return
    passage.detail_line = passage.line + quoted[0]
    detail = ""
    for number in quoted:
        if number - 1 not in quoted:  # another quote is another paragraph
            detail += "\n"
        detail += lines[number].removeprefix(">").removeprefix(" ") + "\n"
    passage.detail = detail.strip()
    passage.text = "\n".join(
        line for number, line in enumerate(lines) if number not in quoted
    ).strip()


def _items(passage: Passage, path: Path) -> Iterator[Passage]:
    """Yield each item of a list; the answer of a follow-up in its own field."""
    items: list[Passage] = []
    for number, line in enumerate(passage.text.split("\n"), start=passage.line):
        if line.startswith("- "):
            items.append(Passage(passage.kind, number, line[2:].strip()))
        elif not items:
            raise BadFile(path, number, "what stands here is a list: each line begins with “- ”.")
        else:
            items[-1].text += "\n" + line.removeprefix("  ")
    for item in items:
        if item.kind == "follow_up":
            _split_detail(item)
            if not item.text:
                raise BadFile(path, item.line, "a follow-up begins with its question.")
        item.text = item.text.strip()
        if not item.text:
            raise BadFile(path, item.line, "this item of the list is empty.")
        yield item


def _check_structure(document: Document, language: str) -> None:
    kinds = [passage.kind for passage in document.passages]
    column = 1 if language == "zh" else 0
    for kind in ("title", "statement", "answer"):
        if kind not in kinds:
            name = f"“## {HEADINGS[kind][column]}”" if kind in HEADINGS else f"a {kind}"
            line = document.passages[-1].line if kinds else 1
            raise BadFile(document.path, line, f"{name} is missing.")
    for kind in ONCE:
        if kinds.count(kind) > 1:
            message = f"“## {HEADINGS[kind][column]}” stands here a second time."
            raise BadFile(document.path, document.passages_of(kind)[1].line, message)
    seen = set()
    for option in document.passages_of("option"):
        if (option.part, option.key) in seen:
            message = f"option {option.key} stands here a second time."
            raise BadFile(document.path, option.line, message)
        seen.add((option.part, option.key))


def compare(english: Document, chinese: Document) -> None:
    """Check that both languages have the same passages in the same order.

    Raises:
        BadFile: they do not; names the first difference.
    """
    for passage, other in zip(english.passages, chinese.passages, strict=False):
        if (passage.kind, passage.part, passage.key) != (other.kind, other.part, other.key):
            message = (
                f"here is {_name(other)}, "
                f"where {english.path.name}:{passage.line} has {_name(passage)}."
            )
            raise BadFile(chinese.path, other.line, message)
        if bool(passage.text) != bool(other.text):
            message = f"only one language has a text for this {_name(passage)}."
            raise BadFile(chinese.path, other.line, message)
        if bool(passage.detail) != bool(other.detail):
            message = f"only one language has an answer to this {_name(passage)} (> …)."
            raise BadFile(chinese.path, other.line, message)
    if len(english.passages) != len(chinese.passages):
        longer, shorter = sorted((english, chinese), key=lambda document: -len(document.passages))
        extra = longer.passages[len(shorter.passages)]
        message = f"{_name(extra)} has no counterpart in {shorter.path.name}."
        raise BadFile(longer.path, extra.line, message)


def _name(passage: Passage) -> str:
    return f"{passage.kind} {passage.key}".strip()
