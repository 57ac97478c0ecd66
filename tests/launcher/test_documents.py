"""The documents match the code."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradus import env, serve
from launcher import database
from launcher.main import parser

from tests.launcher.conftest import ROOT

READERS = ("platform/gradus", "platform/launcher", "apps", "workers")
NOT_OURS = {"PATH"}  # of the system, handed on as it is


def names_read(source: str) -> Iterator[str]:
    """Yield the names of variables that Python code reads from the environment, through `env` or
    from a mapping `environ`.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            places = [
                argument.value
                for argument in node.args
                if isinstance(argument, ast.Constant) and argument.value
            ]
            ours = re.fullmatch(
                r"env\.(texts?|choice|contacts|number|positive|flag|networks|hosts|link|origins|site_url)|(os\.)?environ\.get|os\.getenv",
                called,
            )
            if places and (ours or ast.unparse(node.args[0]) == "environ"):
                yield str(places[0])
        elif (
            isinstance(node, ast.Subscript)
            and ast.unparse(node.value).endswith("environ")
            and isinstance(node.slice, ast.Constant)
        ):
            yield str(node.slice.value)


def read_by_code() -> set[str]:
    files = [
        file
        for folder in READERS
        for file in (ROOT / folder).rglob("*.py")
        if "migrations" not in file.parts
    ]
    return {
        name for file in files for name in names_read(file.read_text(encoding="utf-8"))
    } - NOT_OURS


def settings_documented() -> set[str]:
    return set(
        re.findall(
            r"^\| `([A-Z_]+)` \|",
            (ROOT / "docs/settings.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    )


def test_names_are_found_in_every_form_of_reading() -> None:
    ours = "env.text('A'); env.flag('F', 0); env.positive('G', 1); env.choice('H', ())"
    code = (
        f"{ours}; os.environ.get('B') or os.environ['C']; _number(environ, 'D', 1); "
        "environ.get('E', '')"
    )
    assert set(names_read(code)) == set("ABCDEFGH")


def test_every_setting_is_documented_and_every_documented_setting_is_read() -> None:
    assert len(read_by_code()) > 25
    assert read_by_code() == settings_documented()


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/operations.md",
        "docs/settings.md",
        "docs/labs.md",
        "docs/questions.md",
    ],
)
def test_documents_name_commands_and_options_that_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    commands = re.findall(r"\./gradus ([a-z]+)([^\n`#|]*)", text)
    assert commands or document == "docs/settings.md"
    for command, rest in commands:
        options = re.findall(r"--[a-z]+", rest) if command not in ("manage", "test") else []
        help_ = subparser(command).format_help()
        assert all(option in help_ for option in options), f"./gradus {command}{rest}"
    if document == "README.md":
        for option in re.findall(r"^\| `(--[a-z]+)", text, re.MULTILINE):
            assert option in subparser("up").format_help()


def subparser(command: str):  # type: ignore[no-untyped-def]
    """Return the parser of one command; a command that does not exist fails."""
    action = next(action for action in parser()._actions if action.choices)
    assert command in action.choices, f"./gradus {command}"
    return action.choices[command]


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = next(action.choices for action in parser()._actions if action.choices)
    assert commands
    for command in commands:
        assert f"./gradus {command}" in text


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/operations.md",
        "docs/labs.md",
        "docs/security.md",
        "SECURITY.md",
    ],
)
def test_documents_link_to_files_that_exist(document: str) -> None:
    path = ROOT / document
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_manage_commands_in_documents_exist() -> None:
    from django.core.management import get_commands

    commands = set(get_commands())
    for document in (
        "README.md",
        "docs/operations.md",
        "docs/settings.md",
        "platform/docker/setup.sh",
        "docker-compose.yml",
    ):
        for command in re.findall(
            r"(?:gradus manage|manage\.py) ([a-z_]+)", (ROOT / document).read_text(encoding="utf-8")
        ):
            assert command in commands, f"{document}: {command}"


@pytest.mark.parametrize(
    "script", [".ci/run", "platform/docker/setup.sh", "platform/docker/worker.sh"]
)
def test_shell_scripts_parse(script: str) -> None:
    checked = subprocess.run(
        ["bash", "-n", str(ROOT / script)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_the_gate_runs_the_command_of_the_readme() -> None:
    gate = (ROOT / ".ci/run").read_text()
    assert re.search(r'^stage "Tests" \./gradus test$', gate, re.MULTILINE)
    assert "./gradus test -m services" in gate and "./gradus check" in gate
    assert "initdb" in gate and "-E UTF8 --locale=C.UTF-8" in gate


def test_an_account_that_may_not_install_is_told_what_is_missing(tmp_path: Path) -> None:
    # The gate with a PATH that holds a shell and little else, as an account without root or sudo.
    for program in ("bash", "env", "dirname", "find", "ls", "sort", "tail", "tr", "mktemp"):
        (tmp_path / program).symlink_to(
            next(
                Path(folder, program)
                for folder in ("/bin", "/usr/bin")
                if Path(folder, program).exists()
            )
        )
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    done = subprocess.run(
        [str(tmp_path / "bash"), str(ROOT / ".ci/run")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.returncode == 1
    assert re.search(
        r"apt-get install -y --no-install-recommends .*python3-venv.*chromium.*redis-server",
        done.stdout,
    )
    assert done.stdout.rstrip().splitlines()[-1].startswith("RED")


def test_the_site_and_the_launcher_require_one_version_of_postgresql() -> None:
    assert env.MIN_POSTGRES_MAJOR == database.MIN_POSTGRES_MAJOR


def test_the_tests_that_the_page_on_security_names_exist() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[a-z_/]+\.py)(?:: (test_\w+))?`", text)
    assert len(named) > 15
    for path, test in named:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {test or 'test_'}" in source, (path, test)


def test_uvicorn_is_started_in_one_place_alone() -> None:
    tracked = subprocess.run(
        ["git", "grep", "-lI", "gradus.asgi:application"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert set(tracked) - {"tests/launcher/test_documents.py"} == {"platform/gradus/serve.py"}
    assert "--no-proxy-headers" in serve.OPTIONS
