"""Owns the question whether this machine can confine: answered by doing it once; a yes is remembered."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from pilothouse.engine.confine.seccomp import filter_program
from pilothouse.engine.confine.types import Bounds, Cage, ConfineMissing
from pilothouse.kernel import PilothouseError

__all__ = ["Confinement", "confinement", "require_confinement"]

_known: dict[int, Confinement] = {}
USERNS_CLOSED = (
    "the kernel gives no user namespaces to this account: allow them "
    "(`sysctl kernel.unprivileged_userns_clone=1`, or an AppArmor profile for bwrap), or run as root"
)
CONTAINER = (
    "the container may not make namespaces: start it with a seccomp profile that allows them, "
    "or run the worker outside of the container"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What this machine can do.

    Attributes:
        ok: Whether commands can be confined.
        why: In words.
        next_step: Empty where all fences stand.
        landlock: Version of Landlock in the kernel; 0: this fence is missing, the others stand.
        seccomp: Whether system calls are filtered.
    """

    ok: bool
    why: str
    next_step: str = ""
    landlock: int = 0
    seccomp: bool = False


async def confinement() -> Confinement:
    """Return whether this account can confine on this machine: tried, and a success is remembered."""
    account = os.geteuid()
    if account in _known:
        return _known[account]
    found = await _try()
    if found.ok:
        _known[account] = found
    return found


async def require_confinement() -> None:
    """Refuse where this machine cannot confine.

    Raises:
        ConfineMissing: ``engine.confine_missing``, with the reason and the next step.
    """
    found = await confinement()
    if not found.ok:
        raise ConfineMissing(
            f"nothing foreign is run here: {found.why}. {found.next_step}; see `pilothouse doctor`"
        )


async def _try() -> Confinement:
    if sys.platform != "linux":
        return Confinement(
            ok=False, why=f"{platform.system()} has no namespaces", next_step="run the worker on Linux"
        )
    from pilothouse.engine.confine.inside import landlock_version
    from pilothouse.engine.confine.process import start, to_end

    cage = Cage(bounds=Bounds(wall_s=60.0, cpu_s=10))
    try:
        process = await start([str(Path(sys.executable).absolute()), "-I", "-S", "-c", "print(1)"], cage)
        try:
            ended = await to_end(process, b"", 100)
        finally:
            await asyncio.shield(process.close())
    except PilothouseError as error:
        return Confinement(ok=False, why=error.message, next_step=_next_step(error.message))
    if not ended.ok:
        said = ended.stderr[-300:].decode(errors="replace").strip() or f"exit code {ended.code}"
        return Confinement(ok=False, why=f"the trial failed: {said}", next_step=_next_step(said))
    return _standing(landlock_version())


def _standing(landlock: int) -> Confinement:
    filtered = filter_program() is not None
    missing = [*(() if landlock else ("Landlock",)), *(() if filtered else ("the filter of system calls",))]
    return Confinement(
        ok=True,
        why="bubblewrap confines" + (f", without {' and '.join(missing)}" if missing else ""),
        next_step="enable Landlock in the kernel (lsm=landlock)" if not landlock else "",
        landlock=landlock,
        seccomp=filtered,
    )


def _next_step(said: str) -> str:
    if "not installed" in said:
        return "install bubblewrap"
    if "Creating new namespace failed" in said or "No permissions to create" in said:
        return CONTAINER if os.geteuid() == 0 else USERNS_CLOSED
    if "Permission denied" in said and os.geteuid() == 0:
        return "make interpreter and packages readable for every account, or run as an ordinary one"
    return "read the reason above; `bwrap --unshare-all --ro-bind / / true` tries the bare machine"
