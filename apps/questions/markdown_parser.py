"""Reading en.md and zh.md: the words of a question, under the same headings in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HEADINGS = {  # (English, Chinese): what stands under it; in the order in which they usually come
    "numeric": ("Part: numeric", "小题：计算"),
    "choice": ("Part: choice", "小题：选择"),
    "hint": ("Hint", "提示"),
    "step": ("Step", "步骤"),
    "answer": ("Answer", "答案"),
    "point": ("Key points", "要点"),
    "mistake": ("Common mistakes", "常见错误"),
    "follow_up": ("Follow-ups", "追问"),
}
OPTION = ("Option", "选项")
MAX_CHARS = {"title": 300, "key": 16}  # characters, as the columns hold them
LISTS = ("point", "mistake", "follow_up")  # each item stands by itself
FENCE = re.compile(r"^\s*(`{3,}|~{3,})")


class BadFile(Exception):
    """A file of the bank cannot be loaded. Names the file, the line, and what is wrong there."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}")
        self.path, self.line, self.what = path, line, what


@dataclass
class Passage:
    """Text that is shown by itself, with the line it begins on."""

    kind: str  # title, statement, option, or a name of HEADINGS
    line: int
    text: str = ""
    key: str = ""  # of an option
    reason: str = ""  # of an option: its block quote
    reason_line: int = 0
    group: int = 0  # of an option: the number of its choice, from 0


@dataclass
class Words:
    """A question in one language."""

    path: Path
    passages: list[Passage] = field(default_factory=list)

    def one(self, kind: str) -> Passage:
        return next(passage for passage in self.passages if passage.kind == kind)

    def all(self, kind: str) -> list[Passage]:
        return [passage for passage in self.passages if passage.kind == kind]


def text_of(path: Path) -> str:
    """Return what a file says, whatever editor wrote its first bytes.

    Raises:
        BadFile: it cannot be read, or no table could hold it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, 1, f"cannot be read: {error}") from None
    if "\x00" in text:
        raise BadFile(
            path,
            text.partition("\x00")[0].count("\n") + 1,
            "here is the character NUL, which no text can hold.",
        )
    return text


def read(path: Path, language: str) -> Words:
    """Return the words in a file.

    Raises:
        BadFile: a heading is not one of the bank's, something is missing, or an option has no
            reason.
    """
    lines = text_of(path).splitlines()
    words = Words(path)
    for passage in _sections(path, lines, 1 if language == "zh" else 0):
        words.passages += _items(passage, path) if passage.kind in LISTS else [passage]
    _number_options(words)
    _check(words, language)
    return words


def _sections(path: Path, lines: list[str], language: int) -> Iterator[Passage]:
    """Yield the text under each heading."""
    known = {names[language]: kind for kind, names in HEADINGS.items()}
    current, fence = Passage("", 1), ""
    for number, line in enumerate(lines, start=1):
        if mark := FENCE.match(line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        level, _, heading = line.partition(" ")
        if fence or not re.fullmatch(r"#{1,6}", level):
            current.text += line + "\n"
            continue
        yield from _ended(current, path)
        heading = heading.strip()
        if level == "#" and number == 1 and len(heading) > MAX_CHARS["title"]:
            raise BadFile(
                path,
                1,
                f"a title has at most {MAX_CHARS['title']} characters; this has {len(heading)}.",
            )
        if level == "#" and number == 1 and heading:
            yield Passage("title", 1, heading)
            current = Passage("statement", 2)
        elif level == "##" and heading in known:
            current = Passage(known[heading], number + 1)
        elif (
            level == "###"
            and current.kind in ("choice", "option")
            and heading.split(" ")[0] == OPTION[language]
        ):
            current = Passage("option", number + 1, key=heading.partition(" ")[2].strip())
        else:
            names = ", ".join(f"## {name}" for name in known)
            raise BadFile(
                path,
                number,
                f"“{line}” is not a heading of a question. Known: # title (line 1), {names}.",
            )
    yield from _ended(current, path)


def _ended(passage: Passage, path: Path) -> Iterator[Passage]:
    """Yield a passage without the empty lines around it; an option with its reason apart."""
    if not passage.kind:
        if passage.text.strip():
            raise BadFile(path, 1, "the file begins with its title: “# …” in line 1.")
        return
    before = passage.text[: len(passage.text) - len(passage.text.lstrip())].count("\n")
    passage.line, passage.text = passage.line + before, passage.text.strip()
    if passage.kind == "option":
        _split_reason(passage, path)
    if not passage.text:
        raise BadFile(path, passage.line, f"there is no text for {passage.kind}.")
    yield passage


def _split_reason(option: Passage, path: Path) -> None:
    lines = option.text.split("\n")
    quoted = [number for number, line in enumerate(lines) if line.startswith(">")]
    if not 0 < len(option.key) <= MAX_CHARS["key"]:
        raise BadFile(
            path,
            option.line,
            f"an option has a key of at most {MAX_CHARS['key']} characters: ### Option a.",
        )
    if not quoted:
        raise BadFile(
            path,
            option.line,
            (
                f"option {option.key} has no reason: a block "
                "quote (> …) that says why it is right or wrong."
            ),
        )
    option.reason_line = option.line + quoted[0]
    option.reason = "\n".join(lines[n].removeprefix(">").removeprefix(" ") for n in quoted).strip()
    option.text = "\n".join(
        line for number, line in enumerate(lines) if number not in quoted
    ).strip()
    if not option.reason or not option.text:
        raise BadFile(path, option.line, f"option {option.key} needs both a text and a reason.")


def _items(passage: Passage, path: Path) -> Iterator[Passage]:
    """Yield each item of a list."""
    item: Passage | None = None
    for number, line in enumerate(passage.text.split("\n"), start=passage.line):
        if line.startswith("- "):
            if item:
                yield item
            item = Passage(passage.kind, number, line[2:].strip())
        elif item is None:
            raise BadFile(path, number, "what stands here is a list: each line begins with “- ”.")
        else:
            item.text += "\n" + line.removeprefix("  ")
    if item:
        yield item


def _number_options(words: Words) -> None:
    group = -1
    for passage in words.passages:
        if passage.kind == "choice":
            group += 1
        elif passage.kind == "option":
            passage.group = group


def _check(words: Words, language: str) -> None:
    kinds = [passage.kind for passage in words.passages]
    place = 1 if language == "zh" else 0
    for kind in ("title", "statement", "answer"):
        if kind not in kinds:
            name = f"“## {HEADINGS[kind][place]}”" if kind in HEADINGS else f"a {kind}"
            raise BadFile(
                words.path, words.passages[-1].line if kinds else 1, f"{name} is missing."
            )
    for kind in ("numeric", "answer"):
        if kinds.count(kind) > 1:
            raise BadFile(
                words.path,
                words.all(kind)[1].line,
                f"“## {HEADINGS[kind][place]}” stands here a second time.",
            )
    seen = set()
    for option in words.all("option"):
        if (option.group, option.key) in seen:
            raise BadFile(
                words.path, option.line, f"option {option.key} stands here a second time."
            )
        seen.add((option.group, option.key))


def compare(english: Words, chinese: Words) -> None:
    """See that both languages have the same passages in the same order.

    Raises:
        BadFile: they have not; names the first place where they part.
    """
    for ours, theirs in zip(english.passages, chinese.passages, strict=False):
        if (ours.kind, ours.key) != (theirs.kind, theirs.key):
            what = (
                f"here is {_name(theirs)}, where {english.path.name}:{ours.line} has {_name(ours)}."
            )
            raise BadFile(chinese.path, theirs.line, what)
    if len(english.passages) != len(chinese.passages):
        longer, shorter = sorted((english, chinese), key=lambda words: -len(words.passages))
        extra = longer.passages[len(shorter.passages)]
        raise BadFile(
            longer.path, extra.line, f"{_name(extra)} has no counterpart in {shorter.path.name}."
        )


def _name(passage: Passage) -> str:
    return f"{passage.kind} {passage.key}".strip()
