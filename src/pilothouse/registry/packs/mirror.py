"""Owns taking packs elsewhere and bringing foreign ones in: mirror folders, and files imported by hand."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pilothouse.kernel import DataError, UsageError
from pilothouse.registry.packs.fetch import place_file
from pilothouse.registry.packs.manifest import write_pack
from pilothouse.registry.packs.ports import Progress
from pilothouse.registry.packs.sources import FolderSource, sha256_of
from pilothouse.registry.packs.store import Packs
from pilothouse.registry.packs.types import Pack, PackFile

__all__ = ["import_pack", "mirror"]

_MAGIC = {".gguf": (b"GGUF", "gguf", 0), ".safetensors": (b"{", "safetensors", 8)}


def mirror(packs: Packs, target: Path, names: Sequence[str], *, progress: Progress) -> list[Path]:
    """Copy packs with manifests, licences and hashes to a folder that can be a mirror; returns their folders.

    Every byte is checked as it is read and again as it is written. Wheels kept by ``fetch --keep-wheels`` go
    along.

    Raises:
        UnavailableError: ``packs.missing``.
        DataError: ``packs.mismatch``.
    """
    folder = FolderSource(target, name="mirror", ours=True)
    made: list[Path] = []
    opened = [packs.open(name) for name in names]
    total, done = sum(one.pack.size for one in opened), 0
    for one in opened:
        place = folder.place(one.pack)
        place.mkdir(parents=True, exist_ok=True)
        for file in one.pack.files:
            _copy(one.path(file.name), place / file.name, file)
            done += file.size
            progress("mirror", done, total)
        write_pack(one.pack, place)
        made.append(place)
    kept = packs.store.folder / "wheels"
    if kept.is_dir():
        shutil.copytree(kept, folder.folder / "wheels", dirs_exist_ok=True)
    return made


def import_pack(packs: Packs, pack: Pack, path: Path) -> Pack:
    """Bring a model file of one's own into the store, pinned by the hash that was given.

    It starts with no abilities: what it can do is measured, not believed.

    Args:
        packs: Where to put it.
        pack: What is known of it; ``files`` is one entry whose size is filled in here.
        path: The file, GGUF, ONNX or safetensors.

    Raises:
        UsageError: ``packs.taken``: a pack of ours has that name; ``packs.format``: it is no such file.
        DataError: ``packs.mismatch``: the file has another sha256; ``packs.no_licence``.
    """
    if not pack.licence.strip() or not pack.licence_text.strip():
        raise DataError(
            f"pack {pack.name!r} has no licence or no licence text; it is not used", code="packs.no_licence"
        )
    if any(known.name == pack.name and not known.imported for known in packs.all()):
        raise UsageError(
            f"{pack.name!r} is a pack of Pilothouse; choose another name with --name", code="packs.taken"
        )
    form = _format(path)
    file = replace(pack.files[0], name=path.name, size=path.stat().st_size)
    whole = replace(pack, files=(file,), format=form, imported=True, default=False, wheels=())
    with packs.writing():
        place = packs.store.place(whole)
        place.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source:
            place_file(
                source, place / file.name, size=file.size, sha256=file.sha256, what=f"file {str(path)!r}"
            )
        write_pack(whole, place)
    return whole


def _copy(source: Path, target: Path, file: PackFile) -> None:
    if target.is_file() and target.stat().st_size == file.size and sha256_of(target) == file.sha256:
        return
    with source.open("rb") as opened:
        place_file(opened, target, size=file.size, sha256=file.sha256, what=repr(file.name))


def _format(path: Path) -> str:
    if path.suffix == ".onnx" and path.is_file():
        return "onnx"  # a protobuf has no magic; ONNX Runtime refuses what is none
    magic = _MAGIC.get(path.suffix)
    if magic is not None and path.is_file():
        with path.open("rb") as file:
            head = file.read(16)
        if head[magic[2] :].startswith(magic[0]):
            return magic[1]
    raise UsageError(
        f"{str(path)!r} is no GGUF, ONNX or safetensors file; other formats can run code and are refused",
        code="packs.format",
    )
