"""Owns the look at a running cage: memory of all its processes, and bytes below its writable mounts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["give_to", "resident", "written"]

PAGE = os.sysconf("SC_PAGE_SIZE")
MAX_ENTRIES = 200_000


def _children(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        lists = [(task / "children").read_text("ascii") for task in tasks]
    except OSError:
        return []
    return [int(child) for found in lists for child in found.split()]


def resident(pid: int) -> int:
    """Return the bytes that a process and all below it hold in memory; what is gone counts nothing."""
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        try:
            fields = Path(f"/proc/{one}/statm").read_text("ascii").split()
        except OSError:
            continue
        total += int(fields[1]) * PAGE
        todo += _children(one)
    return total


def written(folders: Iterable[Path], bound: int) -> int:
    """Return the bytes below the folders, counted until they exceed ``bound``; links are not followed."""
    total, entries = 0, 0
    for folder in folders:
        for _, _, names, at in os.fwalk(folder):
            for name in names:
                total += _size(name, at)
            entries += len(names) + 1
            if total > bound or entries > MAX_ENTRIES:
                return max(total, bound + 1)
    return total


def _size(name: str, at: int) -> int:
    try:
        return os.stat(name, dir_fd=at, follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0


def give_to(folder: Path, account: int, group: int) -> None:
    """Give a folder and all below it to an account, as root, without following any link."""
    if not folder.is_dir():
        os.chown(folder, account, group, follow_symlinks=False)
        return
    for _, folders, names, at in os.fwalk(folder, follow_symlinks=False):
        os.fchown(at, account, group)
        for name in (*folders, *names):
            os.chown(name, account, group, dir_fd=at, follow_symlinks=False)
