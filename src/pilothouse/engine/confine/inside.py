"""Owns the last step before a confined command: limits, another account, Landlock; then it is the command.

Runs inside bubblewrap, alone (``python -I -S inside.py CONFIG -- ARGV``), so it imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import stat
import sys
from typing import Any

__all__ = ["landlock_version", "main"]

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG, PATH_BENEATH, NO_NEW_PRIVS = 1, 1, 38
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL = 1, 2, 4, 8, 1 << 14, 1 << 15
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
RIGHTS_OF_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
EVERY_RIGHT, TCP, SCOPES = (1 << 16) - 1, 3, 3


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has; 0 for none."""
    return max(0, ctypes.CDLL(None).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG))


def _landlock(read: list[str], write: list[str]) -> None:
    """Allow these paths and no TCP, then nothing can take it back."""
    version, libc = landlock_version(), ctypes.CDLL(None, use_errno=True)
    if version == 0:
        return
    handled = RIGHTS_OF_VERSION.get(version, EVERY_RIGHT)
    rules = _Ruleset(handled, TCP if version >= 4 else 0, SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = libc.syscall(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    for paths, rights in ((read, EXECUTE | READ_FILE | READ_DIR), (write, handled)):
        for path in paths:
            _allow(libc, ruleset, path, rights & handled)
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.syscall(RESTRICT_SELF, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(os.fstat(parent).st_mode):
        rights &= FILE_RIGHTS
    rule = _Beneath(rights, parent)
    if libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0) != 0:
        raise OSError(ctypes.get_errno(), f"landlock_add_rule {path}")
    os.close(parent)


def _limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(which)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (most, most))


def main(argv: list[str]) -> None:
    """Confine this process as the first argument says and become the command behind ``--``."""
    config: dict[str, Any] = json.loads(argv[0])
    try:
        _limit(config["limits"])
        if config["account"]:
            os.setgroups([])
            os.setresgid(*[config["account"]] * 3)
            os.setresuid(*[config["account"]] * 3)
        _landlock(config["read"], config["write"])
        os.execv(argv[2], argv[2:])  # noqa: S606  # No shell: this is the command itself.
    except OSError as error:
        sys.stderr.write(f"confine: {error}\n")
        raise SystemExit(126) from None


if __name__ == "__main__":
    main(sys.argv[1:])
