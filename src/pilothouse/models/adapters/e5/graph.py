"""Owns the network of ``multilingual-e5-small`` as an ONNX graph: embedded tokens in, hidden states out.

A BERT encoder with layer norms behind the sums (Devlin et al. 2019, arXiv 1810.04805). Matrices stay 4-bit
blocks, with ONNX Runtime's operation for them; no weight is rounded again. What a training adds is computed
beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.kernel import DataError
from pilothouse.models.adapters.e5.onnx_wire import FLOAT, INT32, model, node, tensor, value
from pilothouse.models.adapters.e5.weights import BLOCK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.models.adapters.e5.delta import Delta
    from pilothouse.models.adapters.e5.weights import E5File

__all__ = ["EMBEDDED", "MASK", "dense", "nibbles", "onnx_of"]

EMBEDDED, MASK = "embedded", "mask"
_EIGHT_BITS = 4
"""ONNX Runtime's word for: inputs of a matrix in 8-bit blocks, each with a scale of its own.

A row's result then depends on no other row, so a text has one vector in any company.
"""


def onnx_of(file: E5File, delta: Delta | None = None) -> bytes:
    """Return the model of a weight file, with what a training added.

    Raises:
        DataError: ``models.weights``: a tensor is missing or of another size; ``models.delta``: a change does
            not fit its matrix.
    """
    return _Graph(file, delta).whole()


def nibbles(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 32 numbers of 0 to 15 of each block."""
    import numpy as np

    return np.concatenate([packed & np.uint8(15), packed >> np.uint8(4)], axis=-1)


def dense(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the numbers of rows of blocks, each a float16 scale and 16 bytes."""
    import numpy as np

    scales = np.ascontiguousarray(packed[:, :, :2]).view("<f2").astype(np.float32)
    codes = nibbles(packed[:, :, 2:]).astype(np.float32)
    return ((codes - 8) * scales).reshape(packed.shape[0], -1)


class _Graph:
    def __init__(self, file: E5File, delta: Delta | None) -> None:
        self._file = file
        self._changes = dict(delta.parts) if delta is not None else {}
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []

    def whole(self) -> bytes:
        width = self._file.shape.width
        self._norm("first", "emb.ln", [EMBEDDED])
        hidden = "first"
        for number in range(self._file.shape.layers):
            hidden = self._layer(f"l{number}", hidden)
        if self._changes:
            raise DataError(
                f"the encoder has no matrix {next(iter(self._changes))!r} to change", code="models.delta"
            )
        takes = [value(EMBEDDED, FLOAT, ["texts", "tokens", width]), value(MASK, INT32, ["texts", "tokens"])]
        return model(self._nodes, self._constants, takes, [value(hidden, FLOAT, ["texts", "tokens", width])])

    def _layer(self, at: str, given: str) -> str:
        import numpy as np

        shape = self._file.shape
        width, inner = shape.width, shape.inner
        asked = [self._times(f"{at}.{one}", given, width, width) for one in ("q", "k", "v")]
        biases = [self._file.numbers(f"{at}.{one}.b", width) for one in ("q", "k", "v")]
        bias = self._constant(f"{at}.qkv.b", np.concatenate(biases))
        seen = f"{at}.seen"
        self._add("MultiHeadAttention", [*asked, bias, MASK], seen, num_heads=shape.heads)
        attended = self._times(f"{at}.ao", seen, width, width)
        self._norm(f"{at}.between", f"{at}.aln", [given, attended], bias=f"{at}.ao.b")
        wide = self._times(f"{at}.fi", f"{at}.between", inner, width)
        bent = f"{at}.bent"
        self._add("BiasGelu", [wide, self._numbers(f"{at}.fi.b", inner)], bent)
        narrow = self._times(f"{at}.fo", bent, width, inner)
        self._norm(f"{at}.out", f"{at}.oln", [f"{at}.between", narrow], bias=f"{at}.fo.b")
        return f"{at}.out"

    def _times(self, at: str, given: str, rows: int, columns: int) -> str:
        """Add a product with the matrix of that name; its nibbles lie in another order here."""
        import numpy as np

        scales, packed = self._file.blocks(f"{at}.w", rows, columns)
        codes = nibbles(packed)
        matrix = self._constant(f"{at}.w", codes[:, :, 0::2] | (codes[:, :, 1::2] << np.uint8(4)))
        scale = self._constant(f"{at}.s", scales.reshape(-1))
        told = {"K": columns, "N": rows, "bits": 4, "block_size": BLOCK, "accuracy_level": _EIGHT_BITS}
        self._add("MatMulNBits", [given, matrix, scale], f"{at}.y", **told)
        if at not in self._changes:
            return f"{at}.y"
        down, up = self._changes.pop(at)
        if (up.shape[0], down.shape[1]) != (rows, columns):
            raise DataError(
                f"a change of {up.shape[0]} by {down.shape[1]} does not fit {at!r}, {rows} by {columns}",
                code="models.delta",
            )
        low, high = self._constant(f"{at}.down", down.T), self._constant(f"{at}.up", up.T)
        self._nodes.append(node("MatMul", [given, low], f"{at}.low"))
        self._nodes.append(node("MatMul", [f"{at}.low", high], f"{at}.more"))
        self._nodes.append(node("Add", [f"{at}.y", f"{at}.more"], f"{at}.sum"))
        return f"{at}.sum"

    def _norm(self, gives: str, at: str, takes: list[str], *, bias: str = "") -> None:
        width, epsilon = self._file.shape.width, self._file.shape.epsilon
        scale, shift = self._numbers(f"{at}.w", width), self._numbers(f"{at}.b", width)
        if not bias:
            self._nodes.append(
                node("LayerNormalization", [*takes, scale, shift], gives, axis=2, epsilon=epsilon)
            )
            return
        taken = [*takes, scale, shift, self._numbers(bias, width)]
        self._add("SkipLayerNormalization", taken, gives, epsilon=epsilon)

    def _add(self, kind: str, takes: list[str], gives: str, **told: float) -> None:
        self._nodes.append(node(kind, takes, gives, contrib=True, **told))

    def _numbers(self, name: str, count: int) -> str:
        return self._constant(name, self._file.numbers(name, count))

    def _constant(self, name: str, numbers: NDArray[np.float32] | NDArray[np.uint8]) -> str:
        self._constants.append(tensor(name, numbers))
        return name
