"""check-content: every fault at once, dead links, figures without a text alternative, and missing
questions of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from apps.common.topics import TOPICS
from apps.questions import lint, loading

Change = Callable[[str, str, str], None]


@pytest.fixture
def labs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labs")
    (folder / "dead_relu.toml").write_text('[claims."dead-relu.lr-kills"]\nen = "x"\n')
    return folder


def test_a_good_bank_has_no_faults(bank: Path, labs: Path) -> None:
    assert list(lint.faults(bank, labs)) == []


def test_every_fault_is_listed_with_its_file_and_line(
    bank: Path, labs: Path, change: Change
) -> None:
    change("en.md", "First.", "First $\\frac{1$.")
    change("zh.md", "- 另一个要点。", "- *另一个：*要点。")
    (bank / "losses" / "second" / "zh.md").write_text("# 题\n", encoding="utf-8")
    faults = list(lint.faults(bank, labs))
    assert [line.split(": ")[0].rpartition("/")[2] for line in faults] == [
        "en.md:29",
        "zh.md:54",
        "zh.md:2",
    ]


@pytest.mark.parametrize(
    ("link", "dead"),
    [
        ("/questions/second", False),
        ("/questions/third", True),
        ("/questions/xavier-derivation", False),  # of the catalogue: hidden until it is there
        ("/labs/dead-relu", False),
        ("/labs/other-lab", True),
        ("/labs/no-such-lab", False),  # the question names it: hidden until it is there
        ("/claims#dead-relu.lr-kills", False),
        ("/claims#dead-relu.no-such", True),
        ("/claims#no-such-lab.claim", False),
        ("/claims", False),
        ("/no/such/page", True),
        ("https://example.org/", False),
    ],
)
def test_dead_links_of_this_site_are_found(
    bank: Path, labs: Path, change: Change, link: str, dead: bool
) -> None:
    change("en.md", "Second.", f"Second,\nsee [there]({link}).")
    faults = list(lint.faults(bank, labs))
    assert all(f"en.md:34: {link} leads nowhere" in line for line in faults)
    assert bool(faults) == dead


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("It costs $n^2 a step.", "a dollar sign without its partner"),
        ("![a curve](curve.png)", "images are not read"),
        ("A <b>bold</b> word.", "HTML is not read"),
        ("Five\\$, `$x`, `<b>`, $a < b$ and $c > d$, 1 < 2 > 0.", ""),
    ],
)
def test_markup_that_is_not_parsed_is_found(
    bank: Path, labs: Path, change: Change, written: str, message: str
) -> None:
    change("en.md", "Second.", f"Second.\n{written}")
    faults = list(lint.faults(bank, labs))
    assert all("guess/en.md:34: “" in line and message in line for line in faults)
    assert bool(faults) == bool(message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('related = ["second"]', 'related = ["secnod"]', "question.toml:6: secnod is no question"),
        # of the catalogue: it may come
        ('related = ["second"]', 'related = ["xavier-derivation"]', ""),
        (
            '"no-such-lab.claim"',
            '"dead-relu.lr-kill"',
            "question.toml:5: dead-relu has no claim dead-relu.lr-kill. It has: dead-relu.lr-kills",
        ),
    ],
)
def test_names_of_what_does_not_exist_are_found(
    bank: Path, labs: Path, change: Change, old: str, new: str, message: str
) -> None:
    change("question.toml", old, new)
    faults = list(lint.faults(bank, labs))
    assert all(message in line for line in faults) and bool(faults) == bool(message)


def test_mistakes_that_give_the_same_number_are_found(
    bank: Path, labs: Path, change: Change
) -> None:
    more = (
        'message = { en = "Those are bits.", zh = "这是比特。" }\n[[numeric.wrong]]\nvalue '
        '= "n / 2"\n'
    )
    change(
        "question.toml",
        'message = { en = "Those are bits.", zh = "这是比特。" }\n',
        more + 'message = { en = "Half.", zh = "一半。" }\n',
    )
    (fault,) = lint.faults(bank, labs)  # log2(4) is 4 / 2
    assert "question.toml:29: with seed" in fault
    assert "(n = 4) this is another mistake's value too" in fault


def test_a_figure_without_a_text_alternative_is_found(bank: Path, labs: Path) -> None:
    (bank / "losses" / "guess" / "figure.zh.svg").write_text('<svg role="img" aria-label=""></svg>')
    assert [
        "figure.zh.svg:1: the figure has no text alternative" in line
        for line in lint.faults(bank, labs)
    ] == [True]


def test_it_lists_what_is_missing_and_which_claims_have_no_lab(bank: Path, labs: Path) -> None:
    (bank / "losses" / "second").rename(bank / "losses" / "dead-relu")
    missing = dict(lint.missing_questions(bank))
    assert len(missing) == 227 and "dead-relu" not in missing and "xavier-derivation" in missing
    assert lint.claims_without_lab(bank, labs) == ["no-such-lab.claim"]


def test_it_lists_what_is_still_to_be_written(bank: Path, change: Change) -> None:
    assert lint.unfinished(bank) == ["second: no short answer"]
    change("en.md", "\n  > Then nothing.", "\n- And before?")
    change("zh.md", "\n  > 然后没有了。", "\n- 之前呢？")
    assert lint.unfinished(bank)[0] == "guess: 2 follow-ups without an answer"


def test_the_questions_of_the_bank_that_lack_a_short_answer_are_listed() -> None:
    folders = loading.question_folders(settings.BANK_FOLDER)
    texts = {folder.name: (folder / "en.md").read_text(encoding="utf-8") for folder in folders}
    lacking = [slug for slug, text in texts.items() if "\n## Short answer\n" not in text]
    lines = [line for line in lint.unfinished(settings.BANK_FOLDER) if "no short answer" in line]
    assert folders and lines == [f"{slug}: no short answer" for slug in lacking]


def test_it_lists_what_is_marked_todo(bank: Path, labs: Path, change: Change) -> None:
    change("en.md", "Second.", "TODO: the second hint.")
    change("zh.md", "然后没有了。", "TODO写之后")
    change("question.toml", 'text = "A book."', 'text = "TODO: a book" # TODO\n# TODO: a comment')
    lines = lint.unfinished(bank)
    assert "guess: 3 lines are marked TODO, the first is en.md:33" in lines
    assert lint.unfinished_labs(labs) == []
    (labs / "dead_relu.py").write_text("# TODO: the experiment\n")
    assert lint.unfinished_labs(labs) == [
        "dead-relu: 1 lines are marked TODO, the first is dead_relu.py:1"
    ]


def test_the_command_fails_where_there_are_faults(
    bank: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings, "BANK_FOLDER", bank)
    call_command("check_content")
    printed = capsys.readouterr().out
    assert "common slips have no message" in printed and "(without the factor" not in printed
    assert "log10(n) (the logarithm to the base 10) gives" in printed and "0 faults." in printed
    (bank / "losses" / "guess" / "zh.md").unlink()
    with pytest.raises(CommandError, match="1 faults"):
        call_command("check_content")


def test_the_catalogue_is_whole_and_of_known_topics() -> None:
    lines = lint.CATALOGUE.read_text(encoding="utf-8").splitlines()[1:]
    assert len({line.split(",")[0] for line in lines}) == lint.size_of_catalogue() == 228
    assert {line.split(",")[1] for line in lines} == set(TOPICS)
