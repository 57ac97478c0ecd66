"""A backup of a site that works: what was acknowledged before it began is in it, whole.

    python -m benchmarks.backup_under_load [runs]

A web process serves no-op runs (`benchmarks.protocol`) from its start to after the end of
`./gradus backup`; the file is restored into another data folder, and its runs are compared with
those that the workers were told are done. Run it as root and as an ordinary account: the cluster
lies elsewhere. Target: 20 runs a second meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
from launcher.backup import save_site
from launcher.embedded import Postgres, Valkey, server_folder, socket_folder
from launcher.home import Home
from launcher.processes import stop
from launcher.restore import restore_site
from launcher.running import Address, environment, settle_cluster, started

from benchmarks import ROOT
from benchmarks.protocol import QUEUE, WORKERS, no_op
from benchmarks.site import machine
from tests.e2e.system import System
from tests.e2e.waiting import until
from workers.wire import PREFIX

# a run that is done has its one point, its verdict, and nobody who works on it
WHOLE = """
    SELECT id::text FROM experiments_run AS run WHERE state = 'succeeded' AND last_seq = 1
    AND (SELECT count(*) FROM experiments_verdict WHERE run_id = run.id) = 1
    AND (SELECT count(*) FROM experiments_batch WHERE run_id = run.id AND seq = 1) = 1
    AND NOT EXISTS (SELECT FROM experiments_runattempt
                    WHERE run_id = run.id AND ended_at IS NULL)
    """
# not those that every site loads, whose keys are no numbers
DONE = "SELECT id::text FROM experiments_run WHERE state = 'succeeded' AND key ~ '^[0-9]+$'"


class Load:
    """Workers that do no-op runs until told to stop; `acknowledged` are those that ended."""

    def __init__(self, system: System, code_hash: str) -> None:
        self.acknowledged: list[str] = []
        self._system, self._code_hash = system, code_hash
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS)
        self._working = [self._pool.submit(self._work) for _ in range(WORKERS)]

    def _work(self) -> None:
        with httpx.Client(
            base_url=f"{self._system.url}{PREFIX}",
            headers={"Authorization": f"Worker {self._system.token}"},
            trust_env=False,
            timeout=60,
        ) as http:
            while not self._over.is_set():
                run = no_op(http, self._code_hash)
                assert run, "no run is left: queue more"
                self.acknowledged.append(run)

    def stop(self) -> None:
        self._over.set()
        for worker in self._working:
            worker.result()


def saved_under_load(home: Home, file: Path, runs: int) -> tuple[set[str], set[str], float]:
    """Return which runs were acknowledged before and until the end of the backup, and its
    seconds.
    """
    environment(home, Address())
    with ExitStack() as stack:
        url = stack.enter_context(started(Postgres(home.path), home))
        valkey = Valkey(home.path)
        stack.callback(stop, valkey.start(), valkey.ends_by)
        # packages lie outside the checkout where an ordinary account runs it
        paths = [str(ROOT / "platform"), str(ROOT), os.environ.get("PYTHONPATH", "")]
        system = System(
            home.path.parent / "site", url, valkey.url, PYTHONPATH=os.pathsep.join(paths)
        )
        system.make_ready()
        script = system.folder / "make_runs.py"
        script.write_text(QUEUE)
        code_hash = system.manage_script(str(script), str(runs)).strip()
        stack.callback(system.stop)
        system.start("web").wait_for_web()
        load = Load(system, code_hash)
        stack.callback(load.stop)
        until(lambda: len(load.acknowledged) >= 50, 240, "50 runs are done")
        before, start = set(load.acknowledged), time.perf_counter()
        lock = home.lock()
        save_site(home, file)
        lock.release()
        seconds, after = time.perf_counter() - start, set(load.acknowledged)
        return before, after, seconds


def main(runs: int) -> None:
    print(f"On {machine()}, as user {os.geteuid()}")
    place = Path(tempfile.mkdtemp(prefix="gradus-benchmark-"))
    home, other = Home(place / "data"), Home(place / "other")
    try:
        before, after, seconds = saved_under_load(home, place / "site.backup", runs)
        restore_site(other, place / "site.backup", replace=False)
        settle_cluster(other)
        with started(Postgres(other.path), other) as url, psycopg.connect(url) as connection:
            done = {row[0] for row in connection.execute(DONE).fetchall()}
            whole = {row[0] for row in connection.execute(WHOLE).fetchall()}
    finally:
        for folder in (home.path, other.path):
            for gone in (server_folder(folder), socket_folder(folder)):
                shutil.rmtree(gone, ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)
    during = len(after - before)
    print(f"backup: {seconds:.1f} s, beside {during / seconds:.1f} no-op runs a second")
    assert not before - whole, f"{len(before - whole)} of {len(before)} are missing"
    assert done == whole, f"{len(done - whole)} are there by half"
    figures = {"before": len(before), "restored": len(whole), "during": during}
    print(json.dumps({**figures, "seconds": round(seconds, 1), "missing": 0}))


if __name__ == "__main__":
    os.chdir(ROOT)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
