"""The device a run is computed on, and its warm-up."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from workers.engine.ensemble import Ensemble
from workers.engine.training import batches, cross_entropy, shuffle_generators


@dataclass(frozen=True)
class Device:
    kind: str  # cpu or cuda
    name: str  # as the system calls it
    cores: int
    memory: int  # bytes: of the GPU, else of the machine


def best_device() -> torch.device:
    """Return the GPU if CUDA has one, else the CPU; Apple's GPU has no float64 and is not used."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@cache
def device() -> Device:
    """Describe what `best_device` computes on."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if best_device().type == "cuda":
        gpu = torch.cuda.get_device_properties(0)
        return Device("cuda", gpu.name, cores, gpu.total_memory)
    return Device("cpu", _processor(), cores, _memory())


def warm_up() -> None:
    """Do one training step and three evaluations, as large as those of a lab.

    Lazy imports and the CUDA context are then paid for before a run begins. The size matters: until
    glibc has seen large blocks freed it returns them to the system, and the page faults of a first
    evaluation cost 0.2 s.
    """
    where = best_device()
    x, y = torch.randn(2048, 64, device=where), torch.randint(10, (2048,), device=where)
    nets = Ensemble(_small_net, range(16)).to(where)
    optimizer = torch.optim.SGD(nets.parameters(), 0.1)
    bx, by = next(batches(x, y, shuffle_generators(range(16)), size=64))
    optimizer.zero_grad()
    cross_entropy(nets(bx), by).sum().backward()
    optimizer.step()
    with torch.no_grad():
        for _ in range(3):
            logits = nets(x.expand(16, -1, -1))
            outputs = torch.stack([logits] * 16, dim=2)
            (outputs == 0).all(dim=1).float().mean(dim=(1, 2)).cpu()
            losses = cross_entropy(logits, y.expand(16, -1))
            losses.where(logits.isfinite().all(dim=(1, 2)), torch.nan).cpu()


def _small_net() -> nn.Module:
    widths = [64, 64, 64]
    hidden = [layer for n, m in pairwise(widths) for layer in (nn.Linear(n, m), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(64, 10))


def _processor() -> str:
    """Return the processor's name as the system gives it."""
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return output.strip() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int:
    """Return the memory of the machine in bytes; 0 where the system does not say."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
