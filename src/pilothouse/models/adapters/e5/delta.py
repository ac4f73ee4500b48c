"""Owns what a training adds to the encoder: low-rank changes of its matrices in a file of their own.

Hu et al. 2021, arXiv 2106.09685: ``y = W x + B (A x)``, with ``W`` the untouched 4-bit matrix. The file is
NumPy's ``.npz``: ``base`` is the hash of the weights it was trained on, ``<matrix>.down`` is A and
``<matrix>.up`` is B, scaled, both float16.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.models.adapters.e5.weights import E5File

__all__ = ["MATRICES", "Delta", "read_delta", "unpacked_for"]

MATRICES = ("q", "k", "v", "ao", "fi", "fo")
"""Of each layer: query, key, value, attention out, feed forward in and out."""
LARGEST = 64_000_000


@dataclass(frozen=True, slots=True)
class Delta:
    """Changes by matrix, such as ``l3.q``: A of rank by columns, B of rows by rank, float32."""

    hash: str
    parts: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]


def read_delta(path: Path, *, base: str) -> Delta:
    """Return the changes in a file.

    Args:
        path: The file.
        base: Hash of the weights they will be added to.

    Raises:
        DataError: ``models.delta``: it is damaged, or was trained on other weights.
    """
    import numpy as np

    try:
        raw = path.read_bytes()
        if len(raw) > LARGEST:
            raise ValueError(f"{len(raw)} bytes are too many")
        with np.load(io.BytesIO(raw), allow_pickle=False) as found:
            arrays: dict[str, NDArray[Any]] = dict(found.items())
        trained_on = str(arrays.pop("base"))
        parts = {name.removesuffix(".down"): _pair(arrays, name) for name in arrays if name.endswith(".down")}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{str(path)!r} holds no changes of an encoder ({error})", code="models.delta"
        ) from error
    if trained_on != base:
        raise DataError(
            f"{str(path)!r} was trained on weights {trained_on[:16]!r}, not on {base[:16]!r}; train it again",
            code="models.delta",
        )
    if not parts or len(arrays) != 2 * len(parts):
        raise DataError(f"{str(path)!r} holds {len(arrays)} arrays that are no pairs", code="models.delta")
    return Delta(hash=hashlib.sha256(raw).hexdigest(), parts=parts)


def unpacked_for(
    file: E5File, base: str, rows: Sequence[Sequence[int]], places: NDArray[np.float32]
) -> dict[str, NDArray[Any]]:
    """Return the whole network as float32 beside the tokens of texts; see ``E5Small.unpacked``."""
    import numpy as np

    from pilothouse.models.adapters.e5.graph import dense

    shape = file.shape
    used = sorted({token for row in rows for token in row})
    spot = {token: at for at, token in enumerate(used)}
    table = file.packed("emb.word", shape.rows, shape.width)
    sizes = dict.fromkeys(MATRICES, (shape.width, shape.width))
    sizes |= {"fi": (shape.inner, shape.width), "fo": (shape.width, shape.inner)}
    out: dict[str, NDArray[Any]] = {
        "base": np.array(base),
        "heads": np.array(shape.heads),
        "tokens": np.array([spot[token] for row in rows for token in row], np.int32),
        "ends": np.cumsum([len(row) for row in rows]),
        "table": dense(np.asarray(table[np.array(used)])),
        "places": places,
    }
    for at in ("emb.ln", *(f"l{number}.{one}" for number in range(shape.layers) for one in ("aln", "oln"))):
        out |= {f"{at}.{side}": file.numbers(f"{at}.{side}", shape.width) for side in ("w", "b")}
    for number in range(shape.layers):
        for name, (height, width) in sizes.items():
            packed = file.packed(f"l{number}.{name}.w", height, width)
            out[f"l{number}.{name}.w"] = dense(np.asarray(packed))
            out[f"l{number}.{name}.b"] = file.numbers(f"l{number}.{name}.b", height)
    return out


def _pair(arrays: Mapping[str, NDArray[Any]], name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    import numpy as np

    down = arrays[name].astype(np.float32)
    up = arrays[name.removesuffix("down") + "up"].astype(np.float32)
    if down.ndim != 2 or up.ndim != 2 or down.shape[0] != up.shape[1]:
        raise ValueError(f"{name!r} of shape {down.shape} does not fit {up.shape}")
    if not (np.isfinite(down).all() and np.isfinite(up).all()):
        raise ValueError(f"{name!r} is not finite")
    return down, up
