"""Owns the second device that is a file: append-only, locked, fsynced; a torn line is left and followed."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pilothouse.audit.offline import ENTRY, FIRST, HEAD
from pilothouse.audit.types import Record, SignedHead, Tail

__all__ = ["FileDevice", "LineReader", "head_of"]

BLOCK = 1 << 20
WINDOW = 16 << 20


def head_of(line: bytes) -> SignedHead | None:
    """Return the signed head of a line; None if it is none."""
    found = HEAD.fullmatch(line)
    if found is None:
        return None
    at, key, root, signature, size = (part.decode() for part in found.groups())
    return SignedHead(size=int(size), root=root, at=at, key=key, signature=signature)


class LineReader:
    """Learns from lines how far a device has come.

    Args:
        whole: Whether it is given every line; else the first placed one it meets is where it starts.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self.position = 0
        self._whole = whole
        self.hash = ""
        self.head: SignedHead | None = None
        self._loose: dict[bytes, bytes] = {}

    def take(self, line: bytes) -> None:
        """Look at the next line."""
        found = ENTRY.fullmatch(line)
        if found is None:
            self.head = head_of(line) or self.head
        elif found[3] == b"null":
            self._loose[found[1]] = line
        elif int(found[3]) == self.position + 1 or not self._whole:
            self._whole = True
            self.position, self.hash = int(found[3]), found[2].decode()
            # Most logs have none; the same bytes with a place settle it.
            if self._loose:
                self._loose.pop(found[1], None)

    def tail(self) -> Tail:
        """Return what was learnt."""
        return Tail(position=self.position, hash=self.hash, head=self.head, loose=tuple(self._loose.values()))


class FileDevice:
    """Lines of an export in one file; any number of processes of this machine may share it.

    Args:
        path: The file; it and its folder are made, for this account alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._reader = LineReader()
        self._read = self._inode = 0
        self._durable: Tail | None = None

    def __repr__(self) -> str:
        return f"<FileDevice {self.path}>"

    def append(self, records: Sequence[Record]) -> None:
        """Make the lines durable, in order; placed ones that it holds already are skipped.

        Raises:
            OSError: They are not durable, or nobody knows; append them again.
        """
        with self._lock, self._opened() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            tail = self._caught_up(file)
            # After a failure only what was durable before counts: the kernel forgets what it could not write.
            after = (self._durable or tail).position
            fresh = [r.line for r in records if r.position is None or r.position > after]
            end = os.fstat(file).st_size
            start = [FIRST] if end == 0 else [b""] if os.pread(file, 1, end - 1) != b"\n" else []
            self._durable = self._durable or tail
            _write(file, b"".join(line + b"\n" for line in [*start, *fresh]))
            os.fsync(file)
            self._durable = None

    def tail(self) -> Tail:
        """Return how far it has come, by what is durable.

        Raises:
            OSError: It cannot be read.
        """
        with self._lock:
            if not self.path.exists():
                return Tail()
            with self._opened() as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                tail = self._caught_up(file)
                return self._durable or tail

    def lines(self) -> Iterator[bytes]:
        """Yield every line it holds, without newlines; none if there is no file yet.

        Raises:
            OSError: It cannot be read.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                yield line.removesuffix(b"\n")

    @contextmanager
    def _opened(self) -> Generator[int]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = not self.path.exists()
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if fresh:
                _sync_folder(self.path.parent)
            yield file
        finally:
            os.close(file)

    def _caught_up(self, file: int) -> Tail:
        """Read what was written since the last look, by anybody, up to the last whole line."""
        now = os.fstat(file)
        if now.st_ino != self._inode or now.st_size < self._read:
            self._inode = now.st_ino
            self._first_look(file, now.st_size)
        return self._read_on(file)

    def _first_look(self, file: int, size: int) -> None:
        """Read only as much of the end as holds a placed entry and a head: a log may be of any length."""
        window = WINDOW
        while window < size:
            start = size - window
            self._read = start + 1 + os.pread(file, window, start).find(b"\n")
            self._reader = LineReader(whole=False)
            tail = self._read_on(file)
            if tail.position and tail.head:
                return
            window *= 4
        self._reader, self._read = LineReader(), 0

    def _read_on(self, file: int) -> Tail:
        rest = b""
        while block := os.pread(file, BLOCK, self._read + len(rest)):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                self._reader.take(line)
                self._read += len(line) + 1
        return self._reader.tail()


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file durable too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
