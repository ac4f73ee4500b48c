"""Owns a trained head at work: scores, calibrated chances, thresholds by layout, and when it keeps silent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pilothouse.documents.claims.heads.features import Seen, see
from pilothouse.documents.claims.heads.layout import Memory, Wording
from pilothouse.documents.claims.heads.net import Net
from pilothouse.documents.claims.judging import Judgement, Opinion
from pilothouse.documents.claims.types import Layout, Use

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.documents.claims.lexicon import Marked
    from pilothouse.labels import Label

__all__ = ["Blend", "Head", "Limits", "Weights"]

SILENT = Judgement(opinions={}, layout="new", met=0.0, harmless=False)
REMEMBERED = 3
"""Examples of a wording from which on their own verdict counts."""
SAME = 0.999
TOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Thresholds of one type in one kind of layout.

    Attributes:
        tighten: At least this: may tighten; below it: confidently not claimed.
        fill: At least this: may fill; infinite where nothing was proved.
        proven: Recall proved for ``tighten`` (Learn-then-Test); 0 if the examples did not suffice.
        temperature: Of the calibration.
        shift: Of the calibration, behind the temperature.
    """

    tighten: float
    fill: float = math.inf
    proven: float = 0.0
    temperature: float = 1.0
    shift: float = 0.0

    def chance(self, score: float) -> float:
        """Return the calibrated chance of a score."""
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score / self.temperature + self.shift))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What was learnt: a row a feature, a column a type.

    Attributes:
        rows: Row by hashed feature.
        matrix: Of the features.
        bias: One a type.
        words: Hashes of every word met in training.
    """

    rows: Mapping[int, int]
    matrix: NDArray[np.float32]
    bias: NDArray[np.float32]
    words: frozenset[int]

    def score(self, seen: Seen) -> NDArray[np.float32]:
        """Return one score a type, before calibration."""
        import numpy as np

        known = [(self.rows[key], value) for key, value in seen.grams.items() if key in self.rows]
        scores = self.bias.copy()
        if known:
            rows = np.fromiter((row for row, _ in known), dtype=np.int64, count=len(known))
            values = np.fromiter((value for _, value in known), dtype=np.float32, count=len(known))
            scores += values @ self.matrix[rows].astype(np.float32)
        return scores

    def met(self, seen: Seen) -> float:
        """Return the share of a sentence's words that stood in training."""
        return len(seen.words & self.words) / len(seen.words) if seen.words else 0.0


@dataclass(frozen=True, slots=True)
class Blend:
    """How a net over an encoder's vectors and the weights of words are joined.

    Attributes:
        words: Factor of the words' score, one a type.
        vector: Factor of the net's score.
        shift: Added to both.
    """

    net: Net
    words: NDArray[np.float32]
    vector: NDArray[np.float32]
    shift: NDArray[np.float32]

    def joined(self, words: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what both say together; a row of scores of words for each row of vectors."""
        import numpy as np

        joined: NDArray[np.float32] = np.multiply(words, self.words, dtype=np.float32)
        joined += self.net.score(vectors) * self.vector + self.shift
        return joined


@dataclass(frozen=True, kw_only=True)
class Head:
    """A trained judge of sentences; numpy only.

    Attributes:
        name: Task and version, such as ``mail@3f9c``.
        task: Name of its task.
        types: Columns, in order.
        tightening: Those whose missing is the expensive error.
        limits: Thresholds by type and layout.
        met: Least share of known words below which a new wording is not judged.
        clear: A new wording is called harmless only below this chance: examples never cover all that may
            come, so the threshold that keeps their recall is not enough for wordings unlike any of them.
        memory: The wordings of training.
        blend: With what an encoder's vectors say; None where it was trained without.
        encoder: Version of the vectors; empty for none.
        encoded: Languages whose sentences have vectors.
        label: Join of what it was made from.
    """

    name: str
    task: str
    types: tuple[str, ...]
    tightening: frozenset[str]
    weights: Weights
    limits: Mapping[str, Mapping[Layout, Limits]]
    met: float
    memory: Memory
    clear: float = 0.02
    blend: Blend | None = None
    encoder: str = ""
    encoded: frozenset[str] = field(default_factory=frozenset[str])
    label: Label | None = None

    @property
    def version(self) -> str:
        """Stands in every claim."""
        return f"head:{self.name}"

    def judge(self, marked: Sequence[Marked], vectors: Mapping[int, NDArray[np.float32]]) -> list[Judgement]:
        """Return one judgement a sentence; silent where vectors are missing that it was trained with."""
        return [self._one(one, vectors.get(number)) for number, one in enumerate(marked)]

    def _one(self, marked: Marked, vector: NDArray[np.float32] | None) -> Judgement:
        sentence = marked.sentence
        if sentence.kind != "said" or (vector is None and sentence.language in self.encoded):
            return SILENT
        seen = see(marked)
        known, likeness = self.memory.nearest(seen)
        if likeness < self.memory.tau:
            known = None
        met = self.weights.met(seen)
        layout: Layout = "new" if known is None else "known"
        if known is None and met < self.met and vector is None:
            # Mostly words it never met: it claims nothing and clears nothing. An encoder knows more words.
            return Judgement(opinions={}, layout="new", met=met, harmless=False)
        scores = self.scores(seen, vector)
        opinions = {
            name: self._opinion(name, layout, float(score), known, likeness)
            for name, score in zip(self.types, scores, strict=True)
        }
        return Judgement(opinions=opinions, layout=layout, met=met, harmless=self._harmless(opinions, layout))

    def scores(self, seen: Seen, vector: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Return one score a type, before calibration."""
        words = self.weights.score(seen)
        if self.blend is None or vector is None:
            return words
        return self.blend.joined(words[None], vector[None])[0]

    def _opinion(
        self, name: str, layout: Layout, score: float, known: Wording | None, likeness: float
    ) -> Opinion:
        limits = self.limits[name][layout]
        p = limits.chance(score)
        use: Use | None = "fill" if p >= limits.fill else "tighten" if p >= limits.tighten else None
        if known is None or known.seen < REMEMBERED:
            return Opinion(p, use, use is None)
        # Several people judged these very words: what most of them said counts with the head's own view.
        if name in known.types:
            return Opinion(max(p, TOLD), use or "tighten", False)
        if likeness >= SAME and p < TOLD:
            return Opinion(p, None, True)
        return Opinion(p, use, use is None)

    def _harmless(self, opinions: Mapping[str, Opinion], layout: Layout) -> bool:
        """Nothing that tightens: each type denied, new wordings only by proved thresholds."""
        for name in self.tightening:
            if not opinions[name].denied:
                return False
            if layout == "new" and (opinions[name].p >= self.clear or self.limits[name]["new"].proven <= 0):
                return False
        return True
