"""Owns splits: by layout and wording, never by row, so that "new" means what nobody taught."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from pilothouse.learning.data.wordings import Reading, Wordings

__all__ = ["folds_of", "held_out", "known_out"]


def _draw(name: str, seed: int) -> float:
    """A number from 0 to 1 that only the name and the seed decide."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{name}".encode()).digest()[:7]) / 2**56


def held_out(
    wordings: Mapping[str, Wordings],
    units: Mapping[str, str],
    types: Sequence[str],
    *,
    share: float,
    seed: int,
) -> frozenset[str]:
    """Return the units that are never trained on: about ``share`` of each type's wordings."""
    chosen: set[str] = set()
    for type_ in [*sorted(types, key=lambda t: sum(w.claims(t) for w in wordings.values())), ""]:
        mine: Counter[str] = Counter()
        for name, one in wordings.items():
            claims_it = one.claims(type_) if type_ else not any(one.claims(t) for t in types)
            if claims_it:
                mine[units[name]] += 1
        wanted = sum(mine.values()) * share
        have = sum(count for unit, count in mine.items() if unit in chosen)
        if len(mine) < 4:
            continue
        for unit in sorted(mine, key=lambda u: _draw(u, seed)):
            if have >= wanted:
                break
            # A unit so large that it would take half of a type stays in training.
            if unit not in chosen and mine[unit] * 2 <= sum(mine.values()):
                chosen.add(unit)
                have += mine[unit]
    return frozenset(chosen)


def folds_of(names: Sequence[str], units: Mapping[str, str], *, count: int, seed: int) -> list[int]:
    """Return the fold of each wording; those of a unit are in one fold, folds are about equal."""
    sizes = Counter(units[name] for name in names)
    load = [0] * count
    fold: dict[str, int] = {}
    for unit, size in sorted(sizes.items(), key=lambda one: (-one[1], _draw(one[0], seed))):
        least = min(range(count), key=lambda f: load[f])
        fold[unit] = least
        load[least] += size
    return [fold[units[name]] for name in names]


def known_out(readings: Sequence[Reading], *, share: float, seed: int) -> list[bool]:
    """Return which texts of known wordings are kept aside, by their own content."""
    return [_draw(f"{one.example.id}\n{one.example.text}", seed) < share for one in readings]
