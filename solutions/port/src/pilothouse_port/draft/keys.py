"""Owns finding which column holds our keys and how they must be written for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pilothouse_port.bindings.values import pipeline
from pilothouse_port.draft.shapes import box_pattern

__all__ = ["KeyFit", "fit_key"]


NOTHING = {"", "0"}
"""What stripping leaves of a value without digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFit:
    """How well a column holds keys.

    Attributes:
        share: Of the smaller side that is found on the other.
        into: Transforms from our key to the system's.
        clean: Transforms from the system's value to our key, where writing differs from row to row.
    """

    share: float
    into: tuple[str, ...] = ()
    clean: tuple[str, ...] = ()


def fit_key(ours: Iterable[str], theirs: Iterable[str]) -> KeyFit:
    """Return the best way to look ``ours`` up among ``theirs``."""
    mine, found = {v for v in ours if v}, {v for v in theirs if v}
    if not mine or not found:
        return KeyFit(share=0.0)
    best = KeyFit(share=0.0)
    for steps in _candidates(mine, found):
        share = _overlap(mine, found, pipeline(steps))
        if share > best.share + 0.02:
            best = KeyFit(share=share, into=steps)
    if best.share >= 0.9:
        return best
    for steps in (("box",), ("alnum", "upper"), ("digits",), ("digits", "nozeros")):
        change = pipeline(steps)
        cleaned = {str(change(value)) for value in found} - NOTHING
        share = _overlap(mine, cleaned, change)
        if share > best.share + 0.1:
            best = KeyFit(share=share, into=steps, clean=steps)
    return best


def _overlap(mine: set[str], found: set[str], change: Callable[[str], object]) -> float:
    made = {str(change(value)) for value in mine} - NOTHING
    return len(made & found) / min(len(made), len(found)) if made and found else 0.0


def _candidates(mine: set[str], found: set[str]) -> list[tuple[str, ...]]:
    steps: list[tuple[str, ...]] = [
        (),
        ("alnum",),
        ("nozeros",),
        ("digits",),
        ("digits", "nozeros"),
        ("upper",),
    ]
    widths = {len(value) for value in found if value.isdigit()}
    steps += [("digits", f"zfill:{width}") for width in sorted(widths)[:2]]
    if all(re.fullmatch(r"[A-Z]{4}\d{7}", value) for value in mine):
        pattern = box_pattern(sorted(found))
        steps += [(f"iso_box:{pattern}",)] if pattern else []
    prefixes = {match[0] for value in found if (match := re.match(r"[A-Za-z]+[-/]?", value))}
    if len(prefixes) == 1:
        prefix = prefixes.pop()
        steps += [(f"prefix:{prefix}",), ("nozeros", f"prefix:{prefix}"), ("digits", f"prefix:{prefix}")]
        steps += [
            ("digits", f"zfill:{width - len(prefix)}", f"prefix:{prefix}") for width in _widths(found, prefix)
        ]
    return steps


def _widths(found: set[str], prefix: str) -> list[int]:
    return sorted({len(value) for value in found if len(value) > len(prefix)})[:2]
