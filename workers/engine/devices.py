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
    """Return the GPU where there is a CUDA one, else the CPU. Apple's GPU is not used: it has no
    float64.
    """
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
    """Take one training step and a few censuses, as large as a lab's, so that no run pays for a
    lazy import or a CUDA context.

    The size matters: glibc hands freed blocks back to the system until it has seen large ones
    freed, and the page faults of a first census cost 0.2 s.
    """
    home = best_device()
    x, y = torch.randn(2048, 64, device=home), torch.randint(10, (2048,), device=home)
    nets = Ensemble(_small, range(16)).to(home)
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
            cross_entropy(logits, y.expand(16, -1)).where(
                logits.isfinite().all(dim=(1, 2)), torch.nan
            ).cpu()


def _small() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )


def _processor() -> str:
    if sys.platform == "darwin":
        told = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"],
            capture_output=True,
            text=True,
            check=False,
        )
        return told.stdout.strip() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    for line in cpus.read_text().splitlines() if cpus.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
