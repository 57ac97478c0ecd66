"""The lab process: imports torch and every lab, says that it is ready, waits for a run, does it,
and ends.

    python -m workers.process <reading> <writing> <parent> <package>

Args:
    reading, writing: descriptors of the pipes to the worker; what is printed goes to the
        worker's log.
    parent: the worker's process id; when it dies, this process does.
    package: where the labs are.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from workers import catalogue, engine, wire
from workers.batching import Batcher
from workers.pipe import Ended, Line, Ready, Start

log = logging.getLogger(__name__)
PR_SET_PDEATHSIG = 1


def main(reading: int, writing: int, parent: int, package: str) -> None:
    """Get warm, wait, run, end."""
    _die_with(parent)
    for descriptor in (reading, writing):
        os.set_inheritable(descriptor, False)  # what a lab starts must not hold the pipe open
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    faulthandler.enable()
    line = Line(reading, writing)
    labs, hashes = load_labs(package)
    engine.warm_up()
    gc.collect()
    gc.freeze()  # what is here now stays: later collections need not look at it
    ready = Ready(os.getpid(), _device(), hashes, catalogue.engine_hash(), catalogue.versions())
    line.send(ready)
    start = line.receive()
    if not isinstance(start, Start):
        os._exit(0)
    threading.Thread(target=_end_with_the_pipe, args=[line], daemon=True).start()
    line.send(Ended(do(start, labs, line, ready)))
    os._exit(0)  # torch takes its time to tidy up, and there is nothing to tidy


def load_labs(package: str) -> tuple[dict[str, ModuleType], dict[str, str]]:
    """Import every lab; return modules and hashes by slug. One that cannot be imported is not
    offered, and the log says why.
    """
    # before the import: code that changes meanwhile is not taken for the new
    labs, hashes = {}, catalogue.lab_hashes(package)
    home = import_module(package)
    for slug in list(hashes):
        try:
            labs[slug] = home.load(slug)
        except Exception:
            log.exception("the lab %s cannot be imported, and is not offered", slug)
            del hashes[slug]
    return labs, hashes


def do(start: Start, labs: Mapping[str, ModuleType], line: Line, ready: Ready) -> wire.Result:
    """Run the lab, sending its points; return how it ended. Whatever it raises is a result."""
    began = time.perf_counter()
    if start.threads:
        torch.set_num_threads(start.threads)
        threadpool_limits(start.threads)
    told: dict[str, Any]
    try:
        told = {"state": "succeeded", "verdicts": _run(start, labs[start.lab], line)}
    except BaseException as error:  # a lab that calls sys.exit() has failed, too
        said = " ".join(f"{type(error).__name__}: {error}".split())
        told = {
            "state": "failed",
            "error": _text(said, 500),
            "detail": _text(traceback.format_exc(), 20_000),
        }
    return wire.Result(
        **told,
        seconds=time.perf_counter() - began,
        device=ready.device,
        versions=ready.versions,
        engine=ready.engine,
        summary={"threads": torch.get_num_threads(), "peak_memory": _peak_memory()},
    )


def _run(start: Start, lab: ModuleType, line: Line) -> list[wire.Verdict]:
    config = lab.Config(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in start.config.items()
        }
    )
    with Batcher(line.send, points_expected=lab.length(config, start.replicates)) as batcher:
        for point in lab.run(config, engine.seeds(start.seed, start.replicates)):
            batcher.add(point)
    claims = [claim for claim in engine.RULES if claim.startswith(f"{start.lab}.")]
    return [
        _verdict(claim, verdict)
        for claim, verdict in engine.evaluate_claims(batcher.points, claims)
    ]


def _verdict(claim: str, verdict: engine.Verdict) -> wire.Verdict:
    return wire.Verdict(
        claim=claim,
        diverged=verdict.diverged,
        exact=verdict.exact,
        parts=[wire.Part(name=name, **_numbers(part)) for name, part in verdict.parts],
        **_numbers(verdict),
    )


def _numbers(verdict: engine.Verdict) -> dict[str, Any]:
    return {
        name: getattr(verdict, name) for name in ("outcome", "effect", "low", "high", "replicates")
    }


def _device() -> wire.Device:
    device = engine.device()
    return wire.Device(kind=device.kind, name=device.name, cores=device.cores, memory=device.memory)  # type: ignore[arg-type]


def _peak_memory() -> int:
    """Return bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _text(text: str, length: int) -> str:
    """Return text that any database holds: no NUL, no lone surrogates."""
    return text.encode(errors="replace").decode().replace("\0", "")[:length]


def _die_with(parent: int) -> None:
    """Ask Linux to kill this process when the thread that started it dies; elsewhere the pipe
    tells.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)


def _end_with_the_pipe(line: Line) -> None:
    for _ in line:
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
