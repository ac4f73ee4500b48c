"""Owns the command line of a cage: what bubblewrap shows, and what the step inside it is told."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pilothouse.engine.confine.types import Cage, ConfineMissing
from pilothouse.kernel import UsageError

__all__ = ["Fence", "fence"]

SYSTEM: Final = ("/usr", "/lib", "/lib64", "/bin", "/sbin")
ALWAYS: Final = ("/etc/ld.so.cache", "/etc/alternatives", "/sys/devices/system/cpu")
DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full")
RANDOM: Final = ("/dev/random", "/dev/urandom")
SCRATCH: Final = "/tmp"  # noqa: S108  # Inside the cage, where it is private.
INSIDE: Final = "/.confine.py"
OURS: Final = Path(__file__).parents[2]
"""This package; its parent is listed by the import system, and holds nothing else inside."""
NOBODY: Final = 65_534
FIRST_ACCOUNT: Final = 1 << 30
"""Accounts of cages that root starts lie far above those of people and of containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """One start: the command line, and the account that the writable mounts must belong to (0: ours)."""

    argv: tuple[str, ...]
    account: int
    writable: tuple[Path, ...]


def fence(argv: Sequence[str], cage: Cage, *, seccomp: int | None) -> Fence:
    """Return how to start ``argv`` inside the cage; ``seccomp`` is an open file with the filter.

    Raises:
        ConfineMissing: bubblewrap is not installed.
        UsageError: ``engine.confine_mount``: a mount is not there, or stands where the cage's own must.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise ConfineMissing("bubblewrap is not installed: `apt-get install bubblewrap` (or dnf, apk)")
    root = os.geteuid() == 0
    account = _account() if root else 0
    shown = [*_python(), *((str(_checked(m.path)), m.at or str(m.path), m.write) for m in cage.mounts)]
    # The step inside needs the interpreter in any case; Landlock closes it for the command.
    closed = set[str]() if cage.python else {inside for _, inside, _ in _python()}
    words = [bwrap, *_namespaces(root), *_system(cage.bounds.scratch)]
    words += _parents([*ALWAYS, *(_place(inside) for _, inside, _ in shown)])
    for outside, inside, write in shown:
        words += ["--bind" if write else "--ro-bind", outside, inside]
    for name in ALWAYS:
        words += ["--ro-bind-try", name, name]
    words += ["--ro-bind", str(Path(__file__).with_name("inside.py")), INSIDE, "--remount-ro", "/"]
    words += ["--chdir", cage.cwd, "--clearenv", *_environment(cage)]
    words += [] if seccomp is None else ["--seccomp", str(seccomp)]
    config = {
        "limits": _limits(cage),
        "account": account,
        "read": [*SYSTEM, *ALWAYS, *RANDOM, "/proc", *([str(OURS.parent)] if cage.python else [])]
        + [inside for _, inside, write in shown if not write and inside not in closed],
        "write": [SCRATCH, *DEVICES, *(inside for _, inside, write in shown if write)],
    }
    words += ["--", _interpreter(), "-I", "-S", INSIDE, json.dumps(config), "--", *argv]
    writable = tuple(m.path for m in cage.mounts if m.write)
    return Fence(argv=tuple(words), account=account, writable=writable)


def _account() -> int:
    """An account nobody has; a container may know few of them, then one of its last."""
    for first, count in ((FIRST_ACCOUNT, FIRST_ACCOUNT - 2), (40_000, 20_000), (NOBODY, 1)):
        account = first + secrets.randbelow(count)
        if all(_mapped(account, kind) for kind in ("uid", "gid")):
            return account
    return NOBODY


def _mapped(account: int, kind: str) -> bool:
    try:
        lines = Path(f"/proc/self/{kind}_map").read_text("ascii").splitlines()
    except OSError:
        return account == NOBODY
    ranges = [tuple(map(int, line.split())) for line in lines]
    return any(inside <= account < inside + count for inside, _, count in ranges)


def _namespaces(root: bool) -> list[str]:
    shared = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    shared += ["--hostname", "confined", "--new-session", "--die-with-parent"]
    if root:
        # Root's processes escape the limit on their number in any user namespace, and own root's files:
        # the step inside takes an account that owns nothing instead, and keeps no capability.
        return [*shared, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*shared, "--unshare-user", "--disable-userns"]


def _system(scratch: int) -> list[str]:
    words: list[str] = []
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            words += ["--ro-bind", name, name]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    return [*words, "--perms", "1777", "--size", str(scratch), "--tmpfs", SCRATCH]


def _parents(inside: list[str]) -> list[str]:
    """Make the folders above the mounts: bubblewrap's own are closed to every account but root's."""
    above = {parent for path in inside for parent in Path(path).parents if parent != Path("/")}
    words: list[str] = []
    for parent in sorted(above):
        if parent != Path(SCRATCH) and not any(parent.is_relative_to(name) for name in SYSTEM):
            words += ["--perms", "0755", "--dir", str(parent)]
    return words


def _python() -> list[tuple[str, str, bool]]:
    """The interpreter, its packages and, where it is installed elsewhere, this package; no import path."""
    kept: list[Path] = []
    for path in sorted({Path(entry).absolute() for entry in (sys.base_prefix, sys.prefix, OURS)}):
        if not any(path.is_relative_to(known) for known in (*kept, Path("/usr"))):
            kept.append(path)
    return [(str(path), str(path), False) for path in kept]


def _interpreter() -> str:
    return str(Path(sys.executable).absolute())


def _checked(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"{str(path)!r} is not there and cannot be shown", code="engine.confine_mount")
    return path.resolve()


def _place(inside: str) -> str:
    path = Path(inside)
    taken = {Path(name) for name in (*SYSTEM, "/", "/proc", "/dev", "/sys", "/etc", SCRATCH, INSIDE)}
    hides = any(Path(known).is_relative_to(path) and Path(known) != path for known, _, _ in _python())
    if not path.is_absolute() or ".." in path.parts or path in taken or hides:
        raise UsageError(f"nothing can be shown at {inside!r} inside a cage", code="engine.confine_mount")
    return inside


def _environment(cage: Cage) -> list[str]:
    given = {"PATH": "/usr/bin:/bin", "HOME": SCRATCH, "TMPDIR": SCRATCH, "LANG": "C.UTF-8"}
    words: list[str] = []
    for name, value in {**given, **cage.environment}.items():
        words += ["--setenv", name, value]
    return words


def _limits(cage: Cage) -> dict[str, int]:
    bounds = cage.bounds
    return {
        "AS": bounds.memory,
        "CORE": 0,
        "CPU": bounds.cpu_s,
        "FSIZE": bounds.file_bytes,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
        "NOFILE": bounds.files,
        "NPROC": bounds.processes,
    }
