"""Owns the nouns of confinement: what a cage shows, what it bounds, and how a confined process ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pilothouse.kernel import UsageError

__all__ = ["Bounds", "Cage", "ConfineMissing", "Ended", "Mount", "Why"]

Why = Literal["exit", "wall", "resident", "written", "output", "killed"]
MIB = 1024 * 1024


class ConfineMissing(UsageError):
    """This machine cannot confine; the message says why and what to install or allow."""

    code = "engine.confine_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file or folder that the confined process sees.

    Attributes:
        path: Where it is here; must exist.
        at: Where it is inside; the same path by default. ``/room/...`` is never in the way of anything.
        write: Whether it may be changed. As root, the folder belongs to the cage's account meanwhile.
    """

    path: Path
    at: str = ""
    write: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a confined process may use; always finite.

    Attributes:
        memory: Bytes of address space of one process.
        resident: Bytes of memory of all its processes together, looked at four times a second.
        cpu_s: CPU seconds of one process.
        wall_s: Seconds from start to end of :func:`confined`; of an open process, its whole life.
        processes: Processes and threads.
        files: Open files of one process.
        file_bytes: Size of one written file.
        scratch: Bytes of its private ``/tmp``.
        written: Bytes below all writable mounts, looked at four times a second.
        output: Bytes of standard output, and of standard error.
    """

    memory: int = 1024 * MIB
    resident: int = 512 * MIB
    cpu_s: int = 30
    wall_s: float = 60.0
    processes: int = 32
    files: int = 256
    file_bytes: int = 64 * MIB
    scratch: int = 64 * MIB
    written: int = 256 * MIB
    output: int = 16 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Cage:
    """What a confined process sees and may use: no network, no environment but this, nothing of ours.

    ``/usr``, the interpreter and its packages are readable, ``/tmp`` is private and ends with the process.

    Attributes:
        mounts: What else it sees.
        environment: All of its environment but ``PATH``, ``HOME``, ``TMPDIR`` and ``LANG``.
        cwd: Where it starts, inside.
        python: Whether the interpreter that runs us and its packages are shown.
        bounds: What it may use.
    """

    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: str = "/tmp"  # noqa: S108  # The cage's own, a file system in memory.
    python: bool = True
    bounds: Bounds = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a confined command ended.

    Attributes:
        code: Exit code; 128 + n where signal n ended it.
        why: ``exit`` where it ended by itself; otherwise the bound that ended it.
        stdout: At most ``bounds.output`` bytes.
        stderr: Its last ``bounds.output`` bytes at most.
        seconds: Wall time.
    """

    code: int
    why: Why
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.why == "exit" and self.code == 0
