"""Owns the places where files of packs lie: a folder of packs, and packages that are installed anyway."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from pilothouse.registry.packs.types import Pack, PackFile

__all__ = ["FolderSource", "InstalledSource", "sha256_of"]


class FolderSource:
    """A folder of packs: ``NAME/VERSION/FILE``; our own store, or the customer's mirror.

    Args:
        folder: Where it is.
        name: What people call it.
        ours: Whether a wrong file may be moved out of it.
    """

    def __init__(self, folder: Path, *, name: str, ours: bool) -> None:
        self.folder = folder.expanduser().absolute()
        self._name = name
        self._ours = ours

    @property
    def name(self) -> str:
        """What people call it."""
        return self._name

    @property
    def ours(self) -> bool:
        """Whether we may move a wrong file out of it."""
        return self._ours

    def place(self, pack: Pack) -> Path:
        """Return the folder of one pack, which need not exist."""
        return self.folder / pack.name / pack.version

    def find(self, pack: Pack, file: PackFile) -> Path | None:
        """Return where the file lies here, or None."""
        path = self.place(pack) / file.name
        return path if path.is_file() else None


class InstalledSource:
    """Packages installed for another reason, such as the OCR engine with its models; never imported."""

    name = "package"
    ours = False

    def find(self, pack: Pack, file: PackFile) -> Path | None:
        """Return where the file lies in the installed package of the pinned version, or None."""
        if len(file.members) != 1:
            return None
        member = file.members[0]
        try:
            found = distribution(member.package)
        except PackageNotFoundError:
            return None
        if found.version != next((w.version for w in pack.wheels if w.package == member.package), None):
            return None
        path = Path(str(found.locate_file(member.path)))
        return path.absolute() if path.is_file() else None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
