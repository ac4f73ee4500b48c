"""Owns the folder of an EDIFACT mailbox: which files are read, kept parsed while they do not change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pilothouse.connectors.adapters.edifact.read import edifact_read
from pilothouse.connectors.adapters.edifact.types import Fault, Interchange, Message, Reading
from pilothouse.connectors.errors import SourceDataError, SourceUnavailableError

__all__ = ["Letter", "Mailbox"]

UNFINISHED: Final = (".tmp", ".part", ".filepart", ".lock", "~")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One file as it was read."""

    name: str
    stamp: tuple[int, int]
    reading: Reading
    versions: dict[int, str] = field(default_factory=dict[int, str])
    """Hash of each message's bytes, by its offset."""

    def each(self) -> list[tuple[Interchange, Message]]:
        """Every message with its interchange."""
        return [
            (interchange, message)
            for interchange in self.reading.interchanges
            for message in interchange.messages
        ]


class Mailbox:
    """Reads the files of one folder; blocking, so callers use a thread.

    Args:
        source: Name for errors.
        folder: Where messages arrive; never written to.
        pattern: Glob of the files.
        max_bytes: Larger files are reported, not read.
    """

    def __init__(self, source: str, folder: Path, *, pattern: str, max_bytes: int) -> None:
        self._source = source
        self._folder = folder
        self._pattern = pattern
        self._max_bytes = max_bytes
        self._kept: dict[str, Letter] = {}

    def letters(self) -> list[Letter]:
        """Return every file, sorted by name; unchanged ones are not read again.

        Raises:
            SourceUnavailableError: The folder or a file cannot be read.
            SourceDataError: There are files and no message in any of them.
        """
        kept: dict[str, Letter] = {}
        for path, stamp in self._listed():
            letter = self._kept.get(path.name)
            if letter is None or letter.stamp != stamp:
                letter = self._opened(path, stamp)
            if letter is not None:
                kept[path.name] = letter
        self._kept = kept
        if kept and not any(letter.reading.messages for letter in kept.values()):
            first = next(iter(kept.values()))
            words = first.reading.faults[0].words if first.reading.faults else "it is empty"
            raise SourceDataError(
                self._source,
                f"no message can be read from any of {len(kept)} files, such as {first.name!r}: {words}",
                code="edifact.unreadable",
            )
        return list(kept.values())

    def listed(self) -> int:
        """Return the number of files without reading them; errors as :meth:`letters`."""
        return len(self._listed())

    def _listed(self) -> list[tuple[Path, tuple[int, int]]]:
        found: list[tuple[Path, tuple[int, int]]] = []
        try:
            if not self._folder.is_dir():
                raise SourceUnavailableError(
                    self._source, f"folder {str(self._folder)!r} is not there; mount it or correct 'path'"
                )
            for path in sorted(self._folder.glob(self._pattern)):
                if path.name.startswith(".") or path.name.endswith(UNFINISHED) or not path.is_file():
                    continue
                stat = path.stat()
                found.append((path, (stat.st_mtime_ns, stat.st_size)))
        except OSError as error:
            raise SourceUnavailableError(
                self._source, f"cannot list {str(self._folder)!r}: {error}"
            ) from error
        return found

    def _opened(self, path: Path, stamp: tuple[int, int]) -> Letter | None:
        if stamp[1] > self._max_bytes:
            words = f"{stamp[1]} bytes are more than the limit of {self._max_bytes}; not read"
            fault = Fault(code="file.too_large", offset=0, words=words, recovered=False)
            return Letter(name=path.name, stamp=stamp, reading=Reading(faults=(fault,)))
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None  # taken away between listing and reading: as if it had not been listed
        except OSError as error:
            raise SourceUnavailableError(self._source, f"cannot read {path.name!r}: {error}") from error
        reading = edifact_read(data)
        versions = {
            message.offset: hashlib.sha256(
                data[message.offset : message.offset + message.length]
            ).hexdigest()[:16]
            for message in reading.messages
        }
        return Letter(name=path.name, stamp=stamp, reading=reading, versions=versions)
