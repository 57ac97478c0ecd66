"""Files of questions and labs that are damaged in every way: loaded, or refused with a sentence
that names the file, and nothing is stored.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from apps.experiments.loading import BadFile as BadLab
from apps.experiments.loading import load_labs
from apps.experiments.models import LabVersion
from apps.questions.loading import load_questions
from apps.questions.markdown_parser import BadFile as BadQuestion
from apps.questions.models import Question
from tests.questions.conftest import bank  # noqa: F401 - a fixture
from tests.searching import examples

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
DEEP = b"[" * 20_000 + b"]" * 20_000
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda content: b"",
    "a NUL": lambda content: content + b"\x00",
    "a NUL inside": lambda content: content.replace(b"e", b"\x00", 1),
    "no UTF-8": lambda content: content + b"\xff\xfe",
    "UTF-16": lambda content: content.decode().encode("utf-16"),
    "a mark of byte order": lambda content: b"\xef\xbb\xbf" + content,
    "lines of Windows": lambda content: content.replace(b"\n", b"\r\n"),
    "lines of an old Mac": lambda content: content.replace(b"\n", b"\r"),
    "twice the same": lambda content: content + b"\n" + content,
    "half": lambda content: content[: len(content) // 2],
    "deep lists": lambda content: b"deep = " + DEEP + b"\n" + content,
    "deep tables": lambda content: content + b"\n[" + b".".join([b"a"] * 20_000) + b"]\n",
    "deep inline tables": lambda content: b"deep = " + b"{a=" * 5_000 + b"1" + b"}" * 5_000,
    "deep brackets": lambda content: content + b"\nx = " + b"(" * 20_000 + b")" * 20_000,
    "signs without end": lambda content: content + b"\nx = " + b"-" * 100_000 + b"1",
    "a huge number": lambda content: content + b"\nhuge = " + b"9" * 10_000,
    "no number": lambda content: content + b"\nno = nan\nend = inf\n",
    "a huge text": lambda content: content + b'\ntext = "' + b"x" * 2_000_000 + b'"\n',
    "a script": lambda content: content + b"\n<script>alert(1)</script>\n",
}


def flipped(content: bytes, seed: int) -> bytes:
    """Return content with some bytes changed, taken out or repeated."""
    rng, changed = random.Random(seed), bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(changed))
        match rng.randrange(3):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                del changed[at : at + rng.randint(1, 40)]
            case _:
                changed[at:at] = changed[at : at + rng.randint(1, 40)]
    return bytes(changed)


def questions(folder: Path) -> str:
    try:
        load_questions(folder)
    except BadQuestion as error:
        return str(error)
    return ""


def labs(folder: Path) -> str:
    try:
        load_labs(folder)
    except BadLab as error:
        return str(error)
    return ""


@pytest.fixture
def lab_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "labs"
    folder.mkdir()
    for path in settings.LABS_FOLDER.glob("dead_relu.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def damage(
    file: Path, load: Callable[[], str], stored: Callable[[], object], seeds: int
) -> list[str]:
    """Load a file with each damage; return what went wrong."""
    content, faults = file.read_bytes(), []
    ways = list(DAMAGE.items())
    ways += [(f"flipped {seed}", lambda c, s=seed: flipped(c, s)) for seed in range(seeds)]  # type: ignore[misc]
    for what, way in ways:
        file.write_bytes(way(content))
        before = stored()
        try:
            message = load()
        except Exception as error:
            faults.append(f"{what}: {type(error).__name__}: {str(error)[:200]}")
            continue
        if message and stored() != before:
            faults.append(f"{what}: it was refused, and something stored")
        if message and file.name.partition(".")[0] not in message:
            faults.append(f"{what}: {message[:200]}")
    file.write_bytes(content)
    return faults


@pytest.mark.parametrize(
    "name", ["question.toml", "en.md", "zh.md", "reference.py", "figure.en.svg"]
)
def test_a_damaged_file_of_a_question(bank: Path, name: str) -> None:  # noqa: F811
    file = bank / "losses" / "guess" / name
    faults = damage(
        file,
        lambda: questions(bank),
        lambda: list(Question.objects.values_list("slug", "files_sha256")),
        examples(2),
    )
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", ["dead_relu.toml", "dead_relu.py"])
def test_a_damaged_file_of_a_lab(lab_folder: Path, name: str) -> None:
    faults = damage(
        lab_folder / name,
        lambda: labs(lab_folder),
        lambda: list(LabVersion.objects.values_list("lab", "code_hash")),
        examples(4),
    )
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("odd", ["a folder", "a link to itself", "a link to nothing"])
def test_what_is_no_file_is_refused_in_words(
    bank: Path,  # noqa: F811
    lab_folder: Path,
    odd: str,
) -> None:
    for file, load in (
        (bank / "losses" / "guess" / "en.md", lambda: questions(bank)),
        (lab_folder / "dead_relu.toml", lambda: labs(lab_folder)),
        (lab_folder / "dead_relu.py", lambda: labs(lab_folder)),
    ):
        content = file.read_bytes()
        file.unlink()
        if odd == "a folder":
            file.mkdir()
        else:
            file.symlink_to(file.name if odd == "a link to itself" else "missing")
        assert file.name.partition(".")[0] in load()
        if file.is_symlink():
            file.unlink()
        else:
            file.rmdir()
        file.write_bytes(content)
