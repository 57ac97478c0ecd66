"""Which torch a machine gets, on machines made up for the purpose."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

import pytest
from launcher import torch_choice
from launcher.say import Problem, size
from launcher.torch_choice import Build, Machine, Plan, add_up, installed, is_needed, plan_for

LAPTOP = Machine("linux", has_nvidia=False, reaches_index=True, has_uv=True)
GPU = Machine("linux", has_nvidia=True, reaches_index=True, has_uv=True)
MAC = Machine("darwin", has_nvidia=False, reaches_index=True, has_uv=True)


def cut_off(machine: Machine) -> Machine:
    return Machine(machine.system, machine.has_nvidia, False, machine.has_uv)


def without_uv(machine: Machine) -> Machine:
    return Machine(machine.system, machine.has_nvidia, machine.reaches_index, False)


@pytest.mark.parametrize(
    ("choice", "machine", "requirement", "backend"),
    [
        ("auto", LAPTOP, "torch==2.13.0", "auto"),
        ("auto", GPU, "torch==2.13.0", "auto"),
        ("auto", MAC, "torch==2.13.0", "auto"),
        ("auto", cut_off(LAPTOP), "torch==2.13.0", ""),
        ("auto", cut_off(MAC), "torch==2.13.0", ""),
        ("auto", without_uv(LAPTOP), "torch==2.13.0", ""),
        ("cpu", LAPTOP, "torch==2.13.0", "cpu"),
        ("cpu", GPU, "torch==2.13.0", "cpu"),
        ("cpu", MAC, "torch==2.13.0", "cpu"),
        ("cpu", cut_off(GPU), "torch==2.13.0+cpu", ""),
        ("cpu", cut_off(MAC), "torch==2.13.0", ""),  # macOS has no other build
        ("cuda", GPU, "torch==2.13.0", "auto"),  # uv reads the driver's version
        ("cuda", cut_off(GPU), "torch==2.13.0", ""),
        ("cuda", LAPTOP, "torch==2.13.0", ""),  # uv would choose the CPU build here
    ],
)
def test_the_build_fits_the_machine(
    choice: str, machine: Machine, requirement: str, backend: str
) -> None:
    plan = plan_for(choice, machine, "2.13.0")
    assert (plan.requirement, plan.backend) == (requirement, backend)
    assert plan.why


def test_macos_has_no_cuda() -> None:
    with pytest.raises(Problem, match="macOS has no CUDA"):
        plan_for("cuda", MAC, "2.13.0")


@pytest.mark.parametrize(
    ("choice", "there", "needed"),
    [
        (None, None, True),
        (None, Build("2.13.0", ""), False),
        (None, Build("2.13.0", "13.0"), False),
        (None, Build("2.12.1", ""), True),
        ("auto", Build("2.13.0", ""), False),
        ("cpu", Build("2.13.0", ""), False),
        ("cpu", Build("2.13.0", "13.0"), True),
        ("cuda", Build("2.13.0", ""), True),
        ("cuda", Build("2.13.0", "13.0"), False),
    ],
)
def test_it_is_installed_only_when_needed(
    choice: str | None, there: Build | None, needed: bool
) -> None:
    assert is_needed(choice, there, "2.13.0") is needed


@pytest.mark.parametrize(
    ("version", "cuda", "build"),
    [
        ("'2.13.0+cpu'", "None", Build("2.13.0", "")),
        ("'2.13.0'", "'13.0'", Build("2.13.0", "13.0")),
        ("'2.13.0'", "None", Build("2.13.0", "")),
    ],
)
def test_the_installed_build_is_read_without_importing_it(
    tmp_path: Path, version: str, cuda: str, build: Build
) -> None:
    assert installed(tmp_path) is None
    torch = tmp_path / "lib" / "python3.12" / "site-packages" / "torch"
    torch.mkdir(parents=True)
    (torch / "version.py").write_text(
        f"from typing import Optional\n__all__ = ['__version__', 'cuda']\n"
        f"__version__ = {version}\ndebug = False\ncuda: Optional[str] = {cuda}\n"
    )
    assert installed(tmp_path) == build


def test_the_installed_torch_is_the_pinned_one() -> None:
    import torch

    build = installed()
    assert (
        build is None
        or build.version == torch_choice.pinned() == torch.__version__.partition("+")[0]
    )


def test_a_download_is_added_up_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "a+b.whl").write_bytes(b"x" * 1000)
    with FileServer({"/big.whl": 5_000_000, "/small.whl": 500}) as server:
        urls = [
            f"{server}/big.whl",
            f"{server}/small.whl",
            f"{server}/gone.whl",
            f"file://{tmp_path}/a%2Bb.whl",
        ]
        assert add_up(urls) == (5_001_500, 4, 1)


@pytest.mark.parametrize(
    ("number", "text"),
    [(191_794_682, "191.8 MB"), (2.5e9, "2.5 GB"), (4_000, "4.0 kB"), (12, "12 bytes")],
)
def test_sizes_have_units(number: float, text: str) -> None:
    assert size(number) == text


def test_an_index_that_never_answers_does_not_hold_us_up() -> None:
    import socket
    import time

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        assert not torch_choice.reaches(f"http://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.3)
    assert time.monotonic() - started < 60


def test_an_index_that_answers_is_reached() -> None:
    with FileServer({"/whl/": 3}) as server:
        assert torch_choice.reaches(f"{server}/whl/")
        assert not torch_choice.reaches(f"{server}/gone/")


def test_torch_that_does_not_fit_the_disk_is_refused() -> None:
    with pytest.raises(Problem, match=r"torch needs about 3500000000.0 GB") as problem:
        torch_choice._check_space(1e18)
    assert "--torch cpu" in problem.value.remedy
    torch_choice._check_space(1)


def test_a_plan_says_where_torch_comes_from() -> None:
    assert plan_for("auto", cut_off(LAPTOP), "2.13.0") == Plan(
        "torch==2.13.0",
        "",
        "pip takes the build that its package index has (download.pytorch.org is out of reach).",
    )


class FileServer:
    """Answers HEAD for some paths with a size."""

    def __init__(self, files: dict[str, int]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(200 if self.path in files else 404)
                self.send_header("Content-Length", str(files.get(self.path, 0)))
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()
