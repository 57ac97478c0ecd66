"""check-content: every fault at once, dead links, figures without a text alternative, and missing
questions of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.common.topics import TOPICS
from apps.questions import lint

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
        "en.md:31",
        "zh.md:48",
        "zh.md:2",
    ]


@pytest.mark.parametrize(
    ("link", "dead"),
    [
        ("/questions/second", False),
        ("/questions/third", True),
        ("/labs/dead-relu", False),
        ("/labs/no-such-lab", True),
        ("/claims#dead-relu.lr-kills", False),
        ("/claims#dead-relu.no-such", True),
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
    assert all(f"en.md:36: {link} leads nowhere" in line for line in faults)
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
    assert all("guess/en.md:36: “" in line and message in line for line in faults)
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
        'message = { en = "Those are bits.", zh = "这是比特。" }\n[[variant.wrong]]\nvalue '
        '= "n / 2"\n'
    )
    change(
        "question.toml",
        'message = { en = "Those are bits.", zh = "这是比特。" }\n',
        more + 'message = { en = "Half.", zh = "一半。" }\n',
    )
    (fault,) = lint.faults(bank, labs)  # log2(4) is 4 / 2
    assert "question.toml:27: with seed" in fault
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


def test_the_command_fails_where_there_are_faults(
    bank: Path, settings: object, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.BANK_FOLDER = bank  # type: ignore[attr-defined]
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
