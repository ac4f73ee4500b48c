"""Owns what reading needs from outside: recognition of page images, and of speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Heard", "Transcriber"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A stretch of speech as text.

    Attributes:
        text: What was said, as recognised.
        start: Seconds from the beginning.
        end: Seconds from the beginning.
        confidence: 0 to 1.
    """

    text: str
    start: float
    end: float
    confidence: float


class Transcriber(Protocol):
    """Turns speech into text; its version is part of the text's."""

    @property
    def version(self) -> str:
        """Name and version of the recogniser and its weights, such as ``whisper-base@1``."""
        ...

    async def transcribe(self, audio: bytes, *, media_type: str) -> Sequence[Heard]:
        """Return what was said, in order.

        Raises:
            DataError: ``documents.damaged``: this is no audio that can be decoded.
        """
        ...
