"""Owns what the gateway promises and needs: chat, vectors, and the permission to leave the house."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.models.types import ChatEvent, ChatRequest

__all__ = ["ChatModel", "Encoder"]


class ChatModel(Protocol):
    """Answers a request; the gateway is one, and so is each adapter below it."""

    def stream(self, request: ChatRequest) -> AsyncIterator[ChatEvent]:
        """Yield ``Started``, then text, at last ``Finished``; closing it stops the generation."""
        ...


class Encoder(Protocol):
    """Turns texts into vectors that are only compared with vectors of the same ``version``."""

    @property
    def version(self) -> str:
        """Hash of weights and tokenizer; stored with each vector."""
        ...

    async def encode(
        self, texts: Sequence[str], *, kind: Literal["query", "passage"] = "passage"
    ) -> NDArray[np.float32]:
        """Return one row a text, of length one."""
        ...
