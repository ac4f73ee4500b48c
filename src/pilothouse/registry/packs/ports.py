"""Owns what packs need from outside: a place to look for a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pilothouse.registry.packs.types import Pack, PackFile

__all__ = ["PackSource", "Progress"]


class PackSource(Protocol):
    """A place where files of packs may lie; it says where, the look-up checks every byte."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def ours(self) -> bool:
        """Whether we may move a wrong file out of it."""
        ...

    def find(self, pack: Pack, file: PackFile) -> Path | None:
        """Return where the file would be read from, or None when it does not lie here."""
        ...


class Progress(Protocol):
    """Told how far a long piece of work is."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take bytes done of the total of ``what``."""
        ...
