"""Owns which parts of the tree a proof is made of (RFC 6962 sections 2.1.1 and 2.1.2). Pure."""

from __future__ import annotations

__all__ = ["Range", "growth", "inclusion", "perfect"]

Range = tuple[int, int]
"""Leaves from the first (counted from 0) up to, not including, the second."""


def _split(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def inclusion(leaf: int, size: int) -> list[Range]:
    """Return the subtrees whose hashes lead from ``leaf`` (from 0) to the root of ``size``, lowest first."""
    first, last = 0, size
    out: list[Range] = []
    while last - first > 1:
        middle = first + _split(last - first)
        if leaf < middle:
            out.append((middle, last))
            last = middle
        else:
            out.append((first, middle))
            first = middle
    return out[::-1]


def growth(old: int, new: int) -> list[Range]:
    """Return the subtrees whose hashes show that the tree of ``new`` begins with that of ``old``."""
    first, last, whole = 0, new, True
    out: list[Range] = []
    while old < last:
        middle = first + _split(last - first)
        if old <= middle:
            out.append((middle, last))
            last = middle
        else:
            out.append((first, middle))
            first, whole = middle, False
    if not whole:
        out.append((first, last))
    return out[::-1]


def perfect(leaves: Range) -> list[tuple[int, int]]:
    """Return the complete subtrees ``(level, place)`` that a range splits into, left to right."""
    first, last = leaves
    out: list[tuple[int, int]] = []
    while first < last:
        level = (last - first).bit_length() - 1
        out.append((level, first >> level))
        first += 1 << level
    return out
