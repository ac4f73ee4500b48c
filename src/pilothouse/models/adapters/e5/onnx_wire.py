"""Owns writing an ONNX model as bytes: the few messages of its protobuf form that our graph needs.

Numbers of fields are those of ``onnx.proto`` (ONNX IR 9); no package writes them for us here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FLOAT", "INT32", "model", "node", "tensor", "value"]

FLOAT, INT32 = 1, 6
_KINDS = {"float32": FLOAT, "uint8": 2, "int32": INT32}
_IR, _OPSET = 9, 17
_CONTRIB = "com.microsoft"


def node(kind: str, takes: Sequence[str], gives: str, *, contrib: bool = False, **told: float) -> bytes:
    """Return one operation; ``contrib`` ones are ONNX Runtime's own."""
    parts = [*(_text(1, name) for name in takes), _text(2, gives), _text(4, kind)]
    parts += [_text(5, _attribute(name, number)) for name, number in told.items()]
    return b"".join([*parts, _text(7, _CONTRIB)] if contrib else parts)


def tensor(name: str, numbers: NDArray[Any]) -> bytes:
    """Return constant numbers."""
    shape = b"".join(_whole(1, size) for size in numbers.shape)
    return shape + _whole(2, _KINDS[numbers.dtype.name]) + _text(8, name) + _text(9, numbers.tobytes())


def value(name: str, kind: int, shape: Sequence[str | int]) -> bytes:
    """Return what goes in or out; a side that varies has a name."""
    sides = b"".join(_text(1, _text(2, side) if isinstance(side, str) else _whole(1, side)) for side in shape)
    return _text(1, name) + _text(2, _text(1, _whole(1, kind) + _text(2, sides)))


def model(
    nodes: Iterable[bytes], constants: Iterable[bytes], takes: Iterable[bytes], gives: Iterable[bytes]
) -> bytes:
    """Return the whole model."""
    graph = b"".join(
        [
            *(_text(1, one) for one in nodes),
            _text(2, "pilothouse"),
            *(_text(5, one) for one in constants),
            *(_text(11, one) for one in takes),
            *(_text(12, one) for one in gives),
        ]
    )
    sets = [
        _text(8, _text(1, domain) + _whole(2, number)) for domain, number in (("", _OPSET), (_CONTRIB, 1))
    ]
    return _whole(1, _IR) + _text(7, graph) + b"".join(sets)


def _attribute(name: str, number: float) -> bytes:
    if isinstance(number, int):
        return _text(1, name) + _whole(3, number) + _whole(20, 2)
    return _text(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", number) + _whole(20, 1)


def _text(field: int, content: str | bytes) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _whole(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
