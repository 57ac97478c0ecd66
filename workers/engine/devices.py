"""What a run is computed on, and getting it warm."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from workers.engine.ensemble import Ensemble
from workers.engine.training import batches, cross_entropy, shufflers


@dataclass(frozen=True)
class Device:
    kind: str  # cpu or cuda
    name: str  # as the system calls it
    cores: int
    memory: int  # bytes: of the GPU, else of the machine


def best_device() -> torch.device:
    """Return the GPU where there is a CUDA one, else the CPU. Apple's GPU is not used: it has no float64."""
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
    """Take one small training step and one census, so that the first run pays for no lazy import, kernel or CUDA context."""
    home = best_device()
    x, y = torch.randn(8, 4, device=home), torch.randint(2, (8,), device=home)
    nets = Ensemble(lambda: torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)), range(2)).to(home)
    optimizer = torch.optim.SGD(nets.parameters(), 0.1)
    for bx, by in batches(x, y, shufflers(range(2)), size=8):
        loss = cross_entropy(nets(bx), by)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
    with torch.no_grad():
        nets(x.expand(2, -1, -1)).argmax(2).cpu()


def _processor() -> str:
    if sys.platform == "darwin":
        told = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
        return told.stdout.strip() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    for line in cpus.read_text().splitlines() if cpus.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
