"""Owns what a native runtime needs of this machine; asked by ``pilothouse doctor`` and before each start."""

from __future__ import annotations

import platform
from pathlib import Path

__all__ = ["lacking_memory", "missing_instructions"]

NEEDED = ("avx2", "fma")


def missing_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Return which instructions of x86 the local text model needs and this processor does not have.

    Empty where it has them, and where nobody can say (no ``/proc``, another architecture).
    """
    if platform.machine() not in {"x86_64", "AMD64"}:
        return ()
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), None)
    return () if flags is None else tuple(name for name in NEEDED if name not in flags)


def lacking_memory(size: int, meminfo: Path = Path("/proc/meminfo")) -> str:
    """Return in words why weights of ``size`` bytes do not fit into the free memory; empty when they do."""
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return ""
    free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    if free is None or size <= free:
        return ""
    return f"the weights have {size / 1e6:.0f} MB and only {free / 1e6:.0f} MB of memory are free"
