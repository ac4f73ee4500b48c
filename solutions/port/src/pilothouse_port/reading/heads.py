"""Owns which trained heads read: the port's own beside its mapping, else those that come with the package."""

from __future__ import annotations

import functools
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pilothouse_port.reading.read import PortReader
from pilothouse_port.reading.tasks import TextKind, task_for

if TYPE_CHECKING:
    from pilothouse.documents.claims import Judge
    from pilothouse_port.bindings import Bindings

__all__ = ["SHIPPED", "open_reader", "reader_of"]

SHIPPED: Final = Path(str(resources.files("pilothouse_port.reading"))) / "trained"
"""Heads trained on made worlds; see ``card.md`` beside each."""
KINDS: Final[tuple[TextKind, ...]] = ("mail", "remark")


def reader_of(bindings: Bindings) -> PortReader:
    """Return the reader of a port; one a process and state of its heads."""
    folder = bindings.path.resolve().parent / "heads"
    places = tuple(_newest(place, kind) for kind in KINDS for place in (folder,))
    return _reader(folder, places)


@functools.lru_cache(maxsize=8)
def _reader(folder: Path, places: tuple[Path | None, ...]) -> PortReader:
    del places  # part of the key: another head is another reader
    return open_reader(folder)


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
