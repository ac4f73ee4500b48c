"""The weight file of the encoder of many languages: read as written, computed as told, refused if damaged."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pilothouse.kernel import DataError
from pilothouse.models.adapters.e5 import read_weights
from pilothouse.models.adapters.e5.graph import EMBEDDED, MASK, onnx_of
from pilothouse.models.adapters.e5.words import Words

WIDTH, HEADS, INNER, POSITIONS, LAYERS = 64, 2, 96, 8, 2
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", "\u2581a", "b", "\u2581ab", "<mask>"]
SCORES = [0.0, 0.0, 0.0, 0.0, -3.0, -2.0, -2.5, -2.1, 0.0]
Floats = NDArray[np.float32]


def _packed(numbers: Floats) -> tuple[bytes, Floats]:
    """Return 4-bit blocks, written the slow way, and the numbers they stand for."""
    blocks = bytearray()
    told = np.zeros(numbers.size, np.float32)
    flat = numbers.reshape(-1)
    for at in range(0, flat.size, 32):
        block = flat[at : at + 32]
        scale = np.float16(np.abs(block).max() / 7)
        codes = [int(np.clip(round(float(one / scale)) + 8, 0, 15)) for one in block]
        blocks += scale.tobytes()
        blocks += bytes(codes[j] | codes[j + 16] << 4 for j in range(16))
        told[at : at + 32] = [(code - 8) * float(scale) for code in codes]
    return bytes(blocks), told.reshape(numbers.shape)


def _made() -> tuple[dict[str, bytes], dict[str, Floats]]:
    lot = np.random.default_rng(5)
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (len(PIECES), WIDTH),
        "emb.pos": (POSITIONS, WIDTH),
        "emb.type": (2, WIDTH),
        "emb.ln.w": (WIDTH,),
        "emb.ln.b": (WIDTH,),
    }
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao"):
            shapes |= {f"l{layer}.{name}.w": (WIDTH, WIDTH), f"l{layer}.{name}.b": (WIDTH,)}
        shapes |= {f"l{layer}.fi.w": (INNER, WIDTH), f"l{layer}.fi.b": (INNER,)}
        shapes |= {f"l{layer}.fo.w": (WIDTH, INNER), f"l{layer}.fo.b": (WIDTH,)}
        for name in ("aln", "oln"):
            shapes |= {f"l{layer}.{name}.w": (WIDTH,), f"l{layer}.{name}.b": (WIDTH,)}
    stored: dict[str, bytes] = {}
    told: dict[str, Floats] = {}
    for name, shape in shapes.items():
        numbers = lot.normal(0, 0.3, shape).astype(np.float32)
        if name == "emb.word" or (name.endswith(".w") and len(shape) == 2):
            stored[name], told[name] = _packed(numbers)
        else:
            stored[name], told[name] = numbers.tobytes(), numbers
    return stored, told


def _written(stored: dict[str, bytes], told: dict[str, Floats]) -> bytes:
    blob = "".join(PIECES).encode()
    edges = [0]
    for piece in PIECES:
        edges.append(edges[-1] + len(piece.encode()))
    normal = b"".join(
        struct.pack(f"<IB{len(to)}I", ord(one), len(to), *map(ord, to))
        for one, to in (("\t", " "), ("\u00ad", ""), ("\ufb01", "fi"))
    )
    head = b"E5S1" + struct.pack(
        "<I7ifi", 1, WIDTH, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, 2, 1e-6, 32
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob))
    head += struct.pack(f"<{len(edges)}I", *edges) + struct.pack(f"<{len(SCORES)}f", *SCORES) + blob
    head += struct.pack("<iI", 3, len(normal)) + normal + struct.pack("<i", len(stored))
    start = len(head) + sum(2 + len(name) + 21 for name in stored)
    body = b""
    for name, raw in stored.items():
        packed = len(raw) != told[name].size * 4
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", packed, told[name].size, start + len(body), len(raw))
        body += raw
    return head + body


@pytest.fixture(scope="module")
def whole() -> tuple[bytes, dict[str, Floats]]:
    stored, told = _made()
    return _written(stored, told), told


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    def _put(raw: bytes) -> Path:
        path = tmp_path / "w.bin"
        path.unlink(missing_ok=True)
        path.write_bytes(raw)
        return path

    return _put


def _network(told: dict[str, Floats], ids: list[int]) -> NDArray[np.float64]:
    """Return hidden states of one text, computed plainly in float64."""

    def norm(x: NDArray[np.float64], at: str) -> NDArray[np.float64]:
        spread = np.sqrt(x.var(axis=1, keepdims=True) + 1e-6)
        return (x - x.mean(axis=1, keepdims=True)) / spread * told[f"{at}.w"] + told[f"{at}.b"]

    def times(x: NDArray[np.float64], at: str) -> NDArray[np.float64]:
        return x @ told[f"{at}.w"].T.astype(np.float64) + told[f"{at}.b"]

    x = norm(
        told["emb.word"][ids] + told["emb.pos"][: len(ids)] + told["emb.type"][0].astype(np.float64), "emb.ln"
    )
    size = WIDTH // HEADS
    for layer in range(LAYERS):
        q, k, v = (times(x, f"l{layer}.{one}") for one in "qkv")
        seen = np.zeros_like(x)
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            score = np.exp(q[:, part] @ k[:, part].T / math.sqrt(size))
            seen[:, part] = score / score.sum(axis=1, keepdims=True) @ v[:, part]
        x = norm(x + times(seen, f"l{layer}.ao"), f"l{layer}.aln")
        wide = times(x, f"l{layer}.fi")
        bent = 0.5 * wide * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        x = norm(x + times(bent, f"l{layer}.fo"), f"l{layer}.oln")
    return x


def test_numbers_and_pieces_are_read_as_written(
    whole: tuple[bytes, dict[str, Floats]], put: Callable[[bytes], Path]
) -> None:
    raw, told = whole
    file = read_weights(put(raw))
    assert (file.shape.width, file.shape.layers, file.shape.positions) == (WIDTH, LAYERS, POSITIONS)
    assert list(file.vocabulary.pieces) == PIECES
    assert file.vocabulary.normal == {9: " ", 0xAD: "", 0xFB01: "fi"}
    assert np.array_equal(file.numbers("l1.fi.b", INNER), told["l1.fi.b"])
    scales, nibbles = file.blocks("l0.fo.w", WIDTH, INNER)
    assert scales.shape == (WIDTH, INNER // 32)
    assert nibbles.shape == (WIDTH, INNER // 32, 16)
    with pytest.raises(DataError) as caught:
        file.numbers("l0.fo.w", WIDTH * INNER)
    assert caught.value.code == "models.weights"


def test_the_graph_computes_what_the_weights_say(
    whole: tuple[bytes, dict[str, Floats]], put: Callable[[bytes], Path]
) -> None:
    """Against a plain network of our own; inputs of matrices are rounded to 8 bits in ours."""
    import onnxruntime

    raw, told = whole
    session = onnxruntime.InferenceSession(
        onnx_of(read_weights(put(raw))), providers=["CPUExecutionProvider"]
    )
    texts = [[0, 5, 6, 4, 7, 2], [0, 7, 2]]
    ids = np.full((2, 6), 1)
    mask = np.zeros((2, 6), np.int32)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    embedded = (told["emb.word"][ids] + told["emb.pos"][:6] + told["emb.type"][0]).astype(np.float32)
    (hidden,) = session.run(None, {EMBEDDED: embedded, MASK: mask})
    for row, text in enumerate(texts):
        ours, plain = hidden[row, : len(text)], _network(told, text)
        likeness = (ours * plain).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(plain, axis=1)
        assert likeness.min() > 0.999


def test_words_are_cut_into_the_likeliest_pieces(
    whole: tuple[bytes, dict[str, Floats]], put: Callable[[bytes], Path]
) -> None:
    words = Words(read_weights(put(whole[0])).vocabulary)
    assert words.tokens(["ab a", "a\t\tb", "  ab\u00ad", "", "ax"]) == [[7, 5], [5, 4, 6], [7], [], [5, 3]]
    assert words.normal("e\u0301 \ufb01") == "\u00e9 fi"


def test_a_mark_that_is_written_out_is_no_mark(
    whole: tuple[bytes, dict[str, Floats]], put: Callable[[bytes], Path]
) -> None:
    words = Words(read_weights(put(whole[0])).vocabulary)
    for text in ("</s>", "a<mask>b", "<s>", "\0<s>", "<pad>"):
        (tokens,) = words.tokens([text])
        assert not {0, 1, 2, 8} & set(tokens), text


def test_a_file_cut_anywhere_is_refused(
    whole: tuple[bytes, dict[str, Floats]], put: Callable[[bytes], Path]
) -> None:
    raw, _ = whole
    for size in [*range(0, 900, 7), *range(900, len(raw), 1013), len(raw) - 1]:
        with pytest.raises(DataError) as caught:
            onnx_of(read_weights(put(raw[:size])))
        assert caught.value.code == "models.weights"
        assert "packs verify" in str(caught.value)


def test_changed_bytes_are_refused_or_read_and_nothing_else(
    whole: tuple[bytes, dict[str, Floats]], put: Callable[[bytes], Path]
) -> None:
    """Whatever the head says instead: a typed error or a whole model, never another exception."""
    raw, _ = whole
    lot = np.random.default_rng(11)
    refused = 0
    for _round in range(400):
        changed = bytearray(raw)
        for _one in range(int(lot.integers(1, 4))):
            changed[int(lot.integers(0, 700))] = int(lot.integers(0, 256))
        try:
            file = read_weights(put(bytes(changed)))
            onnx_of(file)
        except DataError as error:
            assert error.code == "models.weights"
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("at", "value"), [(0, b"GGUF"), (4, b"\2"), (8, b"\x21"), (16, b"\0\0\0\0"), (40, b"\x40")]
)
def test_another_form_is_refused(
    whole: tuple[bytes, dict[str, Floats]], put: Callable[[bytes], Path], at: int, value: bytes
) -> None:
    raw = bytearray(whole[0])
    raw[at : at + len(value)] = value
    with pytest.raises(DataError) as caught:
        read_weights(put(bytes(raw)))
    assert caught.value.code == "models.weights"


def test_a_number_that_is_none_is_refused(
    whole: tuple[bytes, dict[str, Floats]], put: Callable[[bytes], Path]
) -> None:
    raw = bytearray(whole[0])
    raw[-4:] = struct.pack("<f", float("nan"))  # the last tensor is a plain one
    with pytest.raises(DataError) as caught:
        onnx_of(read_weights(put(bytes(raw))))
    assert "l1.oln.b" in str(caught.value)


def test_no_file_is_no_weights(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_weights(tmp_path / "none.bin")
