"""Owns the small nets behind a head: an encoder's vector in, one score a type out; numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Layers", "Net"]


@dataclass(frozen=True, slots=True)
class Layers:
    """One member of a net: a hidden layer and what it says of each type."""

    inner: NDArray[np.float32]
    inner_bias: NDArray[np.float32]
    outer: NDArray[np.float32]
    outer_bias: NDArray[np.float32]

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one row of scores a row of standardised vectors."""
        import numpy as np

        hidden: NDArray[np.float32] = np.maximum(rows @ self.inner + self.inner_bias, 0.0)
        return hidden @ self.outer + self.outer_bias


@dataclass(frozen=True, slots=True)
class Net:
    """Members that were fitted from different starts; what they agree on generalises.

    Attributes:
        mean: Of the vectors in training.
        scale: Inverse of their spread.
        members: At least one.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    members: Sequence[Layers]

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean score by type, one row a vector."""
        standard = (rows - self.mean) * self.scale
        total: NDArray[np.float32] = self.members[0].score(standard)
        for one in self.members[1:]:
            total += one.score(standard)
        total /= len(self.members)
        return total
