"""Owns which reader a port has: its own heads or those of the package, and the words of its own past."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from pilothouse.kernel import PilothouseError
from pilothouse_port.reading.read import PortReader
from pilothouse_port.reading.tasks import TextKind, task_for

if TYPE_CHECKING:
    from pilothouse.documents.claims import Judge
    from pilothouse_port.bindings import Bindings, Reader

__all__ = ["SHIPPED", "open_reader", "reader_for", "reader_of"]

SHIPPED: Final = Path(str(resources.files("pilothouse_port.reading"))) / "trained"
"""Heads trained on made worlds; see ``card.md`` beside each."""
KINDS: Final[tuple[TextKind, ...]] = ("mail", "remark")


def reader_of(bindings: Bindings) -> PortReader:
    """Return the reader of a port without its past, as where no system can be asked."""
    folder = bindings.path.resolve().parent / "heads"
    return _reader(folder, tuple(_newest(folder, kind) for kind in KINDS), frozenset[str]())


async def reader_for(bindings: Bindings, reader: Reader, *, asker: str = "") -> PortReader:
    """Return the reader of a port, with the cargo words of its own past; no training is needed for that.

    The past is read once an hour and asker, one query an object. A past that cannot be read just now adds no
    words, so that more descriptions stay open.

    Args:
        bindings: The port as configured.
        reader: Reads with the asker's rights.
        asker: Who that is: nobody gets words that he may not read.
    """
    history = bindings.model.history
    if history is None:
        return reader_of(bindings)
    folder = bindings.path.resolve().parent / "heads"
    places = tuple(_newest(folder, kind) for kind in KINDS)
    key = folder, str(history), str(bindings.model.texts), bindings.table.version, asker
    async with _LOCKS.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        until, words = _PAST.get(key, _NEVER)
        if time.monotonic() >= until:
            words, lasts = await _past_words(bindings, reader)
            while len(_PAST) >= PAST_KEPT:
                _PAST.pop(next(iter(_PAST)))
            _PAST[key] = time.monotonic() + lasts, words
    return _reader(folder, places, words)


PAST_KEPT: Final = 16
LASTS: Final = 3600.0
LASTS_DOWN: Final = 60.0
"""Seconds until the past is read again, and until a system that was down is asked again."""
_Key = tuple[Path, str, str, str, str]
_PAST: Final[dict[_Key, tuple[float, frozenset[str]]]] = {}
_NEVER: Final[tuple[float, frozenset[str]]] = (0.0, frozenset())
_LOCKS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()


async def _past_words(bindings: Bindings, reader: Reader) -> tuple[frozenset[str], float]:
    from pilothouse_port.reading.learn import read_cargo

    try:
        return frozenset(await read_cargo(bindings, reader)), LASTS
    except PilothouseError:
        return frozenset(), LASTS_DOWN


@functools.lru_cache(maxsize=8)
def _reader(folder: Path, places: tuple[Path | None, ...], words: frozenset[str]) -> PortReader:
    del places  # part of the key: another head is another reader
    return open_reader(folder, cargo_words=words)


def open_reader(
    folder: Path | None = None, *, shipped: bool = True, cargo_words: Collection[str] = ()
) -> PortReader:
    """Return a reader with the newest heads of ``folder``, else the shipped ones, else rules alone.

    Raises:
        DataError: ``claims.head``: a head's files are broken.
    """
    from pilothouse.documents.claims import load_head

    heads: dict[str, Judge] = {}
    for kind in KINDS:
        own = _newest(folder, kind) if folder is not None else None
        place = own or (_newest(SHIPPED, kind) if shipped else None)
        if place is not None:
            task = task_for(kind)
            heads[task.name] = load_head(place, task)
    words = [
        place / "cargo_words.txt" for place in (folder, SHIPPED if shipped else None) if place is not None
    ]
    met = {word for path in words if path.is_file() for word in path.read_text(encoding="utf-8").split()}
    return PortReader(heads=heads, cargo_words=met | set(cargo_words))


def _newest(folder: Path, kind: TextKind) -> Path | None:
    place = folder / f"port.{kind}"
    if not place.is_dir():
        return None
    found = [one for one in place.iterdir() if (one / "head.json").is_file()]
    return max(found, key=lambda one: ((one / "head.json").stat().st_mtime, one.name), default=None)
