"""Owns folders of files that belong together: which files make one object, and which is the newest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from pathlib import Path

from pilothouse.connectors.errors import SourceUnavailableError, unknown_object

__all__ = ["Folder", "dated", "family"]

COUNTER = re.compile(r"\d(?:[\d\-_T:.]*\d)?")
YEAR_FIRST = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?:[-_T.]?([01]\d|2[0-3])[-_:.]?([0-5]\d))?"
)
DAY_FIRST = re.compile(r"(?<!\d)(0[1-9]|[12]\d|3[01])[-_.](0[1-9]|1[0-2])[-_.](20\d\d)(?!\d)")
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".swp", "~")


def family(name: str) -> str:
    """Return the pattern a file belongs to: its dates and counters of three or more digits become ``*``."""
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    pattern = COUNTER.sub(lambda hit: "*" if sum(map(str.isdigit, hit[0])) >= 3 else hit[0], stem)
    return f"{pattern}{dot}{suffix}"


def dated(name: str, zone: tzinfo | None) -> datetime | None:
    """Return the time a file's name gives, in UTC; ``zone`` says what local time means."""
    found = YEAR_FIRST.search(name)
    if found:
        year, month, day, hour, minute = (int(part or 0) for part in found.groups())
    else:
        found = DAY_FIRST.search(name)
        if not found:
            return None
        (day, month, year), hour, minute = map(int, found.groups()), 0, 0
    try:
        return datetime(year, month, day, hour, minute, tzinfo=zone or UTC).astimezone(UTC)
    except ValueError:
        return None


class Folder:
    """One folder of one source.

    Args:
        source: Name of the source, for errors.
        path: The folder.
        suffixes: What counts as a file of this source, in lower case.
        zone: What local times in names mean.
    """

    def __init__(self, source: str, path: Path, *, suffixes: Sequence[str], zone: tzinfo | None) -> None:
        self._source = source
        self._path = path
        self._suffixes = tuple(suffixes)
        self._zone = zone

    def files(self) -> list[Path]:
        """Return the finished files, by name.

        Raises:
            SourceUnavailableError: The folder is not there or cannot be read.
        """
        try:
            found = sorted(self._path.iterdir())
        except OSError as error:
            raise SourceUnavailableError(
                self._source, f"the folder {self._path.name!r} cannot be read: {error.strerror}"
            ) from error
        return [path for path in found if self._belongs(path)]

    def patterns(self) -> list[str]:
        """Return the objects of the folder: one pattern per family of files."""
        return sorted({family(path.name) for path in self.files()})

    def matching(self, pattern: str) -> list[Path]:
        """Return the files of an object, the newest last.

        Raises:
            SourceDataError: ``sources.object``: no file matches; names near matches.
        """
        files = self.files()
        found = [path for path in files if fnmatchcase(path.name, pattern)]
        if not found:
            known = {family(path.name) for path in files} | {path.name for path in files}
            raise unknown_object(self._source, pattern, known)
        named = {path: dated(path.name, self._zone) for path in found}
        if all(named.values()):
            return sorted(found, key=lambda path: (named[path] or datetime.min, path.name))
        return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def as_of(self, path: Path) -> datetime:
        """Return the time of a file's data: of its name, else of its last change."""
        named = dated(path.name, self._zone)
        return named or datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)

    def _belongs(self, path: Path) -> bool:
        name = path.name.lower()
        if name.startswith(".") or name.endswith(UNFINISHED) or not path.is_file():
            return False
        return name.endswith(self._suffixes)
