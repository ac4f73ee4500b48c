"""Owns what the encoders share: a thread of their own, sessions for one core, windows, batches."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeVar

from pilothouse.telemetry import AttributeValue, span

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

__all__ = [
    "Encoded",
    "EncoderWeights",
    "ThreadedEncoder",
    "Window",
    "batches",
    "open_session",
    "without_surrogates",
]

T = TypeVar("T")
_BATCH_TOKENS: Final = 512  # activations stay in the cache; larger batches were slower


class EncoderWeights(Protocol):
    """An open pack of weights."""

    @property
    def name(self) -> str:
        """Name of the pack."""
        ...

    @property
    def hash(self) -> str:
        """Hash of all its files."""
        ...

    def path(self, name: str) -> Path:
        """Where a file of it lies."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A piece of a text that the encoder sees whole; code points, half open."""

    start: int
    end: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Vectors, and how they came about.

    Attributes:
        vectors: One row a text, of length one.
        windows: How many windows each text took; above 1 its row is their mean, weighted by tokens, and
            says less of each part than vectors of the parts would.
    """

    vectors: NDArray[np.float32]
    windows: tuple[int, ...]


class ThreadedEncoder(ABC):
    """An ``Encoder`` whose work runs on one thread of its own; what is loaded is loaded there, when asked.

    Args:
        name: Name of the model, for spans.
        version: Hash of weights, pieces and the way they are used.
        dimensions: Numbers of a vector.
    """

    def __init__(self, *, name: str, version: str, dimensions: int) -> None:
        self._name = name
        self._version = version
        self._dimensions = dimensions
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")

    @property
    def version(self) -> str:
        """Hash of weights, pieces and the way they are used; stored with each vector."""
        return self._version

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        return self._dimensions

    async def encode(
        self, texts: Sequence[str], *, kind: Literal["query", "passage"] = "passage"
    ) -> NDArray[np.float32]:
        """Return one row a text, of length one.

        Raises:
            DataError: ``models.weights``: the file does not hold this network.
        """
        return (await self.encode_reported(texts, kind=kind)).vectors

    async def encode_reported(
        self, texts: Sequence[str], *, kind: Literal["query", "passage"] = "passage"
    ) -> Encoded:
        """Encode, and say how many windows each text took."""
        attributes: dict[str, AttributeValue] = {
            "gen_ai.request.model": self._name,
            "gen_ai.operation.name": "embeddings",
        }
        with span("embeddings", attributes=attributes) as emitted:
            encoded = await self._run(lambda: self._encode(list(texts), kind))
            emitted.attributes["pilothouse.encoder.texts"] = len(texts)
            emitted.attributes["pilothouse.encoder.windows"] = sum(encoded.windows)
            return encoded

    def close(self) -> None:
        """End the thread and free the weights."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._free()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    @abstractmethod
    def _encode(self, texts: list[str], kind: str) -> Encoded: ...

    @abstractmethod
    def _free(self) -> None: ...


def open_session(network: Path | bytes) -> InferenceSession:
    """Open a network, of a file or in ONNX's own bytes, for one core that does not spin while it waits."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    given = network if isinstance(network, bytes) else str(network)
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def batches(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Group rows of like length into batches of few tokens, so that little is spent on padding."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    made: list[list[int]] = []
    for index in order:
        width = len(rows[index])  # the longest so far: rows come shortest first
        if made and (len(made[-1]) + 1) * width <= _BATCH_TOKENS:
            made[-1].append(index)
        else:
            made.append([index])
    return made


def without_surrogates(text: str) -> str:
    """Return ``text``, as long as it was, with halves of characters replaced: no tokenizer takes them."""
    return text.encode("utf-8", "replace").decode()
