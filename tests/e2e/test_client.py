"""The whole loop by the command `gradus`, and by docs/api_walk.py, on the whole system: signed in
by a code, a question, a run that is watched, its points as files, the ledger.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.e2e.people import SMALL, Member, check_whole
from tests.e2e.system import PASSWORD, ROOT, System

SECONDS = 300.0  # for a command, on a busy machine


class Terminal:
    """Somebody's terminal, with a folder of its own for settings and files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        self.environment = kept | {
            "GRADUS_CONFIG": str(folder / "config"),
            "PYTHONPATH": str(ROOT / "clients/python"),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "160",
            "LANG": "C.UTF-8",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "gradus_client", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *arguments: str) -> str:
        with self.start(*arguments) as process:
            printed, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, printed
        return printed

    def sign_in(self, person: Member) -> None:
        """Begin to sign in, and approve it in the browser of a person."""
        with self.start("login", person.system.url, "--no-browser") as process:
            stop = threading.Timer(SECONDS, process.kill)
            stop.start()
            try:
                lines = list(self._approved(process, person))
            finally:
                stop.cancel()
                process.kill()
        assert f"as {person.handle}" in lines[-1], lines

    def _approved(self, process: subprocess.Popen[str], person: Member) -> Iterator[str]:
        """Yield what is printed, and approve the code in it."""
        assert process.stdout is not None
        for line in process.stdout:
            yield line
            if code := re.fullmatch(r"\s+([A-Z]{4}-[A-Z]{4})\s+", line):
                shown = person.post("/device", {"code": code[1]}, page="/device")
                assert "asks to sign in" in shown.text, shown.text
                form = {"code": code[1], "action": "approve"}
                asked = person.post("/device/decide", form, page="/device")
                assert "/reauthenticate/" in asked.headers.get("location", ""), asked.text
                person.post(asked.headers["location"], {"password": PASSWORD})
                decided = person.post("/device/decide", form, page="/device")
                assert decided.status_code == 200, decided.text


def test_the_loop_by_the_api_alone(
    site: System, member: Callable[..., Member], tmp_path: Path
) -> None:
    gradus, kay = Terminal(tmp_path), member(site, "kay")
    rows = "SELECT count(*) FROM progress_review r JOIN accounts_user u ON u.id = r.user_id"
    ((before,),) = site.query(f"{rows} WHERE u.handle = 'kay'")
    gradus.sign_in(kay)
    (stored,) = (tmp_path / "config").glob("*")
    token = re.search(r"gradus_[\w-]+", stored.read_text(encoding="utf-8"))
    assert token is not None
    walk = subprocess.run(
        [sys.executable, str(ROOT / "docs/api_walk.py"), site.url],
        env=gradus.environment | {"GRADUS_TOKEN": token[0]},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert walk.returncode == 0, walk.stdout + walk.stderr
    run = re.search(r"cites run (\S+)", walk.stdout)
    came = re.search(r"(\d+) points came live, of (\d+)", walk.stdout)
    assert run and came and came[1] == came[2]
    assert "dead-relu.lr-kills: " in walk.stdout and "were right:" in walk.stdout
    assert site.query("SELECT shared FROM experiments_run WHERE id = %s", run[1]) == [(True,)]
    ((after,),) = site.query(f"{rows} WHERE u.handle = 'kay'")
    assert after > before  # the grade that followed from the check was replaced


def test_the_loop_from_the_sign_in_to_the_ledger(
    site: System, member: Callable[..., Member], tmp_path: Path
) -> None:
    gradus, lin = Terminal(tmp_path), member(site, "lin")
    gradus.sign_in(lin)

    assert "dead-relu" in gradus("questions", "--words", "dead")
    gradus("answer", "dead-relu", "--text", "123456", "--reveal")
    attempts = "SELECT count(*) FROM progress_attempt a JOIN accounts_user u ON u.id = a.user_id"
    assert site.query(f"{attempts} WHERE u.handle = 'lin'") == [(1,)]

    settings = [f"--set={name}={value}" for name, value in SMALL.items()]
    predicted = ["--outcome", "holds", "--confidence", "80", "--watch"]
    watched = gradus("runs", "submit", "dead-relu", *settings, *predicted)
    run = re.search(r"Queued: (\S+)", watched)
    assert run and "Finished." in watched and "You predicted: holds" in watched

    gradus("runs", "fetch", run[1], "--csv", "--npz")
    points = lin.points(run[1])
    check_whole(points)
    with (tmp_path / f"{run[1]}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with np.load(tmp_path / f"{run[1]}.npz") as arrays:
        for curve in points["series"]:
            name = (curve["arm"], curve["series"])
            steps = [float(row["step"]) for row in rows if (row["arm"], row["series"]) == name]
            assert steps == curve["step"] == list(arrays["/".join([*name, "step"])])

    assert "dead-relu.lr-kills" in gradus("ledger", "--lab", "dead-relu")
    assert "signed out" in gradus("logout")
