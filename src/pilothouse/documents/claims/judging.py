"""Owns what a trained judge of sentences answers; heads are one, and the reader asks no other way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pilothouse.documents.claims.types import Layout, Use

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.documents.claims.lexicon import Marked
    from pilothouse.labels import Label

__all__ = ["LIKELY", "SUSPECT", "Judge", "Judgement", "Opinion"]


LIKELY = 0.5
"""From here on a judge claims; below, a sentence it cannot clear stays unread."""
SUSPECT = 0.2
"""From here on a type that tightens is left open even where a rule explains the sentence."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge thinks of one type in one sentence.

    Attributes:
        p: Calibrated chance that the sentence claims it.
        use: What the thresholds of its layout allow; None below both.
        denied: Confidently not claimed: below the threshold that keeps recall.
    """

    p: float
    use: Use | None
    denied: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge thinks of one sentence.

    Attributes:
        opinions: By claim type.
        layout: Whether the wording was in training.
        met: Share of the sentence's signs that were in training.
        harmless: Confidently nothing of matter.
    """

    opinions: Mapping[str, Opinion]
    layout: Layout
    met: float
    harmless: bool


class Judge(Protocol):
    """Judges sentences; carries the label of what it learnt from."""

    @property
    def version(self) -> str:
        """Name and version."""
        ...

    @property
    def label(self) -> Label | None:
        """Join of its examples' labels; a claim it contributes to carries it."""
        ...

    @property
    def encoder(self) -> str:
        """Version of the vectors it was trained on; empty if it needs none."""
        ...

    @property
    def encoded(self) -> frozenset[str]:
        """Languages whose sentences it wants vectors of."""
        ...

    def judge(self, marked: Sequence[Marked], vectors: Mapping[int, NDArray[np.float32]]) -> list[Judgement]:
        """Return one judgement a sentence; ``vectors`` by the sentence's number, as far as there are any."""
        ...
