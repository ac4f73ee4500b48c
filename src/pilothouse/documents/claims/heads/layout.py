"""Owns telling known wordings from new ones: the nearest sentence in training, and how near is near."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pilothouse.documents.claims.heads.features import Seen

__all__ = ["Memory", "Wording", "jaccard"]


@dataclass(frozen=True, slots=True)
class Wording:
    """One wording of the training examples.

    Attributes:
        shingles: Hashed masked words and pairs.
        signature: Concepts with polarity and noes.
        seen: How many examples had it.
        types: Types that most of them claim.
    """

    shingles: frozenset[int]
    signature: int
    seen: int
    types: frozenset[str]


def jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    """Return the share of common elements among all."""
    return len(a & b) / len(a | b) if a or b else 0.0


class Memory:
    """The wordings of a training set; finds the nearest.

    Args:
        wordings: Distinct.
        tau: A sentence is known from this likeness on.
    """

    def __init__(self, wordings: Sequence[Wording], tau: float) -> None:
        self.wordings = tuple(wordings)
        self.tau = tau
        self._holding: dict[int, list[int]] = {}
        for number, one in enumerate(self.wordings):
            for shingle in one.shingles:
                self._holding.setdefault(shingle, []).append(number)

    def nearest(self, seen: Seen, *, but: int = -1) -> tuple[Wording | None, float]:
        """Return the most alike wording of the same signature, and the likeness.

        Args:
            seen: A sentence.
            but: Number of a wording to leave out.
        """
        common: Counter[int] = Counter()
        for shingle in seen.shingles:
            common.update(self._holding.get(shingle, ()))
        best: tuple[Wording | None, float] = (None, 0.0)
        for number, shared in common.most_common(40):
            one = self.wordings[number]
            if number == but or one.signature != seen.signature:
                continue
            likeness = shared / (len(seen.shingles) + len(one.shingles) - shared)
            if likeness > best[1]:
                best = (one, likeness)
        return best

    def known(self, seen: Seen) -> Wording | None:
        """Return the wording that a sentence has, if it is one of training."""
        found, likeness = self.nearest(seen)
        return found if likeness >= self.tau else None

    def as_rows(self, types: Sequence[str]) -> Mapping[str, list[list[int]] | list[int]]:
        """Return plain lists, as files keep them."""
        places = {name: number for number, name in enumerate(types)}
        return {
            "shingles": [sorted(one.shingles) for one in self.wordings],
            "signature": [one.signature for one in self.wordings],
            "seen": [one.seen for one in self.wordings],
            "types": [sorted(places[name] for name in one.types) for one in self.wordings],
        }
