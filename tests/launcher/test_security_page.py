"""docs/security.md has every requirement of levels 1 and 2 of the ASVS 5.0.0, and counts them."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "docs/security.md").read_text(encoding="utf-8")
Requirement = tuple[int, int, int]
# how many requirements each section of a chapter has, and which of them are of level 3 alone
SECTIONS = {
    1: [2, 10, 12, 3, 3],
    2: [3, 3, 5, 2],
    3: [1, 3, 5, 8, 8, 1, 5],
    4: [5, 5, 2, 4],
    5: [1, 6, 3, 3],
    6: [3, 12, 8, 6, 8, 4, 2, 4],
    7: [3, 4, 2, 5, 3, 2],
    8: [4, 4, 3, 2],
    9: [3, 4],
    10: [2, 3, 5, 16, 5, 2, 3],
    11: [4, 5, 5, 4, 2, 2, 2],
    12: [5, 2, 5],
    13: [4, 6, 4, 7],
    14: [2, 8, 3],
    15: [5, 5, 7, 4],
    16: [1, 5, 4, 3, 4],
    17: [2, 8, 2],
}
LEVEL_3 = """
1.2.10 1.3.12 1.5.3 2.3.5 2.4.2 3.1.1 3.2.3 3.3.5 3.4.7 3.4.8 3.5.6 3.5.7 3.5.8 3.6.1 3.7.3 3.7.4
3.7.5 4.1.4 4.1.5 4.2.2 4.2.3 4.2.4 4.2.5 5.2.4 5.2.5 5.2.6 5.3.3 6.3.5 6.3.6 6.3.7 6.3.8 6.4.5
6.4.6 6.5.6 6.5.7 6.5.8 6.6.4 6.7.1 6.7.2 7.5.3 8.1.3 8.1.4 8.2.4 8.3.2 8.3.3 8.4.2 10.2.3 10.3.5
10.4.12 10.4.13 10.4.14 10.4.15 10.4.16 11.1.3 11.1.4 11.2.4 11.2.5 11.3.4 11.3.5 11.5.2 11.6.2
11.7.1 11.7.2 12.1.4 12.1.5 12.3.5 13.1.2 13.1.3 13.1.4 13.2.6 13.3.3 13.3.4 13.4.6 13.4.7 14.2.5
14.2.6 14.2.7 14.2.8 15.1.4 15.1.5 15.2.4 15.2.5 15.4.1 15.4.2 15.4.3 15.4.4 16.5.4 17.1.2 17.2.5
17.2.6 17.2.7 17.2.8
"""
STATES = ("met", "n/a", "not met")
NUMBERS = re.compile(r"\| (\d+\.\d+\.\d+(?:(?:, | to )\d+\.\d+\.\d+)*) ")
UNFINISHED = set[int]()


def number(text: str) -> Requirement:
    chapter, section, requirement = map(int, text.split("."))
    return chapter, section, requirement


EVERY = [
    (chapter, section, requirement)
    for chapter, counts in SECTIONS.items()
    for section, count in enumerate(counts, start=1)
    for requirement in range(1, count + 1)
]
ONLY_LEVEL_3 = {number(text) for text in LEVEL_3.split()}
REQUIRED = [one for one in EVERY if one not in ONLY_LEVEL_3]


def rows() -> list[tuple[list[Requirement], list[str]]]:
    """Return the requirements that each row of a table is about, and its other cells."""
    result = []
    for line in TEXT.splitlines():
        if match := NUMBERS.match(line):
            covered = []
            for part in match[1].split(", "):
                first, _to, last = part.partition(" to ")
                ends = number(first), number(last or first)
                covered += [one for one in EVERY if ends[0] <= one <= ends[1]]
            result.append((covered, [cell.strip() for cell in line.split("|")[2:-1]]))
    return result


def test_no_requirement_is_missing_and_none_stands_twice() -> None:
    assert len(REQUIRED) == 253
    covered = [one for numbers, _cells in rows() for one in numbers if one in REQUIRED]
    assert len(covered) == len(set(covered))
    wanted = {one for one in REQUIRED if one[0] not in UNFINISHED}
    assert wanted <= set(covered), sorted(wanted - set(covered))


def test_every_row_has_a_state_and_what_is_met_a_test() -> None:
    for numbers, (level, state, text, test) in rows():
        assert level in ("1", "2", "3") and state in STATES and text, numbers
        assert (state == "met") <= (test == "read" or test.startswith("`tests/")), numbers


def test_what_is_not_met_stands_at_the_end() -> None:
    at_the_end = TEXT.split("## Not met")[1]
    listed = {number(text) for text in re.findall(r"\d+\.\d+\.\d+", at_the_end)}
    assert listed == {one for numbers, cells in rows() if cells[1] == "not met" for one in numbers}


def test_the_summary_counts_right() -> None:
    total = [0, 0, 0, 0]
    for chapter in sorted(SECTIONS.keys() - UNFINISHED):
        required = [one for one in REQUIRED if one[0] == chapter]
        states = [cells[1] for numbers, cells in rows() for one in numbers if one in required]
        counts = [len(required), *(states.count(state) for state in STATES)]
        total = [before + more for before, more in zip(total, counts, strict=True)]
        wanted = r"\| V" + rf"{chapter} [^|]* \| " + r" \| ".join(map(str, counts)) + r" \|"
        assert re.search(wanted, TEXT), (chapter, counts)
    assert "| " + " | ".join(map(str, total)) + " |" in TEXT, total
