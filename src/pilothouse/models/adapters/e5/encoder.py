"""Owns sentence vectors in many languages by ``multilingual-e5-small``: in this process, on one thread.

The model and its prefixes: Wang et al. 2024, arXiv 2402.05672. "query: " is for what is compared with its
like, such as sentences that a head judges, and for questions; "passage: " for what questions are answered by.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from pilothouse.models.adapters.encoding import (
    Encoded,
    EncoderWeights,
    ThreadedEncoder,
    batches,
    open_session,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

    from pilothouse.models.adapters.e5.delta import Delta
    from pilothouse.models.adapters.e5.weights import E5File
    from pilothouse.models.adapters.e5.words import Words

__all__ = ["E5Small"]

_REMEMBERED: Final = 8192
_RECIPE: Final = "e5 mean l2 nfc blocks8 1"
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What runs; the embedding table stays in the mapped file, its rows are unpacked as they are used."""

    file: E5File
    words: Words
    session: InferenceSession
    table: NDArray[np.uint8]
    places: NDArray[np.float32]


class E5Small(ThreadedEncoder):
    """An ``Encoder``: ``multilingual-e5-small``, 4-bit, 384 numbers a text.

    A text that is too long to be seen at once is read in windows and never cut; its vector is their mean,
    weighted by tokens. Sentences it has lately seen are remembered; a remembered one counts as one window.

    Args:
        weights: The open pack ``e5-small``.
        delta: What a training added to these weights; vectors of another delta are others.

    Raises:
        DataError: ``models.delta``: the file is damaged or was trained on other weights.
    """

    def __init__(self, weights: EncoderWeights, *, delta: Path | None = None) -> None:
        from pilothouse.models.adapters.e5.delta import read_delta

        self._delta = read_delta(delta, base=weights.hash) if delta is not None else None
        tuned = f" {self._delta.hash}" if self._delta is not None else ""
        version = hashlib.sha256(f"{weights.hash} {_RECIPE}{tuned}".encode()).hexdigest()
        super().__init__(name=weights.name, version=version, dimensions=384)
        self._path = weights.path("e5-small-q4.bin")
        self._base = weights.hash
        self._loaded: _Loaded | None = None
        self._known: OrderedDict[_Key, NDArray[np.float32]] = OrderedDict()

    async def unpacked(self, texts: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return what a training of a :class:`Delta` needs: tokens of texts, and the numbers they meet.

        ``tokens`` are rows of ``table`` (embedded tokens), ``ends`` where each text ends in them; ``places``
        is added by position; then every ``l<layer>.<matrix>.w``, bias, norm, float32. ``base`` is the hash.
        """
        from pilothouse.models.adapters.e5.delta import unpacked_for

        def work() -> dict[str, NDArray[Any]]:
            loaded = self._load()
            rows = [
                [loaded.file.vocabulary.begin, *tokens, loaded.file.vocabulary.end]
                for tokens in loaded.words.tokens([f"query: {text}" for text in texts])
            ]
            return unpacked_for(loaded.file, self._base, rows, loaded.places)

        return await self._run(work)

    def _free(self) -> None:
        self._loaded = None
        self._known.clear()

    def _load(self) -> _Loaded:
        if self._loaded is None:
            self._loaded = _open(self._path, self._delta)
        return self._loaded

    def _encode(self, texts: list[str], kind: str) -> Encoded:
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if (kind, text) not in self._known]
        rows, counts = _vectors(self._load(), [f"{kind}: {text}" for text in new]) if new else ((), ())
        fresh = dict(zip(new, zip(rows, counts, strict=True), strict=True))
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        windows: list[int] = []
        for at, text in enumerate(texts):
            vector, count = fresh.get(text) or (self._known[kind, text], 1)
            vectors[at] = vector
            windows.append(int(count))
        self._remember(kind, texts, fresh)
        return Encoded(vectors=vectors, windows=tuple(windows))

    def _remember(
        self, kind: str, texts: list[str], fresh: dict[str, tuple[NDArray[np.float32], int]]
    ) -> None:
        for text in texts:
            key = kind, text
            if key in self._known:
                self._known.move_to_end(key)
            elif fresh[text][1] == 1:  # a text of several windows is no sentence, and would be large to keep
                self._known[key] = fresh[text][0]
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _open(path: Path, delta: Delta | None) -> _Loaded:
    from pilothouse.models.adapters.e5.graph import onnx_of
    from pilothouse.models.adapters.e5.weights import read_weights
    from pilothouse.models.adapters.e5.words import Words

    file = read_weights(path)
    shape = file.shape
    places = file.numbers("emb.pos", shape.positions * shape.width).reshape(-1, shape.width)
    kinds = file.numbers("emb.type", 2 * shape.width)[: shape.width]
    return _Loaded(
        file=file,
        words=Words(file.vocabulary),
        session=open_session(onnx_of(file, delta)),
        table=file.packed("emb.word", shape.rows, shape.width),
        places=places + kinds,
    )


def _vectors(loaded: _Loaded, texts: list[str]) -> tuple[NDArray[np.float32], list[int]]:
    import numpy as np

    vocabulary, room = loaded.file.vocabulary, loaded.file.shape.positions - 2
    rows: list[list[int]] = []
    owners: list[int] = []
    for owner, tokens in enumerate(loaded.words.tokens(texts)):
        for start in range(0, max(1, len(tokens)), room):
            rows.append([vocabulary.begin, *tokens[start : start + room], vocabulary.end])
            owners.append(owner)
    vectors = np.zeros((len(texts), loaded.file.shape.width), np.float32)
    counts = [0] * len(texts)
    for batch in batches(rows):
        means = _means(loaded, [rows[index] for index in batch])
        for index, mean in zip(batch, means, strict=True):
            vectors[owners[index]] += mean * (len(rows[index]) - 2 or 1)
            counts[owners[index]] += 1
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12), counts


def _means(loaded: _Loaded, rows: list[list[int]]) -> NDArray[np.float32]:
    import numpy as np

    from pilothouse.models.adapters.e5.graph import EMBEDDED, MASK

    width = max(len(row) for row in rows)
    ids = np.full((len(rows), width), loaded.file.vocabulary.pad, np.int64)
    mask = np.zeros((len(rows), width), np.int32)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
        mask[at, : len(row)] = 1
    embedded = _unpacked(loaded.table, ids) + loaded.places[:width]
    hidden = cast("NDArray[np.float32]", loaded.session.run(None, {EMBEDDED: embedded, MASK: mask})[0])
    weights = mask[:, :, None].astype(np.float32)
    return ((hidden * weights).sum(axis=1) / weights.sum(axis=1)).astype(np.float32)


def _unpacked(table: NDArray[np.uint8], ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the embedded tokens: only their rows of the table are read from the file."""
    import numpy as np

    from pilothouse.models.adapters.e5.graph import dense

    return dense(np.asarray(table[ids.reshape(-1)])).reshape(*ids.shape, -1)
