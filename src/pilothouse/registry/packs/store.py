"""Owns the look-up: the first place that has a file decides, and a wrong byte there is an alarm."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Generator, Sequence
from pathlib import Path

from pilothouse.kernel import DataError, PilothouseError, UnavailableError, UsageError
from pilothouse.registry.packs.manifest import read_pack, shipped
from pilothouse.registry.packs.ports import PackSource
from pilothouse.registry.packs.sources import FolderSource, InstalledSource, sha256_of
from pilothouse.registry.packs.types import OpenPack, Pack, PackFile, PackState

__all__ = ["Packs", "open_store"]

QUARANTINE = "quarantine"
log = logging.getLogger(__name__)


class Packs:
    """The packs of this machine: which there are, where their files lie, whether every byte is right.

    Files are looked for in the store, the mirror, then in installed packages. Nothing here goes out.

    Args:
        folder: Our store, ``PILOTHOUSE_PACKS_DIR``.
        mirror: The customer's folder of packs, or None.
        manifests: The packs known; default those this version ships.
    """

    def __init__(
        self, folder: Path, *, mirror: Path | None = None, manifests: Sequence[Pack] | None = None
    ) -> None:
        self.store = FolderSource(folder, name="store", ours=True)
        self.mirror = None if mirror is None else FolderSource(mirror, name="mirror", ours=False)
        self.sources: tuple[PackSource, ...] = tuple(
            source for source in (self.store, self.mirror, InstalledSource()) if source is not None
        )
        self._shipped = shipped() if manifests is None else tuple(manifests)

    def all(self) -> tuple[Pack, ...]:
        """Return every pack known: shipped ones, then imported ones, by name."""
        known = {pack.name: pack for pack in (*self._imported(), *self._shipped)}
        return tuple(known[name] for name in sorted(known))

    def get(self, name: str) -> Pack:
        """Return one pack.

        Raises:
            UsageError: ``packs.unknown``: there is none of that name.
        """
        found = {pack.name: pack for pack in self.all()}
        if name not in found:
            raise UsageError(
                f"there is no pack {name!r}; known are {', '.join(sorted(found))}", code="packs.unknown"
            )
        return found[name]

    def open(self, name: str) -> OpenPack:
        """Check every byte of a pack and return where its files lie.

        Raises:
            UsageError: ``packs.unknown``.
            UnavailableError: ``packs.missing``: a file lies nowhere; the message says what to do.
            DataError: ``packs.mismatch``: a file has other bytes than the pinned ones; it was quarantined.
        """
        pack = self.get(name)
        found: dict[str, Path] = {}
        for file in pack.files:
            path = self._found(pack, file)
            if path is None:
                raise UnavailableError(
                    f"pack {pack.name!r} {pack.version} is not on this machine (no {file.name!r} in "
                    f"{', '.join(source.name for source in self.sources)}); run "
                    f"`pilothouse packs fetch {pack.name}`",
                    code="packs.missing",
                    retry_after=3600,
                )
            found[file.name] = path
        return OpenPack(pack=pack, files=found)

    def state(self, pack: Pack) -> PackState:
        """Say how a pack stands, by the sizes of its files; :meth:`verify` reads every byte."""
        places = [self._look(pack, file) for file in pack.files]
        if None in places:
            held = next(self._quarantined(pack), None)
            why = "" if held is None else f"wrong bytes were put aside: {held}"
            return PackState(pack=pack, state="missing", why=why)
        paths = [place[1] for place in places if place is not None]
        for path, file in zip(paths, pack.files, strict=True):
            if path.stat().st_size != file.size:
                why = f"{str(path)!r} has {path.stat().st_size} bytes, not {file.size}"
                return PackState(pack=pack, state="mismatch", where=str(paths[0].parent), why=why)
        return PackState(pack=pack, state="ready", where=str(paths[0].parent))

    def verify(self, pack: Pack) -> PackState:
        """Say how a pack stands, reading every byte; wrong files of the store are quarantined."""
        if self.state(pack).state == "missing":
            return self.state(pack)
        try:
            opened = self.open(pack.name)
        except PilothouseError as error:
            return PackState(pack=pack, state="mismatch", why=error.message)
        return PackState(pack=pack, state="ready", where=str(next(iter(opened.files.values())).parent))

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Hold the store for one writer; others wait."""
        self.store.folder.mkdir(parents=True, exist_ok=True)
        with (self.store.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _look(self, pack: Pack, file: PackFile) -> tuple[PackSource, Path] | None:
        for source in self.sources:
            path = source.find(pack, file)
            if path is not None:
                return source, path
        return None

    def _found(self, pack: Pack, file: PackFile) -> Path | None:
        place = self._look(pack, file)
        if place is None:
            return None
        source, path = place
        actual = sha256_of(path) if path.stat().st_size == file.size else ""
        if actual == file.sha256:
            return path
        put = self._put_aside(pack, path) if source.ours else "it was left where it is"
        log.error("pack %s: %s has wrong bytes", pack.name, path)
        raise DataError(
            f"{str(path)!r} ({source.name}) is not the pinned file of pack {pack.name!r} "
            f"({_words(file, actual)}); {put}. Find out who changed it, then run "
            f"`pilothouse packs fetch {pack.name}`",
            code="packs.mismatch",
        )

    def _put_aside(self, pack: Pack, path: Path) -> str:
        folder = self.store.folder / QUARANTINE
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{pack.name}-{pack.version}-{path.name}"
        shutil.move(path, target)
        return f"it was put aside as {str(target)!r}"

    def _quarantined(self, pack: Pack) -> Generator[Path]:
        folder = self.store.folder / QUARANTINE
        if folder.is_dir():
            yield from folder.glob(f"{pack.name}-{pack.version}-*")

    def _imported(self) -> Generator[Pack]:
        for folder in (self.store.folder, None if self.mirror is None else self.mirror.folder):
            if folder is None or not folder.is_dir():
                continue
            for path in sorted(folder.glob("*/*/pack.toml")):
                pack = _read(path)
                if pack is not None and pack.imported:
                    yield pack


def open_store() -> Packs:
    """Return the packs of this machine, where ``PILOTHOUSE_PACKS_*`` say."""
    from pilothouse.registry.settings import PacksSettings

    settings = PacksSettings()
    return Packs(settings.dir or _default_folder(), mirror=settings.mirror)


def _default_folder() -> Path:
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "share") / "pilothouse" / "packs"


def _read(path: Path) -> Pack | None:
    try:
        return read_pack(path, path.parent)
    except DataError as error:  # one broken manifest must not stop the other packs
        log.error("%s", error)
        return None


def _words(file: PackFile, actual: str) -> str:
    there = f"its sha256 is {actual[:16]}..." if actual else "its size differs"
    return f"{file.sha256[:16]}... and {file.size} bytes are expected, {there}"
