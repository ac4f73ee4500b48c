"""Owns a working directory: paths with their words, each under its label; a replay builds it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pilothouse.agents.values import Value, listed, plain, together
from pilothouse.kernel import Json, LimitError, UsageError
from pilothouse.labels import Integrity, Label, join

__all__ = ["File", "WorkingDirectory", "checked_path"]

_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,7}")
MOST_FILES = 2000
LONGEST = 4_000_000
TOTAL = 32_000_000
FOUND = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file.

    Attributes:
        path: Relative, never leading out.
        text: Its words.
        label: Of its words.
        named: Of its name: who chose it may have read something.
        which: How far what chose its content may be trusted.
    """

    path: str
    text: str
    label: Label
    named: Label
    which: Integrity = Integrity.OPERATOR

    @property
    def value(self) -> Value:
        """Its words; that it is there under this name is part of what it says."""
        return plain(self.text, join(self.label, self.named), which=min(self.which, self.named.integrity))


class WorkingDirectory:
    """The files of one run."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}

    def __iter__(self) -> Iterator[File]:
        return iter(sorted(self._files.values(), key=lambda file: file.path))

    def __len__(self) -> int:
        return len(self._files)

    def write(self, path: str, value: Value, text: str, named: Label) -> File:
        """Keep words under a path, in the place of what was there.

        Args:
            path: Relative.
            value: What is kept.
            text: Its words.
            named: What the choice of the path rests on.

        Raises:
            UsageError: ``agents.path``.
            LimitError: ``agents.files``.
        """
        path = checked_path(path)
        there = self._files.get(path)
        others = sum(len(file.text) for file in self._files.values() if file.path != path)
        if len(text) > LONGEST or others + len(text) > TOTAL or (there is None and len(self) >= MOST_FILES):
            raise LimitError(
                f"{path!r} has {len(text)} letters; a file may have {LONGEST}, all together {TOTAL} in "
                f"{MOST_FILES} files: keep less",
                code="agents.files",
            )
        # Whether something stood there before tells of what was written then.
        named = named if there is None else join(named, there.named)
        file = File(path=path, text=text, label=value.whole, named=named, which=value.chosen)
        self._files[path] = file
        return file

    def read(self, path: str) -> File:
        """Return a file.

        Raises:
            UsageError: ``agents.no_file``.
        """
        found = self._files.get(path)
        if found is None:
            raise UsageError(f"there is no file {path!r}; see list_files", code="agents.no_file")
        return found

    def search(self, words: str, asked: Label) -> Value:
        """Return the lines that hold ``words``; that others do not rests on every file."""
        everything = join(asked, *(label for file in self for label in (file.label, file.named)))
        found: list[Value] = []
        for file in self:
            for number, line in enumerate(file.text.splitlines(), 1):
                if words.casefold() in line.casefold() and len(found) < FOUND:
                    row: dict[str, Json] = {"path": file.path, "line": number, "text": line[:1000]}
                    fields = {name: plain(item, file.value.label) for name, item in row.items()}
                    found.append(together(fields, join(asked, file.label, file.named)))
        return listed(found, everything)


def checked_path(path: str) -> str:
    """Return a path that stays inside.

    Raises:
        UsageError: ``agents.path``.
    """
    if len(path) > 200 or not _PATH.fullmatch(path):
        raise UsageError(
            f"{path!r} is no path here; use letters, digits, '.', '-' and '_' in at most 8 parts with '/'",
            code="agents.path",
        )
    return path
