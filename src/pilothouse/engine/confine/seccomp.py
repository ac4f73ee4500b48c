"""Owns the filter of system calls inside a cage: a BPF program for bubblewrap's ``--seccomp``.

A list of what is refused, as flatpak's and Docker's: new namespaces, mounts, other processes' memory, kernel
keys, and every socket but unix ones (a network namespace does not cover AF_VSOCK, which leads to the host).
"""

from __future__ import annotations

import errno
import platform
import struct
from typing import Final

__all__ = ["filter_program"]

# name: (x86_64, aarch64); -1 where the machine has none.
REFUSED: Final[dict[str, tuple[int, int]]] = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clock_settime": (227, 112), "delete_module": (176, 106),
    "fanotify_init": (300, 262), "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fsopen": (430, 430), "fspick": (433, 433), "init_module": (175, 105), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "io_uring_setup": (425, 425), "ioperm": (173, -1), "iopl": (172, -1),
    "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219),
    "lookup_dcookie": (212, 18), "modify_ldt": (154, -1), "mount": (165, 40), "mount_setattr": (442, 442),
    "move_mount": (429, 429), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "perf_event_open": (298, 241), "personality": (135, 92),
    "pidfd_getfd": (438, 438), "pidfd_open": (434, 434), "pivot_root": (155, 41),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "quotactl": (179, 60), "reboot": (169, 142), "request_key": (249, 218), "setdomainname": (171, 162),
    "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170), "swapoff": (168, 225),
    "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97),
    "userfaultfd": (323, 282), "uselib": (134, -1), "vhangup": (153, 58),
}  # fmt: skip
CLONE: Final = (56, 220)
CLONE3: Final = (435, 435)
SOCKET: Final = (41, 198)
IOCTL: Final = (16, 29)
AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NEW_NAMESPACES: Final = 0x7E020080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME."""
TERMINAL_INPUT: Final = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX type into a terminal."""
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NR, ARCH, ARG0, ARG1 = 0, 4, 16, 24


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _refuse(number: int, error: int = errno.EPERM) -> list[bytes]:
    return [_op(EQUAL, number, 0, 1), _op(RETURN, ERRNO | error)]


def filter_program(machine: str | None = None) -> bytes | None:
    """Return the program for this machine, or None where the numbers of its calls are not known here."""
    machine = machine or platform.machine()
    if machine not in AUDIT_ARCH:
        return None
    column = 0 if machine == "x86_64" else 1
    program = [_op(LOAD, ARCH), _op(EQUAL, AUDIT_ARCH[machine], 1, 0), _op(RETURN, KILL), _op(LOAD, NR)]
    # The x32 calls of x86_64 have numbers of their own and would pass by the list.
    program += [_op(AT_LEAST, 0x40000000, 0, 1), _op(RETURN, KILL)]
    for numbers in REFUSED.values():
        if numbers[column] >= 0:
            program += _refuse(numbers[column])
    # The flags of clone3 are in memory, where a filter cannot look: the C library falls back to clone.
    program += _refuse(CLONE3[column], errno.ENOSYS)
    program += [_op(EQUAL, CLONE[column], 0, 4), _op(LOAD, ARG0), _op(ANY_BIT, NEW_NAMESPACES, 0, 1)]
    program += [_op(RETURN, ERRNO | errno.EPERM), _op(RETURN, ALLOW)]
    program += [_op(EQUAL, SOCKET[column], 0, 4), _op(LOAD, ARG0), _op(EQUAL, 1, 1, 0)]
    program += [_op(RETURN, ERRNO | errno.EAFNOSUPPORT), _op(RETURN, ALLOW)]
    program += [_op(EQUAL, IOCTL[column], 0, 5), _op(LOAD, ARG1), _op(EQUAL, TERMINAL_INPUT[0], 1, 0)]
    program += [_op(EQUAL, TERMINAL_INPUT[1], 0, 1), _op(RETURN, ERRNO | errno.EPERM), _op(RETURN, ALLOW)]
    return b"".join([*program, _op(RETURN, ALLOW)])
