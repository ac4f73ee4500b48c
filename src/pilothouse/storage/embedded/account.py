"""Owns the system account of the embedded server: ours, or one of its own when we are root.

PostgreSQL refuses to run as root. Root therefore creates one system account without a login, and opens
the way to the data directory for that account alone (a POSIX access list with ``--x``), never for
everybody on the machine.
"""

from __future__ import annotations

import os
import pwd
import stat
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pilothouse.kernel import UsageError

__all__ = ["ACCOUNT", "Account", "account_for", "may_traverse", "open_programs", "open_way"]

ACCOUNT = "pilothouse"
_ACL = "system.posix_acl_access"
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_X = 1
_UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who runs the server; ``switch`` is true when we are root and must change to it."""

    name: str
    uid: int
    gid: int
    switch: bool


def account_for(pgdata: Path) -> Account:
    """Return the account that owns ``pgdata``, or will own it.

    Raises:
        UsageError: ``storage.account``: our user has no name, or root cannot create the account.
        UsageError: ``storage.owner``: the cluster belongs to somebody else and we are not root.
    """
    owner = pgdata.stat().st_uid if pgdata.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise UsageError(
                f"{str(pgdata)!r} belongs to user id {owner}, not to {os.geteuid()}: "
                "start as that user or choose another PILOTHOUSE_DATA_DIR",
                code="storage.owner",
            )
        return _account(os.geteuid(), switch=False)
    if owner:  # somebody's cluster, opened by root: keep its owner
        return _account(owner, switch=True)
    return _account(_created().pw_uid, switch=True)


def _account(uid: int, *, switch: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise UsageError(
            f"user id {uid} has no name on this machine and PostgreSQL needs one: "
            f"add a line for it to /etc/passwd, or set PILOTHOUSE_DATABASE_URL",
            code="storage.account",
        ) from None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, switch=switch)


def _created() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        reason = done.stderr.strip()
    except OSError as error:
        reason = str(error)
    try:
        return pwd.getpwnam(ACCOUNT)  # also when another process was faster
    except KeyError:
        raise UsageError(
            f"PostgreSQL does not run as root and the account {ACCOUNT!r} could not be created ({reason}): "
            f"create it (`useradd --system {ACCOUNT}`), start as another user, "
            "or set PILOTHOUSE_DATABASE_URL",
            code="storage.account",
        ) from None


def may_traverse(folder: Path, account: Account) -> bool:
    """Whether ``account`` may pass through ``folder``."""
    info = folder.stat()
    if info.st_uid == account.uid:
        return bool(info.st_mode & 0o100)
    entries = _entries(folder)
    if any(tag == _USER and who == account.uid and mode & _X for tag, mode, who in entries):
        # A later chmod rewrites the mask and silently takes the grant away.
        return any(tag == _MASK and mode & _X for tag, mode, _ in entries)
    if info.st_gid == account.gid:
        return bool(info.st_mode & 0o010)
    return bool(info.st_mode & 0o001)


def open_way(target: Path, account: Account) -> None:
    """Let ``account`` pass through every folder above ``target``; changes nothing that is open already.

    Raises:
        UsageError: ``storage.way``: a folder cannot be opened for this one account.
    """
    for folder in target.parents:
        if may_traverse(folder, account):
            continue
        try:
            _grant(folder, account.uid)
        except OSError as error:
            raise UsageError(
                f"the account {account.name!r} cannot reach {str(target)!r} through {str(folder)!r} "
                f"({error}): `chmod o+x {folder}`, choose a PILOTHOUSE_DATA_DIR such as /var/lib/pilothouse, "
                "or set PILOTHOUSE_DATABASE_URL",
                code="storage.way",
            ) from error


def open_programs(package: Path) -> None:
    """Make PostgreSQL's programs readable where root installed them with a strict umask; they are public."""
    if (package / "pginstall" / "bin" / "postgres").stat().st_mode & 0o005 == 0o005:
        return
    for top in (package, package.with_name(f"{package.name}.libs")):
        for path in (top, *top.rglob("*")):
            mode = path.lstat().st_mode
            executable = stat.S_ISDIR(mode) or mode & 0o100
            if not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) | (0o005 if executable else 0o004))


def _entries(folder: Path) -> list[tuple[int, int, int]]:
    if not hasattr(os, "getxattr"):
        return []
    try:
        raw = os.getxattr(folder, _ACL)
    except OSError:
        return []
    return list(struct.iter_unpack("<HHI", raw[4:]))


def _grant(folder: Path, uid: int) -> None:
    """Add ``user:uid:--x``; without an access list yet, start one from the mode bits."""
    if not hasattr(os, "setxattr"):
        raise OSError("no access lists on this system")
    mode = folder.stat().st_mode
    entries = _entries(folder) or [
        (_USER_OBJ, (mode >> 6) & 7, _UNDEFINED),
        (_GROUP_OBJ, (mode >> 3) & 7, _UNDEFINED),
        (_OTHER, mode & 7, _UNDEFINED),
    ]
    kept = [entry for entry in entries if entry[0] != _MASK and not (entry[0] == _USER and entry[2] == uid)]
    kept.append((_USER, _X, uid))
    mask = 0
    for tag, bits, _ in kept:
        mask |= bits if tag in (_USER, _GROUP_OBJ, _GROUP) else 0
    kept.append((_MASK, mask, _UNDEFINED))
    kept.sort(key=lambda entry: (entry[0], entry[2]))
    os.setxattr(folder, _ACL, struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in kept))
