"""docker-compose.yml: valid, without default secrets, and its very commands work against real
servers.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from launcher.processes import spawn, stop
from launcher.running import status
from ruamel.yaml import YAML

from tests.launcher.conftest import ROOT, renamed, until
from tests.ports import free_port

COMPOSE = ROOT / "docker-compose.yml"
OUR_SERVICES = ("setup", "web", "housekeep", "worker-cpu", "worker-gpu")


def services() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(COMPOSE.read_text())["services"])


def test_the_file_is_valid() -> None:
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            str(COMPOSE),
        ],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_it_has_every_part() -> None:
    assert set(services()) == {*OUR_SERVICES, "postgres", "redis", "proxy"}
    assert services()["worker-gpu"]["profiles"] == ["gpu"]
    assert services()["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"][0][
        "capabilities"
    ] == ["gpu"]
    assert all("healthcheck" in service for name, service in services().items() if name != "setup")
    assert services()["web"]["depends_on"]["setup"] == {
        "condition": "service_completed_successfully"
    }


def test_the_site_believes_the_proxy_beside_it_alone() -> None:
    proxy = services()["proxy"]["networks"]["front"]["ipv4_address"]
    site = services()["web"]["environment"]["TRUSTED_PROXIES"]
    assert site == f"${{TRUSTED_PROXIES:-{proxy}}}"
    on_its_network = {
        name for name, service in services().items() if "front" in service.get("networks", ())
    }
    assert on_its_network == {"web", "proxy"}


@pytest.mark.parametrize("program", ["caddy", "nginx"])
def test_the_proxies_take_their_configuration(program: str, tmp_path: Path) -> None:
    if not shutil.which(program):
        pytest.skip(f"no {program} on PATH. Debian: apt install {program}")
    folder = ROOT / "platform/docker"
    if program == "caddy":
        file = str(folder / "Caddyfile")
        command = ["caddy", "validate", "--config", file, "--adapter", "caddyfile"]
    else:
        server = re.sub(
            r" ssl;|\n *ssl_.*",
            lambda m: ";" * (m[0] == " ssl;"),
            (folder / "nginx.conf").read_text(),
        )
        server = server.replace("listen 443", f"listen 127.0.0.1:{free_port()}")
        whole = f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}} http {{ {server} }}"
        (tmp_path / "nginx.conf").write_text(whole)
        command = ["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_images_hold_no_tests_and_no_history() -> None:
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".env", ".gradus", "tests", "conftest.py", "benchmarks"} <= set(left_out)


def test_no_secret_has_a_default() -> None:
    for name, default in re.findall(r"\$\{(\w+)(:[-?])?", COMPOSE.read_text()):
        if re.search("KEY|PASSWORD|TOKEN", name):
            assert default == ":?", name
    example = (ROOT / ".env.example").read_text()
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))
    assert asked == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    assert all(
        re.search(rf"^{name}=$", example, re.MULTILINE)
        for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD")
    )


def test_images_do_not_run_as_root_and_the_site_has_no_torch() -> None:
    for name, service in services().items():
        if "build" in service:
            file = (ROOT / service["build"]["dockerfile"]).read_text()
            assert re.findall(r"^USER (\w+)$", file, re.MULTILINE) == ["gradus"], name
        elif name == "proxy":  # its image has no other account
            assert service["cap_drop"] == ["ALL"]
        else:
            assert service["user"] in ("postgres", "redis")
    web = (ROOT / "platform/docker/Dockerfile.web").read_text()
    assert (
        "requirements-web.txt" in web and "requirements-worker" not in web and "torch==" not in web
    )
    for file in ("Dockerfile.web", "Dockerfile.worker"):
        for copied in re.findall(
            r"^COPY (?!--from)(.+) \S+$",
            (ROOT / "platform/docker" / file).read_text(),
            re.MULTILINE,
        ):
            assert all((ROOT / path).exists() for path in copied.split())


def test_the_commands_of_the_images_are_those_of_the_services() -> None:
    web = (ROOT / "platform/docker/Dockerfile.web").read_text()
    assert [
        piece.strip('"') for piece in re.search(r"^CMD \[(.+)\]$", web, re.MULTILINE)[1].split(", ")
    ] == services()["web"]["command"]  # type: ignore[index]


@pytest.fixture
def database() -> Iterator[str]:
    """A fresh database on the server of the tests; yields its URL."""
    server, name = os.environ["DATABASE_URL"], f"containers_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield renamed(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.services
def test_the_commands_of_the_images_work_against_real_servers(
    database: str, tmp_path: Path
) -> None:
    port = free_port()
    shared = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "REDIS_URL": os.environ["REDIS_URL"],
        "OMP_NUM_THREADS": "1",
    }
    site = shared | {
        "DATABASE_URL": database,
        "SECRET_KEY": "only for tests",
        "PYTHONPATH": str(ROOT / "platform"),
    }
    site |= {"SITE_URL": f"http://127.0.0.1:{port}", "GRADUS_ALIVE": str(tmp_path / "housekeep")}
    worker = shared | {
        "GRADUS_URL": f"http://127.0.0.1:{port}",
        "GRADUS_DATA": str(tmp_path),
        "GRADUS_TOKEN_FILE": str(tmp_path / "worker-cpu"),
        "GRADUS_ALIVE": str(tmp_path / "worker"),
    }
    log = (tmp_path / "log").open("wb")

    for _ in range(2):  # the second time changes nothing
        done = subprocess.run(
            command("setup"),
            cwd=ROOT,
            env=site | {"GRADUS_TOKENS": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        tokens = (tmp_path / "worker-cpu").read_text(), (tmp_path / "worker-gpu").read_text()
        assert "/operator/" in done.stdout or _
    assert len(set(tokens)) == 2 and (tmp_path / "worker-cpu").stat().st_mode & 0o077 == 0

    running = [
        spawn(
            [piece if piece != "8000" else str(port) for piece in command("web")],
            environment=site,
            output=log,
            cwd=ROOT,
        )
    ]
    try:
        until(lambda: status(f"http://127.0.0.1:{port}/") == 200)
        until(lambda: health("web", site, ("8000", str(port))) == 0)
        running += [spawn(command("housekeep"), environment=site, output=log, cwd=ROOT)]
        until(lambda: health("housekeep", site) == 0)
        running += [spawn(command("worker-cpu"), environment=worker, output=log, cwd=ROOT)]
        until(lambda: seen(database) == {"worker-cpu"})
        until(lambda: health("worker-cpu", worker) == 0)
    except AssertionError:
        raise AssertionError((tmp_path / "log").read_text()) from None
    finally:
        for process in reversed(running):
            stop(process)


def command(service: str) -> list[str]:
    """Return a service's command as its container runs it."""
    return [piece.replace("$$", "$") for piece in services()[service]["command"]]


def health(service: str, environment: dict[str, str], *replaced: tuple[str, str]) -> int:
    """Run a service's health check; returns its status."""
    kind, *check = (
        piece.replace("$$", "$") for piece in services()[service]["healthcheck"]["test"]
    )
    for before, after in replaced:
        check = [piece.replace(before, after) for piece in check]
    run = ["sh", "-c", *check] if kind == "CMD-SHELL" else check
    return subprocess.run(
        run, cwd=ROOT, env=environment, capture_output=True, check=False
    ).returncode


def seen(database: str) -> set[str]:
    """Return the workers that have asked for work."""
    with psycopg.connect(database) as connection:
        return {
            name
            for (name,) in connection.execute(
                "SELECT name FROM experiments_worker WHERE last_seen_at IS NOT NULL"
            )
        }


@pytest.mark.parametrize("service", ["housekeep", "worker-cpu"])
def test_the_health_check_fails_when_a_program_has_stopped_its_signs_of_life(
    service: str, tmp_path: Path
) -> None:
    mark = tmp_path / "alive"
    environment = {"PATH": os.environ["PATH"], "GRADUS_ALIVE": str(mark)}
    assert health(service, environment) != 0, "it has never given one"
    mark.touch()
    assert health(service, environment) == 0
    minute_ago = time.time() - 60
    os.utime(mark, (minute_ago, minute_ago))
    assert health(service, environment) != 0


def test_the_health_check_of_the_site_fails_when_nothing_answers() -> None:
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{free_port()}/", timeout=5)
    assert (
        health(
            "web",
            {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            ("8000", str(free_port())),
        )
        != 0
    )
