"""The lab process: imports torch and all labs, reports that it is ready, runs one run, exits.

    python -m workers.process <reading> <writing> <parent> <package>

`reading` and `writing` are descriptors of the pipes to the worker, see `workers.pipe`. `parent` is
the process id of the worker: when it dies, so does this process. `package` holds the labs. What
is printed goes to the log of the worker.
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
from workers.pipe import Channel, Ended, Ready, Start

log = logging.getLogger(__name__)
PR_SET_PDEATHSIG = 1


def main(reading: int, writing: int, parent: int, package: str) -> None:
    """Import and warm up, send `Ready`, wait for `Start`, run it, send `Ended`, exit."""
    _die_with_parent(parent)
    for descriptor in (reading, writing):
        os.set_inheritable(descriptor, False)  # a child of the lab must not keep the pipe open
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    faulthandler.enable()
    channel = Channel(reading, writing)
    labs, hashes = load_labs(package)
    engine.warm_up()
    gc.collect()
    gc.freeze()  # later collections skip what was imported
    ready = Ready(os.getpid(), _device(), hashes, engine.VERSION, catalogue.versions())
    channel.send(ready)
    start = channel.receive()
    if not isinstance(start, Start):
        os._exit(0)
    threading.Thread(target=_exit_when_pipe_closes, args=[channel], daemon=True).start()
    channel.send(Ended(run_lab(start, labs, channel, ready)))
    os._exit(0)  # torch would take its time to clean up, and nothing needs it


def load_labs(package: str) -> tuple[dict[str, ModuleType], dict[str, str]]:
    """Import every lab; return modules and hashes of their code by slug.

    A lab that cannot be imported is left out, and the log has the traceback.
    """
    # Hashed before the import: if a file changes in between, the run is leased for the old code.
    labs, hashes = {}, catalogue.code_hashes(package)
    loader = import_module(package)
    for slug in list(hashes):
        try:
            labs[slug] = loader.load(slug)
        except Exception:
            log.exception("the lab %s cannot be imported, and is not offered", slug)
            del hashes[slug]
    return labs, hashes


def run_lab(
    start: Start, labs: Mapping[str, ModuleType], channel: Channel, ready: Ready
) -> wire.Result:
    """Run a lab and send its points; return how it ended. Whatever it raises is a result."""
    start_time = time.perf_counter()
    if start.threads:
        torch.set_num_threads(start.threads)
        threadpool_limits(start.threads)
    outcome: dict[str, Any]
    try:
        outcome = {"state": "succeeded", "verdicts": _verdicts(start, labs[start.lab], channel)}
    except BaseException as error:  # a lab that calls sys.exit() has failed, too
        message = " ".join(f"{type(error).__name__}: {error}".split())
        outcome = {
            "state": "failed",
            "error": _storable(message, 500),
            "detail": _storable(traceback.format_exc(), 20_000),
        }
    return wire.Result(
        **outcome,
        seconds=time.perf_counter() - start_time,
        device=ready.device,
        versions=ready.versions,
        engine=ready.engine,
        summary={"threads": torch.get_num_threads(), "peak_memory": _peak_memory()},
    )


def _verdicts(start: Start, lab: ModuleType, channel: Channel) -> list[wire.Verdict]:
    """Run a lab to its end and send its points; return the verdicts on its own claims."""
    settings = start.config.items()  # JSON has lists where a Config has tuples
    config = lab.Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings})
    with Batcher(channel.send, points_expected=lab.length(config, start.replicates)) as batcher:
        for point in lab.run(config, engine.seeds(start.seed, start.replicates)):
            batcher.add(point)
    claims = [claim for claim in engine.RULES if claim.startswith(f"{start.lab}.")]
    verdicts = engine.evaluate_claims(batcher.points, claims)
    return [_verdict(claim, verdict) for claim, verdict in verdicts]


def _verdict(claim: str, verdict: engine.Verdict) -> wire.Verdict:
    return wire.Verdict(
        claim=claim,
        diverged=verdict.diverged,
        exact=verdict.exact,
        parts=[wire.Part(name=name, **_numbers(part)) for name, part in verdict.parts],
        **_numbers(verdict),
    )


def _numbers(verdict: engine.Verdict) -> dict[str, Any]:
    names = ("outcome", "effect", "low", "high", "replicates")
    return {name: getattr(verdict, name) for name in names}


def _device() -> wire.Device:
    device = engine.device()
    return wire.Device(kind=device.kind, name=device.name, cores=device.cores, memory=device.memory)  # type: ignore[arg-type]


def _peak_memory() -> int:
    """Return the largest resident set of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _storable(text: str, length: int) -> str:
    """Return text, cut to a length, that PostgreSQL can store: no NUL, no lone surrogates."""
    return text.encode(errors="replace").decode().replace("\0", "")[:length]


def _die_with_parent(parent: int) -> None:
    """Have Linux kill this process when the thread that started it ends.

    Elsewhere the closed pipe does it: see `_exit_when_pipe_closes`.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(0)


def _exit_when_pipe_closes(channel: Channel) -> None:
    """Kill the whole process group when the worker is gone."""
    for _ in channel:
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
