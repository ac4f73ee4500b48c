"""Owns what encoders share: windows of long texts, vectors and how they came about, batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Encoded", "Window", "batches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A piece of a text that the encoder sees whole; code points, half open."""

    start: int
    end: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Vectors, and how they came about.

    Attributes:
        vectors: One row a text, of length one.
        windows: How many windows each text took; above 1 its row is their mean, weighted by tokens, and
            says less of each part than vectors of the parts would.
    """

    vectors: NDArray[np.float32]
    windows: tuple[int, ...]


def batches(rows: Sequence[Sequence[int]], tokens: int) -> list[list[int]]:
    """Group rows of like length into batches of at most ``tokens``, so that little is spent on padding."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    made: list[list[int]] = []
    for index in order:
        width = len(rows[index])  # the longest so far: rows come shortest first
        if made and (len(made[-1]) + 1) * width <= tokens:
            made[-1].append(index)
        else:
            made.append([index])
    return made
