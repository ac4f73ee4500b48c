"""Owns which reader a port has: its own heads or those of the package, and the words of its own past."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from pilothouse.kernel import PilothouseError, UnavailableError
from pilothouse_port.reading.read import PortReader
from pilothouse_port.reading.tasks import TextKind, task_for

if TYPE_CHECKING:
    from pilothouse.documents.claims import Encoder, Judge
    from pilothouse_port.bindings import Bindings, Reader

__all__ = ["DELTA", "SHIPPED", "open_reader", "port_encoder", "reader_for", "reader_of"]

SHIPPED: Final = Path(str(resources.files("pilothouse_port.reading"))) / "trained"
"""Heads trained on made worlds; see ``card.md`` beside each."""
DELTA: Final = "encoder.npz"
"""What the training of a folder's heads added to the encoder, if anything."""
KINDS: Final[tuple[TextKind, ...]] = ("mail", "remark")


def reader_of(bindings: Bindings) -> PortReader:
    """Return the reader of a port without its past, as where no system can be asked."""
    folder = bindings.path.resolve().parent / "heads"
    return _reader(folder, _places(folder), _NOTHING)


async def reader_for(bindings: Bindings, reader: Reader, *, asker: str = "") -> PortReader:
    """Return the reader of a port, with what its own past settled; no training is needed for that.

    The past is read once an hour and asker, one query an object. A past that cannot be read just now adds
    nothing, so that more descriptions and remarks stay open.

    Args:
        bindings: The port as configured.
        reader: Reads with the asker's rights.
        asker: Who that is: nobody gets words that he may not read.
    """
    history = bindings.model.history
    if history is None:
        return reader_of(bindings)
    folder = bindings.path.resolve().parent / "heads"
    places = _places(folder)
    key = folder, str(history), str(bindings.model.texts), bindings.table.version, asker
    async with _LOCKS.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        until, met = _PAST.get(key, (0.0, _NOTHING))
        if time.monotonic() >= until:
            met, lasts = await _met(bindings, reader)
            while len(_PAST) >= PAST_KEPT:
                _PAST.pop(next(iter(_PAST)))
            _PAST[key] = time.monotonic() + lasts, met
    return _reader(folder, places, met)


def _places(folder: Path) -> tuple[Path | None, ...]:
    """Return the folder's own heads, newest of each kind, whatever they want."""
    return tuple(
        max((place for place, _ in _heads(folder, kind)), key=lambda one: one.stat().st_mtime, default=None)
        for kind in KINDS
    )


PAST_KEPT: Final = 16
LASTS: Final = 3600.0
LASTS_DOWN: Final = 60.0
"""Seconds until the past is read again, and until a system that was down is asked again."""
_Key = tuple[Path, str, str, str, str]
_Met = tuple[frozenset[str], frozenset[str]]
"""Words of harmless cargo, and wordings of remarks that no clerk took for a reason."""
_NOTHING: Final[_Met] = (frozenset(), frozenset())
_PAST: Final[dict[_Key, tuple[float, _Met]]] = {}
_LOCKS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()


async def _met(bindings: Bindings, reader: Reader) -> tuple[_Met, float]:
    from pilothouse_port.reading.learn import read_past

    try:
        past = await read_past(bindings, reader, kinds=("remark", "description"))
    except PilothouseError:
        return _NOTHING, LASTS_DOWN
    return (frozenset(past.cargo), past.settled), LASTS


@functools.lru_cache(maxsize=8)
def _reader(folder: Path, places: tuple[Path | None, ...], met: _Met) -> PortReader:
    del places  # part of the key: another head is another reader
    cargo, settled = met
    return open_reader(folder, cargo_words=cargo, settled=settled)


@functools.lru_cache(maxsize=4)
def port_encoder(delta: Path | None = None) -> Encoder | None:
    """Return the encoder of many languages, one a process; None where its pack is not installed.

    Args:
        delta: What a training added to it.
    """
    from pilothouse.app import open_multilingual_encoder

    try:
        return open_multilingual_encoder(delta=delta)
    except UnavailableError:
        return None


def open_reader(
    folder: Path | None = None,
    *,
    shipped: bool = True,
    encoded: bool = True,
    cargo_words: Collection[str] = (),
    settled: Collection[str] = (),
) -> PortReader:
    """Return a reader with the newest heads of ``folder``, else the shipped ones, else rules alone.

    Heads that were trained with the encoder's vectors go before those that know words alone, where the
    encoder is installed.

    Args:
        folder: Of a port's own heads.
        shipped: Whether those of the package serve where the folder has none.
        encoded: Whether heads with vectors may serve.
        cargo_words: Of harmless cargo.
        settled: See :class:`PortReader`.

    Raises:
        DataError: ``claims.head``: a head's files are broken.
    """
    from pilothouse.documents.claims import load_head

    heads: dict[str, Judge] = {}
    encoders: dict[str, Encoder] = {}
    roots = [one for one in (folder, SHIPPED if shipped else None) if one is not None]
    for kind in KINDS:
        task = task_for(kind)
        for root in roots:
            encoder = _encoder_of(root, kind) if encoded else None
            place = _newest(root, kind, encoder.version if encoder is not None else "")
            if place is not None:
                heads[task.name] = load_head(place, task, encoder=encoder)
                if encoder is not None:
                    encoders[task.name] = encoder
                break
    words = [root / "cargo_words.txt" for root in roots]
    met = {word for path in words if path.is_file() for word in path.read_text(encoding="utf-8").split()}
    return PortReader(heads=heads, encoders=encoders, cargo_words=met | set(cargo_words), settled=settled)


def _encoder_of(root: Path, kind: TextKind) -> Encoder | None:
    """Return the encoder that a folder's heads want, where one of them does and it is installed."""
    wanted = {version for _, version in _heads(root, kind) if version}
    if not wanted:
        return None
    for delta in (root / DELTA, SHIPPED / DELTA, None):
        if delta is None or delta.is_file():
            found = port_encoder(delta)
            if found is not None and found.version in wanted:
                return found
    return None


def _newest(folder: Path, kind: TextKind, encoder: str = "") -> Path | None:
    """Return the newest head that wants this encoder, else the newest that wants none."""
    found = [(wanted == encoder, place) for place, wanted in _heads(folder, kind) if wanted in ("", encoder)]
    return max(
        found,
        key=lambda one: (one[0], (one[1] / "head.json").stat().st_mtime, one[1].name),
        default=(0, None),
    )[1]


def _heads(folder: Path, kind: TextKind) -> list[tuple[Path, str]]:
    place = folder / f"port.{kind}"
    if not place.is_dir():
        return []
    found = [one for one in sorted(place.iterdir()) if (one / "head.json").is_file()]
    return [(one, _wanted(one / "head.json", (one / "head.json").stat().st_mtime_ns)) for one in found]


@functools.lru_cache(maxsize=64)
def _wanted(path: Path, written: int) -> str:
    """Return the version of the encoder that a head was trained with; empty for none."""
    del written  # part of the key: another file of the same name
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("encoder", ""))
    except ValueError:
        return ""
