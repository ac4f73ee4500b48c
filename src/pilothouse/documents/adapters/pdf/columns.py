"""Owns the order of reading: rows, and columns where a page is set in two."""

from __future__ import annotations

from collections.abc import Sequence

from pilothouse.documents.writing import Word, rows

__all__ = ["in_order"]

PROSE = 3.5
"""Words a row on each side of a gutter: fewer are a table or a form, which reads across."""
MAX_ACROSS = 0.35


def in_order(words: Sequence[Word], width: float) -> list[list[Word]]:
    """Return the lines of a page as they are read."""
    lines = rows(words)
    gutter = _gutter(lines, width)
    if gutter is None:
        return lines
    ordered: list[list[Word]] = []
    left: list[list[Word]] = []
    right: list[list[Word]] = []
    for line in lines:
        if _across(line, gutter):
            ordered += [*left, *right, line]
            left, right = [], []
            continue
        sides = [w for w in line if w.right <= gutter], [w for w in line if w.right > gutter]
        left += [sides[0]] if sides[0] else []
        right += [sides[1]] if sides[1] else []
    return [*ordered, *left, *right]


def _across(line: Sequence[Word], gutter: float) -> bool:
    """Whether a line goes on over the gutter: a word on it, or no gap wider than a space there."""
    before = max((w.right for w in line if w.left < gutter), default=0.0)
    after = min((w.left for w in line if w.left >= gutter), default=float("inf"))
    return before > gutter or after - before < 0.6 * line[0].height


def _gutter(lines: Sequence[Sequence[Word]], width: float) -> float | None:
    if len(lines) < 8:
        return None
    best: tuple[int, float] = (len(lines) + 1, 0.0)
    for step in range(30, 71, 2):
        at = width * step / 100
        best = min(best, (sum(_across(line, at) for line in lines), at))
    across, gutter = best
    if across > MAX_ACROSS * len(lines):
        return None
    both = [
        (sum(w.right <= gutter for w in line), sum(w.right > gutter for w in line))
        for line in lines
        if not _across(line, gutter)
    ]
    full = [(a, b) for a, b in both if a and b]
    if len(full) < 6 or min(sum(a for a, _ in full), sum(b for _, b in full)) < PROSE * len(full):
        return None
    return gutter
