"""Owns fitting linear heads with scikit-learn; what comes out is plain numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pilothouse.documents.claims import heads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["fit_join", "fit_linear"]

LEAST = 2
"""A feature counts that so many wordings have; what one alone has teaches nothing about others."""


def fit_linear(
    grams: Sequence[Mapping[int, float]],
    truths: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    strength: float,
    words: frozenset[int],
) -> heads.Weights:
    """Return weights of one logistic regression a type.

    Args:
        grams: Features of each wording by hash.
        truths: Wordings by types; 1 claims, 0 does not.
        weights: Wordings by types; 0 leaves a wording out.
        strength: Inverse of the regularisation.
        words: Hashes of the words met.
    """
    import numpy as np
    from scipy import sparse as _sparse  # pyright: ignore[reportMissingTypeStubs] - has none

    sparse = cast("Any", _sparse)

    counts = Counter(key for one in grams for key in one)
    kept = {key: row for row, key in enumerate(sorted(key for key, n in counts.items() if n >= LEAST))}
    cells = [
        (at, kept[key], value) for at, one in enumerate(grams) for key, value in one.items() if key in kept
    ]
    data = np.array([cell[2] for cell in cells], dtype=np.float64)
    at = np.array([cell[0] for cell in cells], dtype=np.int64)
    row = np.array([cell[1] for cell in cells], dtype=np.int64)
    matrix: Any = sparse.csr_matrix((data, (at, row)), shape=(len(grams), len(kept)))
    columns = [
        _one(matrix, truths[:, column], weights[:, column], strength) for column in range(truths.shape[1])
    ]
    coefficients = np.stack([one[0] for one in columns], axis=1).astype(np.float32)
    return heads.Weights(
        rows=kept,
        matrix=coefficients,
        bias=np.array([one[1] for one in columns], dtype=np.float32),
        words=words,
    )


def fit_join(
    words: NDArray[np.float32],
    nets: NDArray[np.float32],
    truths: NDArray[np.float32],
    weights: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return factors of two scores and a shift, one a type, of the least log-loss; no factor is negative.

    Args:
        words: Scores by wording and type, of heads that never saw the wording.
        nets: Those of nets that never saw it.
        truths: 1 claims, 0 does not.
        weights: 0 leaves a wording out.
    """
    import numpy as np

    joins = np.zeros((3, truths.shape[1]), dtype=np.float32)
    joins[0] = 1.0
    for column in range(truths.shape[1]):
        wanted = truths[:, column] >= 0.5
        if (weights[:, column] * wanted).any():
            pair = np.stack([words[:, column], nets[:, column]], axis=1).astype(np.float64)
            factors, shift = _one(pair, truths[:, column], weights[:, column], 10.0)
            joins[:, column] = (max(0.0, factors[0]), max(0.0, factors[1]), shift)
    return joins[0], joins[1], joins[2]


def _one(
    matrix: Any, truth: NDArray[np.float32], weight: NDArray[np.float32], strength: float
) -> tuple[NDArray[np.float64], float]:
    import numpy as np
    from sklearn import linear_model  # pyright: ignore[reportMissingTypeStubs] - has none

    used = weight > 0
    wanted = truth[used] >= 0.5
    if not wanted.any() or wanted.all():
        # Nothing to tell apart: always or never, as the examples say.
        return np.zeros(int(matrix.shape[1]), dtype=np.float64), 4.0 if wanted.any() else -4.0
    model = cast("Any", linear_model).LogisticRegression(
        C=strength, solver="liblinear", tol=5e-3, max_iter=200, random_state=0
    )
    model.fit(matrix[np.flatnonzero(used)], wanted, sample_weight=weight[used])
    coefficients: NDArray[np.float64] = np.asarray(model.coef_[0], dtype=np.float64)
    return coefficients, float(model.intercept_[0])
