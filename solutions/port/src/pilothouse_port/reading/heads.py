"""Owns which trained heads read: the port's own beside its mapping, else those that come with the package."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse_port.reading.read import PortReader

if TYPE_CHECKING:
    from pilothouse_port.bindings import Bindings

__all__ = ["reader_of"]


def reader_of(bindings: Bindings) -> PortReader:
    """Return the reader of a port; one a process and folder."""
    return _reader(bindings.path.resolve().parent / "heads")


@functools.lru_cache(maxsize=8)
def _reader(folder: Path) -> PortReader:
    return PortReader()
