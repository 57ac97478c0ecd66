"""One word for each thing (`docs/glossary.md`): the words it replaced appear nowhere again."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).relative_to(ROOT).as_posix()
# pattern of what is gone: what is said instead
OLD_WORDS = {
    r"knobs?": "setting (pages), config (code)",
    r"[Ll]anes?": "queue",
    r"[Ss]ittings?": "attempt",
    r"bells?(?! curve)": "wake-up",
    r"dut(y|ies)": "housekeeping job",
    r"(try_id|tries__\w+|stale-try|X-Try-Token|LiveTry|live_try|TryQuerySet)": "run attempt",
    r"(claim_run|ClaimRequest|claimed_run)": "lease",
    r"(stop_asked|heard_at|moved_at)": "cancel_requested, last_heartbeat_at, last_progress_at",
    r"(made|began|counted|changed|loaded|committed|stored)_at": "created_, started_, updated_at",
    r"(make_machine|machine_with|MachineToken|experiments_machine)": "worker",
    r"(typesetting|shufflers|squash(es)?|[Cc]ensus|live_try|HardyLists)": "see the glossary",
    r"(ask_to_stop|give_up_if_silent|place_of|order_of_turns|reason_in_words)": "see the glossary",
    r"(said_|grade_)": "the name of what it is",
}
OLD_MODULES = {
    "apps/common": "bells lists code pages access",
    "apps/accounts": "entrance entrance_urls",
    "apps/experiments": "knobs duties reporting queueing tally shown live stream plots figures",
    "apps/questions": "drawing typed typesetting words facts checking content",
    "apps/progress": "quoting said standing variety forgetting grading sittings figures",
    "workers": "keeper outbox live_try",
    "tests/experiments": "test_claiming test_live test_stream test_queueing test_figures",
}
# of locals: they say nothing of what they hold
EMPTY_NAMES = {"found", "said", "held", "made", "known", "each", "own", "claimed", "rung"}
VAGUE_BOUNDS = re.compile(r"(^|_)(LONGEST|MOST|ENOUGH|FEW|LEAST|LARGEST|SMALLEST|DEEPEST)(_|$)")
SUFFIXES = {".py", ".html", ".txt", ".js", ".css", ".po", ".md", ".toml", ".yml", ".sh"}


def files(*suffixes: str) -> Iterator[Path]:
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in names:
        path = ROOT / name
        if name != HERE and path.suffix in (suffixes or SUFFIXES) and path.exists():
            yield path


@pytest.mark.parametrize("pattern", OLD_WORDS)
def test_a_word_that_was_replaced_is_gone(pattern: str) -> None:
    whole = re.compile(rf"(?<![A-Za-z0-9_]){pattern}(?![A-Za-z0-9_])")
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if whole.search(line)
    ]
    assert not lines, f"say {OLD_WORDS[pattern]}:\n" + "\n".join(lines)


@pytest.mark.parametrize("folder", OLD_MODULES)
def test_a_module_that_was_renamed_has_not_come_back(folder: str) -> None:
    back = [name for name in OLD_MODULES[folder].split() if (ROOT / folder / f"{name}.py").exists()]
    assert not back


def bound_names(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of everything that a file binds, except fields of records."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    bodies = [node.body for node in nodes if isinstance(node, ast.ClassDef)]
    fields = {line.target for body in bodies for line in body if isinstance(line, ast.AnnAssign)}
    for node in nodes:
        if node in fields:
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def test_names_say_what_they_hold() -> None:
    empty = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in files(".py")
        if "migrations" not in path.parts
        for line, name in bound_names(path)
        if name in EMPTY_NAMES or VAGUE_BOUNDS.search(name)
    ]
    assert not empty, "\n".join(empty)
