"""Owns sentence vectors by MiniLM on ONNX Runtime: in this process, on one thread of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from pilothouse.models.adapters.encoding import (
    Encoded,
    EncoderWeights,
    ThreadedEncoder,
    Window,
    batches,
    open_session,
    without_surrogates,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

__all__ = ["OnnxMiniLM"]

_TOKENS: Final = 256  # what it was trained on; two of them are [CLS] and [SEP]
_DIMENSIONS: Final = 384
_RECIPE: Final = f"minilm mean l2 {_TOKENS} windows"


class OnnxMiniLM(ThreadedEncoder):
    """An ``Encoder``: ``all-MiniLM-L6-v2``, int8, 384 numbers a text; English is what it was measured on.

    A text over 256 tokens is read in windows and never cut: :meth:`windows` shows them, for callers who would
    rather have a vector each, and :meth:`encode_reported` says how many there were.

    Args:
        weights: The open pack ``minilm``.
    """

    def __init__(self, weights: EncoderWeights) -> None:
        version = hashlib.sha256(f"{weights.hash} {_RECIPE}".encode()).hexdigest()
        super().__init__(name=weights.name, version=version, dimensions=_DIMENSIONS)
        self._model = weights.path("model.onnx")
        self._words = weights.path("tokenizer.json")
        self._loaded: tuple[InferenceSession, Tokenizer] | None = None

    async def windows(self, text: str) -> tuple[Window, ...]:
        """Return the pieces of ``text`` that the encoder sees whole; one when it is short."""
        return await self._run(lambda: self._windows(without_surrogates(text)))

    def _free(self) -> None:
        self._loaded = None

    def _load(self) -> tuple[InferenceSession, Tokenizer]:
        if self._loaded is None:
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(self._words))
            tokenizer.no_truncation()  # the file asks for 128 and padding to it; we window and pad ourselves
            tokenizer.no_padding()
            self._loaded = (open_session(self._model), tokenizer)
        return self._loaded

    def _windows(self, text: str) -> tuple[Window, ...]:
        _, tokenizer = self._load()
        return _cut(text, tokenizer.encode(text, add_special_tokens=False).offsets)

    def _encode(self, texts: list[str], kind: str) -> Encoded:
        import numpy as np

        session, tokenizer = self._load()
        rows: list[list[int]] = []
        owners: list[int] = []
        given = [without_surrogates(text) for text in texts]
        for owner, encoding in enumerate(tokenizer.encode_batch(given, add_special_tokens=True)):
            for piece in _pieces(encoding.ids):
                rows.append(piece)
                owners.append(owner)
        vectors = np.zeros((len(texts), _DIMENSIONS), np.float32)
        counts = np.zeros(len(texts), np.int64)
        for batch in batches(rows):
            pooled = _pool(session, [rows[index] for index in batch])
            for index, vector in zip(batch, pooled, strict=True):
                vectors[owners[index]] += vector * len(rows[index])
                counts[owners[index]] += 1
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return Encoded(
            vectors=vectors / np.maximum(lengths, 1e-12), windows=tuple(int(count) for count in counts)
        )


def _cut(text: str, offsets: Sequence[tuple[int, int]]) -> tuple[Window, ...]:
    room = _TOKENS - 2
    if len(offsets) <= room:
        return (Window(start=0, end=len(text), tokens=len(offsets)),)
    starts = range(0, len(offsets), room)
    edges = [0, *(offsets[start][0] for start in starts[1:]), len(text)]
    return tuple(
        Window(start=edges[at], end=edges[at + 1], tokens=min(room, len(offsets) - start))
        for at, start in enumerate(starts)
    )


def _pieces(ids: list[int]) -> list[list[int]]:
    if len(ids) <= _TOKENS:
        return [ids]
    first, last, inner, room = ids[0], ids[-1], ids[1:-1], _TOKENS - 2
    return [[first, *inner[start : start + room], last] for start in range(0, len(inner), room)]


def _pool(session: InferenceSession, rows: list[list[int]]) -> NDArray[np.float32]:
    import numpy as np

    width = max(len(row) for row in rows)
    ids = np.zeros((len(rows), width), np.int64)
    mask = np.zeros((len(rows), width), np.int64)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
        mask[at, : len(row)] = 1
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    hidden = cast("NDArray[np.float32]", session.run(None, given)[0])
    weights = mask[:, :, None].astype(np.float32)
    pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    return (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).astype(np.float32)
