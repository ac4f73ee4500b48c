"""Owns fitting the small nets behind heads: encoder vectors in, missing labels allowed; numpy only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.documents.claims import heads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Parameters = list[NDArray[np.float32]]

__all__ = ["fit_net"]

HIDDEN, MEMBERS = 96, 3
EPOCHS, BATCH, STEP = 30, 128, 2e-3
DECAY, DROPPED, DROPPED_IN = 2e-2, 0.4, 0.15
KEPT_1, KEPT_2, TINY = 0.9, 0.999, 1e-8


def fit_net(
    vectors: NDArray[np.float32],
    truths: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    seed: int,
    members: int = MEMBERS,
) -> heads.Net:
    """Return a net that tells the types of vectors apart.

    Args:
        vectors: One row a sentence.
        truths: Sentences by types, from 0 to 1.
        weights: Sentences by types; 0 where nobody had a say.
        seed: Of the starts and the order.
        members: How many starts.
    """
    import numpy as np

    mean = vectors.mean(axis=0).astype(np.float32)
    spread = vectors.std(axis=0)
    scale = (1.0 / np.maximum(spread, 1e-4)).astype(np.float32)
    rows = ((vectors - mean) * scale).astype(np.float32)
    fitted = [_member(rows, truths, weights, np.random.default_rng((seed, at))) for at in range(members)]
    return heads.Net(mean, scale, tuple(fitted))


def _member(
    rows: NDArray[np.float32],
    truths: NDArray[np.float32],
    weights: NDArray[np.float32],
    rng: np.random.Generator,
) -> heads.Layers:
    import numpy as np

    width, types = rows.shape[1], truths.shape[1]
    now: Parameters = [
        (rng.standard_normal((width, HIDDEN)) * np.sqrt(2.0 / width)).astype(np.float32),
        np.zeros(HIDDEN, np.float32),
        (rng.standard_normal((HIDDEN, types)) * np.sqrt(1.0 / HIDDEN)).astype(np.float32),
        np.full(types, -2.0, np.float32),
    ]
    first: Parameters = [np.zeros_like(one) for one in now]
    second: Parameters = [np.zeros_like(one) for one in now]
    steps = EPOCHS * max(1, -(-len(rows) // BATCH))
    done = 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(rows))
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            slopes = _slopes(now, rows[part], truths[part], weights[part], rng)
            done += 1
            _stepped(now, slopes, first, second, done, STEP * 0.5 * (1.0 + np.cos(np.pi * done / steps)))
    return heads.Layers(*now)


def _slopes(
    now: Parameters,
    rows: NDArray[np.float32],
    truths: NDArray[np.float32],
    weights: NDArray[np.float32],
    rng: np.random.Generator,
) -> Parameters:
    """Return the slope of the weighted log-loss by each parameter, some signs left out at random."""
    import numpy as np

    seen = rows * ((rng.random(rows.shape) >= DROPPED_IN) / (1.0 - DROPPED_IN)).astype(np.float32)
    inner = seen @ now[0] + now[1]
    kept = ((rng.random(inner.shape) >= DROPPED) / (1.0 - DROPPED)).astype(np.float32) * (inner > 0)
    hidden = inner * kept
    p = 1.0 / (1.0 + np.exp(-np.clip(hidden @ now[2] + now[3], -30, 30)))
    error = ((p - truths) * weights / len(rows)).astype(np.float32)
    back = (error @ now[2].T) * kept
    slopes = (seen.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0))
    return [np.asarray(one, dtype=np.float32) for one in slopes]


def _stepped(
    now: Parameters, slopes: Parameters, first: Parameters, second: Parameters, done: int, step: float
) -> None:
    """One step of AdamW (Loshchilov & Hutter 2019) in place; biases do not decay."""
    import numpy as np

    for at, slope in enumerate(slopes):
        first[at] += np.float32(1 - KEPT_1) * (slope - first[at])
        second[at] += np.float32(1 - KEPT_2) * (slope * slope - second[at])
        mean = first[at] / (1 - KEPT_1**done)
        spread = np.sqrt(second[at] / (1 - KEPT_2**done)) + TINY
        decay = DECAY * now[at] if now[at].ndim == 2 else 0.0
        now[at] -= (step * (mean / spread + decay)).astype(np.float32)
